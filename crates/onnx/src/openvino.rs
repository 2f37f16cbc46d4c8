//! Sessions on OpenVINO.

use ort::ep::{ArbitrarilyConfigurableExecutionProvider, OpenVINO};
use ort::session::Session;
use ort::session::builder::SessionBuilder;

use crate::declared_input::DeclaredInput;
use crate::device::Device;
use crate::error::ModelError;
use crate::inspect::{Inspected, inspect};
use crate::log::{missing_library, with_last_error};
use crate::rewrite::prelu_as_max;
use crate::runtime::Runtime;
use crate::signature::Dim;

/// Opens a session for `model`, which takes tensors of the shape `input`.
pub(crate) fn open(
    runtime: &Runtime,
    model: Inspected<'_>,
    input: &[Dim; 4],
) -> Result<Session, ModelError> {
    let device = Device::OpenVino;
    let builder = runtime.session_builder().map_err(ModelError::Load)?;
    let (builder, last_error) = with_last_error(|| on_openvino(builder));
    let mut builder = builder.map_err(|source| {
        let library = last_error.map(|message| missing_library(&message));
        ModelError::Device { device, library, source }
    })?;
    // With a fixed batch dimension OpenVINO is faster: 3.3 ms for `minifas_128` instead of 5.5.
    for (name, size) in open_sides(model.bytes(), input) {
        builder = builder
            .with_dimension_override(name, size as i64)
            .map_err(|error| ModelError::Load(error.into()))?;
    }
    let rewritten = prelu_as_max(model.bytes());
    builder
        .commit_from_memory(inspect(&rewritten)?.bytes())
        .map_err(|source| ModelError::NotWhole { device, source })
}

/// Has OpenVINO run all of a model on one thread, and nothing of it elsewhere.
fn on_openvino(builder: SessionBuilder) -> Result<SessionBuilder, ort::Error> {
    let provider = OpenVINO::default()
        .with_device_type("CPU")
        .with_num_threads(1)
        // Runs in the caller's thread. With a stream, OpenVINO hands every run to another thread,
        // which takes three times as long where other threads compete for the cores.
        .with_arbitrary_config("load_config", "{\"CPU\":{\"NUM_STREAMS\":\"0\"}}")
        // The provider's default, fixed here. OpenVINO's own default is 16-bit floats where the
        // processor has instructions for them (AVX512-BF16, AMX). Logits would then differ by 0.03
        // to 0.05 between machines instead of 0.00001.
        .with_precision("FP32");
    let builder = builder.with_execution_providers([provider.build().error_on_failure()])?;
    Ok(builder.with_disable_cpu_fallback()?)
}

/// The graph's names of the input's sides that the graph leaves open and `input` fixes, with their
/// sizes.
fn open_sides<'a>(model: &'a [u8], input: &[Dim; 4]) -> Vec<(&'a str, usize)> {
    let Some(declared) = DeclaredInput::of(model) else { return Vec::new() };
    let sides = declared.sides.into_iter().zip(input);
    sides
        .filter_map(|(side, wanted)| match wanted {
            Dim::Is(size) => Some((side.name?, *size)),
            Dim::Any => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_sides_are_told_by_their_names() {
        let dynamic = include_bytes!("../tests/data/dynamic.onnx");
        let input = [Dim::Is(1), Dim::Is(3), Dim::Is(5), Dim::Any];
        assert_eq!(open_sides(dynamic, &input), [("height", 5)]);
        let twice = include_bytes!("../tests/data/twice.onnx");
        assert_eq!(open_sides(twice, &input), []);
    }
}
