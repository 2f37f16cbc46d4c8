//! `PRelu` written as `Mul` and `Max` gives the same numbers to the bit, except for the sign of
//! zero and where ONNX Runtime's own gives NaN. A node that could give other numbers is left alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::borrow::Cow;

use onnx::{Device, Dim, Model, OutputSignature, Signature, prelu_as_max};
use proptest::prelude::*;

/// Slopes -0.5, 0.25 and 1 for the channels, then 0.75 for all. Any height and width.
const PRELU: &[u8] = include_bytes!("data/prelu.onnx");
/// The same, with its slopes stored as a list of floats.
const FLOATS: &[u8] = include_bytes!("data/prelu_floats.onnx");
/// The same, in ONNX's operator set 6.
const OLD: &[u8] = include_bytes!("data/prelu_old.onnx");
/// With a slope that the graph computes.
const COMPUTED: &[u8] = include_bytes!("data/prelu_computed.onnx");

/// A node's field `op_type`.
const OPERATOR: &[u8] = b"\x22\x05PRelu";

/// The output of a model for a picture, on the CPU.
fn run(model: &mut Model, (height, width): (usize, usize), picture: &[f32]) -> Vec<f32> {
    let outputs = model.run([1, 3, height, width], &mut picture.to_vec()).unwrap();
    outputs.get(0).unwrap().iter().copied().collect()
}

fn load(bytes: &[u8], side: Dim, output: Vec<Dim>) -> Model {
    let signature = Signature {
        input: [Dim::Is(1), Dim::Is(3), side, side],
        outputs: vec![OutputSignature { name: None, shape: output }],
    };
    Model::load(testbed::runtime(), bytes, Device::Cpu, &signature).unwrap()
}

fn load_any_size(bytes: &[u8]) -> Model {
    load(bytes, Dim::Any, vec![Dim::Is(1), Dim::Is(3), Dim::Any, Dim::Any])
}

fn rewritten(bytes: &[u8]) -> Vec<u8> {
    match prelu_as_max(bytes) {
        Cow::Owned(bytes) => bytes,
        Cow::Borrowed(_) => panic!("the model is left as it is"),
    }
}

fn is_left_alone(bytes: &[u8]) -> bool {
    matches!(prelu_as_max(bytes), Cow::Borrowed(same) if same == bytes)
}

fn count(bytes: &[u8], name: &[u8]) -> usize {
    bytes.windows(name.len()).filter(|window| *window == name).count()
}

/// ONNX's definition of `PReLU` with slope `s`.
fn prelu(s: f32, x: f32) -> f32 {
    if x < 0.0 { s * x } else { x }
}

/// Whether two numbers are the same to the bit. All NaNs are the same, and both zeros.
fn are_the_same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || (a == 0.0 && b == 0.0)
}

/// Compares the outputs of a graph and of the rewritten one. ONNX Runtime's `PRelu` also multiplies
/// by 0, so infinities and overflows become NaN there.
fn assert_same(original: &[f32], changed: &[f32]) {
    assert_eq!(original.len(), changed.len());
    for (&original, &changed) in original.iter().zip(changed) {
        let is_same = original.is_nan() || are_the_same(original, changed);
        assert!(is_same, "{original:e} became {changed:e}");
    }
}

/// Compares the output of a graph like `PRELU`, with another slope in the middle, with ONNX's
/// definition.
fn assert_right(changed: &[f32], picture: &[f32], slope: f32) {
    assert_eq!(changed.len(), picture.len());
    let slopes = [-0.5, slope, 1.0];
    for (at, (&changed, &x)) in changed.iter().zip(picture).enumerate() {
        let right = prelu(0.75, prelu(slopes[at / (picture.len() / 3)], x));
        assert!(are_the_same(right, changed), "{right:e} became {changed:e}, of {x:e}");
    }
}

/// Numbers at the limits of float32.
const EXTREMES: [f32; 14] = [
    0.0,
    -0.0,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
    f32::MIN,
    f32::MIN_POSITIVE,
    -f32::MIN_POSITIVE,
    // The smallest above and below zero.
    1e-45,
    -1e-45,
    1.0,
    -1.0,
    255.0,
    f32::NAN,
];

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![proptest::sample::select(&EXTREMES[..]), any::<u32>().prop_map(f32::from_bits)]
}

fn picture() -> impl Strategy<Value = ((usize, usize), Vec<f32>)> {
    ((1_usize..9), (1_usize..9)).prop_flat_map(|(height, width)| {
        let picture = proptest::collection::vec(number(), 3 * height * width);
        (Just((height, width)), picture)
    })
}

