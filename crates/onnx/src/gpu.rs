//! Sessions on an NVIDIA GPU.

use std::path::{Path, PathBuf};

use ort::ep::{CUDA, ExecutionProviderDispatch, TensorRT};
use ort::session::Session;

use crate::cards::{Cards, DRIVER};
use crate::device::Device;
use crate::engines::{key, with_engines};
use crate::error::ModelError;
use crate::fault::GpuFault;
use crate::inspect::inspect;
use crate::log::{listening, plainly};
use crate::model::one_thread;
use crate::runtime::Runtime;

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

/// The sizes that an input comes in, for TensorRT to build an engine for. With an input that leaves sides open and no
/// sizes, it would build at the first request, and again for each size that it has not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputSizes {
    /// The input's name in the graph.
    pub name: String,
    /// The smallest tensor: `[1, 3, 80, 80]`, say.
    pub min: [usize; 4],
    /// The one to be fastest with.
    pub opt: [usize; 4],
    /// The largest.
    pub max: [usize; 4],
}

impl InputSizes {
    /// `name:1x3x80x80`, as TensorRT's provider wants it.
    fn shape(&self, sides: [usize; 4]) -> String {
        format!("{}:{}", self.name, sides.map(|side| side.to_string()).join("x"))
    }
}

/// A session on the runtime's card for the file in `bytes`, which is read through before.
pub(crate) fn build(
    runtime: &Runtime,
    bytes: &[u8],
    device: Device,
) -> Result<Session, ModelError> {
    build_for(runtime, bytes, device, &[])
}

/// The same for tensors of these sizes.
pub(crate) fn build_for(
    runtime: &Runtime,
    bytes: &[u8],
    device: Device,
    inputs: &[InputSizes],
) -> Result<Session, ModelError> {
    inspect(bytes)?;
    let session = |engines: Option<&Path>| {
        session(runtime, bytes, device, providers(&runtime.card, device, engines, inputs))
    };
    match &runtime.card.engines {
        Some(parent) if device == Device::TensorRt => {
            let cards = Cards::read(Path::new(DRIVER));
            let key = engines_key(&runtime.card, bytes, runtime.build_info(), inputs, &cards);
            // What is not the card's, the driver's or memory's fault, and not that of libraries that are missing.
            let is_of_engines = |error: &ModelError| matches!(error, ModelError::Load(_));
            with_engines(parent, &key, session, is_of_engines)
        }
        _ => session(None),
    }
}

/// All that an engine depends on and can be told beforehand. TensorRT's own version cannot: it refuses engines of
/// another one, and they are built anew.
fn engines_key(
    card: &Card,
    bytes: &[u8],
    build: &str,
    inputs: &[InputSizes],
    cards: &Cards,
) -> String {
    key(&[
        bytes,
        build.as_bytes(),
        cards.identity(card.index).as_bytes(),
        if card.fp16 { b"fp16" } else { b"fp32" },
        format!("{inputs:?}").as_bytes(),
    ])
}

fn session(
    runtime: &Runtime,
    bytes: &[u8],
    device: Device,
    providers: Vec<ExecutionProviderDispatch>,
) -> Result<Session, ModelError> {
    let builder = one_thread(runtime).map_err(ModelError::Load)?;
    let (builder, said) = listening(|| builder.with_execution_providers(providers));
    let mut builder = builder.map_err(|source| {
        let source = ort::Error::from(source);
        let fault = GpuFault::of(&source.to_string());
        if let Some(fault) = fault.or_else(|| GpuFault::of(said.as_deref()?)) {
            return ModelError::Gpu { device, fault, source };
        }
        let library = said.map(|said| plainly(&said));
        ModelError::Device { device, library, source }
    })?;
    builder.commit_from_memory(bytes).map_err(|source| match GpuFault::of(&source.to_string()) {
        Some(fault) => ModelError::Gpu { device, fault, source },
        None => ModelError::Load(source),
    })
}

/// What is to run the nodes, first come first served; whatever none of them takes is left to the CPU.
fn providers(
    card: &Card,
    device: Device,
    engines: Option<&Path>,
    inputs: &[InputSizes],
) -> Vec<ExecutionProviderDispatch> {
    let index = card.index as i32;
    // 32-bit floats in all their bits: with TF32, the default, ten of the mantissa are left.
    let cuda = CUDA::default().with_device_id(index).with_tf32(false).build().error_on_failure();
    if device != Device::TensorRt {
        return vec![cuda];
    }
    let mut tensorrt = TensorRT::default().with_device_id(index).with_fp16(card.fp16);
    if let Some(engines) = engines {
        tensorrt = tensorrt.with_engine_cache(true).with_engine_cache_path(engines.display());
    }
    if !inputs.is_empty() {
        let shapes = |sides: fn(&InputSizes) -> [usize; 4]| {
            let shapes = inputs.iter().map(|input| input.shape(sides(input)));
            shapes.collect::<Vec<_>>().join(",")
        };
        tensorrt = tensorrt
            .with_profile_min_shapes(shapes(|input| input.min))
            .with_profile_opt_shapes(shapes(|input| input.opt))
            .with_profile_max_shapes(shapes(|input| input.max));
    }
    vec![tensorrt.build().error_on_failure(), cuda]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cards::tests::driver;

    #[test]
    fn engines_are_kept_apart_by_all_that_they_depend_on() {
        let sizes = |most| InputSizes {
            name: "picture".into(),
            min: [1, 3, 80, 80],
            opt: [most, 3, 80, 80],
            max: [most, 3, 80, 80],
        };
        let h100 = driver("580.65.06", &["NVIDIA H100 80GB HBM3"]);
        let newer = driver("590.10", &["NVIDIA H100 80GB HBM3"]);
        let l4 = driver("580.65.06", &["NVIDIA L4"]);
        let key = |bytes: &[u8], fp16, most, root: &tempfile::TempDir| {
            let card = Card { fp16, ..Card::default() };
            engines_key(&card, bytes, "1.31.1", &[sizes(most)], &Cards::read(root.path()))
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
        let other = engines_key(&card, b"model", "1.32", &[sizes(8)], &Cards::read(h100.path()));
        assert_ne!(keys[0], other);
    }

    #[test]
    fn sizes_are_written_as_the_provider_reads_them() {
        let sizes = InputSizes {
            name: "in.1".into(),
            min: [1, 3, 80, 80],
            opt: [8, 3, 80, 80],
            max: [32, 3, 80, 80],
        };
        assert_eq!(sizes.shape(sizes.max), "in.1:32x3x80x80");
    }
}
