//! decode: the bytes of a file to a frame.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use frame::Limits;

use crate::pictures::Picture;

/// Every picture, in full.
pub(crate) fn bench(criterion: &mut Criterion, pictures: &[Picture]) {
    let mut group = crate::step(criterion, "decode");
    let limits = Limits::default();
    for picture in pictures {
        group.bench_function(BenchmarkId::new("full", picture.name), |bencher| {
            bencher.iter(|| frame::decode(black_box(&picture.jpeg), &limits).expect("it decodes"));
        });
    }
    group.finish();
}
