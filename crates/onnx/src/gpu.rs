//! Sessions on an NVIDIA GPU.

use ort::ep::{CUDA, ExecutionProviderDispatch, TensorRT};
use ort::session::Session;

use crate::device::Device;
use crate::error::ModelError;
use crate::inspect::inspect;
use crate::log::{listening, plainly};
use crate::model::one_thread;
use crate::runtime::Runtime;

/// Which GPU, and how models are run there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// Its number, from 0, as CUDA counts those that this process may see (`CUDA_VISIBLE_DEVICES`).
    pub index: u32,
}

/// A session on the runtime's card for the file in `bytes`, which is read through before.
pub(crate) fn build(
    runtime: &Runtime,
    bytes: &[u8],
    device: Device,
) -> Result<Session, ModelError> {
    inspect(bytes)?;
    let builder = one_thread(runtime).map_err(ModelError::Load)?;
    let providers = providers(&runtime.card, device);
    let (builder, said) = listening(|| builder.with_execution_providers(providers));
    let mut builder = builder.map_err(|source| {
        let library = said.map(|said| plainly(&said));
        ModelError::Device { device, library, source: source.into() }
    })?;
    builder.commit_from_memory(bytes).map_err(ModelError::Load)
}

/// What is to run the nodes, first come first served; whatever none of them takes is left to the CPU.
fn providers(card: &Card, device: Device) -> Vec<ExecutionProviderDispatch> {
    let index = card.index as i32;
    // 32-bit floats in all their bits: with TF32, the default, ten of the mantissa are left.
    let cuda = CUDA::default().with_device_id(index).with_tf32(false).build().error_on_failure();
    if device == Device::TensorRt {
        let tensorrt = TensorRT::default().with_device_id(index).build().error_on_failure();
        return vec![tensorrt, cuda];
    }
    vec![cuda]
}
