//! All metrics of a set of presentations at one threshold.

use serde::Serialize;

use crate::attack_type::AttackType;
use crate::auc::Auc;
use crate::curves::Curves;
use crate::equal_error::EqualError;
use crate::notes;
use crate::operating_point::OperatingPoint;
use crate::presentation::{Label, Presentation};
use crate::responses::Responses;
use crate::share::Share;
use crate::sweep::Sweep;

/// All metrics of a set of presentations at one threshold, by ISO/IEC 30107-3:2023.
///
/// What cannot be measured, because a class or every score is missing, is `None` (or a [`Share`] of 0), and
/// [`Self::notes`] says so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Accepted is a score at or above it.
    pub threshold: f64,
    /// What became of the bona fide presentations.
    pub live: Responses,
    /// What became of the attacks.
    pub attacks: Responses,
    /// Attack presentation classification error rate: of the attacks of one type that were scored, those taken
    /// for bona fide. This is the greatest over the types, never a mean that a common weak attack could hide in.
    pub apcer: Share,
    /// The type that has it.
    pub apcer_type: Option<String>,
    /// Bona fide presentation classification error rate: of the bona fide presentations that were scored, those
    /// taken for attacks.
    pub bpcer: Share,
    /// Average classification error rate, the mean of both, 0 to 1. The standard deprecates it since it lets
    /// one error hide behind the other; it is here because it is still asked for.
    pub acer: Option<f64>,
    /// Attack presentation non-response rate: of all attacks, those not assessed.
    pub apnrr: Share,
    /// Bona fide presentation non-response rate: of all bona fide presentations, those not assessed.
    pub bpnrr: Share,
    /// Of *all* attacks, answered or not, those that got in.
    pub attacks_accepted: Share,
    /// Of *all* bona fide presentations, those that did not get in, for whatever reason.
    pub live_not_let_in: Share,
    /// Area under the ROC curve, over all attacks together.
    pub auc: Option<Auc>,
    /// Equal error rate, over all attacks together.
    pub eer: Option<EqualError>,
    /// BPCER10, BPCER20 and BPCER100, each over the worst type of attack.
    pub operating_points: Vec<OperatingPoint>,
    /// Each type of attack, by name.
    pub attack_types: Vec<AttackType>,
    /// What the plots are drawn from.
    pub curves: Curves,
    /// What must be known to read the numbers right: what is missing, and where there are too few pictures.
    pub notes: Vec<String>,
}

impl Evaluation {
    /// Measures `presentations` at `threshold` (0 to 1 as a rule; any other is taken as it is and noted). Their
    /// order means nothing. It never panics: what cannot be measured is `None`.
    #[must_use]
    pub fn of(presentations: &[Presentation], threshold: f64) -> Self {
        let of_class = |label| presentations.iter().filter(move |each| each.label == label);
        let accepted =
            |label| of_class(label).filter(|each| each.accepted(threshold)).count() as u64;
        let (live, attacks) =
            (Responses::of(of_class(Label::Live)), Responses::of(of_class(Label::Spoof)));
        let live_accepted = accepted(Label::Live);
        let attack_types = AttackType::all(presentations, threshold);
        let worst = worst_type(&attack_types);
        let apcer = worst.map_or(Share::of(0, 0), |worst| worst.apcer);
        let bpcer = Share::of(live.scored - live_accepted, live.scored);
        let sweep = Sweep::of(presentations, Presentation::score);
        let mut evaluation = Self {
            threshold,
            live,
            attacks,
            apcer,
            apcer_type: worst.map(|worst| worst.attack_type.clone()),
            bpcer,
            acer: apcer.share.zip(bpcer.share).map(|(apcer, bpcer)| f64::midpoint(apcer, bpcer)),
            apnrr: attacks.non_response_rate(),
            bpnrr: live.non_response_rate(),
            attacks_accepted: Share::of(accepted(Label::Spoof), attacks.presented),
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

    /// The same without what plots are drawn from, where there are many of them.
    #[must_use]
    pub(crate) fn without_curves(self) -> Self {
        Self { curves: Curves::default(), ..self }
    }
}

/// The one with the greatest APCER; of equals that with the fewest attacks, as it may be worse yet.
fn worst_type(types: &[AttackType]) -> Option<&AttackType> {
    let rank = |each: &AttackType| (each.apcer.share.unwrap_or(-1.0), each.apcer.high);
    let measured = types.iter().filter(|each| each.apcer.of > 0);
    measured.max_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    })
}
