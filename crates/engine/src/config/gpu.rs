//! NVIDIA GPUs.

use liveness::InvalidSetting;
use model_pack::Home;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// NVIDIA GPUs, for the devices `cuda` and `tensorrt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct Gpu {
    /// Numbers of the GPUs to use, from 0 to 63 as CUDA counts them. At least one, none twice.
    #[default(vec![0])]
    pub cards: Vec<u32>,
    /// Lets TensorRT use 16-bit floats. A pack that then misses its golden vectors does not serve.
    pub fp16: bool,
}

impl Gpu {
    /// More GPUs than any machine has. CUDA counts them in a signed number of 32 bits.
    const MAX_CARDS: u32 = 64;

    pub(super) fn validate(&self) -> Result<(), InvalidSetting> {
        let Self { cards, fp16: _ } = self;
        let is_twice = (1..cards.len()).any(|at| cards[..at].contains(&cards[at]));
        let are_possible = cards.iter().all(|card| *card < Self::MAX_CARDS);
        InvalidSetting::unless(
            !cards.is_empty() && !is_twice && are_possible,
            "gpu.cards",
            "numbers of cards from 0 to 63, at least one, none twice",
        )
    }

    /// Each GPU, with TensorRT's engines in `home`.
    #[must_use]
    pub fn cards_in(&self, home: &Home) -> Vec<onnx::Card> {
        let card = |index: &u32| onnx::Card {
            index: *index,
            engines: Some(home.root().join("engines")),
            fp16: self.fp16,
        };
        self.cards.iter().map(card).collect()
    }

    /// `runtime` with its models on the first GPU, if they run on one.
    #[must_use]
    pub fn first_card(&self, runtime: &onnx::Runtime, home: &Home) -> onnx::Runtime {
        let first = self.cards_in(home).into_iter().next().unwrap_or_default();
        runtime.on_card(first)
    }
}
