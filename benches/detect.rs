//! detect: a frame to faces.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};

use crate::models::Models;
use crate::pictures::Picture;

/// The service's search (`find`: coarse first, with landmarks), and one run of the detector at its
/// full input size.
pub(crate) fn bench(criterion: &mut Criterion, pictures: &[Picture], models: &mut [Models]) {
    let mut group = crate::step(criterion, "detect");
    for Models { pack, detector, finder, .. } in models {
        for picture in pictures.iter().filter(|picture| picture.is_only_one_of_its_size) {
            let found = finder.find(&picture.frame, &|| false).expect("the model runs");
            assert!(!found.faces.is_empty(), "{pack} finds nobody in {}", picture.name);
            let id = BenchmarkId::new(format!("{pack}, find"), picture.name);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    finder.find(black_box(&picture.frame), &|| false).expect("the model runs")
                });
            });
            let id = BenchmarkId::new(format!("{detector} alone"), picture.name);
            group.bench_function(id, |bencher| {
                let detector = finder.detector();
                bencher
                    .iter(|| detector.detect(black_box(&picture.frame)).expect("the model runs"));
            });
        }
    }
    group.finish();
}
