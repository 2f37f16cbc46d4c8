//! All pictures through pipelines, one for each thread.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use engine::Engine;
use engine::progress::Count;
use engine::terminal::tell;

use super::inputs::Picture;
use super::journal::Journal;
use super::measure::{Gauge, Limits, Measured};
use super::robustness::Alteration;

/// The results of every picture, in the order of pictures: unaltered (`None`), and of each
/// alteration.
pub(super) type Results = Vec<HashMap<Option<Alteration>, Measured>>;

/// Measures `pictures` unaltered and under each of `alterations`. Results in the journal are
/// reused, and new ones are written to it at once.
pub(super) fn run(
    engine: &Engine,
    limits: Limits,
    pictures: &[Picture],
    alterations: &[Alteration],
    journal: &mut Journal,
    workers: NonZeroUsize,
) -> anyhow::Result<Results> {
    const PANICKED: &str = "a worker thread panicked";
    let wanted: Vec<Option<Alteration>> =
        std::iter::once(None).chain(alterations.iter().copied().map(Some)).collect();
    let known = |picture| {
        let known = |&altered| Some((altered, journal.known(picture, altered)?.clone()));
        wanted.iter().filter_map(known).collect()
    };
    let results: Results = pictures.iter().map(known).collect();
    let missing = |(picture, known): (usize, &HashMap<_, _>)| {
        let missing = wanted.iter().copied().filter(|altered| !known.contains_key(altered));
        (picture, missing.collect::<Vec<_>>())
    };
    let tasks = results.iter().enumerate().map(missing);
    let tasks: Vec<_> = tasks.filter(|(_, missing)| !missing.is_empty()).collect();
    let open: usize = tasks.iter().map(|(_, missing)| missing.len()).sum();
    let all = wanted.len() * pictures.len();
    if open < all {
        tell(&format!("{} of {all} results are there from an earlier run", all - open));
    }
    let shared = Mutex::new((journal, results, Count::new(open, "measured")));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut gauge = Gauge::new(engine, limits)?;
        while let Some((picture, missing)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            gauge.measure(&pictures[*picture], missing, |altered, measured| {
                let mut shared = shared.lock().ok().context(PANICKED)?;
                let (journal, results, progress) = &mut *shared;
                journal.keep(&pictures[*picture], altered, &measured)?;
                results[*picture].insert(altered, measured);
                progress.one_more();
                Ok(())
            })?;
        }
        anyhow::Ok(())
    };
    std::thread::scope(|scope| {
        let thread = |_| {
            scope.spawn(|| {
                // The others stop too: a pipeline that one cannot load, none can.
                work().inspect_err(|_| next.store(tasks.len(), Ordering::Relaxed))
            })
        };
        let threads: Vec<_> = (0..workers.get().min(tasks.len())).map(thread).collect();
        threads.into_iter().try_for_each(|thread| thread.join().ok().context(PANICKED)?)
    })?;
    let (_, results, _) = shared.into_inner().ok().context(PANICKED)?;
    Ok(results)
}
