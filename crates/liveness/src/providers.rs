//! Which execution providers ran a pack's models: not what was asked for, but what ONNX Runtime's own profile of
//! the golden run shows, taken of the very sessions that serve.

use std::collections::BTreeMap;

use anti_spoof::Scorer;
use face_detector::Finder;
use model_pack::Manifest;
use onnx::{Device, ProfileError, Providers, Ran};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::LoadError;
use crate::pipeline::finders_device;

/// Which execution providers ran how many nodes of a model, as in `{"CPUExecutionProvider": 31}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModelProviders {
    /// Its id in the pack.
    pub id: String,
    /// Provider to nodes.
    pub providers: BTreeMap<String, usize>,
    /// Every node that another provider ran than that of the device: on a GPU, what works out shapes and places in
    /// memory is left to the CPU.
    pub elsewhere: Vec<NodeElsewhere>,
}

/// A node that another execution provider ran than that of the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NodeElsewhere {
    /// Which.
    pub provider: String,
    /// What the node does, as `Shape`.
    pub operator: String,
    /// Its name in the model.
    pub node: String,
}

/// What ran each model of a pack, the detector first; or why that is not known.
pub type Watched = Result<Vec<ModelProviders>, ProfileError>;

/// Ends the profiles of all models. Each must have run on what it was asked to; on any other device than the CPU,
/// that must also be known.
pub(crate) fn watched(
    manifest: &Manifest,
    finder: &mut Finder,
    scorer: &mut Scorer,
    device: Device,
) -> Result<Watched, LoadError> {
    let detectors = finders_device(device);
    let mut profiles =
        vec![(manifest.detector.id.as_str(), detectors, finder.detector().end_profile())];
    if let (Some(it), Some(landmarker)) = (&manifest.landmarker, finder.landmarker()) {
        profiles.push((&it.id, detectors, landmarker.end_profile()));
    }
    for (it, classifier) in manifest.scorers.iter().zip(scorer.classifiers()) {
        profiles.push((&it.id, device, classifier.end_profile()));
    }
    let mut models = Vec::new();
    for (id, device, profile) in profiles {
        match profile {
            Ok(providers) => {
                let elsewhere = ran_on(id, device, &providers)?;
                let (id, providers) = (id.to_owned(), providers.counts());
                models.push(ModelProviders { id, providers, elsewhere });
            }
            Err(source) if device == Device::Cpu => return Ok(Err(source)),
            Err(source) => return Err(LoadError::NotWatched { device, source }),
        }
    }
    Ok(Ok(models))
}

