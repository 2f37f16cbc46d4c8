//! The alterations of pictures: compression, resizing and blur, as on their way to the service.

use anyhow::Context;
use frame::Frame;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// One way to alter a picture. Only one thing changes: the others are encoded without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, VariantArray)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Alteration {
    Jpeg50,
    Jpeg75,
    Jpeg90,
    Side640,
    Side1280,
    Side4000,
    Blur1,
    Blur2,
    Equal,
}

/// The longer side at which the radius of a blur counts in pixels.
const BLUR_SIDE_PX: f32 = 640.0;

impl Alteration {
    /// Its name and its description.
    pub(super) fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::Jpeg50 => ("jpeg-50", "JPEG of quality 50"),
            Self::Jpeg75 => ("jpeg-75", "JPEG of quality 75"),
            Self::Jpeg90 => ("jpeg-90", "JPEG of quality 90"),
            Self::Side640 => ("side-640", "longer side 640 px, not compressed"),
            Self::Side1280 => ("side-1280", "longer side 1280 px, not compressed"),
            Self::Side4000 => ("side-4000", "longer side 4000 px, not compressed"),
            Self::Blur1 => ("blur-1", "Gaussian blur of 1 px where the longer side is 640 px"),
            Self::Blur2 => ("blur-2", "Gaussian blur of 2 px where the longer side is 640 px"),
            Self::Equal => (
                "equal",
                "both classes encoded alike (longer side 640 px, JPEG of quality 75, no metadata), so \
                 that traces of compression tell them apart less",
            ),
        }
    }

    /// The altered picture as a file in memory.
    pub(super) fn apply(self, frame: &Frame) -> anyhow::Result<Vec<u8>> {
        let blurred = |sigma: f32| {
            let scale = frame.size().longer_side() as f32 / BLUR_SIDE_PX;
            frame.blurred(sigma * scale).encode_png()
        };
        let file = match self {
            Self::Jpeg50 => return Ok(frame.encode_jpeg(50)?),
            Self::Jpeg75 => return Ok(frame.encode_jpeg(75)?),
            Self::Jpeg90 => return Ok(frame.encode_jpeg(90)?),
            Self::Equal => return Ok(frame.resized(640).encode_jpeg(75)?),
            Self::Side640 => frame.resized(640).encode_png(),
            Self::Side1280 => frame.resized(1280).encode_png(),
            Self::Side4000 => frame.resized(4000).encode_png(),
            Self::Blur1 => blurred(1.0),
            Self::Blur2 => blurred(2.0),
        };
        file.context("the altered picture cannot be encoded")
    }
}
