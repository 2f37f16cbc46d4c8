//! The fields that an endpoint reads from a body.

/// The fields that an endpoint reads from a body. It ignores all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// One `selfie` and `threshold`, as Kairos documents.
    Selfie,
    /// One `selfie`, and `threshold` or `security_level`.
    SelfieAndLevel,
    /// Up to this many selfies, and `threshold` or `security_level`. In a form the parts are named
    /// `selfie`; in JSON `selfies` is a list.
    Selfies(usize),
}

impl Takes {
    /// The most selfies in one body.
    pub(crate) fn most(self) -> usize {
        match self {
            Self::Selfie | Self::SelfieAndLevel => 1,
            Self::Selfies(most) => most,
        }
    }

    /// True where `security_level` is read.
    pub(crate) fn level(self) -> bool {
        self != Self::Selfie
    }
}
