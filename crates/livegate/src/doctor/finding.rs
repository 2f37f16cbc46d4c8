//! What was looked at, and what came of it.

use std::fmt;

use serde::{Serialize, Serializer};

/// How it stands with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    /// The service starts, and may not do what is expected of it.
    Warning,
    /// The service does not start, or cannot be used.
    Problem,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    says: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// All that was looked at, in order.
#[derive(Debug, Default)]
pub(super) struct Findings {
    all: Vec<Finding>,
    /// What would serve, where it can.
    pub version: Option<ingress::Version>,
}

impl Findings {
    pub(super) fn ok(&mut self, check: &'static str, says: impl Into<String>) {
        self.all.push(Finding { check, status: Status::Ok, says: says.into(), advice: None });
    }

    pub(super) fn warning(
        &mut self,
        check: &'static str,
        says: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(check, Status::Warning, says.into(), advice.into());
    }

    pub(super) fn problem(
        &mut self,
        check: &'static str,
        says: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add(check, Status::Problem, says.into(), advice.into());
    }

    fn add(&mut self, check: &'static str, status: Status, says: String, advice: String) {
        self.all.push(Finding { check, status, says, advice: Some(advice) });
    }

    /// How it stands with all of it together.
    pub(super) fn worst(&self) -> Status {
        self.all.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok)
    }
}

impl Serialize for Findings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Report<'a> {
            status: Status,
            checks: &'a [Finding],
            #[serde(skip_serializing_if = "Option::is_none")]
            version: Option<&'a ingress::Version>,
        }
        let Self { all, version } = self;
        Report { status: self.worst(), checks: all, version: version.as_ref() }
            .serialize(serializer)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { check, status, says, advice } in &self.all {
            let status = match status {
                Status::Ok => "ok",
                Status::Warning => "warning",
                Status::Problem => "problem",
            };
            writeln!(f, "{status:<8} {check:<14} {says}")?;
            if let Some(advice) = advice {
                writeln!(f, "{:<8} {:<14} -> {advice}", "", "")?;
            }
        }
        let count = |status| self.all.iter().filter(|finding| finding.status == status).count();
        let (problems, warnings) = (count(Status::Problem), count(Status::Warning));
        write!(f, "problems: {problems}, warnings: {warnings}")
    }
}
