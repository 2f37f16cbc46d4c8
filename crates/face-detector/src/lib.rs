//! Where the faces of a frame are: `&Frame` in, `Vec<Face>` out, the largest first.
//!
//! Two published detectors are read here, named by the [`Family`] in their [`Spec`]: Ultra-Light and
//! YuNet. The steps are the same for both and each has a file: fit the picture to the input
//! ([`fit`](Spec::fit)), run the model, read its raw output into candidates, keep the best of those
//! that overlap.
//!
//! What it does not do: it neither chooses among faces nor judges them.

mod detector;
mod error;
mod face;
mod fit;
mod nms;
mod spec;
mod ultralight;
mod yunet;

pub use detector::Detector;
pub use error::DetectError;
pub use face::{Face, Landmarks};
pub use spec::{Family, Fit, Spec};
