//! Sessions on the CPU, by ONNX Runtime's own execution provider.

use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;

use crate::error::ModelError;
use crate::fields::{bytes, messages};
use crate::inspect::Inspected;
use crate::runtime::Runtime;
use crate::signature::Dim;

/// Opens a session for `model`, which takes tensors of the shape `input`.
pub(crate) fn open(
    runtime: &Runtime,
    model: Inspected<'_>,
    input: &[Dim; 4],
) -> Result<Session, ModelError> {
    let builder = runtime.session_builder().map_err(ModelError::Load)?;
    builder
        .with_optimization_level(level(model.bytes(), input))
        .map_err(ort::Error::from)
        .and_then(|mut builder| builder.commit_from_memory(model.bytes()))
        .map_err(ModelError::Load)
}

/// A memory page, which is also the distance of addresses that share a set of a 32 KiB cache.
const PAGE_BYTES: usize = 4096;

/// The level at which ONNX Runtime rewrites the graph of `model`.
///
/// Level 3 (`All`) also keeps channels in blocks, in which convolutions are fastest. `PRelu` has no
/// kernel for blocks, so each one gets a reorder before and after it. A reorder reads the same
/// pixel of 8 or 16 planes in turn. If a plane is a multiple of a page, these reads fall into one
/// set of the cache, and the reorders cost more than the blocks gain. Measured in
/// docs/DECISIONS.md.
fn level(model: &[u8], input: &[Dim; 4]) -> GraphOptimizationLevel {
    let [_, _, Dim::Is(height), Dim::Is(width)] = *input else {
        return GraphOptimizationLevel::All;
    };
    // The first convolution of nets for pictures halves both sides.
    let plane_bytes = (height / 2) * (width / 2) * size_of::<f32>();
    if plane_bytes.is_multiple_of(PAGE_BYTES) && has_prelu(model) {
        GraphOptimizationLevel::Level2
    } else {
        GraphOptimizationLevel::All
    }
}

/// Whether the outermost graph of `model` has a `PRelu` node.
fn has_prelu(model: &[u8]) -> bool {
    // ModelProto.graph, GraphProto.node, NodeProto.op_type
    let nodes = messages(model, 7).into_iter().flat_map(|graph| messages(graph, 1));
    nodes.into_iter().any(|node| bytes(node, 4) == b"PRelu")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRELU: &[u8] = include_bytes!("../tests/data/prelu.onnx");
    const NO_PRELU: &[u8] = include_bytes!("../tests/data/dynamic.onnx");

    /// The sides of square inputs at which `level` leaves the blocks out.
    fn without_blocks(model: &[u8]) -> Vec<usize> {
        let is_without = |side: &usize| {
            let input = [Dim::Is(1), Dim::Is(3), Dim::Is(*side), Dim::Is(*side)];
            matches!(level(model, &input), GraphOptimizationLevel::Level2)
        };
        [64, 80, 96, 112, 120, 126, 128, 130, 136, 160, 192, 256]
            .into_iter()
            .filter(is_without)
            .collect()
    }

    #[test]
    fn blocks_are_left_out_where_prelu_meets_planes_of_whole_pages() {
        assert_eq!(without_blocks(PRELU), [64, 128, 192, 256]);
        assert_eq!(without_blocks(NO_PRELU), [0; 0]);
        let open = [Dim::Is(1), Dim::Is(3), Dim::Any, Dim::Any];
        assert!(matches!(level(PRELU, &open), GraphOptimizationLevel::All));
    }
}
