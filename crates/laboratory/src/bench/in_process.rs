//! Callers of the pipeline on threads of this process.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use anyhow::Context;
use engine::Engine;
use ingress::{Problem, ReportFields};
use liveness::{Pipeline, Terms};
use serde_json::Value;

use super::load::{Outcome, Served};
use super::stages::Stages;

/// Loads pipelines, each on a thread of its own, until there are `count`.
pub(super) fn grow(
    pipelines: &mut Vec<Pipeline>,
    count: usize,
    engine: &Engine,
) -> anyhow::Result<()> {
    let missing = count.saturating_sub(pipelines.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..missing).map(|_| scope.spawn(|| engine.serving_pipeline())).collect();
        for thread in threads {
            pipelines.push(thread.join().ok().context("a pipeline panicked while loading")??);
        }
        Ok(())
    })
}

/// The report on a picture as `POST /v1/liveness` gives it, or the code of a refusal.
pub(super) fn report(
    pipeline: &mut Pipeline,
    picture: &[u8],
    terms: &Terms,
) -> anyhow::Result<Result<Value, String>> {
    Ok(match pipeline.check(picture, terms, &|| false) {
        Ok(report) => Ok(serde_json::to_value(ReportFields::of(&report))?),
        Err(error) => Err(Problem::from(error).code().to_owned()),
    })
}

/// The queue of requests, each with its time of arrival. The first is checked first, as in the
/// service.
pub(super) struct Line(Mutex<VecDeque<Instant>>);

impl Line {
    /// A queue of `count` requests.
    pub(super) fn of(count: usize) -> Self {
        Self(Mutex::new(vec![Instant::now(); count].into()))
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.0.lock().expect("no thread panics while it holds the lock")
    }
}

/// A caller that checks the first request of the queue, and queues the next.
pub(super) fn caller<'a>(
    pipeline: &'a mut Pipeline,
    picture: &'a [u8],
    terms: &'a Terms,
    line: &'a Line,
) -> impl FnMut() -> Outcome + Send + use<'a> {
    move || {
        // There are at least as many requests as callers.
        let arrived = line.waiting().pop_front().unwrap_or_else(Instant::now);
        let queue = arrived.elapsed();
        let outcome = pipeline.check(picture, terms, &|| false);
        let latency = arrived.elapsed();
        line.waiting().push_back(Instant::now());
        match outcome {
            Ok(report) => Ok(Served { latency, stages: Stages::of(queue, &report.timings) }),
            Err(error) => Err(Problem::from(error).code().to_owned()),
        }
    }
}
