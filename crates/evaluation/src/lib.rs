//! Measures presentation attack detection. Labelled pictures with their results ([`Presentation`])
//! go in. The metrics of ISO/IEC 30107-3:2023 ([`Evaluation`]), a calibration ([`calibrate`]) and a
//! report ([`Report`], [`html()`]) come out.
//!
//! A presentation is *bona fide* (a living person, [`Label::Live`]) or an *attack*
//! ([`Label::Spoof`]) of some type, which the standard calls the species of the presentation attack
//! instrument. It is accepted if its score is at or above the threshold. The error rates are
//!
//! - APCER of a type: accepted attacks, of its attacks with a score; the headline is the greatest
//!   of all types,
//! - BPCER: refused bona fide presentations, of those with a score,
//! - APNRR, BPNRR: attacks and bona fide presentations without a score, of all.
//!
//! A system that refuses to score improves APCER and BPCER. [`Evaluation`] therefore also counts
//! accepted attacks and refused people among all presentations.
//!
//! [`LinePlot`] draws other figures in the same style, each as a file of its own.
//!
//! The crate knows no picture, no model, no pipeline and no other crate of this workspace.

mod attack_type;
mod auc;
mod calibration;
mod cross_validation;
mod curves;
mod equal_error;
mod evaluation;
mod fitted;
mod group;
mod html;
mod levels;
mod logistic;
mod operating_point;
mod presentation;
mod reasons;
mod report;
mod responses;
mod robustness;
mod scores;
mod share;
mod sweep;
mod worst;

pub use attack_type::AttackType;
pub use auc::Auc;
pub use calibration::{Calibrated, calibrate};
pub use cross_validation::{CrossValidated, FOLDS};
pub use curves::{Bin, Curves, DetPoint, MOST_POINTS, ThresholdPoint};
pub use equal_error::EqualError;
pub use evaluation::Evaluation;
pub use fitted::{CalibrateError, LEAST_OF_EACH};
pub use group::{GroupColumn, GroupValue, NOT_GIVEN};
pub use html::{Axis, Line, LinePlot, Point, html};
pub use levels::{Level, LevelRates, Levels, PerLevel, Targets};
pub use operating_point::OperatingPoint;
pub use presentation::{Label, Outcome, Presentation, UNNAMED, UnknownLabel};
pub use reasons::{Occurrence, failure_codes, reasons};
pub use report::{NamedThreshold, Problem, Report, Run};
pub use responses::Responses;
pub use robustness::{ScoreChange, Variant};
pub use scores::{ScoresError, read_scores, write_scores};
pub use share::Share;
pub use worst::Worst;
