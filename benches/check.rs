//! check: the whole walk, the bytes of a file to a report; select, gate and decide are in it.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use liveness::{Bar, Terms};

use crate::models::Models;
use crate::pictures::Picture;

/// As the service asks for it where a request says nothing.
pub(crate) fn terms() -> Terms {
    Terms { bar: Bar::default(), min_picture_side_px: 300, exact: false, every_face: false }
}

/// Every picture with every pack.
pub(crate) fn bench(criterion: &mut Criterion, pictures: &[Picture], models: &mut [Models]) {
    let mut group = crate::step(criterion, "check");
    let terms = terms();
    for Models { pack, pipeline, .. } in models {
        for picture in pictures {
            let report = pipeline.check(&picture.jpeg, &terms).expect("it can be judged");
            // Otherwise the last steps would be left out.
            assert!(report.score.is_some(), "{pack}, {}: {:?}", picture.name, report.reasons);
            group.bench_function(BenchmarkId::new(*pack, picture.name), |bencher| {
                bencher.iter(|| pipeline.check(black_box(&picture.jpeg), &terms).expect("it can"));
            });
        }
    }
    group.finish();
}
