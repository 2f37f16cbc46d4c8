//! The end of async: a queue, and behind it threads that each own one pipeline.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use crossbeam_channel::bounded;
use liveness::{COSTLY_BYTES, Check, CheckError, GpuFault, Report, Terms, chain};
use tokio::sync::oneshot;
use tracing::{Span, info_span};

use crate::admission::Place;
use crate::queue::{Next, Queue};
use crate::vitals::{Activity, Board, Vitals};

/// Threads that check selfies.
#[derive(Debug)]
pub struct Workers {
    queue: Arc<Queue<Job>>,
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
    /// The request lost its place to another app's before a worker took the selfie.
    #[error("the place was given to another app")]
    Displaced,
    /// The deadline passed, or the caller left.
    #[error("the deadline has passed")]
    TooLate,
    /// The check took as much CPU time as one picture may.
    #[error("the check took {budget_ms} ms of CPU time")]
    TooCostly {
        /// The limit, milliseconds.
        budget_ms: u64,
    },
    /// The check takes more memory than can be reserved for one picture.
    #[error("the check takes {needed_bytes} bytes of memory")]
    TooLarge {
        /// Memory beside a worker's own, bytes.
        needed_bytes: usize,
        /// The limit, bytes.
        limit_bytes: usize,
    },
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

/// The pause before a worker retries to load its pipeline.
const REBUILD_PAUSE: Duration = Duration::from_secs(1);

/// A selfie's report.
#[derive(Debug)]
pub(crate) struct Checked {
    pub report: Report,
    /// Time between entering the queue and leaving it.
    pub queued: Duration,
}

#[derive(Debug)]
struct Job {
    selfie: Bytes,
    /// The request's place, held until the worker is done too.
    place: Arc<Place>,
    /// Memory that the decoder needs beside a worker's own, bytes; known once a worker has looked.
    memory_bytes: usize,
    since: Instant,
    terms: Terms,
    reply: oneshot::Sender<Result<Checked, WorkerError>>,
    /// The request's span, parent of the pipeline's steps.
    span: Span,
    /// Open until a worker takes the job.
    waiting: Span,
}

impl Workers {
    /// Starts `count` threads, and waits until all are ready. Each thread loads its own pipeline
    /// with `load`, and a new one after a panic. A picture gets `budget` of CPU time at most.
    ///
    /// # Errors
    /// If a thread cannot be started, or cannot load its pipeline.
    pub fn start<C, E, L>(count: usize, budget: Duration, load: L) -> Result<Self, StartError<E>>
    where
        C: Check + 'static,
        E: std::error::Error + Send + 'static,
        L: Fn() -> Result<C, E> + Send + Sync + 'static,
    {
        let queue = Arc::new(Queue::new(count));
        let (ready, readiness) = bounded(count);
        let load = Arc::new(load);
        let boards: Vec<Arc<Board>> = (0..count).map(|_| Arc::default()).collect();
        for (i, board) in boards.iter().enumerate() {
            let (queue, load, ready) = (Arc::clone(&queue), Arc::clone(&load), ready.clone());
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
                            Worker { check, load: &*load, board: &board, budget }.work(&queue);
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

    /// The number of queued selfies.
    pub(crate) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// The number of panics of all workers.
    pub(crate) fn panics(&self) -> u64 {
        self.boards.iter().map(|board| board.vitals().panics).sum()
    }

    /// Has a worker check `selfie` when its app's turn comes. If this future is dropped, the job
    /// leaves the queue, or its worker ends the check.
    pub(crate) async fn check(
        &self,
        selfie: Bytes,
        terms: Terms,
        place: &Arc<Place>,
    ) -> Result<Checked, WorkerError> {
        let (reply, outcome) = oneshot::channel();
        let job = Job {
            selfie,
            place: Arc::clone(place),
            memory_bytes: 0,
            since: Instant::now(),
            terms,
            reply,
            span: Span::current(),
            waiting: info_span!("queue"),
        };
        let number = self.queue.push(&place.app_id, job);
        let _waiting = Waiting { queue: &self.queue, app_id: &place.app_id, number };
        outcome.await.unwrap_or_else(|_| {
            let is_late = Instant::now() >= place.deadline;
            Err(if is_late { WorkerError::TooLate } else { WorkerError::Gone })
        })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Takes a job out of the queue when its request ends.
struct Waiting<'a> {
    queue: &'a Queue<Job>,
    app_id: &'a str,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // `None` where a worker has it.
        drop(self.queue.remove(self.app_id, self.number));
    }
}

/// Marks a worker as gone however its thread ends.
struct GoneOnDrop<'a>(&'a Board);

impl Drop for GoneOnDrop<'_> {
    fn drop(&mut self) {
        self.0.turn_to(Activity::Gone);
    }
}

/// Why a check should end before it is done.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// The deadline passed, or the request ended.
    NotAwaited,
    /// The budget of CPU time is used up.
    OverBudget,
}

/// What became of a job.
enum Ran {
    /// It is over. `is_sound` is false if the pipeline must be replaced: it panicked, and may be
    /// half changed, or it failed and could not prove itself afterwards.
    Ended { is_sound: bool },
    /// Its header says that it is costly.
    IsCostly(Job),
}

