//! Runs of several pictures, on the real library and models of a few hundred bytes (made by `data/make.py`), on the CPU.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use onnx::{Batching, Device, Dim, Model, ModelError, OutputSignature, Runtime, Signature};

const TWICE: &[u8] = include_bytes!("data/twice.onnx");
const DYNAMIC: &[u8] = include_bytes!("data/dynamic.onnx");
const MIXES: &[u8] = include_bytes!("data/mixes.onnx");
const ONE_ALONE: &[u8] = include_bytes!("data/one_alone.onnx");
const BRITTLE: &[u8] = include_bytes!("data/brittle.onnx");

/// Longer than threads that ask at once are apart, mostly; no test hangs on it.
const SHORT: Duration = Duration::from_millis(5);

fn batching(most: usize, lanes: usize, wait: Duration) -> Runtime {
    let [most, lanes] = [most, lanes].map(|number| NonZeroUsize::new(number).unwrap());
    let batching = Batching { most, wait, lanes };
    testbed::runtime().batching(batching)
}

fn square(side: Dim, output: &[Dim]) -> Signature {
    let input = [Dim::Is(1), Dim::Is(3), side, side];
    let output = if output.is_empty() { input.to_vec() } else { output.to_vec() };
    Signature { input, outputs: vec![OutputSignature { name: None, shape: output }] }
}

fn load(runtime: &Runtime, bytes: &[u8], signature: &Signature) -> Result<Model, ModelError> {
    Model::load(runtime, bytes, Device::Cpu, signature)
}

/// What `model` gives for a picture of one number.
fn ask(model: &mut Model, side: usize, number: f32) -> Result<Vec<f32>, ModelError> {
    let mut tensor = vec![number; 3 * side * side];
    let outputs = model.run([1, 3, side, side], &mut tensor)?;
    let answer = outputs.get(0)?.iter().copied().collect();
    drop(outputs);
    assert_eq!(tensor, vec![number; 3 * side * side], "what was lent came back changed");
    Ok(answer)
}

