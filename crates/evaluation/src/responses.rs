//! How many got an answer at all.

use serde::Serialize;

use crate::presentation::{Outcome, Presentation};
use crate::share::Share;

/// How many presentations there were and what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Responses {
    /// All of them.
    pub presented: u64,
    /// Those that got a score.
    pub scored: u64,
    /// Those that were looked at and not scored (no face, too small): the standard's non-responses.
    pub not_assessed: u64,
    /// Those where something broke, or the score was no finite number. Counted apart from non-responses,
    /// since they say something about the files or the machine, not about presentation attack detection.
    pub failed: u64,
}

impl Responses {
    /// Counts them.
    pub(crate) fn of<'a>(presentations: impl IntoIterator<Item = &'a Presentation>) -> Self {
        let mut responses = Self::default();
        for presentation in presentations {
            responses.presented += 1;
            match presentation.outcome {
                Outcome::NotAssessed { .. } => responses.not_assessed += 1,
                _ if presentation.score().is_some() => responses.scored += 1,
                _ => responses.failed += 1,
            }
        }
        responses
    }

    /// Of all, those not assessed: APNRR for attacks, BPNRR for bona fide presentations.
    #[must_use]
    pub fn non_response_rate(&self) -> Share {
        Share::of(self.not_assessed, self.presented)
    }
}
