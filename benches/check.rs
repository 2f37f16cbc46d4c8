//! check: the whole walk, from the bytes of a file to a report. It includes select, gate and
//! decide.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use liveness::Terms;

use crate::models::Models;
use crate::pictures::Picture;

/// Every picture with every pack.
pub(crate) fn bench(criterion: &mut Criterion, pictures: &[Picture], models: &mut [Models]) {
    let mut group = crate::step(criterion, "check");
    let terms = Terms::default();
    for Models { pack, pipeline, .. } in models {
        for picture in pictures {
            let report =
                pipeline.check(&picture.jpeg, &terms, &|| false).expect("it can be judged");
            // Without a score the last steps would not be measured.
            assert!(
                report.judgement.score().is_some(),
                "{pack}, {}: {:?}",
                picture.name,
                report.judgement.reasons
            );
            group.bench_function(BenchmarkId::new(*pack, picture.name), |bencher| {
                bencher.iter(|| {
                    pipeline.check(black_box(&picture.jpeg), &terms, &|| false).expect("it can")
                });
            });
        }
    }
    group.finish();
}