/// What models of `bytes` give for pictures of `numbers`, asked for at once by as many threads.
fn ask_together(
    runtime: &Runtime,
    (bytes, signature): (&[u8], &Signature),
    pictures: &[(usize, f32)],
) -> Vec<Result<Vec<f32>, ModelError>> {
    let together = Barrier::new(pictures.len());
    thread::scope(|scope| {
        let ask = |&(side, number): &(usize, f32)| {
            let (together, mut model) = (&together, load(runtime, bytes, signature).unwrap());
            scope.spawn(move || {
                together.wait();
                ask(&mut model, side, number)
            })
        };
        let threads: Vec<_> = pictures.iter().map(ask).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn each_of_several_gets_its_own_answer_and_they_are_run_together() {
    let runtime = batching(8, 1, Duration::from_mins(1));
    let (signature, model) = (square(Dim::Is(2), &[]), TWICE);
    let alone = load(&runtime, model, &signature).unwrap();
    let before = runtime.tally();
    // The first may be run by itself, before there is another.
    let pictures: Vec<(usize, f32)> = (0..9).map(|i| (2, i as f32)).collect();
    let answers = ask_together(&runtime, (model, &signature), &pictures);
    for ((_, number), answer) in pictures.iter().zip(answers) {
        assert_eq!(answer.unwrap(), vec![*number; 12]);
    }
    let done = runtime.tally().since(before);
    assert_eq!(done.pictures, 9);
    assert!(done.runs <= 3, "{done:?}");
    drop(alone);
    assert_eq!(runtime.tally().pictures, 0, "a model that nobody has is not kept");
}

#[test]
fn pictures_of_different_sizes_are_not_run_together_and_all_are_answered() {
    let runtime = batching(4, 2, SHORT);
    let signature = square(Dim::Any, &[]);
    let pictures = [(3, 1.0), (5, 2.0), (3, 3.0), (4, 4.0), (5, 5.0), (3, 6.0)];
    let answers = ask_together(&runtime, (DYNAMIC, &signature), &pictures);
    for ((side, number), answer) in pictures.into_iter().zip(answers) {
        assert_eq!(answer.unwrap(), vec![2.0 * number; 3 * side * side]);
    }
}

#[test]
fn what_came_alone_and_what_came_together_is_the_same_for_every_net() {
    let runtime = batching(4, 2, SHORT);
    for pack in testbed::packs() {
        let pack = testbed::pack(pack);
        let scorers = pack.manifest.scorers.iter().zip(pack.scorer_models());
        for (scorer, bytes) in scorers {
            let side = scorer.spec.input.width;
            let signature = square(Dim::Is(side), &[Dim::Is(1), Dim::Is(scorer.spec.classes)]);
            let mut own = load(testbed::runtime(), bytes, &signature).unwrap();
            let pictures = [0.1, 40.0, 128.0, 250.0].map(|number| (side, number));
            let together = ask_together(&runtime, (bytes, &signature), &pictures);
            for ((side, number), together) in pictures.into_iter().zip(together) {
                let (alone, together) = (ask(&mut own, side, number).unwrap(), together.unwrap());
                for (a, b) in alone.iter().zip(&together) {
                    assert!((a - b).abs() <= 1e-4 * a.abs().max(1.0), "{alone:?} {together:?}");
                }
            }
        }
    }
}

#[test]
fn a_model_that_mixes_pictures_up_or_takes_one_only_is_run_one_at_a_time() {
    let flat = [Dim::Is(1), Dim::Is(12)];
    for (bytes, output) in [(MIXES, &[][..]), (ONE_ALONE, &flat)] {
        let runtime = batching(8, 1, SHORT);
        let signature = square(Dim::Is(2), output);
        let mut own = load(testbed::runtime(), bytes, &signature).unwrap();
        let kept = load(&runtime, bytes, &signature).unwrap();
        let pictures: Vec<(usize, f32)> = (0..6).map(|i| (2, i as f32)).collect();
        for (i, answer) in
            ask_together(&runtime, (bytes, &signature), &pictures).into_iter().enumerate()
        {
            assert_eq!(answer.unwrap(), ask(&mut own, 2, i as f32).unwrap());
        }
        let done = runtime.tally();
        assert_eq!((done.runs, done.pictures), (6, 6));
        drop(kept);
    }
}

#[test]
fn a_run_that_fails_is_tried_with_each_alone_and_fewer_are_run_together_afterwards() {
    let runtime = batching(8, 1, SHORT);
    let signature = square(Dim::Is(2), &[]);
    let kept = load(&runtime, BRITTLE, &signature).unwrap();
    // One alone is looked up at 40; four together are beyond what there is.
    for round in 0..6 {
        let pictures = [(2, 40.0); 8];
        for answer in ask_together(&runtime, (BRITTLE, &signature), &pictures) {
            assert_eq!(answer.unwrap(), vec![40.0; 12], "round {round}");
        }
    }
    // Each once, and those again whose run failed: a run of eight, then one of four. Without a lesson from that all of
    // them would be run twice in every round.
    let done = runtime.tally();
    assert!((48..=48 + 8 + 4).contains(&done.pictures), "{done:?}");
    drop(kept);
}

#[test]
fn a_session_that_fails_for_one_alone_is_not_used_any_more_and_a_new_one_is_made_for_the_next() {
    let runtime = batching(8, 2, SHORT);
    let signature = square(Dim::Is(2), &[]);
    let mut first = load(&runtime, BRITTLE, &signature).unwrap();
    let mut second = load(&runtime, BRITTLE, &signature).unwrap();
    assert_eq!(ask(&mut first, 2, 1.0).unwrap(), [1.0; 12]);
    let error = ask(&mut first, 2, 1000.0).unwrap_err();
    assert!(matches!(&error, ModelError::Shared(cause) if matches!(**cause, ModelError::Run(_))));
    // Whoever shares it is told the same, and nobody waits.
    assert_eq!(ask(&mut second, 2, 1.0).unwrap_err().to_string(), error.to_string());
    let mut third = load(&runtime, BRITTLE, &signature).unwrap();
    assert_eq!(ask(&mut third, 2, 1.0).unwrap(), [1.0; 12]);
    assert!(ask(&mut first, 2, 1.0).is_err());
}

#[test]
fn what_is_no_single_picture_of_its_shape_is_refused_and_breaks_nothing() {
    let runtime = batching(8, 1, SHORT);
    let mut model = load(&runtime, TWICE, &square(Dim::Is(2), &[])).unwrap();
    for shape in [[2, 3, 2, 1], [1, 3, 2, 3], [0, 3, 2, 2]] {
        let error = model.run(shape, &mut vec![0.0; 12]).unwrap_err();
        assert!(matches!(error, ModelError::TensorLength { found: 12, .. }), "{error:?}");
    }
    assert_eq!(ask(&mut model, 2, 1.0).unwrap(), [1.0; 12]);
}

#[test]
fn what_ran_a_shared_model_is_known_before_anybody_has_asked_it() {
    let runtime = batching(4, 2, SHORT).watched().unwrap();
    let signature = square(Dim::Is(2), &[]);
    let mut first = load(&runtime, TWICE, &signature).unwrap();
    let mut second = load(&runtime, TWICE, &signature).unwrap();
    let providers = first.end_profile().unwrap();
    let counts = providers.counts();
    let names: Vec<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(names, [Device::Cpu.provider()]);
    assert_eq!(second.end_profile().unwrap(), providers);
    assert_eq!(ask(&mut first, 2, 1.0).unwrap(), [1.0; 12]);
}
