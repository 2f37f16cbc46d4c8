//! `livegate packs`: its commands and flags.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use frame::{Channels, Filter};
use model_pack::Activation;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

use super::{Settings, Sources};
use crate::config::Flag;
use crate::device::DeviceChoice;

#[derive(Subcommand)]
pub(crate) enum Packs {
    /// List every pack that Livegate knows, and every one that is installed.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tell everything about a pack, installed or not: models, licences, preprocessing, how it was measured.
    Show {
        /// The pack.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Bring a pack that Livegate knows, and the ONNX Runtime library where it is missing.
    Install {
        /// The packs.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        sources: Sources,
    },
    /// Check packs: every file's hash, every graph, and the golden vectors on the device in use. Exits with
    /// 0 if all are in order, 1 if any is not.
    Verify {
        /// The packs [default: all that are installed].
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        on: On,
    },
    /// Make a pack of your own ONNX model. docs/PACKS.md walks through it.
    New(Box<New>),
}

/// What models run on, and the configuration that says so.
#[derive(Args)]
pub(crate) struct On {
    #[command(flatten)]
    pub settings: Settings,
    /// What models run on: cpu, openvino or auto [default: cpu] [env: `LIVEGATE_DEVICE`].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<DeviceChoice>,
}

impl On {
    /// Those of its flags that stand for keys of the configuration.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        vec![Flag::new("device", "--device", self.device.as_ref())]
    }
}

#[derive(Args)]
pub(crate) struct New {
    /// The pack's name, and its directory's below `packs` in the home directory.
    pub name: String,
    /// The anti-spoof model: an ONNX file that takes `float32 [1,3,height,width]` and gives `[1,classes]`.
    #[arg(long, value_name = "FILE")]
    pub scorer: PathBuf,
    /// Which of the model's classes, counted from 0, is a living person. There is no default: the wrong one
    /// would turn every answer around.
    #[arg(long, value_name = "I")]
    pub live_class: usize,
    /// Take the face detector, and the landmarker, of this installed pack [default: of the pack that serves by default].
    #[arg(long, value_name = "PACK")]
    pub detector_from: Option<String>,
    /// The model's name in answers and metrics [default: the file's].
    #[arg(long)]
    pub id: Option<String>,
    /// The part of the picture around the face that the model sees.
    #[arg(long, default_value = "shifted")]
    pub crop: CropShape,
    /// How many times the face that is.
    #[arg(long, value_name = "TIMES", default_value_t = 2.7)]
    pub scale: f32,
    /// The model's input, pixels [default: what the graph says].
    #[arg(long, num_args = 2, value_names = ["WIDTH", "HEIGHT"])]
    pub size: Option<Vec<usize>>,
    /// How the crop is brought to that size: `linear` or `area-or-lanczos4`.
    #[arg(long, value_name = "FILTER", default_value = "linear", value_parser = word::<Filter>)]
    pub resize: Filter,
    /// The order of the colours: `bgr`, as OpenCV reads pictures, or `rgb`.
    #[arg(long, value_name = "ORDER", default_value = "bgr", value_parser = word::<Channels>)]
    pub channels: Channels,
    /// Multiplied with each pixel (0 to 255) first; 0.00392156862745098 makes 0 to 1 of it.
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0)]
    pub pixel_scale: f32,
    /// Taken away next: a number, or three in the order of the colours, as in 0.485,0.456,0.406.
    #[arg(long, value_name = "NUMBERS", default_value = "0", value_parser = planes,
        allow_hyphen_values = true)]
    pub mean: [f32; 3],
    /// Divided by last: a number, or three in the order of the colours.
    #[arg(long, value_name = "NUMBERS", default_value = "1", value_parser = planes)]
    pub std: [f32; 3],
    /// What the model's numbers are: `softmax` (logits) or `probabilities` [default: what they look like].
    #[arg(long, value_name = "KIND", value_parser = word::<Activation>)]
    pub activation: Option<Activation>,
    /// How many classes the model tells apart [default: what the graph says].
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// Under what terms the model may be used (SPDX, where there is an identifier).
    #[arg(long, value_name = "TEXT")]
    pub licence: Option<String>,
    /// Who made the model, and where it is published.
    #[arg(long, value_name = "TEXT")]
    pub origin: Option<String>,
    /// What the model was trained on.
    #[arg(long, value_name = "TEXT")]
    pub training_data: Option<String>,
    /// One sentence for whoever chooses a pack.
    #[arg(long, value_name = "TEXT")]
    pub summary: Option<String>,
    #[command(flatten)]
    pub on: On,
}

/// The shape of a crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CropShape {
    /// The face's box, enlarged, and moved to lie inside the picture.
    Shifted,
    /// A square around it, mirrored where it leaves the picture.
    SquareReflected,
}

/// A word of `pack.toml`.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Error> {
    let deserializer: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(deserializer)
}

fn planes(text: &str) -> Result<[f32; 3], String> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|it| it.trim().parse()).collect();
    match numbers.as_deref() {
        Ok(&[all]) => Ok([all; 3]),
        Ok(&[first, second, third]) => Ok([first, second, third]),
        _ => Err("it is one number, or three with commas between".to_owned()),
    }
}
