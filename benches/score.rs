//! score: a frame and the box of its face to a probability.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};

use crate::models::Models;
use crate::pictures::Picture;

/// Each model alone, and all of a pack together.
pub(crate) fn bench(criterion: &mut Criterion, pictures: &[Picture], models: &mut [Models]) {
    let mut group = crate::step(criterion, "score");
    for models in models {
        for picture in pictures.iter().filter(|picture| picture.is_only_one_of_its_size) {
            let face = models.face(&picture.frame);
            let Models { pack, classifiers, scorer, .. } = &mut *models;
            // A pack with one model has no other sum.
            let is_several = classifiers.len() > 1;
            for classifier in classifiers {
                let model = classifier.classify(&picture.frame, &face).expect("it runs");
                let id = BenchmarkId::new(model.id.to_string(), picture.name);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        classifier.classify(black_box(&picture.frame), &face).expect("it runs")
                    });
                });
            }
            if is_several {
                let id = BenchmarkId::new(format!("{pack}, fused"), picture.name);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| {
                        scorer.score(black_box(&picture.frame), &face, &|| false).expect("it runs")
                    });
                });
            }
        }
    }
    group.finish();
}
