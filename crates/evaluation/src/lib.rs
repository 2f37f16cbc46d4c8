//! How well living people are told from presentation attacks: pictures whose truth is known and the answers
//! they got ([`Presentation`]) in, the metrics of ISO/IEC 30107-3:2023 ([`Evaluation`]), a calibration
//! ([`calibrate`]) and a report for people ([`Report`], [`html()`]) out.
//!
//! A presentation is *bona fide* (a living person, [`Label::Live`]) or an *attack* ([`Label::Spoof`]) of some
//! type, which the standard calls the species of the presentation attack instrument. It is accepted if its
//! score is at or above the threshold. Then
//!
//! - APCER of a type: of its attacks that got a score, the share that was accepted; its maximum over the types
//!   is the headline,
//! - BPCER: of the bona fide presentations that got a score, the share that was not accepted,
//! - APNRR, BPNRR: of all attacks (bona fide presentations), the share that got no score.
//!
//! Since those who refuse to answer would win by the first two, [`Evaluation`] also counts all attacks that
//! were accepted and all people who were not let in.
//!
//! The drawing of its plots is there for other figures too, as a file of its own: [`LinePlot`].
//!
//! What it does not do: it knows no picture, no model, no pipeline and no other crate of ours.

mod attack_type;
mod auc;
mod calibration;
mod cross_validation;
mod curves;
mod equal_error;
mod evaluation;
mod group;
mod html;
mod levels;
mod logistic;
mod notes;
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

pub use attack_type::{AttackType, UNNAMED};
pub use auc::Auc;
pub use calibration::{CalibrateError, Calibrated, LEAST_OF_EACH, Targets, calibrate};
pub use cross_validation::{CrossValidated, FOLDS};
pub use curves::{Bin, Curves, DetPoint, MOST_POINTS, ThresholdPoint};
pub use equal_error::EqualError;
pub use evaluation::Evaluation;
pub use group::{GroupColumn, GroupValue, NOT_GIVEN};
pub use html::{Axis, Line, LinePlot, Point, html};
pub use levels::{Level, LevelRates, Levels};
pub use operating_point::OperatingPoint;
pub use presentation::{Label, Outcome, Presentation, UnknownLabel};
pub use reasons::{Occurrence, failure_codes, reasons};
pub use report::{NamedThreshold, Problem, Report, Run};
pub use responses::Responses;
pub use robustness::{ScoreChange, Variant};
pub use scores::{ScoresError, read_scores, write_scores};
pub use share::Share;
pub use worst::Worst;
