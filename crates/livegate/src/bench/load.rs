//! One point of a sweep: callers that ask again as soon as they are answered, for a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::host::{Process, machine_cpu};
use super::stages::Stages;

/// One request that was answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// From asking, waiting in line included, to the end of the answer.
    pub latency: Duration,
    /// What the time went into, as far as it is told.
    pub stages: Stages,
}

/// An answer, or what went wrong: a status and a code, or a code alone.
pub(super) type Outcome = Result<Answer, String>;

/// How long a point is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    /// Left out at the beginning.
    pub warm_up: Duration,
    /// Measured.
    pub measured: Duration,
    /// So many requests are waited for, even if it takes longer: in the warm-up, so that everyone has been
    /// answered once, and in what is measured.
    pub least_requests: usize,
}

impl Length {
    /// How much longer than asked for anything is waited for.
    const PATIENCE: Duration = Duration::from_mins(1);
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Measured {
    /// Those that were answered in the time.
    pub answers: Vec<Answer>,
    /// What went wrong, and how often, in the warm-up too.
    pub errors: BTreeMap<String, usize>,
    /// How long it was.
    pub elapsed: Duration,
    /// What the server's process worked meanwhile.
    pub cpu: Option<Duration>,
    /// What this process worked meanwhile.
    pub own_cpu: Option<Duration>,
    /// What the machine worked meanwhile, for anyone.
    pub machine_cpu: Option<Duration>,
    /// The most memory that the server's process had.
    pub peak_memory_bytes: Option<u64>,
}

/// How often the time is looked at.
const TICK: Duration = Duration::from_millis(20);
/// Whoever got an error waits so long: a broken server is not to be stormed.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Has every one of `callers` ask, each on a thread of its own, until the time is over. `watch` is told how much
/// of the point is done, and ends it by an error.
pub(super) fn measure<C>(
    callers: Vec<C>,
    length: Length,
    server: &Process,
    watch: &mut dyn FnMut(f64) -> anyhow::Result<()>,
) -> anyhow::Result<Measured>
where
    C: FnMut() -> Outcome + Send,
{
    let is_over = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        let threads: Vec<_> = callers
            .into_iter()
            .map(|caller| scope.spawn(|| ask_until(caller, &is_over, &answered)))
            .collect();
        let whole = length.warm_up + length.measured;
        let begun = Instant::now();
        let mut wait = |time: Duration| -> anyhow::Result<()> {
            let (from, before) = (Instant::now(), answered.load(Ordering::Relaxed));
            let enough = || answered.load(Ordering::Relaxed) - before >= length.least_requests;
            while from.elapsed() < time || (!enough() && from.elapsed() < time + Length::PATIENCE) {
                watch((begun.elapsed().as_secs_f64() / whole.as_secs_f64()).min(1.0))?;
                thread::sleep(TICK.min(time));
            }
            Ok(())
        };
        let own = Process::own();
        let mut measured = || -> anyhow::Result<_> {
            wait(length.warm_up)?;
            server.forget_peak();
            let used = || [server.cpu(), own.cpu(), machine_cpu()];
            let (from, before) = (Instant::now(), used());
            wait(length.measured)?;
            let to = Instant::now();
            let after = used();
            let used: [_; 3] = std::array::from_fn(|i| Some(after[i]?.saturating_sub(before[i]?)));
            Ok((from, to, used, server.peak_memory_bytes()))
        };
        let measured = measured();
        is_over.store(true, Ordering::Relaxed);
        let outcomes: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        let (from, to, [cpu, own_cpu, machine_cpu], peak_memory_bytes) = measured?;
        let (mut answers, mut errors) = (Vec::new(), BTreeMap::new());
        for outcome in outcomes {
            for (at, outcome) in outcome.ok().context("a thread panicked over a request")? {
                match outcome {
                    Ok(answer) if (from..=to).contains(&at) => answers.push(answer),
                    Ok(_) => {}
                    Err(what) => *errors.entry(what).or_default() += 1,
                }
            }
        }
        let elapsed = to - from;
        Ok(Measured { answers, errors, elapsed, cpu, own_cpu, machine_cpu, peak_memory_bytes })
    })
}

/// What came of each request, and when.
fn ask_until(
    mut ask: impl FnMut() -> Outcome,
    is_over: &AtomicBool,
    answered: &AtomicUsize,
) -> Vec<(Instant, Outcome)> {
    let mut outcomes = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let outcome = ask();
        let has_failed = outcome.is_err();
        outcomes.push((Instant::now(), outcome));
        answered.fetch_add(1, Ordering::Relaxed);
        if has_failed {
            thread::sleep(PAUSE_AFTER_ERROR);
        }
    }
    outcomes
}
