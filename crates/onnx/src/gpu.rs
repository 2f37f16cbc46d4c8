//! Sessions on an NVIDIA GPU.

use std::path::Path;

use ort::ep::cuda::ConvAlgorithmSearch;
use ort::ep::{CUDA, ExecutionProviderDispatch, TensorRT};
use ort::session::Session;
use ort::session::builder::SessionBuilder;

use crate::cards::{Card, Cards, DRIVER};
use crate::device::Device;
use crate::engines::{key, with_engines};
use crate::error::ModelError;
use crate::fault::GpuFault;
use crate::input_sizes::InputSizes;
use crate::inspect::Inspected;
use crate::log::{missing_library, with_last_error};
use crate::runtime::Runtime;
use crate::signature::Dim;

/// Opens a session on the runtime's card for `model`, which takes tensors of the shape `input`.
pub(crate) fn open(
    runtime: &Runtime,
    model: Inspected<'_>,
    device: Device,
    input: &[Dim; 4],
) -> Result<Session, ModelError> {
    let card = &runtime.card;
    if device != Device::TensorRt {
        return session(runtime, model, device, &[cuda(card, input)]);
    }
    let models = runtime.shared_models.as_ref();
    let max_pictures = models.map_or(1, |models| models.grouping.max_pictures.get());
    let sizes = InputSizes::of(model.bytes(), input, max_pictures);
    let providers =
        |engines: Option<&Path>| [tensorrt(card, engines, sizes.as_ref()), cuda(card, input)];
    let session = |engines: Option<&Path>| session(runtime, model, device, &providers(engines));
    let Some(parent) = &card.engines else { return session(None) };
    // Names a missing library before any engine is mentioned.
    builder(runtime, device, &providers(None))?;
    let cards = Cards::read(Path::new(DRIVER));
    let key = engines_key(card, model.bytes(), runtime.build_info(), sizes.as_ref(), &cards);
    // Faults of the card or the driver, full memory and missing libraries are other errors.
    let is_of_engines = |error: &ModelError| matches!(error, ModelError::Load(_));
    with_engines(parent, &key, session, is_of_engines)
}

/// A digest of everything that an engine depends on, except TensorRT's own version. TensorRT
/// refuses engines of another version, and they are built anew.
fn engines_key(
    card: &Card,
    bytes: &[u8],
    build: &str,
    sizes: Option<&InputSizes>,
    cards: &Cards,
) -> String {
    key(&[
        bytes,
        build.as_bytes(),
        cards.identity(card.index).as_bytes(),
        if card.fp16 { b"fp16" } else { b"fp32" },
        format!("{sizes:?}").as_bytes(),
    ])
}

fn session(
    runtime: &Runtime,
    model: Inspected<'_>,
    device: Device,
    providers: &[ExecutionProviderDispatch],
) -> Result<Session, ModelError> {
    let loaded = builder(runtime, device, providers)?.commit_from_memory(model.bytes());
    loaded.map_err(|source| match GpuFault::of(&source) {
        Some(fault) => ModelError::Gpu { device, fault, source },
        None => ModelError::Load(source),
    })
}

/// The text that ONNX Runtime 1.31 returns, and does not log, for a provider that lacks a library.
const NOT_LOADED: &str = "Failed to load library";

/// Prepares a session with `providers`. This loads their libraries.
fn builder(
    runtime: &Runtime,
    device: Device,
    providers: &[ExecutionProviderDispatch],
) -> Result<SessionBuilder, ModelError> {
    let builder = runtime.session_builder().map_err(ModelError::Load)?;
    let (builder, last_error) =
        with_last_error(|| Ok(builder.with_execution_providers(providers)?));
    builder.map_err(|source: ort::Error| {
        let fault = GpuFault::of(&source);
        if let Some(fault) = fault.or_else(|| GpuFault::in_text(last_error.as_deref()?)) {
            return ModelError::Gpu { device, fault, source };
        }
        let text = source.to_string();
        let message = last_error.or_else(|| text.contains(NOT_LOADED).then_some(text));
        let library = message.map(|message| missing_library(message.trim_end()));
        ModelError::Device { device, library, source }
    })
}

/// CUDA in 32-bit floats with all 23 bits of their mantissa; TF32, the default, has ten. CUDA
/// leaves nodes that it cannot run to the CPU.
fn cuda(card: &Card, input: &[Dim; 4]) -> ExecutionProviderDispatch {
    let mut cuda = CUDA::default().with_device_id(card.index as i32).with_tf32(false);
    if input.contains(&Dim::Any) {
        // The default search tries every kernel at each new input size, in the middle of a request.
        cuda = cuda.with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic);
    }
    cuda.build().error_on_failure()
}

/// TensorRT. It stands before CUDA, which gets the nodes that TensorRT cannot run.
fn tensorrt(
    card: &Card,
    engines: Option<&Path>,
    sizes: Option<&InputSizes>,
) -> ExecutionProviderDispatch {
    let mut tensorrt = TensorRT::default().with_device_id(card.index as i32).with_fp16(card.fp16);
    if let Some(engines) = engines {
        tensorrt = tensorrt.with_engine_cache(true).with_engine_cache_path(engines.display());
    }
    if let Some(sizes) = sizes {
        let [min, opt, max] = sizes.shapes();
        tensorrt = tensorrt
            .with_profile_min_shapes(min)
            .with_profile_opt_shapes(opt)
            .with_profile_max_shapes(max);
    }
    tensorrt.build().error_on_failure()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cards::tests::driver;
    use crate::open_batch::with_open_batch;

    const DYNAMIC: &[u8] = include_bytes!("../tests/data/dynamic.onnx");
    const INPUT: [Dim; 4] = [Dim::Is(1), Dim::Is(3), Dim::Any, Dim::Any];

    #[test]
    fn the_key_of_engines_depends_on_model_precision_sizes_driver_and_card() {
        let opened = with_open_batch(DYNAMIC).unwrap();
        let sizes = |max_pictures| InputSizes::of(&opened, &INPUT, max_pictures);
        let h100 = driver("580.65.06", &["NVIDIA H100 80GB HBM3"]);
        let newer = driver("590.10", &["NVIDIA H100 80GB HBM3"]);
        let l4 = driver("580.65.06", &["NVIDIA L4"]);
        let key = |bytes: &[u8], fp16, max_pictures, root: &tempfile::TempDir| {
            let card = Card { fp16, ..Card::default() };
            engines_key(
                &card,
                bytes,
                "1.31.1",
                sizes(max_pictures).as_ref(),
                &Cards::read(root.path()),
            )
        };
        let keys = [
            key(b"model", false, 8, &h100),
            key(b"other", false, 8, &h100),
            key(b"model", true, 8, &h100),
            key(b"model", false, 16, &h100),
            key(b"model", false, 8, &newer),
            key(b"model", false, 8, &l4),
        ];
        let different: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(different.len(), keys.len());
        assert_eq!(keys[0], key(b"model", false, 8, &h100));
        let card = Card::default();
        let other =
            engines_key(&card, b"model", "1.32", sizes(8).as_ref(), &Cards::read(h100.path()));
        assert_ne!(keys[0], other);
    }
}
