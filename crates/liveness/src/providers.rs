//! The execution providers that ran a pack's models, read from ONNX Runtime's profile of the golden
//! run. The profiled sessions are the ones that serve.

use std::collections::BTreeMap;

use anti_spoof::Scorer;
use face_detector::Finder;
use model_pack::Manifest;
use onnx::{Device, ProfileError, Providers, Ran};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::LoadError;
use crate::models::finders_device;

/// Number of nodes of a model by the execution provider that ran them, as in
/// `{"CPUExecutionProvider": 31}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModelProviders {
    /// Its id in the pack.
    pub id: String,
    /// Number of nodes by provider.
    pub providers: BTreeMap<String, usize>,
    /// Every node that ran on another provider than the device's. On a GPU, nodes that compute
    /// shapes and memory addresses run on the CPU.
    pub elsewhere: Vec<NodeElsewhere>,
}

/// A node that ran on another execution provider than the device's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NodeElsewhere {
    /// The provider.
    pub provider: String,
    /// The node's operator, such as `Shape`.
    pub operator: String,
    /// Its name in the model.
    pub node: String,
}

/// The providers of each model, the detector first; or the reason why they are unknown.
pub type Watched = Result<Vec<ModelProviders>, ProfileError>;

/// Ends the profiles of all models, and checks that each ran on its device. On the CPU a missing
/// profile is not an error.
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

/// Parts of the names of operators that hold most of a network's arithmetic. They also match
/// `FusedConv`, `ConvTranspose` and `QLinearMatMul`.
const ARITHMETIC: [&str; 8] =
    ["Attention", "Conv", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN"];

/// True if the node may run elsewhere than on `device`. ONNX Runtime leaves light nodes, such as
/// `Shape`, to the CPU where a GPU is slower; CUDA runs on the same card as TensorRT. On the CPU
/// and on OpenVINO, which takes whole models only, no node may.
fn may_run(device: Device, Ran { provider, operator, .. }: &Ran) -> bool {
    let is_on_card = device == Device::TensorRt && provider == Device::Cuda.provider();
    let is_light = !ARITHMETIC.iter().any(|part| operator.contains(part));
    let is_left_to_cpu = device.is_gpu() && provider == Device::Cpu.provider() && is_light;
    is_on_card || is_left_to_cpu
}

/// The nodes of the model `id` that ran elsewhere than on `device`. An error if one of them must
/// not, or if no node ran on `device`.
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
    fn a_model_with_a_node_that_ran_elsewhere_is_refused_by_name() {
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
    fn on_a_gpu_light_nodes_may_run_on_the_cpu_and_arithmetic_may_not() {
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
            let message = refused(Device::Cuda, &parts);
            let expected = format!(
                "1 nodes of the model `fr_liveness` ran on {CPU}, the first {operator} `/heavy`"
            );
            assert!(message.contains(&expected), "{message}");
        }
    }

    #[test]
    fn a_model_without_a_node_on_the_gpu_is_refused() {
        let nowhere = Providers::from([(CPU, "Shape", "a"), (CPU, "Relu", "b")]);
        for device in [Device::Cuda, Device::TensorRt] {
            let message = refused(device, &nowhere);
            assert!(message.contains("2 nodes"), "{message}");
        }
        // CUDA runs on the card, but TensorRT was configured.
        let message = refused(Device::TensorRt, &Providers::from([(CUDA, "Conv", "a")]));
        assert!(message.contains(CUDA), "{message}");
    }

    #[test]
    fn nodes_that_tensorrt_leaves_to_cuda_are_listed() {
        let parts = Providers::from([
            (TENSORRT, "TRTKernel_graph_main_0", "TRTKernel_graph_main_0"),
            (CUDA, "Conv", "/conv"),
            (CPU, "Shape", "/shape"),
        ]);
        let listed = ran_on("yunet", Device::TensorRt, &parts).unwrap();
        let listed: Vec<_> = listed.iter().map(|it| (&*it.provider, &*it.node)).collect();
        assert_eq!(listed, [(CPU, "/shape"), (CUDA, "/conv")]);
        // TensorRT must not run nodes where CUDA was configured.
        assert!(refused(Device::Cuda, &parts).contains(TENSORRT));
    }
}
