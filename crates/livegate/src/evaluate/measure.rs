//! One picture through the pipeline that serves.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use evaluation::Outcome;
use ingress::Problem;
use liveness::{CheckError, Digest, LoadError, Pipeline, Report, Severity, Terms};
use serde::{Deserialize, Serialize};

use super::inputs::Picture;
use super::robustness::Alteration;
use crate::engine::Engine;
use crate::verify::{self, Unverified};

/// What came of one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The live probability that each model gave, by its id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, f64>,
    /// The file's, if it is a picture as it came: the same one may be there under two names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Files that cannot be read, or faults of ours, may be gone the next time.
const PASSING: [&str; 2] = [verify::UNREADABLE_FILE, INTERNAL];
const INTERNAL: &str = "internal";

impl Measured {
    fn of(report: &Report) -> Self {
        let outcome = if let (Some(score), Some(fused)) = (report.score, report.fused) {
            Outcome::Scored { score: score.get(), fused: fused.get() }
        } else {
            let rejects = report.reasons.iter().filter(|r| r.severity == Severity::Reject);
            let reasons = rejects.map(|reason| reason.code.as_str().to_owned()).collect();
            Outcome::NotAssessed { reasons }
        };
        let models = report.models.iter().map(|model| (model.id.to_string(), model.live.get()));
        Self { outcome, models: models.collect(), sha256: None }
    }

    fn internal(message: String) -> Self {
        Unverified { code: INTERNAL, message }.into()
    }

    /// Whether the same picture will be answered so again.
    pub(super) fn is_lasting(&self) -> bool {
        !matches!(&self.outcome, Outcome::Failed { code, .. } if PASSING.contains(&code.as_str()))
    }
}

impl From<Unverified> for Measured {
    fn from(Unverified { code, message }: Unverified) -> Self {
        let outcome = Outcome::Failed { code: code.to_owned(), message };
        Self { outcome, models: BTreeMap::new(), sha256: None }
    }
}

/// What measures: one a thread.
pub(super) struct Gauge<'a> {
    engine: &'a Engine,
    pipeline: Pipeline,
    limits: Limits,
}

/// The limits of the service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub terms: Terms,
    pub max_bytes: usize,
    pub frame: frame::Limits,
}

impl<'a> Gauge<'a> {
    pub(super) fn new(engine: &'a Engine, limits: Limits) -> Result<Self, LoadError> {
        Ok(Self { engine, pipeline: engine.pipeline()?, limits })
    }

    /// Measures `picture` as it is (`None`) and as altered, handing on each as it comes.
    ///
    /// # Errors
    /// When the pipeline panicked and cannot be loaded again.
    pub(super) fn measure(
        &mut self,
        picture: &Picture,
        alterations: &[Option<Alteration>],
        mut each: impl FnMut(Option<Alteration>, Measured),
    ) -> Result<(), LoadError> {
        let bytes = match verify::read(&picture.path, self.limits.max_bytes) {
            Ok(bytes) => bytes,
            Err(why) => {
                let failed = Measured::from(why);
                for &alteration in alterations {
                    each(alteration, failed.clone());
                }
                return Ok(());
            }
        };
        let mut frame = None;
        for &alteration in alterations {
            let measured = match alteration {
                None => {
                    let sha256 = Some(Digest::of(&bytes).to_string());
                    Measured { sha256, ..self.check(&bytes)? }
                }
                Some(alteration) => {
                    let decoded =
                        frame.get_or_insert_with(|| frame::decode(&bytes, &self.limits.frame));
                    match decoded {
                        Ok(frame) => match alteration.apply(frame) {
                            Ok(altered) => self.check(&altered)?,
                            Err(error) => Measured::internal(format!("{error:#}")),
                        },
                        // It is said of the unaltered picture, too.
                        Err(_) => self.check(&bytes)?,
                    }
                }
            };
            each(alteration, measured);
        }
        Ok(())
    }

    fn check(&mut self, bytes: &[u8]) -> Result<Measured, LoadError> {
        let terms = &self.limits.terms;
        match catch_unwind(AssertUnwindSafe(|| self.pipeline.check(bytes, terms))) {
            Ok(Ok(report)) => Ok(Measured::of(&report)),
            Ok(Err(error @ (CheckError::Detect(_) | CheckError::Score(_)))) => {
                Ok(Measured::internal(format!("{:#}", anyhow::Error::new(error))))
            }
            Ok(Err(error)) => {
                let problem = Problem::from(error);
                Ok(Unverified { code: problem.code(), message: problem.story() }.into())
            }
            Err(_) => {
                // As the service does: nothing half-changed is seen again.
                self.pipeline = self.engine.pipeline()?;
                Ok(Measured::internal("the pipeline panicked over this picture".to_owned()))
            }
        }
    }
}
