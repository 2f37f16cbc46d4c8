//! Run groups on the CPU: the real library, and models of a few hundred bytes (made by
//! `data/make.py`).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use onnx::{Device, Dim, Grouping, Model, ModelError, OutputSignature, Runtime, Signature};

const TWICE: &[u8] = include_bytes!("data/twice.onnx");
const DYNAMIC: &[u8] = include_bytes!("data/dynamic.onnx");
const MIXES: &[u8] = include_bytes!("data/mixes.onnx");
const ONE_ALONE: &[u8] = include_bytes!("data/one_alone.onnx");
const BRITTLE: &[u8] = include_bytes!("data/brittle.onnx");

/// Mostly longer than the delay between threads that start at once. No test depends on it.
const SHORT: Duration = Duration::from_millis(5);

fn grouping(max_pictures: usize, lanes: usize, wait: Duration) -> Runtime {
    let [max_pictures, lanes] =
        [max_pictures, lanes].map(|number| NonZeroUsize::new(number).unwrap());
    testbed::runtime().grouping(Grouping { max_pictures, wait, lanes })
}

fn square(side: Dim, output: &[Dim]) -> Signature {
    let input = [Dim::Is(1), Dim::Is(3), side, side];
    let output = if output.is_empty() { input.to_vec() } else { output.to_vec() };
    Signature { input, outputs: vec![OutputSignature { name: None, shape: output }] }
}

fn load(runtime: &Runtime, bytes: &[u8], signature: &Signature) -> Result<Model, ModelError> {
    Model::load(runtime, bytes, Device::Cpu, signature)
}

/// The output of `model` for a picture of one number.
fn run(model: &mut Model, side: usize, number: f32) -> Result<Vec<f32>, ModelError> {
    let mut tensor = vec![number; 3 * side * side];
    let outputs = model.run([1, 3, side, side], &mut tensor)?;
    let output = outputs.get(0)?.iter().copied().collect();
    drop(outputs);
    assert_eq!(tensor, vec![number; 3 * side * side], "the tensor came back changed");
    Ok(output)
}

