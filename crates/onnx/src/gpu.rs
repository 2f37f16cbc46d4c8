//! Sessions on an NVIDIA GPU.

use std::path::{Path, PathBuf};

use ort::ep::cuda::ConvAlgorithmSearch;
use ort::ep::{CUDA, ExecutionProviderDispatch, TensorRT};
use ort::session::Session;
use ort::session::builder::SessionBuilder;

use crate::cards::{Cards, DRIVER};
use crate::device::Device;
use crate::engines::{key, with_engines};
use crate::error::ModelError;
use crate::fault::GpuFault;
use crate::input_sizes::InputSizes;
use crate::inspect::inspect;
use crate::log::{listening, plainly};
use crate::model::one_thread;
use crate::runtime::Runtime;
use crate::signature::Dim;

/// Which GPU, and how models are run there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// Its number, from 0, as CUDA counts those that this process may see (`CUDA_VISIBLE_DEVICES`).
    pub index: u32,
    /// The directory that engines of TensorRT are kept in, which is made where needed; without one they are built
    /// every time that a model is loaded.
    pub engines: Option<PathBuf>,
    /// Whether TensorRT may use 16-bit floats. Nothing else does.
    pub fp16: bool,
}

/// A session on the runtime's card for the file in `bytes`, which is read through before. It takes tensors of `input`.
pub(crate) fn build(
    runtime: &Runtime,
    bytes: &[u8],
    device: Device,
    input: &[Dim; 4],
) -> Result<Session, ModelError> {
    inspect(bytes)?;
    if device != Device::TensorRt {
        return session(runtime, bytes, device, vec![cuda(&runtime.card, input)]);
    }
    let most = runtime.batches.as_ref().map_or(1, |batches| batches.most());
    let sizes = InputSizes::of(bytes, input, most);
    let providers = |engines: Option<&Path>| {
        vec![tensorrt(&runtime.card, engines, sizes.as_ref()), cuda(&runtime.card, input)]
    };
    let session = |engines: Option<&Path>| session(runtime, bytes, device, providers(engines));
    let Some(parent) = &runtime.card.engines else { return session(None) };
    // Whoever lacks a library hears of that, and of no engines.
    builder(runtime, device, providers(None))?;
    let cards = Cards::read(Path::new(DRIVER));
    let key = engines_key(&runtime.card, bytes, runtime.build_info(), sizes.as_ref(), &cards);
    // What is not the card's, the driver's or memory's fault, and not that of libraries that are missing.
    let is_of_engines = |error: &ModelError| matches!(error, ModelError::Load(_));
    with_engines(parent, &key, session, is_of_engines)
}

/// All that an engine depends on and can be told beforehand. TensorRT's own version cannot: it refuses engines of
/// another one, and they are built anew.
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
    bytes: &[u8],
    device: Device,
    providers: Vec<ExecutionProviderDispatch>,
) -> Result<Session, ModelError> {
    let loaded = builder(runtime, device, providers)?.commit_from_memory(bytes);
    loaded.map_err(|source| match GpuFault::of(&source.to_string()) {
        Some(fault) => ModelError::Gpu { device, fault, source },
        None => ModelError::Load(source),
    })
}

/// What ONNX Runtime 1.31 returns, and does not log, of a provider whose libraries are not all there.
const NOT_LOADED: &str = "Failed to load library";

/// What makes sessions with `providers`, whose libraries are loaded here.
fn builder(
    runtime: &Runtime,
    device: Device,
    providers: Vec<ExecutionProviderDispatch>,
) -> Result<SessionBuilder, ModelError> {
    let builder = one_thread(runtime).map_err(ModelError::Load)?;
    let with_providers = || builder.with_execution_providers(providers).map_err(ort::Error::from);
    let (builder, said) = listening(with_providers);
    builder.map_err(|source| {
        let fault = GpuFault::of(&source.to_string());
        if let Some(fault) = fault.or_else(|| GpuFault::of(said.as_deref()?)) {
            return ModelError::Gpu { device, fault, source };
        }
        let text = source.to_string();
        let said = said.or_else(|| text.contains(NOT_LOADED).then_some(text));
        let library = said.map(|said| plainly(said.trim_end()));
        ModelError::Device { device, library, source }
    })
}

/// In 32-bit floats with all their bits: with TF32, the default, ten of the mantissa are left. Whatever it does not take is
/// left to the CPU.
fn cuda(card: &Card, input: &[Dim; 4]) -> ExecutionProviderDispatch {
    let mut cuda = CUDA::default().with_device_id(card.index as i32).with_tf32(false);
    if input.contains(&Dim::Any) {
        // Each size that a detector meets for the first time would have every kernel for it tried, the default, in the
        // middle of a request.
        cuda = cuda.with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic);
    }
    cuda.build().error_on_failure()
}

/// Before CUDA, which gets what it leaves.
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
    fn engines_are_kept_apart_by_all_that_they_depend_on() {
        let opened = with_open_batch(DYNAMIC).unwrap();
        let sizes = |most| InputSizes::of(&opened, &INPUT, most);
        let h100 = driver("580.65.06", &["NVIDIA H100 80GB HBM3"]);
        let newer = driver("590.10", &["NVIDIA H100 80GB HBM3"]);
        let l4 = driver("580.65.06", &["NVIDIA L4"]);
        let key = |bytes: &[u8], fp16, most, root: &tempfile::TempDir| {
            let card = Card { fp16, ..Card::default() };
            engines_key(&card, bytes, "1.31.1", sizes(most).as_ref(), &Cards::read(root.path()))
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
