//! The pipeline on threads of this process.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use anyhow::Context;
use ingress::{Problem, ReportFields};
use liveness::{Pipeline, Terms};
use serde_json::Value;

use super::load::{Answer, Outcome};
use super::stages::Stages;
use crate::engine::Engine;

/// Makes `pipelines` have `count`, each loaded on a thread of its own.
pub(super) fn grow(
    pipelines: &mut Vec<Pipeline>,
    count: usize,
    engine: &Engine,
) -> anyhow::Result<()> {
    let missing = count.saturating_sub(pipelines.len());
    std::thread::scope(|scope| {
        let loading: Vec<_> = (0..missing).map(|_| scope.spawn(|| engine.pipeline())).collect();
        for pipeline in loading {
            let pipeline = pipeline.join().ok().context("a pipeline panicked while loading")?;
            pipelines.push(pipeline.with_context(|| {
                format!("the pack `{}` does not serve", engine.pack().manifest.name)
            })?);
        }
        Ok(())
    })
}

/// What the pipeline says of a picture, as `POST /v1/liveness` would.
pub(super) fn report(
    pipeline: &mut Pipeline,
    picture: &[u8],
    terms: &Terms,
) -> anyhow::Result<Result<Value, String>> {
    Ok(match pipeline.check(picture, terms) {
        Ok(report) => Ok(serde_json::to_value(ReportFields::of(&report))?),
        Err(error) => Err(Problem::from(error).code().to_owned()),
    })
}

/// Requests that wait for a pipeline, since when; whoever comes first is checked first, as in the service.
pub(super) struct Line(Mutex<VecDeque<Instant>>);

impl Line {
    /// With `count` requests in it, each asked again as soon as it is answered.
    pub(super) fn of(count: usize) -> Self {
        Self(Mutex::new(vec![Instant::now(); count].into()))
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.0.lock().expect("nobody panics with the line in hand")
    }
}

/// What checks the first in line with `pipeline`, at every call.
pub(super) fn caller<'a>(
    pipeline: &'a mut Pipeline,
    picture: &'a [u8],
    terms: &'a Terms,
    line: &'a Line,
) -> impl FnMut() -> Outcome + Send + use<'a> {
    move || {
        // There are at least as many requests as callers.
        let asked = line.waiting().pop_front().unwrap_or_else(Instant::now);
        let queue = asked.elapsed();
        let outcome = pipeline.check(picture, terms);
        let latency = asked.elapsed();
        line.waiting().push_back(Instant::now());
        match outcome {
            Ok(report) => Ok(Answer { latency, stages: Stages::of(queue, &report.timings) }),
            Err(error) => Err(Problem::from(error).code().to_owned()),
        }
    }
}
