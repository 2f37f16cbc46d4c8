//! The metrics of one kind of attack.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::auc::Auc;
use crate::equal_error::equal_error_rate;
use crate::presentation::{Label, Presentation};
use crate::responses::Responses;
use crate::share::Share;
use crate::sweep::Sweep;

/// The type of attacks that have none.
pub const UNNAMED: &str = "unnamed";

/// The metrics of one kind of attack; "PAI species" in the standard.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttackType {
    /// `print`, `replay` and so on, as it was given, or [`UNNAMED`].
    pub attack_type: String,
    /// How many got an answer.
    pub responses: Responses,
    /// Of those scored, how many were taken for bona fide.
    pub apcer: Share,
    /// Of all, how many were not assessed.
    pub apnrr: Share,
    /// Of all, how many got in: not assessed and failed ones did not.
    pub accepted: Share,
    /// Area under the ROC curve of these attacks against all bona fide presentations, 0 to 1.
    pub auc: Option<f64>,
    /// Equal error rate of the same, 0 to 1.
    pub eer: Option<f64>,
}

impl AttackType {
    /// Of each type that occurs, by name.
    pub(crate) fn all(presentations: &[Presentation], threshold: f64) -> Vec<Self> {
        let mut types: BTreeMap<&str, Vec<&Presentation>> = BTreeMap::new();
        for attack in presentations.iter().filter(|each| each.label == Label::Spoof) {
            types.entry(type_of(attack)).or_default().push(attack);
        }
        let live: Vec<&Presentation> =
            presentations.iter().filter(|each| each.label == Label::Live).collect();
        let of = |(name, attacks): (&str, Vec<&Presentation>)| {
            let responses = Responses::of(attacks.iter().copied());
            let accepted =
                attacks.iter().filter(|attack| attack.accepted(threshold)).count() as u64;
            let sweep =
                Sweep::of(attacks.into_iter().chain(live.iter().copied()), Presentation::score);
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

/// The name of an attack's type.
pub(crate) fn type_of(attack: &Presentation) -> &str {
    let name = attack.attack_type.as_deref().map(str::trim);
    name.filter(|name| !name.is_empty()).unwrap_or(UNNAMED)
}