#[test]
fn a_rewritten_graph_gives_the_same_bits_and_the_defined_numbers() {
    for (bytes, prelus) in [(PRELU, 2), (FLOATS, 2)] {
        let changed = rewritten(bytes);
        assert_eq!((count(bytes, OPERATOR), count(&changed, OPERATOR)), (prelus, 0));
        assert_eq!((count(&changed, b"Mul"), count(&changed, b"Max")), (prelus, prelus));
        let models = std::cell::RefCell::new((load_any_size(bytes), load_any_size(&changed)));
        proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() },
            |((size, picture) in picture())| {
            let (original, changed) = &mut *models.borrow_mut();
            let (original, changed) = (run(original, size, &picture), run(changed, size, &picture));
                assert_same(&original, &changed);
                assert_right(&changed, &picture, 0.25);
                for (x, original) in picture.iter().zip(original) {
                    assert_eq!(x.is_finite(), !original.is_nan(), "{x:e}");
                }
        });
    }
}

/// `bytes` with the stored number `from` replaced by `to`.
fn with_slope(bytes: &[u8], from: f32, to: f32) -> Vec<u8> {
    let at = bytes.windows(4).position(|window| window == from.to_le_bytes()).unwrap();
    [&bytes[..at], &to.to_le_bytes(), &bytes[at + 4..]].concat()
}

#[test]
fn every_rewritten_slope_gives_the_same_numbers() {
    let slopes = [1e-45, -1e-45, f32::MIN_POSITIVE, f32::MIN, -1.0, 1.0 - f32::EPSILON, 1.0, -3e4];
    let picture: Vec<f32> = EXTREMES.iter().cycle().take(3 * 14 * 3).copied().collect();
    for slope in slopes {
        let bytes = with_slope(PRELU, 0.25, slope);
        let changed = rewritten(&bytes);
        let mut models = [&bytes, &changed].map(|bytes| load_any_size(bytes));
        let [original, changed] = models.each_mut().map(|model| run(model, (3, 14), &picture));
        assert_same(&original, &changed);
        assert_right(&changed, &picture, slope);
    }
}

#[test]
fn a_slope_that_would_give_other_numbers_is_left_alone() {
    for slope in [1.000_000_1, 2.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.0, -0.0] {
        for bytes in [PRELU, FLOATS] {
            let changed = rewritten(&with_slope(bytes, 0.25, slope));
            // Only the other node is rewritten.
            assert_eq!(count(&changed, OPERATOR), 1, "{slope}");
            let both = with_slope(&with_slope(bytes, 0.25, slope), 0.75, slope);
            assert!(is_left_alone(&both), "{slope}");
        }
    }
}

#[test]
fn a_graph_that_is_not_understood_is_left_alone() {
    let taken = [PRELU, &b"livegate/scaled/"[..]].concat();
    for bytes in [OLD, COMPUTED, &taken, include_bytes!("data/twice.onnx"), b"no model", b""] {
        assert!(is_left_alone(bytes));
    }
    for length in 0..PRELU.len() {
        assert!(prelu_as_max(&PRELU[..length]).len() <= rewritten(PRELU).len());
    }
    // Another domain's `PRelu` is another operator.
    let foreign = replaced(PRELU, OPERATOR, b"\x3a\x05PRelu");
    assert!(is_left_alone(&foreign));
    // A rewritten model has nothing left to rewrite.
    assert!(is_left_alone(&rewritten(PRELU)));
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    while let Some(at) = bytes.windows(from.len()).position(|window| window == from) {
        bytes[at..at + from.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn the_scorers_of_the_packs_give_the_same_bits() {
    let mut seed = 1_u64;
    // Numerical Recipes' multiplier.
    let mut byte = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as f32
    };
    for &name in testbed::packs() {
        let pack = testbed::pack(name);
        for (scorer, bytes) in pack.manifest.scorers.iter().zip(pack.scorer_models()) {
            let side = scorer.spec.input.width;
            let changed = rewritten(bytes);
            assert_eq!((count(bytes, OPERATOR) > 30, count(&changed, OPERATOR)), (true, 0));
            let output = || vec![Dim::Is(1), Dim::Is(scorer.spec.classes)];
            // Of any size, so that both are optimised at one level: it depends on `PRelu` and the
            // size, and another level adds in another order.
            let mut models = [bytes, &changed].map(|bytes| load(bytes, Dim::Any, output()));
            let mut compare = |picture: &[f32]| {
                let [original, changed] =
                    models.each_mut().map(|model| run(model, (side, side), picture));
                assert_same(&original, &changed);
                (original, changed)
            };
            let length = 3 * side * side;
            for scale in [1.0, 1.0 / 255.0, -1.0, 1e4] {
                let picture: Vec<f32> = std::iter::repeat_with(&mut byte).take(length).collect();
                let (original, changed) =
                    compare(&picture.iter().map(|v| v * scale).collect::<Vec<_>>());
                // Without zeros and NaNs all bits are the same.
                assert_eq!(
                    original.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
                    changed.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
                );
            }
            for number in EXTREMES {
                compare(&vec![number; length]);
            }
            // A NaN stays a NaN.
            let (_, changed) = compare(&vec![f32::NAN; length]);
            assert!(changed.iter().all(|v| v.is_nan()));
        }
    }
}
