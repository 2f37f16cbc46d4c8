//! Sessions on OpenVINO.

use ort::ep::{ArbitrarilyConfigurableExecutionProvider, OpenVINO};
use ort::session::Session;
use ort::session::builder::SessionBuilder;

use crate::device::Device;
use crate::error::ModelError;
use crate::fields::messages;
use crate::inspect::inspect;
use crate::log::{listening, plainly};
use crate::model::one_thread;
use crate::rewrite::prelu_as_max;
use crate::runtime::Runtime;
use crate::signature::Dim;

/// A session on OpenVINO for the file in `bytes`, which is read through before. It takes tensors of `input`.
///
/// `PRelu` is rewritten: OpenVINO is 8 to 17% faster so (`fr_liveness` 3.3 ms for 3.6, `MiniFASNetV2` 1.5 for 1.8,
/// medians at one thread, AMD EPYC with AVX-512). ONNX Runtime 1.26 on the CPU gains nothing by it; 1.32 would
/// (`MiniFASNetV2` 1.9 ms for 4.0), and still be slower than 1.26 as it is (1.7).
pub(crate) fn build(
    runtime: &Runtime,
    bytes: &[u8],
    input: &[Dim; 4],
) -> Result<Session, ModelError> {
    let device = Device::OpenVino;
    inspect(bytes)?;
    let builder = one_thread(runtime).map_err(ModelError::Load)?;
    let (builder, said) = listening(|| on_openvino(builder));
    let mut builder = builder.map_err(|source| {
        let library = said.map(|said| plainly(&said));
        ModelError::Device { device, library, source }
    })?;
    // OpenVINO takes 3.3 ms for `minifas_128` with a batch of 1, and 5.5 with one that is open.
    for (name, size) in open_sides(bytes, input).unwrap_or_default() {
        builder = builder
            .with_dimension_override(name, size as i64)
            .map_err(|error| ModelError::Load(error.into()))?;
    }
    builder
        .commit_from_memory(&prelu_as_max(bytes))
        .map_err(|source| ModelError::NotWhole { device, source })
}

/// Has all of a model run on OpenVINO, on one thread, and nothing of it elsewhere.
fn on_openvino(builder: SessionBuilder) -> Result<SessionBuilder, ort::Error> {
    let provider = OpenVINO::default()
        .with_device_type("CPU")
        .with_num_threads(1)
        // In the thread that asks. With a stream of its own OpenVINO hands every run to another thread, which takes
        // three times as long where other threads want the cores.
        .with_arbitrary_config("load_config", "{\"CPU\":{\"NUM_STREAMS\":\"0\"}}")
        // The provider's default, said so that it stays. OpenVINO's own is 16-bit floats where the processor
        // has instructions for them (AVX512-BF16, AMX): scores would depend on the machine, logits being
        // off by 0.03 to 0.05 instead of 0.00001.
        .with_precision("FP32");
    let builder = builder.with_execution_providers([provider.build().error_on_failure()])?;
    Ok(builder.with_disable_cpu_fallback()?)
}

/// The names that the graph has for those sides of its input which it leaves open and `input` does not, with
/// their sizes.
fn open_sides<'a>(model: &'a [u8], input: &[Dim; 4]) -> Option<Vec<(&'a str, usize)>> {
    let mut open = Vec::new();
    for value in messages(model, 7).iter().flat_map(|graph| messages(graph, 11)) {
        // ValueInfoProto.type, TypeProto.tensor_type, TensorTypeProto.shape
        let shape = [2, 1, 2]
            .into_iter()
            .try_fold(value, |message, number| messages(message, number).first().copied());
        let sides = shape.map_or(Vec::new(), |shape| messages(shape, 1));
        if sides.len() != input.len() {
            continue;
        }
        for (side, wanted) in sides.into_iter().zip(input) {
            if let (Some(name), Dim::Is(size)) = (messages(side, 2).first(), wanted) {
                open.push((std::str::from_utf8(name).ok()?, *size));
            }
        }
    }
    Some(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_sides_are_told_by_their_names() {
        let dynamic = include_bytes!("../tests/data/dynamic.onnx");
        let input = [Dim::Is(1), Dim::Is(3), Dim::Is(5), Dim::Any];
        assert_eq!(open_sides(dynamic, &input), Some(vec![("height", 5)]));
        let twice = include_bytes!("../tests/data/twice.onnx");
        assert_eq!(open_sides(twice, &input), Some(vec![]));
    }
}
