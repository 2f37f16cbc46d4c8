//! The walk on an NVIDIA GPU. It has a process of its own, as a process can load one ONNX Runtime.
//! Without a GPU each test tells that it is left out. `deploy/gpu/check.sh` checks the program
//! alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod agreement;

use std::num::NonZeroUsize;
use std::time::Duration;

use agreement::{assert_every_picture_agrees, assert_the_portrait_agrees, pipeline, terms};
use liveness::{Device, Pipeline, Settings};
use onnx::{Grouping, Runtime};

/// Largest difference of scores from the CPU's, both in 32-bit floats.
const MAX_SCORE_ERROR: f64 = 0.005;

/// A runtime without run groups, and one with them as in the service.
fn runtimes() -> Option<[Runtime; 2]> {
    let runtime = testbed::gpu_runtime()?;
    let number = |number| NonZeroUsize::new(number).unwrap();
    let wait = Duration::from_micros(200);
    let shared = runtime.grouping(Grouping { max_pictures: number(8), wait, lanes: number(2) });
    Some([runtime.clone(), shared])
}

#[test]
fn every_pack_reproduces_its_golden_vectors_on_the_gpu() {
    let Some(runtimes) = runtimes() else { return };
    for runtime in runtimes {
        for name in testbed::packs() {
            let (pack, settings) = (testbed::pack(name), Settings::default());
            let loaded = Pipeline::load_watched(&runtime, &pack, Device::Cuda, settings);
            for model in loaded.unwrap().1.unwrap() {
                assert!(model.providers.contains_key(Device::Cuda.provider()), "{model:?}");
            }
        }
    }
}

#[test]
fn pictures_agree_with_the_reference_on_every_pack() {
    let Some(runtimes) = runtimes() else { return };
    for runtime in runtimes {
        assert_the_portrait_agrees(&runtime, Device::Cuda);
        assert_every_picture_agrees(&runtime, Device::Cuda);
    }
}

#[test]
fn scores_on_the_gpu_equal_those_on_the_cpu() {
    let Some([alone, shared]) = runtimes() else { return };
    let portrait = std::fs::read(testbed::portrait()).unwrap();
    for pack in testbed::packs() {
        let mut on_cpu = pipeline(&alone, pack, Device::Cpu);
        let expected =
            on_cpu.check(&portrait, &terms(), &|| false).unwrap().judgement.score().unwrap().get();
        for runtime in [&alone, &shared] {
            let report = pipeline(runtime, pack, Device::Cuda)
                .check(&portrait, &terms(), &|| false)
                .unwrap();
            let found = report.judgement.score().unwrap().get();
            assert!((found - expected).abs() <= MAX_SCORE_ERROR, "{pack}: {found} {expected}");
        }
    }
}
