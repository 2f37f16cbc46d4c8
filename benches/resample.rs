//! resample: a frame, or the part around its face, to a net's input tensor.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use frame::{Channels, Filter, PixelRect, Resampler, Size, TensorSpec, View};

use crate::pictures::Picture;

/// The part of the picture that a net gets, and its size.
enum Shown {
    /// The whole picture, stretched to this size.
    Picture(Size),
    /// The whole picture with its longer side at most this, padded to a multiple of 32.
    Within(usize),
    /// The part around the face, in this size.
    Face(Size),
}

/// The inputs of the packs' nets: Ultra-Light, `YuNet` at its coarse and at its full size, the
/// scorers.
const INPUTS: [(&str, Shown); 5] = [
    ("picture to 320x240", Shown::Picture(Size::new(320, 240))),
    ("picture within 192", Shown::Within(192)),
    ("picture within 640", Shown::Within(640)),
    ("face to 80x80", Shown::Face(Size::new(80, 80))),
    ("face to 128x128", Shown::Face(Size::new(128, 128))),
];

const TENSOR: TensorSpec =
    TensorSpec { channels: Channels::Bgr, scale: 1.0, mean: [127.0; 3], std: [128.0; 3] };

/// Resampling into a tensor, and the layout of pixels that have the tensor's size already.
pub(crate) fn bench(criterion: &mut Criterion, pictures: &[Picture]) {
    let mut group = crate::step(criterion, "resample");
    let (mut resampler, mut tensor) = (Resampler::default(), Vec::new());
    for (name, shown) in &INPUTS {
        for picture in pictures.iter().filter(|picture| picture.is_only_one_of_its_size) {
            let (part, to, canvas) = placed(picture, shown);
            group.bench_function(BenchmarkId::new(*name, picture.name), |bencher| {
                bencher.iter(|| {
                    let how = (to, Filter::Linear);
                    resampler.fill(black_box(part), how, &TENSOR, canvas, &mut tensor);
                    black_box(&tensor);
                });
            });
        }
    }
    for size in [Size::new(320, 240), Size::new(128, 128)] {
        let view = resampler.resample(pictures[0].frame.view(), size, Filter::Linear);
        let name = format!("tensor of {}x{} alone", size.width, size.height);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                TENSOR.fill(black_box(view), size, &mut tensor);
                black_box(&tensor);
            });
        });
    }
    group.finish();
}

/// The rectangle of `picture` that a net gets, its size after resampling, and the size of the
/// tensor.
fn placed<'a>(picture: &'a Picture, shown: &Shown) -> (View<'a>, Size, Size) {
    let whole = picture.frame.size();
    match *shown {
        Shown::Picture(size) => (picture.frame.view(), size, size),
        Shown::Within(longer_side) => {
            let fit = |side: usize| (side * longer_side / whole.longer_side()).min(side);
            let to = Size::new(fit(whole.width), fit(whole.height));
            let pad = |side: usize| side.next_multiple_of(32);
            (picture.frame.view(), to, Size::new(pad(to.width), pad(to.height)))
        }
        Shown::Face(size) => (around_face(picture), size, size),
    }
}

/// A square of three quarters of the picture's height, from the top: about 2.7 times the face.
fn around_face(picture: &Picture) -> View<'_> {
    let whole = picture.frame.size();
    let side = (whole.height * 3 / 4).min(whole.width);
    let left = (whole.width - side) / 2;
    picture.frame.crop(PixelRect { left, top: 0, size: Size::new(side, side) })
}