/// What has most of a network's arithmetic in it, as parts of operators' names: `FusedConv`, `ConvTranspose` and
/// `QLinearMatMul` are told by them, too.
const ARITHMETIC: [&str; 8] =
    ["Attention", "Conv", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN"];

/// Whether a node may be run by another provider than that of `device`. Nothing may on the CPU and on OpenVINO, which
/// takes whole models or none. ONNX Runtime leaves to the CPU what a GPU would be slower at, such as working out
/// shapes; and what TensorRT cannot do is CUDA's, on the same card.
fn may_run(device: Device, Ran { provider, operator, .. }: &Ran) -> bool {
    let is_on_card = device == Device::TensorRt && provider == Device::Cuda.provider();
    let is_light = !ARITHMETIC.iter().any(|part| operator.contains(part));
    let is_left_to_cpu = device.is_gpu() && provider == Device::Cpu.provider() && is_light;
    is_on_card || is_left_to_cpu
}

/// The nodes of the model `id` that did not run on `device`, if it can be said all the same that the model did.
fn ran_on(
    id: &str,
    device: Device,
    providers: &Providers,
) -> Result<Vec<NodeElsewhere>, LoadError> {
    let elsewhere: Vec<&Ran> =
        providers.nodes().filter(|node| node.provider != device.provider()).collect();
    let is_nothing_there = elsewhere.len() == providers.nodes().count();
    let wrong = |node: &&&Ran| is_nothing_there || !may_run(device, node);
    if let Some(first) = elsewhere.iter().find(wrong) {
        let of_it = |node: &&&Ran| wrong(node) && node.provider == first.provider;
        return Err(LoadError::RanElsewhere {
            id: id.to_owned(),
            device,
            provider: first.provider.clone(),
            nodes: elsewhere.iter().filter(of_it).count(),
            first: format!("{} `{}`", first.operator, first.name.escape_debug()),
        });
    }
    let listed = elsewhere.into_iter().map(|Ran { provider, operator, name, .. }| NodeElsewhere {
        provider: provider.clone(),
        operator: operator.clone(),
        node: name.clone(),
    });
    Ok(listed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: &str = "CPUExecutionProvider";
    const OPENVINO: &str = "OpenVINOExecutionProvider";
    const CUDA: &str = "CUDAExecutionProvider";
    const TENSORRT: &str = "TensorrtExecutionProvider";

    fn refused(device: Device, nodes: &Providers) -> String {
        ran_on("fr_liveness", device, nodes).unwrap_err().to_string()
    }

    #[test]
    fn a_model_of_which_a_node_ran_elsewhere_is_named() {
        let whole = Providers::from([(OPENVINO, "OpenVINO-EP-subgraph_1", "subgraph_1")]);
        assert_eq!(ran_on("fr_liveness", Device::OpenVino, &whole).unwrap(), []);
        assert!(ran_on("fr_liveness", Device::Cpu, &whole).is_err());
        let parts = Providers::from([
            (OPENVINO, "subgraph", "subgraph_1"),
            (CPU, "Shape", "/\"a"),
            (CPU, "Gather", "b"),
        ]);
        assert_eq!(
            refused(Device::OpenVino, &parts),
            "the device openvino was asked for, and 2 nodes of the model `fr_liveness` ran on \
             CPUExecutionProvider, the first Shape `/\\\"a`; use --device cpu"
        );
    }

    #[test]
    fn on_a_gpu_what_is_left_to_the_cpu_is_listed_and_no_arithmetic_may_be() {
        let shapes = Providers::from([
            (CUDA, "Conv", "/conv1"),
            (CPU, "Shape", "/shape"),
            (CPU, "Concat", "/concat"),
        ]);
        let listed = ran_on("yunet", Device::Cuda, &shapes).unwrap();
        let listed: Vec<_> = listed.iter().map(|it| (&*it.operator, &*it.node)).collect();
        assert_eq!(listed, [("Shape", "/shape"), ("Concat", "/concat")]);
        for operator in ["Conv", "FusedConv", "ConvTranspose", "Gemm", "FusedMatMul", "MatMul"] {
            let parts = Providers::from([
                (CUDA, "Conv", "/conv1"),
                (CPU, "Shape", "/shape"),
                (CPU, operator, "/heavy"),
            ]);
            let said = refused(Device::Cuda, &parts);
            let expected = format!(
                "1 nodes of the model `fr_liveness` ran on {CPU}, the first {operator} `/heavy`"
            );
            assert!(said.contains(&expected), "{said}");
        }
    }

    #[test]
    fn a_model_of_which_no_node_ran_on_the_gpu_did_not_run_there() {
        let nowhere = Providers::from([(CPU, "Shape", "a"), (CPU, "Relu", "b")]);
        for device in [Device::Cuda, Device::TensorRt] {
            let said = refused(device, &nowhere);
            assert!(said.contains("2 nodes"), "{said}");
        }
        // That it ran on the card is not what was asked for.
        let said = refused(Device::TensorRt, &Providers::from([(CUDA, "Conv", "a")]));
        assert!(said.contains(CUDA), "{said}");
    }

    #[test]
    fn what_tensorrt_leaves_to_cuda_is_listed() {
        let parts = Providers::from([
            (TENSORRT, "TRTKernel_graph_main_0", "TRTKernel_graph_main_0"),
            (CUDA, "Conv", "/conv"),
            (CPU, "Shape", "/shape"),
        ]);
        let listed = ran_on("yunet", Device::TensorRt, &parts).unwrap();
        let listed: Vec<_> = listed.iter().map(|it| (&*it.provider, &*it.node)).collect();
        assert_eq!(listed, [(CPU, "/shape"), (CUDA, "/conv")]);
        // CUDA has no business with TensorRT.
        assert!(refused(Device::Cuda, &parts).contains(TENSORRT));
    }
}
