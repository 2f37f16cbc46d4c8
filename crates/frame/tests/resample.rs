//! Resizing compared with OpenCV's output for the same pictures (recorded by `data/record.py`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use frame::{Channels, Filter, Frame, PixelRect, Resampler, Size, TensorSpec};
use testbed::pictures::crc32;

/// The same formula as in `data/record.py`.
fn picture(size: Size) -> Frame {
    let mut pixels = Vec::with_capacity(3 * size.area());
    for y in 0..size.height {
        for x in 0..size.width {
            pixels.extend([0, 1, 2].map(|c| ((x * 73 + y * 151 + c * 199) ^ (x * y)) as u8));
        }
    }
    Frame::from_rgb8(size, pixels).unwrap()
}

fn resampled(frame: &Frame, to: Size, filter: Filter, resampler: &mut Resampler) -> Vec<u8> {
    let view = resampler.resample(frame.view(), to, filter);
    (0..to.height).flat_map(|y| view.row(y).to_vec()).collect()
}

struct Recorded {
    from: Size,
    to: Size,
    outcome: &'static str,
}

fn recorded(filter: &str) -> Vec<Recorded> {
    let lines = include_str!("data/resample.txt").lines();
    let cases: Vec<Recorded> = lines
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| fields[0] == filter)
        .map(|fields| {
            let n = |i: usize| fields[i].parse().unwrap();
            Recorded { from: Size::new(n(1), n(2)), to: Size::new(n(3), n(4)), outcome: fields[5] }
        })
        .collect();
    assert!(!cases.is_empty());
    cases
}

#[test]
fn linear_equals_opencv_to_the_bit() {
    // One resampler for all, so that a buffer of another size would show.
    let mut resampler = Resampler::default();
    for Recorded { from, to, outcome } in recorded("linear") {
        let pixels = resampled(&picture(from), to, Filter::Linear, &mut resampler);
        assert_eq!(crc32(&pixels).to_string(), outcome, "{from:?} to {to:?}");
    }
}

#[test]
fn resampling_into_a_tensor_equals_resampling_then_filling() {
    let (mut direct, mut resampler) = (Resampler::default(), Resampler::default());
    let (mut tensor, mut expected) = (vec![9.0; 7], Vec::new());
    let spec = TensorSpec {
        channels: Channels::Bgr,
        scale: 0.5,
        mean: [1.0, 2.0, 3.0],
        std: [4.0, 5.0, 6.0],
    };
    for filter in ["linear", "area-or-lanczos4"] {
        for Recorded { from, to, .. } in recorded(filter) {
            let filter = if filter == "linear" { Filter::Linear } else { Filter::AreaOrLanczos4 };
            let picture = picture(from);
            let canvas = Size::new(to.width + 3, to.height + 2);
            direct.fill(picture.view(), (to, filter), &spec, canvas, &mut tensor);
            spec.fill(resampler.resample(picture.view(), to, filter), canvas, &mut expected);
            assert!(tensor == expected, "{from:?} to {to:?}");
        }
    }
}

#[test]
fn area_and_lanczos4_equal_opencv_to_one_level() {
    let mut resampler = Resampler::default();
    for Recorded { from, to, outcome } in recorded("area-or-lanczos4") {
        let pixels = resampled(&picture(from), to, Filter::AreaOrLanczos4, &mut resampler);
        assert_eq!(pixels.len() * 2, outcome.len());
        for (i, pixel) in pixels.iter().enumerate() {
            let expected = u8::from_str_radix(&outcome[2 * i..2 * i + 2], 16).unwrap();
            assert!(pixel.abs_diff(expected) <= 1, "{from:?} to {to:?} at {i}: {pixel} {expected}");
        }
    }
}

#[test]
fn a_crop_is_resampled_like_a_picture_of_its_own() {
    let frame = picture(Size::new(50, 40));
    let part = PixelRect { left: 7, top: 5, size: Size::new(31, 17) };
    let view = frame.crop(part);
    let copied = (0..part.size.height).flat_map(|y| view.row(y).to_vec()).collect();
    let copy = Frame::from_rgb8(part.size, copied).unwrap();
    let to = Size::new(12, 13);
    let mut resampler = Resampler::default();
    let of_crop = resampler.resample(view, to, Filter::Linear);
    let of_crop: Vec<u8> = (0..to.height).flat_map(|y| of_crop.row(y).to_vec()).collect();
    assert_eq!(of_crop, resampled(&copy, to, Filter::Linear, &mut Resampler::default()));
}
