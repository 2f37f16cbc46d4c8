//! decode: the bytes of a file to a frame.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use frame::{Decoder, Reduction};

use crate::pictures::Picture;

/// Every picture, at full size and at every reduction of JPEG, into kept buffers.
pub(crate) fn bench(criterion: &mut Criterion, pictures: &[Picture]) {
    let mut group = crate::step(criterion, "decode");
    let mut decoder = Decoder::default();
    for (name, most) in [("in full", 1), ("to 1/2", 2), ("to 1/4", 4), ("to 1/8", 8)] {
        let reduction = Reduction { most, min_longer_side_px: 0 };
        for picture in pictures {
            group.bench_function(BenchmarkId::new(name, picture.name), |bencher| {
                bencher.iter(|| {
                    let picture = decoder.decode(black_box(&picture.jpeg), &reduction);
                    black_box(picture.expect("it decodes").size);
                });
            });
        }
    }
    group.finish();
}
