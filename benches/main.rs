//! Measures each step of the walk, and the walk as a whole. Each step has a file with its name. The
//! pictures are in `pictures.rs`, the models in `models.rs`.
//!
//! `cargo bench -p benches` runs all, `cargo bench -p benches -- decode` one step. `just
//! bench-table` runs all and writes the table in docs/PERFORMANCE.md.

mod answer;
mod check;
mod decode;
mod detect;
mod models;
mod pictures;
mod resample;
mod score;

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};

use crate::models::Models;
use crate::pictures::Picture;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let pictures = Picture::all();
    let mut models = Models::installed();
    decode::bench(&mut criterion, &pictures);
    resample::bench(&mut criterion, &pictures);
    detect::bench(&mut criterion, &pictures, &mut models);
    score::bench(&mut criterion, &pictures, &mut models);
    check::bench(&mut criterion, &pictures, &mut models);
    answer::bench(&mut criterion, &pictures, &mut models);
    criterion.final_summary();
}

/// The group of the step `name`. Its sample sizes let the whole run end within a few minutes: a
/// check may take half a second, a tensor half a millisecond.
fn step<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(15);
    group
}
