//! Models on the CPU: the real library, and models of a few hundred bytes (made by
//! `data/make.py`).

use onnx::{Device, Dim, GpuFault, Model, ModelError, OutputSignature, ProfileError, Signature};

const TWICE: &[u8] = include_bytes!("data/twice.onnx");
const DYNAMIC: &[u8] = include_bytes!("data/dynamic.onnx");
const TWO_INPUTS: &[u8] = include_bytes!("data/two_inputs.onnx");
const DOUBLE: &[u8] = include_bytes!("data/double.onnx");

fn signature(side: Dim, outputs: &[Option<&'static str>]) -> Signature {
    let shape = || vec![Dim::Is(1), Dim::Is(3), side, side];
    Signature {
        input: [Dim::Is(1), Dim::Is(3), side, side],
        outputs: outputs.iter().map(|&name| OutputSignature { name, shape: shape() }).collect(),
    }
}

fn load(model: &[u8], signature: &Signature) -> Result<Model, ModelError> {
    Model::load(testbed::runtime(), model, Device::Cpu, signature)
}

#[test]
fn outputs_are_found_by_name_and_by_position() {
    let mut picture: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let doubled: Vec<f32> = picture.iter().map(|v| v * 2.0).collect();
    let mut model = load(TWICE, &signature(Dim::Is(2), &[Some("twice"), Some("same")])).unwrap();
    let outputs = model.run([1, 3, 2, 2], &mut picture).unwrap();
    assert_eq!(outputs.get(0).unwrap().iter().copied().collect::<Vec<_>>(), doubled);
    assert_eq!(outputs.get(1).unwrap().iter().copied().collect::<Vec<_>>(), picture);

    let mut model = load(TWICE, &signature(Dim::Is(2), &[None])).unwrap();
    let outputs = model.run([1, 3, 2, 2], &mut picture).unwrap();
    assert_eq!(outputs.get(0).unwrap().iter().copied().collect::<Vec<_>>(), picture);
}

#[test]
fn an_open_model_takes_any_size_and_a_fixed_one_only_its_own() {
    let mut model = load(DYNAMIC, &signature(Dim::Any, &[None])).unwrap();
    for side in [1, 5] {
        let mut picture = vec![1.5; 3 * side * side];
        let outputs = model.run([1, 3, side, side], &mut picture).unwrap();
        assert_eq!(outputs.get(0).unwrap().shape(), [1, 3, side, side]);
    }
    let mut model = load(TWICE, &signature(Dim::Is(2), &[None])).unwrap();
    assert!(matches!(model.run([1, 3, 3, 3], &mut vec![0.0; 27]), Err(ModelError::Run(_))));
    assert!(matches!(model.run([1, 3, 2, 2], &mut vec![0.0; 11]), Err(ModelError::Run(_))));
    // The failed runs have not broken the session.
    assert!(model.run([1, 3, 2, 2], &mut vec![0.0; 12]).is_ok());
}

#[test]
fn an_output_of_another_shape_than_the_signature_is_an_error() {
    // The graph leaves its sides open, so only a run can tell.
    let mut model = load(DYNAMIC, &signature(Dim::Is(2), &[None])).unwrap();
    let outputs = model.run([1, 3, 4, 4], &mut vec![0.0; 48]).unwrap();
    assert!(matches!(outputs.get(0), Err(ModelError::OutputShape { .. })));
}

#[test]
fn a_model_that_differs_from_the_signature_is_refused_by_name() {
    let refused = |model, signature: &Signature| load(model, signature).unwrap_err().to_string();
    let wanted = signature(Dim::Is(2), &[None]);
    assert_eq!(
        refused(TWICE, &signature(Dim::Is(4), &[None])),
        "\"picture\" of the model is Tensor<f32>(1, 3, 2, 2); expected is float32 [1,3,4,4]"
    );
    assert_eq!(
        refused(TWICE, &signature(Dim::Is(2), &[Some("scores")])),
        "the model has no output scores; it has: [\"same\", \"twice\"]"
    );
    assert_eq!(refused(TWO_INPUTS, &wanted), "the model takes 2 inputs; one is expected");
    assert!(refused(DOUBLE, &wanted).contains("f64"));
    assert!(matches!(load(b"no model", &wanted), Err(ModelError::Refused(_))));
    assert!(matches!(load(&TWICE[..100], &wanted), Err(ModelError::Refused(_))));
}

#[test]
fn a_device_that_the_library_lacks_is_refused_by_name() {
    let wanted = signature(Dim::Is(2), &[None]);
    let error = Model::load(testbed::runtime(), TWICE, Device::OpenVino, &wanted).unwrap_err();
    assert!(matches!(error, ModelError::Device { device: Device::OpenVino, .. }), "{error:?}");
    assert!(error.to_string().contains("`livegate setup --device openvino`"), "{error}");
}

#[test]
fn the_providers_of_a_model_are_known_once_it_has_run() {
    let watched = testbed::runtime().watched().unwrap();
    let mut model =
        Model::load(&watched, TWICE, Device::Cpu, &signature(Dim::Is(2), &[None])).unwrap();
    for _ in 0..2 {
        model.run([1, 3, 2, 2], &mut vec![0.25; 12]).unwrap();
    }
    let providers = model.end_profile().unwrap();
    let counts = providers.counts();
    let names: Vec<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(names, [Device::Cpu.provider()]);
    assert!(counts.values().all(|&nodes| (1..=3).contains(&nodes)), "{providers:?}");
    assert!(providers.nodes().any(|node| node.operator == "Add"), "{providers:?}");
    assert!(providers.nodes().all(|node| !node.name.is_empty()), "{providers:?}");
    // The model still runs, and is not profiled any more.
    assert!(model.run([1, 3, 2, 2], &mut vec![0.25; 12]).is_ok());
    assert!(matches!(model.end_profile(), Err(ProfileError::NotWatched)));

    let mut idle =
        Model::load(&watched, TWICE, Device::Cpu, &signature(Dim::Is(2), &[None])).unwrap();
    assert!(matches!(idle.end_profile(), Err(ProfileError::Empty)));
    let mut plain = load(TWICE, &signature(Dim::Is(2), &[None])).unwrap();
    assert!(matches!(plain.end_profile(), Err(ProfileError::NotWatched)));
}

#[test]
fn a_failed_run_names_the_fault_of_the_gpu() {
    // The library makes the errors.
    let _library = testbed::runtime();
    let text = "CUDA failure 2: out of memory ; GPU=0 ; hostname=gpu-1 ; file=a.cc ; line=1 ; \
                expr=cudaMalloc(p, n); ";
    let error = ModelError::Run(ort::Error::new(text));
    assert_eq!(GpuFault::of(&error), Some(GpuFault::OutOfMemory));
    assert!(error.to_string().starts_with("the model cannot be run: memory ran out"), "{error}");
    let shared = ModelError::Shared(std::sync::Arc::new(error));
    assert_eq!(GpuFault::of(&shared), Some(GpuFault::OutOfMemory));
    let source = ort::Error::new(text);
    let load = ModelError::Gpu { device: Device::Cuda, fault: GpuFault::OutOfMemory, source };
    assert_eq!(GpuFault::of(&load), Some(GpuFault::OutOfMemory));
    let error = ModelError::Run(ort::Error::new("Got invalid dimensions for input"));
    assert_eq!(
        (error.to_string().as_str(), GpuFault::of(&error)),
        ("the model cannot be run", None)
    );
}
