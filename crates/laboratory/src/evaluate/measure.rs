//! One picture through the pipeline of the service.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::Engine;
use engine::picture_file::{self, Unverified};
use evaluation::Outcome;
use liveness::{Assessment, Digest, Pipeline, Report, Severity, Terms};
use serde::{Deserialize, Serialize};

use super::inputs::Picture;
use super::robustness::Alteration;

/// The result of one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Measured {
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The live probability of each model, by its id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, f64>,
    /// The file's, for an unaltered picture: two files may hold the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Codes that the next run may not give again: unreadable files, and faults of the program.
const PASSING: [&str; 2] = [picture_file::UNREADABLE_FILE, INTERNAL];
const INTERNAL: &str = "internal";

impl Measured {
    fn of(report: &Report) -> Self {
        let judgement = &report.judgement;
        let outcome = if let Some(Assessment { score, fused, .. }) = judgement.assessment {
            Outcome::Scored { score: score.get(), fused: fused.get() }
        } else {
            let rejects = judgement.reasons.iter().filter(|r| r.severity == Severity::Reject);
            let reasons = rejects.map(|reason| reason.code.as_str().to_owned()).collect();
            Outcome::NotAssessed { reasons }
        };
        let models =
            judgement.models().iter().map(|model| (model.id.to_string(), model.live.get()));
        Self { outcome, models: models.collect(), sha256: None }
    }

    fn failed(code: &str, message: String) -> Self {
        let outcome = Outcome::Failed { code: code.to_owned(), message };
        Self { outcome, models: BTreeMap::new(), sha256: None }
    }

    /// True if the same picture will have the same result in the next run.
    pub(super) fn is_lasting(&self) -> bool {
        !matches!(&self.outcome, Outcome::Failed { code, .. } if PASSING.contains(&code.as_str()))
    }
}

/// A pipeline that measures: one for each thread.
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
    pub(super) fn new(engine: &'a Engine, limits: Limits) -> anyhow::Result<Self> {
        Ok(Self { engine, pipeline: engine.serving_pipeline()?, limits })
    }

    /// Measures `picture` unaltered (`None`) or altered, and passes each result to `on_result`.
    ///
    /// # Errors
    /// When `on_result` fails, or the pipeline panicked and cannot be loaded again.
    pub(super) fn measure(
        &mut self,
        picture: &Picture,
        alterations: &[Option<Alteration>],
        mut on_result: impl FnMut(Option<Alteration>, Measured) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let bytes = match picture_file::read(&picture.path, self.limits.max_bytes) {
            Ok(bytes) => bytes,
            Err(Unverified { code, message }) => {
                let failed = Measured::failed(code, message);
                return alterations.iter().try_for_each(|it| on_result(*it, failed.clone()));
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
                    let decode = || frame::decode(&bytes, &self.limits.frame);
                    let altered = frame.get_or_insert_with(decode).as_ref();
                    match altered.map(|frame| alteration.apply(frame)) {
                        Ok(Ok(altered)) => self.check(&altered)?,
                        Ok(Err(error)) => Measured::failed(INTERNAL, format!("{error:#}")),
                        // The same fault as the unaltered picture's.
                        Err(_) => self.check(&bytes)?,
                    }
                }
            };
            on_result(alteration, measured)?;
        }
        Ok(())
    }

    fn check(&mut self, bytes: &[u8]) -> anyhow::Result<Measured> {
        let terms = &self.limits.terms;
        match catch_unwind(AssertUnwindSafe(|| self.pipeline.check(bytes, terms, &|| false))) {
            Ok(Ok(report)) => Ok(Measured::of(&report)),
            Ok(Err(error)) => Ok(match picture_file::fault_of_picture(error) {
                Ok(Unverified { code, message }) => Measured::failed(code, message),
                Err(error) => {
                    Measured::failed(INTERNAL, format!("{:#}", anyhow::Error::new(error)))
                }
            }),
            Err(_) => {
                // The panic may have left it half-changed.
                self.pipeline = self.engine.serving_pipeline()?;
                Ok(Measured::failed(INTERNAL, "the pipeline panicked over this picture".to_owned()))
            }
        }
    }
}