impl Job {
    /// Ends the job: frees all that it has of the request but the channel for its reply.
    fn leave(self) -> oneshot::Sender<Result<Checked, WorkerError>> {
        self.place.give_bytes(self.memory_bytes);
        self.place.set_in_work(false);
        self.reply
    }
}

/// The CPU time that this thread has used.
#[cfg(target_os = "linux")]
fn cpu_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Time that passed, where the system does not tell a thread's CPU time.
#[cfg(not(target_os = "linux"))]
fn cpu_time() -> Duration {
    static BEGIN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGIN.elapsed()
}

/// One thread's pipeline.
struct Worker<'a, C, L> {
    check: C,
    load: &'a L,
    board: &'a Board,
    budget: Duration,
}

impl<C: Check, E: std::error::Error + 'static, L: Fn() -> Result<C, E>> Worker<'_, C, L> {
    /// Works until the queue is closed.
    fn work(mut self, queue: &Queue<Job>) {
        let has_room = |job: &Job| job.place.take_bytes(job.memory_bytes).is_ok();
        loop {
            let rest = PROVE_AFTER.saturating_sub(self.board.vitals().since_inference());
            let next = if rest.is_zero() { Next::Timeout } else { queue.next(rest, has_room) };
            self.board.turn_to(Activity::Busy);
            let is_sound = match next {
                Next::Item(turn, job) => {
                    let began = Instant::now();
                    match self.run(job, turn.is_costly) {
                        Ran::Ended { is_sound } => {
                            queue.done(&turn, began.elapsed());
                            is_sound
                        }
                        Ran::IsCostly(job) => {
                            queue.set_aside(&turn, job, began.elapsed());
                            true
                        }
                    }
                }
                Next::Timeout => self.prove(),
                Next::Closed => return,
            };
            if !is_sound {
                self.board.turn_to(Activity::Rebuilding);
                self.check = rebuilt(self.load, self.board);
                self.board.inferred();
            }
            self.board.turn_to(Activity::Idle);
        }
    }

    /// Checks one selfie, unless it turns out to be costly and was not taken as such.
    fn run(&mut self, mut job: Job, is_costly: bool) -> Ran {
        if !job.place.set_in_work(true) {
            let _ = job.reply.send(Err(WorkerError::Displaced));
            return Ran::Ended { is_sound: true };
        }
        job.waiting = Span::none();
        let queued = job.since.elapsed();
        let Job { selfie, terms, place, reply, .. } = &job;
        let (stopped, began) = (Cell::new(None), cpu_time());
        let stop = || {
            let why = if reply.is_closed() || Instant::now() >= place.deadline {
                Some(Stop::NotAwaited)
            } else {
                (cpu_time().saturating_sub(began) >= self.budget).then_some(Stop::OverBudget)
            };
            stopped.set(stopped.get().or(why));
            stopped.get().is_some()
        };
        if stop() {
            job.leave();
            return Ran::Ended { is_sound: true };
        }
        let check = &mut self.check;
        let outcome = job.span.in_scope(|| {
            catch_unwind(AssertUnwindSafe(|| {
                // An error here comes again from the check.
                match check.demand(selfie) {
                    Ok(demand) if demand.is_costly && !is_costly => Err(demand),
                    Ok(_) | Err(_) => Ok(check.check(selfie, terms, &stop)),
                }
            }))
        });
        let outcome = match outcome {
            Ok(Err(demand)) => {
                // A worker's own memory holds a picture that is not costly.
                let needed = demand.memory_bytes.saturating_sub(COSTLY_BYTES);
                let needed_bytes = usize::try_from(needed).unwrap_or(usize::MAX);
                let limit_bytes = job.place.reservable_bytes();
                if needed_bytes <= limit_bytes {
                    job.memory_bytes = needed_bytes;
                    job.place.set_in_work(false);
                    return Ran::IsCostly(job);
                }
                Err(WorkerError::TooLarge { needed_bytes, limit_bytes })
            }
            Ok(Ok(Ok(report))) => {
                if report.judgement.score().is_some() {
                    self.board.inferred();
                }
                Ok(Checked { report, queued })
            }
            Ok(Ok(Err(CheckError::Stopped))) => Err(match stopped.get() {
                Some(Stop::OverBudget) => {
                    WorkerError::TooCostly { budget_ms: self.budget.as_millis() as u64 }
                }
                Some(Stop::NotAwaited) | None => WorkerError::TooLate,
            }),
            Ok(Ok(Err(error))) => Err(WorkerError::Check(error)),
            Err(payload) => {
                self.board.panicked();
                Err(WorkerError::Panicked(panic_message(&*payload)))
            }
        };
        let panicked = matches!(outcome, Err(WorkerError::Panicked(_)));
        let failed = matches!(&outcome, Err(WorkerError::Check(error)) if error.is_ours());
        // Freed before the reply, so that nothing of the request outlives its response. The caller
        // may have gone.
        let _ = job.leave().send(outcome);
        Ran::Ended { is_sound: !panicked && (!failed || self.prove()) }
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
