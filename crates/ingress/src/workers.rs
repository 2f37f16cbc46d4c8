//! Where async ends: a bounded queue, and behind it threads that each own one pipeline.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use liveness::{Check, CheckError, Report, Terms};
use tokio::sync::oneshot;
use tracing::{Span, info_span};

use crate::problem::Problem;

/// Threads that check selfies.
#[derive(Debug)]
pub struct Workers {
    queue: Sender<Job>,
}

/// Why there are no workers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError<E: std::error::Error + 'static> {
    /// The system gives no thread.
    #[error("a worker thread could not be started")]
    Thread(#[source] std::io::Error),
    /// A worker's pipeline could not be loaded.
    #[error(transparent)]
    Load(E),
    /// A worker panicked while loading.
    #[error("a worker panicked while it was loading")]
    Panicked,
}

/// Why a worker gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// It panicked over the picture, and is being rebuilt.
    #[error("the worker panicked: {0}")]
    Panicked(String),
    /// All are gone.
    #[error("there is no worker")]
    Gone,
}

/// How long a worker that could not be rebuilt waits before it tries again.
const REBUILD_PAUSE: Duration = Duration::from_secs(1);

/// What a worker made of a selfie.
#[derive(Debug)]
pub(crate) struct Checked {
    pub report: Report,
    /// How long the selfie waited for a worker.
    pub queued: Duration,
}

struct Job {
    /// Held by the request alone: when that is given up, the picture is gone from the queue too.
    selfie: Weak<Vec<u8>>,
    since: Instant,
    terms: Terms,
    deadline: Instant,
    answer: oneshot::Sender<Result<Checked, Fault>>,
    /// The request's, in which the pipeline's steps have theirs.
    span: Span,
    /// The step that this job is, until a worker takes it.
    waiting: Span,
}

/// What a worker sends back when it has no report.
#[derive(Debug)]
enum Fault {
    Check(CheckError),
    Panicked(String),
}

impl Workers {
    /// Starts `count` threads with a queue of `queue_len`. Each loads its own pipeline with `load`, and
    /// again whenever the old one has panicked. Comes back when all of them are ready.
    ///
    /// # Errors
    /// When any of them cannot be.
    pub fn start<C, E, L>(count: usize, queue_len: usize, load: L) -> Result<Self, StartError<E>>
    where
        C: Check + 'static,
        E: std::error::Error + Send + 'static,
        L: Fn() -> Result<C, E> + Send + Sync + 'static,
    {
        let (queue, jobs) = bounded(queue_len);
        let (ready, readiness) = bounded(count);
        let load = Arc::new(load);
        for i in 0..count {
            let (jobs, load, ready) = (jobs.clone(), Arc::clone(&load), ready.clone());
            thread::Builder::new()
                .name(format!("worker-{i}"))
                .spawn(move || match load() {
                    Ok(check) => {
                        let is_awaited = ready.send(Ok(())).is_ok();
                        drop(ready);
                        if is_awaited {
                            work(check, &jobs, &*load);
                        }
                    }
                    // Nobody may be waiting any more: another one failed first.
                    Err(error) => drop(ready.send(Err(error))),
                })
                .map_err(StartError::Thread)?;
        }
        drop(ready);
        for _ in 0..count {
            readiness.recv().map_err(|_| StartError::Panicked)?.map_err(StartError::Load)?;
        }
        Ok(Self { queue })
    }

    /// Has the next free worker check `selfie`. One whose request was given up in the queue is passed
    /// over there.
    pub(crate) async fn check(
        &self,
        selfie: Vec<u8>,
        terms: Terms,
        deadline: Instant,
    ) -> Result<Checked, Problem> {
        let (answer, answered) = oneshot::channel();
        let selfie = Arc::new(selfie);
        let job = Job {
            selfie: Arc::downgrade(&selfie),
            since: Instant::now(),
            terms,
            deadline,
            answer,
            span: Span::current(),
            waiting: info_span!("queue"),
        };
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Problem::Overloaded,
            TrySendError::Disconnected(_) => Problem::Worker(WorkerError::Gone),
        })?;
        match answered.await {
            Ok(Ok(checked)) => Ok(checked),
            Ok(Err(Fault::Check(error))) => Err(Problem::Check(error)),
            Ok(Err(Fault::Panicked(said))) => Err(Problem::Worker(WorkerError::Panicked(said))),
            Err(_) if Instant::now() >= deadline => Err(Problem::DeadlineExceeded),
            Err(_) => Err(Problem::Worker(WorkerError::Gone)),
        }
    }
}

/// Works until the queue is closed.
fn work<C: Check, E: std::error::Error>(
    mut check: C,
    jobs: &Receiver<Job>,
    load: impl Fn() -> Result<C, E>,
) {
    for Job { selfie, since, terms, deadline, answer, span, waiting } in jobs {
        drop(waiting);
        let queued = since.elapsed();
        let Some(selfie) = selfie.upgrade().filter(|_| Instant::now() < deadline) else {
            continue;
        };
        // A pipeline that panicked is thrown away, so nothing half-changed is seen again.
        let outcome =
            span.in_scope(|| catch_unwind(AssertUnwindSafe(|| check.check(&selfie, &terms))));
        // Before anybody is told, so that nothing of the request is left when it is over.
        drop((selfie, span));
        let (outcome, panicked) = match outcome {
            Ok(outcome) => {
                let checked = outcome.map(|report| Checked { report, queued });
                (checked.map_err(Fault::Check), false)
            }
            Err(payload) => (Err(Fault::Panicked(said(&*payload))), true),
        };
        // The caller may have gone meanwhile.
        let _ = answer.send(outcome);
        if panicked {
            check = rebuilt(&load);
        }
    }
}

/// A new pipeline, however often it takes to load one; the other workers go on meanwhile.
fn rebuilt<C, E: std::error::Error>(load: impl Fn() -> Result<C, E>) -> C {
    loop {
        match catch_unwind(AssertUnwindSafe(&load)) {
            Ok(Ok(check)) => return check,
            Ok(Err(error)) => tracing::error!(%error, "a worker could not be rebuilt"),
            Err(payload) => {
                tracing::error!(error = said(&*payload), "a worker panicked while being rebuilt");
            }
        }
        thread::sleep(REBUILD_PAUSE);
    }
}

/// What a panic said.
fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "nothing".to_owned())
}
