//! Numbers of presentations by outcome.

use serde::Serialize;

use crate::presentation::{Outcome, Presentation};
use crate::share::Share;

/// Numbers of presentations by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Responses {
    /// All of them.
    pub presented: u64,
    /// Those with a score.
    pub scored: u64,
    /// Those read and not scored (no face, too small): the standard's non-responses.
    pub not_assessed: u64,
    /// Those with an error, or a score that is not finite. They are no non-responses: they are
    /// faults of files or of the machine.
    pub failed: u64,
}

impl Responses {
    /// Counts `presentations`.
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

    /// Presentations not assessed, of all: APNRR for attacks, BPNRR for bona fide presentations.
    #[must_use]
    pub fn non_response_rate(&self) -> Share {
        Share::of(self.not_assessed, self.presented)
    }
}
