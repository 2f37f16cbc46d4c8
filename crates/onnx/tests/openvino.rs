//! Models on OpenVINO, in a process of their own, because a process can load one ONNX Runtime.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use onnx::{Device, Dim, Model, ModelError, OutputSignature, Runtime, Signature};

const DYNAMIC: &[u8] = include_bytes!("data/dynamic.onnx");
const DETERMINANT: &[u8] = include_bytes!("data/determinant.onnx");

fn load(
    runtime: &Runtime,
    bytes: &[u8],
    device: Device,
    input: [Dim; 4],
    output: &[Dim],
) -> Result<Model, ModelError> {
    let outputs = vec![OutputSignature { name: None, shape: output.to_vec() }];
    Model::load(runtime, bytes, device, &Signature { input, outputs })
}

fn square(side: usize) -> [Dim; 4] {
    [1, 3, side, side].map(Dim::Is)
}

fn run(model: &mut Model, side: usize, picture: &[f32]) -> Vec<f32> {
    let outputs = model.run([1, 3, side, side], &mut picture.to_vec()).unwrap();
    outputs.get(0).unwrap().iter().copied().collect()
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let powers: Vec<f64> = logits.iter().map(|&logit| f64::from(logit).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Noise, a flat surface and a slope, as bytes of pixels.
fn pictures(length: usize) -> [Vec<f32>; 3] {
    let mut seed = 1_u64;
    let noise = std::iter::repeat_with(|| {
        // Knuth's multiplier.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as f32
    });
    let slope = (0..length).map(|at| (255 * at / length) as f32).collect();
    [noise.take(length).collect(), vec![128.0; length], slope]
}

/// Logits differed by up to 4e-5 and probabilities by 4e-6 when this was measured. 16-bit floats,
/// OpenVINO's default where the processor has them, would differ by 0.03 to 0.05 in the logits.
#[test]
fn scorers_give_the_same_logits_as_on_the_cpu() {
    let Some(runtime) = testbed::openvino_runtime() else { return };
    for &name in testbed::packs() {
        let pack = testbed::pack(name);
        for (scorer, bytes) in pack.manifest.scorers.iter().zip(pack.scorer_models()) {
            let (side, output) = (scorer.spec.input.width, [1, scorer.spec.classes].map(Dim::Is));
            let mut models = [Device::Cpu, Device::OpenVino]
                .map(|device| load(runtime, bytes, device, square(side), &output).unwrap());
            let scale = scorer.spec.tensor.scale;
            for picture in pictures(3 * side * side) {
                let picture: Vec<f32> = picture.iter().map(|byte| byte * scale).collect();
                let [cpu, openvino] = models.each_mut().map(|model| run(model, side, &picture));
                let apart = |(a, b): (&f32, &f32)| f64::from((a - b).abs());
                let worst = cpu.iter().zip(&openvino).map(apart).fold(0.0, f64::max);
                let sure = softmax(&cpu).into_iter().zip(softmax(&openvino));
                let sure = sure.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(worst <= 0.005 && sure <= 1e-4, "{}: {cpu:?} {openvino:?}", scorer.id);
            }
        }
    }
}

#[test]
fn a_model_that_openvino_cannot_run_whole_is_refused_by_name() {
    let Some(runtime) = testbed::openvino_runtime() else { return };
    let output = [Dim::Is(1), Dim::Is(3)];
    assert!(load(runtime, DETERMINANT, Device::Cpu, square(2), &output).is_ok());
    let error = load(runtime, DETERMINANT, Device::OpenVino, square(2), &output).unwrap_err();
    assert!(matches!(error, ModelError::NotWhole { device: Device::OpenVino, .. }), "{error:?}");
    assert!(error.to_string().contains("--device cpu"), "{error}");
}

#[test]
fn openvino_refuses_the_same_files_as_the_cpu() {
    let Some(runtime) = testbed::openvino_runtime() else { return };
    let output = [Dim::Any; 4];
    let refused = |bytes: &[u8]| load(runtime, bytes, Device::OpenVino, square(2), &output);
    assert!(matches!(refused(b"no model"), Err(ModelError::Refused(_))));
    let two_inputs = include_bytes!("data/two_inputs.onnx");
    assert!(matches!(refused(two_inputs), Err(ModelError::InputCount { found: 2 })));
}

#[test]
fn an_open_model_runs_at_the_size_that_it_is_loaded_for() {
    let Some(runtime) = testbed::openvino_runtime() else { return };
    let output = [Dim::Is(1), Dim::Is(3), Dim::Is(4), Dim::Is(4)];
    let mut model = load(runtime, DYNAMIC, Device::OpenVino, square(4), &output).unwrap();
    assert_eq!(run(&mut model, 4, &[1.5; 48]), [3.0; 48]);
}
