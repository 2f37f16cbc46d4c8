//! Finds the faces of a frame: `&Frame` in, [`Found`] out, the largest first.
//!
//! This crate reads two published detectors, named by the [`Family`] in their [`Spec`]: Ultra-Light
//! and YuNet. The steps are the same for both, and each has a file: fit the picture to the input
//! ([`fit`](Spec::fit)), run the model, read its raw output into candidates, keep the most
//! confident of those that overlap. A [`Finder`] shows a picture to its [`Detector`] at several
//! sizes and, in doubt, from every side. A [`Landmarker`] gives landmarks if the detector does not.
//!
//! This crate neither chooses among faces nor judges them.

mod detector;
mod error;
mod face;
mod finder;
mod fit;
mod landmarker;
mod nms;
mod pose;
mod spec;
mod ultralight;
mod yunet;

pub use detector::Detector;
pub use error::DetectError;
pub use face::{Face, Landmarks};
pub use finder::{Finder, Found};
pub use landmarker::{Landmarker, LandmarkerFamily, LandmarkerSpec, Marked, UprightByMirror};
pub use pose::Pose;
pub use spec::{Family, Fit, Span, Spec, UprightByConfidence};
