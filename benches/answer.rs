//! answer: a report to the JSON of `POST /v1/liveness`, which is longer than the Kairos answer.

use std::hint::black_box;

use criterion::Criterion;
use ingress::ReportFields;
use liveness::Terms;

use crate::models::Models;
use crate::pictures::Picture;

/// Of one picture: an answer holds no pixels, so that its size does not matter.
pub(crate) fn bench(criterion: &mut Criterion, pictures: &[Picture], models: &mut [Models]) {
    let mut group = crate::step(criterion, "answer");
    for Models { pack, pipeline, .. } in models {
        let report = pipeline
            .check(&pictures[0].jpeg, &Terms::default(), &|| false)
            .expect("it can be judged");
        group.bench_function(*pack, |bencher| {
            bencher.iter(|| serde_json::to_vec(&ReportFields::of(black_box(&report))));
        });
    }
    group.finish();
}