/// The outputs of models of `bytes` for `pictures`. Each picture has a thread; all start together.
fn run_together(
    runtime: &Runtime,
    (bytes, signature): (&[u8], &Signature),
    pictures: &[(usize, f32)],
) -> Vec<Result<Vec<f32>, ModelError>> {
    let start = Barrier::new(pictures.len());
    thread::scope(|scope| {
        let spawn = |&(side, number): &(usize, f32)| {
            let (start, mut model) = (&start, load(runtime, bytes, signature).unwrap());
            scope.spawn(move || {
                start.wait();
                run(&mut model, side, number)
            })
        };
        let threads: Vec<_> = pictures.iter().map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn pictures_of_a_run_group_get_their_own_outputs() {
    let runtime = grouping(8, 1, Duration::from_mins(1));
    let (signature, model) = (square(Dim::Is(2), &[]), TWICE);
    let alone = load(&runtime, model, &signature).unwrap();
    let earlier = runtime.tally();
    // The first may run alone, before the second arrives.
    let pictures: Vec<(usize, f32)> = (0..9).map(|i| (2, i as f32)).collect();
    let outputs = run_together(&runtime, (model, &signature), &pictures);
    for ((_, number), output) in pictures.iter().zip(outputs) {
        assert_eq!(output.unwrap(), vec![*number; 12]);
    }
    let done = runtime.tally().since(earlier);
    assert_eq!(done.pictures, 9);
    assert!(done.runs <= 3, "{done:?}");
    drop(alone);
    assert_eq!(runtime.tally().pictures, 0, "a model without users is kept");
}

#[test]
fn pictures_of_different_sizes_are_run_in_different_groups() {
    let runtime = grouping(4, 2, SHORT);
    let signature = square(Dim::Any, &[]);
    let pictures = [(3, 1.0), (5, 2.0), (3, 3.0), (4, 4.0), (5, 5.0), (3, 6.0)];
    let outputs = run_together(&runtime, (DYNAMIC, &signature), &pictures);
    for ((side, number), output) in pictures.into_iter().zip(outputs) {
        assert_eq!(output.unwrap(), vec![2.0 * number; 3 * side * side]);
    }
}

#[test]
fn every_net_gives_the_same_alone_and_in_a_run_group() {
    let runtime = grouping(4, 2, SHORT);
    for pack in testbed::packs() {
        let pack = testbed::pack(pack);
        let scorers = pack.manifest.scorers.iter().zip(pack.scorer_models());
        for (scorer, bytes) in scorers {
            let side = scorer.spec.input.width;
            let signature = square(Dim::Is(side), &[Dim::Is(1), Dim::Is(scorer.spec.classes)]);
            let mut own = load(testbed::runtime(), bytes, &signature).unwrap();
            let pictures = [0.1, 40.0, 128.0, 250.0].map(|number| (side, number));
            let together = run_together(&runtime, (bytes, &signature), &pictures);
            for ((side, number), together) in pictures.into_iter().zip(together) {
                let (alone, together) = (run(&mut own, side, number).unwrap(), together.unwrap());
                for (a, b) in alone.iter().zip(&together) {
                    assert!((a - b).abs() <= 1e-4 * a.abs().max(1.0), "{alone:?} {together:?}");
                }
            }
        }
    }
}

#[test]
fn a_model_that_mixes_pictures_or_takes_only_one_runs_one_at_a_time() {
    let flat = [Dim::Is(1), Dim::Is(12)];
    for (bytes, output) in [(MIXES, &[][..]), (ONE_ALONE, &flat)] {
        let runtime = grouping(8, 1, SHORT);
        let signature = square(Dim::Is(2), output);
        let mut own = load(testbed::runtime(), bytes, &signature).unwrap();
        let kept = load(&runtime, bytes, &signature).unwrap();
        let pictures: Vec<(usize, f32)> = (0..6).map(|i| (2, i as f32)).collect();
        for (i, output) in
            run_together(&runtime, (bytes, &signature), &pictures).into_iter().enumerate()
        {
            assert_eq!(output.unwrap(), run(&mut own, 2, i as f32).unwrap());
        }
        let done = runtime.tally();
        assert_eq!((done.runs, done.pictures), (6, 6));
        drop(kept);
    }
}

#[test]
fn a_run_group_that_fails_is_run_one_by_one_and_later_groups_are_smaller() {
    let runtime = grouping(8, 1, SHORT);
    let signature = square(Dim::Is(2), &[]);
    let kept = load(&runtime, BRITTLE, &signature).unwrap();
    // The model fails when its greatest number, times the pictures, is 150 or more: at four.
    for round in 0..6 {
        let pictures = [(2, 40.0); 8];
        for output in run_together(&runtime, (BRITTLE, &signature), &pictures) {
            assert_eq!(output.unwrap(), vec![40.0; 12], "round {round}");
        }
    }
    // Each picture runs once, and those of the two failed runs (of eight, then of four) twice. If
    // run groups did not shrink, every picture of every round would run twice.
    let done = runtime.tally();
    assert!((48..=48 + 8 + 4).contains(&done.pictures), "{done:?}");
    drop(kept);
}

#[test]
fn a_session_that_fails_for_one_picture_is_replaced_for_the_next_model() {
    let runtime = grouping(8, 2, SHORT);
    let signature = square(Dim::Is(2), &[]);
    let mut first = load(&runtime, BRITTLE, &signature).unwrap();
    let mut second = load(&runtime, BRITTLE, &signature).unwrap();
    assert_eq!(run(&mut first, 2, 1.0).unwrap(), [1.0; 12]);
    let error = run(&mut first, 2, 1000.0).unwrap_err();
    assert!(matches!(&error, ModelError::Shared(cause) if matches!(**cause, ModelError::Run(_))));
    // The other model of this session gets the same error at once.
    assert_eq!(run(&mut second, 2, 1.0).unwrap_err().to_string(), error.to_string());
    let mut third = load(&runtime, BRITTLE, &signature).unwrap();
    assert_eq!(run(&mut third, 2, 1.0).unwrap(), [1.0; 12]);
    assert!(run(&mut first, 2, 1.0).is_err());
}

#[test]
fn a_tensor_that_is_not_one_picture_is_refused_and_breaks_nothing() {
    let runtime = grouping(8, 1, SHORT);
    let mut model = load(&runtime, TWICE, &square(Dim::Is(2), &[])).unwrap();
    for shape in [[2, 3, 2, 1], [1, 3, 2, 3], [0, 3, 2, 2]] {
        let error = model.run(shape, &mut vec![0.0; 12]).unwrap_err();
        assert!(matches!(error, ModelError::TensorLength { found: 12, .. }), "{error:?}");
    }
    assert_eq!(run(&mut model, 2, 1.0).unwrap(), [1.0; 12]);
}

#[test]
fn the_providers_of_a_shared_model_are_known_before_its_first_run() {
    let runtime = grouping(4, 2, SHORT).watched().unwrap();
    let signature = square(Dim::Is(2), &[]);
    let mut first = load(&runtime, TWICE, &signature).unwrap();
    let mut second = load(&runtime, TWICE, &signature).unwrap();
    let providers = first.end_profile().unwrap();
    let counts = providers.counts();
    let names: Vec<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(names, [Device::Cpu.provider()]);
    assert_eq!(second.end_profile().unwrap(), providers);
    assert_eq!(run(&mut first, 2, 1.0).unwrap(), [1.0; 12]);
}
