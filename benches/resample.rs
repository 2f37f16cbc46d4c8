//! resample: a frame, or the part around its face, to a tensor of a size that the nets take.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use frame::{Channels, Filter, PixelRect, Resampler, Size, TensorSpec, View};

use crate::pictures::Picture;

/// What the nets of the packs are shown: how it is called, whether that is the picture or a part around the face,
/// and the size.
const INPUTS: [(&str, bool, Size); 4] = [
    ("picture to 320x240", false, Size::new(320, 240)),
    ("picture to 640x640", false, Size::new(640, 640)),
    ("face to 80x80", true, Size::new(80, 80)),
    ("face to 128x128", true, Size::new(128, 128)),
];

const TENSOR: TensorSpec =
    TensorSpec { channels: Channels::Bgr, scale: 1.0, mean: [127.0; 3], std: [128.0; 3] };

/// Resampling and filling, and filling alone.
pub(crate) fn bench(criterion: &mut Criterion, pictures: &[Picture]) {
    let mut group = crate::step(criterion, "resample");
    let (mut resampler, mut tensor) = (Resampler::default(), Vec::new());
    for (name, is_face, size) in INPUTS {
        for picture in pictures.iter().filter(|picture| picture.is_only_one_of_its_size) {
            let part = if is_face { around_face(picture) } else { picture.frame.view() };
            group.bench_function(BenchmarkId::new(name, picture.name), |bencher| {
                bencher.iter(|| {
                    let view = resampler.resample(black_box(part), size, Filter::Linear);
                    TENSOR.fill(view, size, &mut tensor);
                    black_box(&tensor);
                });
            });
        }
    }
    for (_, _, size) in INPUTS {
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

/// A square of three quarters of the picture's height, from the top: about what 2.7 times the face takes.
fn around_face(picture: &Picture) -> View<'_> {
    let whole = picture.frame.size();
    let side = (whole.height * 3 / 4).min(whole.width);
    let left = (whole.width - side) / 2;
    picture.frame.crop(PixelRect { left, top: 0, size: Size::new(side, side) })
}
