//! The findings of `livegate doctor`.

use std::fmt;

use serde::Serialize;

/// The severity of a finding.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::Display,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub(super) enum Status {
    #[default]
    Ok,
    /// The service starts, but may not work as expected.
    Warning,
    /// The service does not start, or no caller can use it.
    Problem,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    says: String,
    /// The remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// All findings, in the order of the checks.
#[derive(Debug, Default, Serialize)]
pub(super) struct Findings {
    /// The most severe status.
    pub status: Status,
    checks: Vec<Finding>,
    /// The versions that would serve, if the pack can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<ingress::Version>,
}

impl Findings {
    pub(super) fn ok(&mut self, check: &'static str, says: impl Into<String>) {
        self.add(Status::Ok, check, says, "");
    }

    /// Adds a finding. If all is well, the advice is left out.
    pub(super) fn add(
        &mut self,
        status: Status,
        check: &'static str,
        says: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let advice = (status > Status::Ok).then(|| advice.into());
        self.status = self.status.max(status);
        self.checks.push(Finding { check, status, says: says.into(), advice });
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { check, status, says, advice } in &self.checks {
            writeln!(f, "{status:<8} {check:<14} {says}")?;
            if let Some(advice) = advice {
                writeln!(f, "{:<8} {:<14} -> {advice}", "", "")?;
            }
        }
        let count = |status| self.checks.iter().filter(|finding| finding.status == status).count();
        let (problems, warnings) = (count(Status::Problem), count(Status::Warning));
        write!(f, "problems: {problems}, warnings: {warnings}")
    }
}
