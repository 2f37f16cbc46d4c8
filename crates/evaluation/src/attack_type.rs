//! The metrics of one type of attack.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::auc::Auc;
use crate::equal_error::equal_error_rate;
use crate::presentation::{Label, Presentation};
use crate::responses::Responses;
use crate::share::Share;
use crate::sweep::Sweep;

/// The metrics of one type of attack, which the standard calls "PAI species".
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttackType {
    /// `print`, `replay` and so on, as labelled, or [`UNNAMED`](crate::UNNAMED).
    pub attack_type: String,
    /// Number of these attacks by outcome.
    pub responses: Responses,
    /// Accepted attacks, of those scored.
    pub apcer: Share,
    /// Attacks that were not assessed, of all.
    pub apnrr: Share,
    /// Accepted attacks, of all.
    pub accepted: Share,
    /// Area under the ROC curve of these attacks against all bona fide presentations, 0 to 1.
    pub auc: Option<f64>,
    /// Equal error rate of these attacks against all bona fide presentations, 0 to 1.
    pub eer: Option<f64>,
}

impl AttackType {
    /// Measures each type that occurs; sorted by name.
    pub(crate) fn all(presentations: &[Presentation], threshold: f64) -> Vec<Self> {
        let mut types: BTreeMap<&str, Vec<&Presentation>> = BTreeMap::new();
        for attack in presentations.iter().filter(|each| each.label == Label::Spoof) {
            types.entry(attack.type_name()).or_default().push(attack);
        }
        let live: Vec<&Presentation> =
            presentations.iter().filter(|each| each.label == Label::Live).collect();
        let of = |(name, attacks): (&str, Vec<&Presentation>)| {
            let responses = Responses::of(attacks.iter().copied());
            let accepted =
                attacks.iter().filter(|attack| attack.accepted(threshold)).count() as u64;
            let both = attacks.into_iter().chain(live.iter().copied());
            let sweep = Sweep::of(both.filter_map(Presentation::scored));
            Self {
                attack_type: name.to_owned(),
                responses,
                apcer: Share::of(accepted, responses.scored),
                apnrr: responses.non_response_rate(),
                accepted: Share::of(accepted, responses.presented),
                auc: Auc::of(&sweep).map(|auc| auc.auc),
                eer: equal_error_rate(&sweep),
            }
        };
        types.into_iter().map(of).collect()
    }
}
