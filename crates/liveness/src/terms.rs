//! The terms of one request.

use model_pack::SecurityLevel;

use crate::decide::Threshold;

/// How the threshold is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bar {
    /// This number.
    Threshold(Threshold),
    /// The number that the pack has for this level.
    Level(SecurityLevel),
}

impl Bar {
    /// The level, if one was chosen.
    #[must_use]
    pub fn level(self) -> Option<SecurityLevel> {
        match self {
            Self::Threshold(_) => None,
            Self::Level(level) => Some(level),
        }
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::Threshold(Threshold::default())
    }
}

/// The terms of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Scores from this threshold on are live.
    pub bar: Bar,
    /// Shortest shorter side of a picture that is scored, pixels (`IMAGE_TOO_SMALL`).
    pub min_picture_side_px: usize,
    /// Search for faces as the Python reference does: once, in all pixels, without turning the
    /// picture.
    pub exact: bool,
    /// Also judge every face by itself.
    pub every_face: bool,
}

impl Default for Terms {
    /// Terms of a request that asks for nothing, to a service in its default configuration.
    fn default() -> Self {
        Self { bar: Bar::default(), min_picture_side_px: 300, exact: false, every_face: false }
    }
}
