//! The end of async: a bounded queue, and behind it threads that each own one pipeline.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use liveness::{Check, CheckError, GpuFault, Report, Terms, chain};
use tokio::sync::oneshot;
use tracing::{Span, info_span};

use crate::vitals::{Activity, Board, Vitals};

/// Threads that check selfies.
#[derive(Debug)]
pub struct Workers {
    queue: Sender<Job>,
    boards: Vec<Arc<Board>>,
}

/// The reason why the workers did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError<E: std::error::Error + 'static> {
    /// The system did not start a thread.
    #[error("a worker thread could not be started")]
    Thread(#[source] std::io::Error),
    /// A worker could not load its pipeline.
    #[error(transparent)]
    Load(E),
    /// A worker panicked while it loaded its pipeline.
    #[error("a worker panicked while it was loading")]
    Panicked,
}

/// The reason why a selfie got no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerError {
    /// The queue is full.
    #[error("the queue is full")]
    QueueFull,
    /// The deadline passed before a worker took the selfie.
    #[error("the deadline has passed")]
    TooLate,
    /// The pipeline returned an error.
    #[error(transparent)]
    Check(CheckError),
    /// The worker panicked over the selfie. It loads a new pipeline.
    #[error("the worker panicked: {0}")]
    Panicked(String),
    /// Every worker thread has ended.
    #[error("there is no worker")]
    Gone,
}

/// A worker that has not inferred for this long proves itself on the drawn face (about 10 ms). A
/// load balancer then learns of a broken idle worker within a minute.
const PROVE_AFTER: Duration = Duration::from_secs(20);

/// Queue capacity as a multiple of the requests held. Abandoned jobs stay queued until a worker
/// pops them, and must not displace live ones.
const ABANDONED_ROOM: usize = 16;

/// The pause before a worker retries to load its pipeline.
const REBUILD_PAUSE: Duration = Duration::from_secs(1);

/// A selfie's report.
#[derive(Debug)]
pub(crate) struct Checked {
    pub report: Report,
    /// Time between entering the queue and leaving it.
    pub queued: Duration,
}

struct Job {
    /// The request owns the picture, so that an abandoned request frees it at once.
    selfie: Weak<Bytes>,
    since: Instant,
    terms: Terms,
    deadline: Instant,
    reply: oneshot::Sender<Result<Checked, WorkerError>>,
    /// The request's span, parent of the pipeline's steps.
    span: Span,
    /// Open until a worker takes the job.
    waiting: Span,
}

impl Workers {
    /// Starts `count` threads with a queue for `queue_len` requests, and waits until all are ready.
    /// Each thread loads its own pipeline with `load`, and a new one after a panic.
    ///
    /// # Errors
    /// If a thread cannot be started, or cannot load its pipeline.
    pub fn start<C, E, L>(count: usize, queue_len: usize, load: L) -> Result<Self, StartError<E>>
    where
        C: Check + 'static,
        E: std::error::Error + Send + 'static,
        L: Fn() -> Result<C, E> + Send + Sync + 'static,
    {
        let (queue, jobs) = bounded(ABANDONED_ROOM * queue_len);
        let (ready, readiness) = bounded(count);
        let load = Arc::new(load);
        let boards: Vec<Arc<Board>> = (0..count).map(|_| Arc::default()).collect();
        for (i, board) in boards.iter().enumerate() {
            let (jobs, load, ready) = (jobs.clone(), Arc::clone(&load), ready.clone());
            let board = Arc::clone(board);
            thread::Builder::new()
                .name(format!("worker-{i}"))
                .spawn(move || match load() {
                    Ok(check) => {
                        board.inferred();
                        let _gone = GoneOnDrop(&board);
                        let is_awaited = ready.send(Ok(())).is_ok();
                        drop(ready);
                        if is_awaited {
                            Worker { check, load: &*load, board: &board }.work(&jobs);
                        }
                    }
                    // `start` has returned already if another worker failed first.
                    Err(error) => drop(ready.send(Err(error))),
                })
                .map_err(StartError::Thread)?;
        }
        drop(ready);
        for _ in 0..count {
            readiness.recv().map_err(|_| StartError::Panicked)?.map_err(StartError::Load)?;
        }
        Ok(Self { queue, boards })
    }

    /// The state of each worker.
    pub(crate) fn vitals(&self) -> impl Iterator<Item = Vitals> {
        self.boards.iter().map(|board| board.vitals())
    }

    /// The number of queued selfies, abandoned ones included.
    pub(crate) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// The number of panics of all workers.
    pub(crate) fn panics(&self) -> u64 {
        self.boards.iter().map(|board| board.vitals().panics).sum()
    }

    /// Has the next free worker check `selfie`. If this future is dropped while the job is queued,
    /// workers skip it.
    pub(crate) async fn check(
        &self,
        selfie: Bytes,
        terms: Terms,
        deadline: Instant,
    ) -> Result<Checked, WorkerError> {
        let (reply, outcome) = oneshot::channel();
        let selfie = Arc::new(selfie);
        let job = Job {
            selfie: Arc::downgrade(&selfie),
            since: Instant::now(),
            terms,
            deadline,
            reply,
            span: Span::current(),
            waiting: info_span!("queue"),
        };
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => WorkerError::QueueFull,
            TrySendError::Disconnected(_) => WorkerError::Gone,
        })?;
        outcome.await.unwrap_or_else(|_| {
            let is_late = Instant::now() >= deadline;
            Err(if is_late { WorkerError::TooLate } else { WorkerError::Gone })
        })
    }
}

