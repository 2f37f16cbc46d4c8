//! Where async ends: a bounded queue, and behind it threads that each own one pipeline.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use liveness::{Check, CheckError, GpuFault, Report, Terms, gpu_fault};
use tokio::sync::oneshot;
use tracing::{Span, info_span};

use crate::problem::{Problem, chain};
use crate::vitals::{Activity, Board, Vitals};

/// Threads that check selfies.
#[derive(Debug)]
pub struct Workers {
    queue: Sender<Job>,
    boards: Vec<Arc<Board>>,
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

/// A worker that has not inferred for so long does so for itself: often enough that a load balancer hears of one that
/// broke in silence within a minute, seldom enough to cost nothing (some 10 ms each time).
const PROVE_AFTER: Duration = Duration::from_secs(20);

/// The queue has room for so many times the requests that are held: those that were given up stay in it until a worker
/// comes by, and must keep nobody out.
const GIVEN_UP_ROOM: usize = 16;

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
        let (queue, jobs) = bounded(GIVEN_UP_ROOM * queue_len);
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
                        let _gone = GoneAtTheEnd(&board);
                        let is_awaited = ready.send(Ok(())).is_ok();
                        drop(ready);
                        if is_awaited {
                            Worker { check, load: &*load, board: &board }.work(&jobs);
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
        Ok(Self { queue, boards })
    }

    /// How each worker is.
    pub(crate) fn vitals(&self) -> impl Iterator<Item = Vitals> {
        self.boards.iter().map(|board| board.vitals())
    }

    /// How many selfies wait for a worker, those that were given up meanwhile included.
    pub(crate) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// How often a worker panicked, all of them together.
    pub(crate) fn panics(&self) -> u64 {
        self.boards.iter().map(|board| board.panics()).sum()
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

/// Whichever way a worker's thread ends, it is seen.
struct GoneAtTheEnd<'a>(&'a Board);

impl Drop for GoneAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.turn_to(Activity::Gone);
    }
}

/// One thread's work.
struct Worker<'a, C, L> {
    check: C,
    load: &'a L,
    board: &'a Board,
}

impl<C: Check, E: std::error::Error + 'static, L: Fn() -> Result<C, E>> Worker<'_, C, L> {
    /// Works until the queue is closed.
    fn work(mut self, jobs: &Receiver<Job>) {
        loop {
            let rest = PROVE_AFTER.saturating_sub(self.board.vitals().since_inference);
            let job = if rest.is_zero() {
                Err(RecvTimeoutError::Timeout)
            } else {
                jobs.recv_timeout(rest)
            };
            self.board.turn_to(Activity::Busy);
            let is_sound = match job {
                Ok(job) => self.answer(job),
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

    /// Answers one job. Whether the pipeline is still one to go on with: one that panicked is not, or something
    /// half-changed might be seen again, and one that fails must prove that it was the picture.
    fn answer(&mut self, job: Job) -> bool {
        let Job { selfie, since, terms, deadline, answer, span, waiting } = job;
        drop(waiting);
        let queued = since.elapsed();
        let Some(selfie) = selfie.upgrade().filter(|_| Instant::now() < deadline) else {
            return true;
        };
        let outcome =
            span.in_scope(|| catch_unwind(AssertUnwindSafe(|| self.check.check(&selfie, &terms))));
        // Before anybody is told, so that nothing of the request is left when it is over.
        drop((selfie, span));
        let outcome = match outcome {
            Ok(Ok(report)) => {
                if report.score.is_some() {
                    self.board.inferred();
                }
                Ok(Checked { report, queued })
            }
            Ok(Err(error)) => Err(Fault::Check(error)),
            Err(payload) => Err(Fault::Panicked(said(&*payload))),
        };
        let panicked = matches!(outcome, Err(Fault::Panicked(_)));
        let failed = matches!(&outcome, Err(Fault::Check(error)) if error.is_ours());
        // The caller may have gone meanwhile.
        let _ = answer.send(outcome);
        if panicked {
            self.board.panicked();
        }
        !panicked && (!failed || self.prove())
    }

    /// Whether the pipeline answers what it should.
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
                tracing::error!(error = said(&*payload), "a worker is rebuilt, as it panicked");
                false
            }
        }
    }
}

/// A new pipeline, however often it takes to load one; the other workers go on meanwhile. On a GPU that is lost to
/// this process it takes a new process: the board says so, for `/livez` to tell whoever starts one.
fn rebuilt<C, E: std::error::Error + 'static>(load: impl Fn() -> Result<C, E>, board: &Board) -> C {
    loop {
        match catch_unwind(AssertUnwindSafe(&load)) {
            Ok(Ok(check)) => return check,
            Ok(Err(error)) => {
                tracing::error!(error = chain(&error), "a worker could not be rebuilt");
                let is_lost = gpu_fault(&error).is_some_and(GpuFault::is_for_good);
                if is_lost && board.vitals().activity != Activity::Lost {
                    board.turn_to(Activity::Lost);
                }
            }
            Err(payload) => {
                tracing::error!(error = said(&*payload), "a worker panicked while being rebuilt");
            }
        }
        thread::sleep(REBUILD_PAUSE);
    }
}

/// What a panic said.
pub(crate) fn said(payload: &(dyn Any + Send)) -> String {
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
