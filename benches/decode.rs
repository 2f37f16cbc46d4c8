//! decode: the bytes of a file to a frame, and beside it libjpeg (`mozjpeg`) on the same files.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use frame::{Decoder, Reduction};
use mozjpeg::{DctMethod, Decompress};

use crate::pictures::Picture;

/// The names of the reductions, and how many times smaller each makes a side.
const REDUCTIONS: [(&str, usize); 4] =
    [("in full", 1), ("to 1/2", 2), ("to 1/4", 4), ("to 1/8", 8)];
/// The reductions that are compared with libjpeg's; `targets.py` has the limits.
const COMPARED: [usize; 2] = [1, 4];

/// Every picture, at full size and at every reduction of JPEG, into kept buffers.
pub(crate) fn bench(criterion: &mut Criterion, pictures: &[Picture]) {
    let mut group = crate::step(criterion, "decode");
    let mut decoder = Decoder::default();
    let mut pixels = Vec::new();
    for (name, most) in REDUCTIONS {
        let reduction = Reduction { most, min_longer_side_px: 0 };
        for picture in pictures {
            group.bench_function(BenchmarkId::new(name, picture.name), |bencher| {
                bencher.iter(|| {
                    let picture = decoder.decode(black_box(&picture.jpeg), &reduction, &|| false);
                    black_box(picture.expect("it decodes").size);
                });
            });
            if COMPARED.contains(&most) {
                let id = BenchmarkId::new(format!("libjpeg {name}"), picture.name);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| libjpeg(black_box(&picture.jpeg), most, &mut pixels));
                });
            }
        }
    }
    group.finish();
}

/// Reads `jpeg` with libjpeg into `pixels`, each side `reduction` times smaller.
fn libjpeg(jpeg: &[u8], reduction: usize, pixels: &mut Vec<u8>) {
    let mut decoder = Decompress::new_mem(jpeg).expect("it is a JPEG");
    decoder.scale((8 / reduction) as u8);
    decoder.dct_method(DctMethod::IntegerSlow);
    let mut started = decoder.rgb().expect("its colours are known");
    pixels.resize(started.width() * started.height() * 3, 0);
    started.read_scanlines_into(pixels).expect("it decodes");
    started.finish().expect("it ends");
}