/// Marks a worker as gone however its thread ends.
struct GoneOnDrop<'a>(&'a Board);

impl Drop for GoneOnDrop<'_> {
    fn drop(&mut self) {
        self.0.turn_to(Activity::Gone);
    }
}

/// One thread's pipeline.
struct Worker<'a, C, L> {
    check: C,
    load: &'a L,
    board: &'a Board,
}

impl<C: Check, E: std::error::Error + 'static, L: Fn() -> Result<C, E>> Worker<'_, C, L> {
    /// Works until the queue is closed.
    fn work(mut self, jobs: &Receiver<Job>) {
        loop {
            let rest = PROVE_AFTER.saturating_sub(self.board.vitals().since_inference());
            let job = if rest.is_zero() {
                Err(RecvTimeoutError::Timeout)
            } else {
                jobs.recv_timeout(rest)
            };
            self.board.turn_to(Activity::Busy);
            let is_sound = match job {
                Ok(job) => self.run(job),
                Err(RecvTimeoutError::Timeout) => self.prove(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if !is_sound {
                self.board.turn_to(Activity::Rebuilding);
                self.check = rebuilt(self.load, self.board);
                self.board.inferred();
            }
            self.board.turn_to(Activity::Idle);
        }
    }

    /// Checks one selfie. False if the pipeline must be replaced: it panicked, and may be half
    /// changed, or it failed and could not prove itself afterwards.
    fn run(&mut self, job: Job) -> bool {
        let Job { selfie, since, terms, deadline, reply, span, waiting } = job;
        drop(waiting);
        let queued = since.elapsed();
        let Some(selfie) = selfie.upgrade().filter(|_| Instant::now() < deadline) else {
            return true;
        };
        let outcome = span.in_scope(|| {
            catch_unwind(AssertUnwindSafe(|| self.check.check(&selfie, &terms, &|| false)))
        });
        // Freed before the reply, so that nothing of the request outlives its response.
        drop((selfie, span));
        let outcome = match outcome {
            Ok(Ok(report)) => {
                if report.judgement.score().is_some() {
                    self.board.inferred();
                }
                Ok(Checked { report, queued })
            }
            Ok(Err(error)) => Err(WorkerError::Check(error)),
            Err(payload) => {
                self.board.panicked();
                Err(WorkerError::Panicked(panic_message(&*payload)))
            }
        };
        let panicked = matches!(outcome, Err(WorkerError::Panicked(_)));
        let failed = matches!(&outcome, Err(WorkerError::Check(error)) if error.is_ours());
        // The caller may have gone.
        let _ = reply.send(outcome);
        !panicked && (!failed || self.prove())
    }

    /// True if the pipeline still gives the known result for the drawn face.
    fn prove(&mut self) -> bool {
        match catch_unwind(AssertUnwindSafe(|| self.check.prove())) {
            Ok(Ok(())) => {
                self.board.inferred();
                true
            }
            Ok(Err(error)) => {
                tracing::error!(
                    error = chain(&error),
                    "a worker is rebuilt, as it does not answer as it did"
                );
                false
            }
            Err(payload) => {
                self.board.panicked();
                let error = panic_message(&*payload);
                tracing::error!(error, "a worker is rebuilt, as it panicked");
                false
            }
        }
    }
}

/// A new pipeline, after as many tries as it takes. The other workers go on meanwhile. If the GPU
/// is lost to this process, the board says so, and `/livez` asks for a new process.
fn rebuilt<C, E: std::error::Error + 'static>(load: impl Fn() -> Result<C, E>, board: &Board) -> C {
    loop {
        match catch_unwind(AssertUnwindSafe(&load)) {
            Ok(Ok(check)) => return check,
            Ok(Err(error)) => {
                tracing::error!(error = chain(&error), "a worker could not be rebuilt");
                let is_lost = GpuFault::of(&error).is_some_and(GpuFault::is_for_good);
                if is_lost && board.vitals().activity != Activity::Lost {
                    board.turn_to(Activity::Lost);
                }
            }
            Err(payload) => {
                let error = panic_message(&*payload);
                tracing::error!(error, "a worker panicked while being rebuilt");
            }
        }
        thread::sleep(REBUILD_PAUSE);
    }
}

/// The message of a panic.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_whose_gpu_is_lost_says_so_and_tries_on() {
        let (board, tries) = (Board::default(), std::cell::Cell::new(0));
        board.turn_to(Activity::Rebuilding);
        let load = || {
            tries.set(tries.get() + 1);
            match tries.get() {
                1 => Err(std::io::Error::other("CUDA failure 2: out of memory ; GPU=0")),
                2 => {
                    assert_eq!(board.vitals().activity, Activity::Rebuilding);
                    Err(std::io::Error::other(
                        "CUDA failure 719: unspecified launch failure ; GPU=0",
                    ))
                }
                _ => {
                    assert_eq!(board.vitals().activity, Activity::Lost);
                    Ok(())
                }
            }
        };
        rebuilt(load, &board);
        assert_eq!(tries.get(), 3);
    }
}
