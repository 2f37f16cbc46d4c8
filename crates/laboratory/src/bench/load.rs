//! One point of a sweep: callers that send their next request as soon as they have a response.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::host::{Process, machine_cpu};
use super::stages::Stages;

/// A request that was answered with 200.
#[derive(Debug, Clone)]
pub(super) struct Served {
    /// From the request, queueing included, to the end of the response.
    pub latency: Duration,
    pub stages: Stages,
}

/// A successful request, or the error: a status and a code, or a code alone.
pub(super) type Outcome = Result<Served, String>;

/// The longest warm-up, which is not measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// The longest wait for the least number of requests, beyond the planned time.
const PATIENCE: Duration = Duration::from_mins(1);

/// A measured point.
#[derive(Debug)]
pub(super) struct Measured {
    /// The requests that succeeded in the time.
    pub served: Vec<Served>,
    /// The errors, each with its count, those of the warm-up included.
    pub errors: BTreeMap<String, usize>,
    /// Duration of the measurement.
    pub elapsed: Duration,
    /// CPU time of the server's process.
    pub cpu: Option<Duration>,
    /// CPU time of this process, where the server is another.
    pub client_cpu: Option<Duration>,
    /// CPU time of the whole machine.
    pub machine_cpu: Option<Duration>,
    /// Peak memory of the server's process.
    pub peak_memory_bytes: Option<u64>,
}

/// Interval at which the clock is read.
const TICK: Duration = Duration::from_millis(20);
/// Pause of a caller after an error, so that a broken server is not flooded.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Runs every caller on a thread of its own until the time is over. `watch` gets the share of the
/// point that is done, and ends it by an error.
///
/// The warm-up takes longer, if need be, until each of `concurrency` requests has had a response,
/// and `time` until as many are answered.
pub(super) fn measure<C>(
    callers: Vec<C>,
    time: Duration,
    concurrency: usize,
    service: &Process,
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
            .map(|caller| scope.spawn(|| repeat_until(caller, &is_over, &answered)))
            .collect();
        let warm_up = WARM_UP.min(time);
        let whole = warm_up + time;
        let begun = Instant::now();
        let mut wait = |time: Duration| -> anyhow::Result<()> {
            let (from, answered_before) = (Instant::now(), answered.load(Ordering::Relaxed));
            let enough = || answered.load(Ordering::Relaxed) - answered_before >= concurrency;
            while from.elapsed() < time || (!enough() && from.elapsed() < time + PATIENCE) {
                watch((begun.elapsed().as_secs_f64() / whole.as_secs_f64()).min(1.0))?;
                thread::sleep(TICK.min(time));
            }
            Ok(())
        };
        let own = Process::own();
        let mut measured = || -> anyhow::Result<_> {
            wait(warm_up)?;
            service.forget_peak();
            let client_cpu = || if service.is_own() { None } else { own.cpu() };
            let used = || [service.cpu(), client_cpu(), machine_cpu()];
            let (from, at_start) = (Instant::now(), used());
            wait(time)?;
            let (to, at_end) = (Instant::now(), used());
            let used: [_; 3] =
                std::array::from_fn(|i| Some(at_end[i]?.saturating_sub(at_start[i]?)));
            Ok((from, to, used, service.peak_memory_bytes()))
        };
        let measured = measured();
        is_over.store(true, Ordering::Relaxed);
        let outcomes: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        let (from, to, [cpu, client_cpu, machine_cpu], peak_memory_bytes) = measured?;
        let (mut served, mut errors) = (Vec::new(), BTreeMap::new());
        for outcome in outcomes {
            for (at, outcome) in outcome.ok().context("a thread panicked over a request")? {
                match outcome {
                    Ok(request) if (from..=to).contains(&at) => served.push(request),
                    Ok(_) => {}
                    Err(error) => *errors.entry(error).or_default() += 1,
                }
            }
        }
        let elapsed = to - from;
        Ok(Measured { served, errors, elapsed, cpu, client_cpu, machine_cpu, peak_memory_bytes })
    })
}

/// The outcome of each request, with the time of its end.
fn repeat_until(
    mut caller: impl FnMut() -> Outcome,
    is_over: &AtomicBool,
    answered: &AtomicUsize,
) -> Vec<(Instant, Outcome)> {
    let mut outcomes = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let outcome = caller();
        let has_failed = outcome.is_err();
        outcomes.push((Instant::now(), outcome));
        answered.fetch_add(1, Ordering::Relaxed);
        if has_failed {
            thread::sleep(PAUSE_AFTER_ERROR);
        }
    }
    outcomes
}
