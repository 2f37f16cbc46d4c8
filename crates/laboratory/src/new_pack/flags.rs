//! The flags of `livegate packs new`.

#![expect(missing_debug_implementations, reason = "`--set` may hold a secret in the wrong place")]

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use engine::flags::On;
use frame::{Channels, Filter};
use model_pack::Activation;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};

/// The flags of `livegate packs new`.
#[derive(Args)]
pub struct New {
    /// The pack's name, and its directory's below `packs` in the home directory.
    pub name: String,
    /// The anti-spoof model: an ONNX file that takes `float32 [1,3,height,width]` and gives
    /// `[1,classes]`.
    #[arg(long, value_name = "FILE")]
    pub scorer: PathBuf,
    /// The number of the model's class, from 0, that is a living person. There is no default: the
    /// wrong class would turn every verdict around.
    #[arg(long, value_name = "I")]
    pub live_class: usize,
    /// Take the face detector, and the landmarker, of this installed pack [default: of the pack
    /// that serves by default].
    #[arg(long, value_name = "PACK")]
    pub detector_from: Option<String>,
    /// The model's name in answers and metrics [default: the file's].
    #[arg(long)]
    pub id: Option<String>,
    /// The part of the picture around the face that the model sees.
    #[arg(long, default_value = "shifted")]
    pub crop: CropShape,
    /// Size of that part, in times the face.
    #[arg(long, value_name = "TIMES", default_value_t = 2.7)]
    pub scale: f32,
    /// The model's input, pixels [default: the graph's].
    #[arg(long, num_args = 2, value_names = ["WIDTH", "HEIGHT"])]
    pub size: Option<Vec<usize>>,
    /// The filter that resizes the crop: `linear` or `area-or-lanczos4`.
    #[arg(long, value_name = "FILTER", default_value = "linear", value_parser = word::<Filter>)]
    pub resize: Filter,
    /// The order of the colours: `bgr`, as OpenCV reads pictures, or `rgb`.
    #[arg(long, value_name = "ORDER", default_value = "bgr", value_parser = word::<Channels>)]
    pub channels: Channels,
    /// Factor of each pixel (0 to 255), applied first; 0.00392156862745098 gives 0 to 1.
    #[arg(long, value_name = "NUMBER", default_value_t = 1.0)]
    pub pixel_scale: f32,
    /// Subtracted next: a number, or three in the order of the colours, as in 0.485,0.456,0.406.
    #[arg(long, value_name = "NUMBERS", default_value = "0", value_parser = planes,
        allow_hyphen_values = true)]
    pub mean: [f32; 3],
    /// Divisor, applied last: a number, or three in the order of the colours.
    #[arg(long, value_name = "NUMBERS", default_value = "1", value_parser = planes)]
    pub std: [f32; 3],
    /// The kind of the model's numbers: `softmax` (logits) or `probabilities` [default: guessed].
    #[arg(long, value_name = "KIND", value_parser = word::<Activation>)]
    pub activation: Option<Activation>,
    /// Number of the model's classes [default: the graph's].
    #[arg(long, value_name = "N")]
    pub classes: Option<usize>,
    /// The model's licence (an SPDX identifier, where there is one).
    #[arg(long, value_name = "TEXT")]
    pub licence: Option<String>,
    /// The maker of the model, and the place where it is published.
    #[arg(long, value_name = "TEXT")]
    pub origin: Option<String>,
    /// The pictures that the model was trained on.
    #[arg(long, value_name = "TEXT")]
    pub training_data: Option<String>,
    /// One sentence for operators who choose a pack.
    #[arg(long, value_name = "TEXT")]
    pub summary: Option<String>,
    /// The device, and the configuration.
    #[command(flatten)]
    pub on: On,
}

/// The shape of a crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CropShape {
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
