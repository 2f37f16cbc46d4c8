//! All metrics of a set of presentations at one threshold.

mod notes;

use serde::Serialize;

use crate::attack_type::AttackType;
use crate::auc::Auc;
use crate::curves::Curves;
use crate::equal_error::EqualError;
use crate::levels::LevelRates;
use crate::operating_point::OperatingPoint;
use crate::presentation::{Label, Presentation};
use crate::responses::Responses;
use crate::share::Share;
use crate::sweep::Sweep;

/// All metrics of a set of presentations at one threshold, by ISO/IEC 30107-3:2023.
///
/// A metric without a class or without any score is `None` (or a [`Share`] of 0 presentations), and
/// [`Self::notes`] tells so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// A score at or above it is accepted.
    pub threshold: f64,
    /// Number of bona fide presentations by outcome.
    pub live: Responses,
    /// Number of attacks by outcome.
    pub attacks: Responses,
    /// Attack presentation classification error rate: accepted attacks of a type, of those scored.
    /// This is the greatest of all types: in a mean, a common weak attack would hide a strong one.
    pub apcer: Share,
    /// The type with this rate.
    pub apcer_type: Option<String>,
    /// Bona fide presentation classification error rate: refused bona fide presentations, of those
    /// scored.
    pub bpcer: Share,
    /// Average classification error rate, the mean of both, 0 to 1. The standard deprecates it,
    /// since one error hides behind the other. Papers still report it.
    pub acer: Option<f64>,
    /// Attack presentation non-response rate: attacks not assessed, of all.
    pub apnrr: Share,
    /// Bona fide presentation non-response rate: bona fide presentations not assessed, of all.
    pub bpnrr: Share,
    /// Accepted attacks, of *all*, with or without a score.
    pub attacks_accepted: Share,
    /// Bona fide presentations that were not accepted, of *all*, with or without a score.
    pub live_not_let_in: Share,
    /// Area under the ROC curve of all attacks together.
    pub auc: Option<Auc>,
    /// Equal error rate of all attacks together.
    pub eer: Option<EqualError>,
    /// BPCER10, BPCER20 and BPCER100, each for the worst type of attack.
    pub operating_points: Vec<OperatingPoint>,
    /// Each type of attack, by name.
    pub attack_types: Vec<AttackType>,
    /// The points of the plots.
    pub curves: Curves,
    /// Warnings for the reader: missing metrics, and rates of too few pictures.
    pub notes: Vec<String>,
}

impl Evaluation {
    /// Measures `presentations`, in any order, at `threshold`. A threshold outside 0 to 1 is used
    /// as it is, and noted.
    #[must_use]
    pub fn of(presentations: &[Presentation], threshold: f64) -> Self {
        let of_class = |label| presentations.iter().filter(move |each| each.label == label);
        let (live, attacks) =
            (Responses::of(of_class(Label::Live)), Responses::of(of_class(Label::Spoof)));
        let attack_types = AttackType::all(presentations, threshold);
        let attacks_accepted = attack_types.iter().map(|each| each.accepted.count).sum();
        let scored = presentations.iter().filter_map(Presentation::scored);
        let decisions = scored.clone().map(|(score, each)| (each, score >= threshold));
        let LevelRates { apcer, apcer_type, bpcer } = LevelRates::count(decisions);
        let live_accepted = bpcer.of - bpcer.count;
        let sweep = Sweep::of(scored);
        let mut evaluation = Self {
            threshold,
            live,
            attacks,
            apcer,
            apcer_type,
            bpcer,
            acer: apcer.share.zip(bpcer.share).map(|(apcer, bpcer)| f64::midpoint(apcer, bpcer)),
            apnrr: attacks.non_response_rate(),
            bpnrr: live.non_response_rate(),
            attacks_accepted: Share::of(attacks_accepted, attacks.presented),
            live_not_let_in: Share::of(live.presented - live_accepted, live.presented),
            auc: Auc::of(&sweep),
            eer: EqualError::of(&sweep),
            operating_points: OperatingPoint::all(&sweep),
            attack_types,
            curves: Curves::of(presentations, &sweep),
            notes: Vec::new(),
        };
        evaluation.notes = notes::of(&evaluation);
        evaluation
    }

    /// The same without the points of plots.
    #[must_use]
    pub(crate) fn without_curves(self) -> Self {
        Self { curves: Curves::default(), ..self }
    }
}
