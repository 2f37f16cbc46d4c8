//! All pictures through pipelines, a thread each.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use anyhow::Context;

use super::inputs::Picture;
use super::journal::Journal;
use super::measure::{Gauge, Limits, Measured};
use super::robustness::Alteration;
use crate::engine::Engine;
use crate::progress::Count;
use crate::tell;

/// What came of every picture, in their order: as it is first, then in the order of alterations.
pub(super) type Results = Vec<Vec<Measured>>;

/// A picture, and what is not known of it yet.
struct Task<'a> {
    index: usize,
    picture: &'a Picture,
    missing: Vec<Option<Alteration>>,
}

/// One result.
struct Done {
    index: usize,
    alteration: Option<Alteration>,
    measured: Measured,
}

/// Results that wait for the journal; each is small.
const WAITING_RESULTS: usize = 64;

/// Measures `pictures` as they are and under each of `alterations`. What the journal knows is taken from
/// there, what is new is kept in it at once.
pub(super) fn run(
    engine: &Engine,
    limits: Limits,
    pictures: &[Picture],
    alterations: &[Alteration],
    journal: &mut Journal,
    workers: NonZeroUsize,
) -> anyhow::Result<Results> {
    let wanted: Vec<Option<Alteration>> =
        std::iter::once(None).chain(alterations.iter().copied().map(Some)).collect();
    let mut results: Vec<Vec<Option<Measured>>> = Vec::with_capacity(pictures.len());
    let mut tasks = Vec::new();
    for (index, picture) in pictures.iter().enumerate() {
        let known: Vec<_> =
            wanted.iter().map(|&altered| journal.known(picture, altered).cloned()).collect();
        let missing = wanted.iter().zip(&known).filter(|(_, known)| known.is_none());
        let missing: Vec<_> = missing.map(|(&altered, _)| altered).collect();
        if !missing.is_empty() {
            tasks.push(Task { index, picture, missing });
        }
        results.push(known);
    }
    let open: usize = tasks.iter().map(|task| task.missing.len()).sum();
    let all = wanted.len() * pictures.len();
    if open < all {
        tell(&format!("{} of {all} results are there from an earlier run", all - open));
    }
    let place = |altered| wanted.iter().position(|wanted| *wanted == altered).unwrap_or_default();
    let progress = Count::new(open, "measured");
    let next = AtomicUsize::new(0);
    let threads = workers.get().min(tasks.len());
    std::thread::scope(|scope| {
        let (send, done) = sync_channel(WAITING_RESULTS);
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                let (send, next, tasks) = (send.clone(), &next, &tasks);
                scope.spawn(move || {
                    let worked = work(engine, limits, tasks, next, &send);
                    if worked.is_err() {
                        // The others stop, too: what one cannot load, none can.
                        next.store(tasks.len(), Ordering::Relaxed);
                    }
                    worked
                })
            })
            .collect();
        drop(send);
        // When the journal fails, the receiver is dropped, and every worker stops at its next result.
        for Done { index, alteration, measured } in done {
            journal.keep(&pictures[index], alteration, &measured)?;
            results[index][place(alteration)] = Some(measured);
            progress.one_more();
        }
        for thread in threads {
            thread.join().ok().context("a worker thread panicked")??;
        }
        anyhow::Ok(())
    })?;
    progress.end();
    let all_of = |results: Vec<Option<Measured>>| results.into_iter().collect::<Option<Vec<_>>>();
    results.into_iter().map(all_of).collect::<Option<_>>().context("a result is missing")
}

fn work(
    engine: &Engine,
    limits: Limits,
    tasks: &[Task<'_>],
    next: &AtomicUsize,
    send: &SyncSender<Done>,
) -> anyhow::Result<()> {
    let pack = || format!("the pack `{}` does not serve", engine.pack().manifest.name);
    let mut gauge = Gauge::new(engine, limits).with_context(pack)?;
    let mut is_awaited = true;
    while is_awaited && let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
        let each = |alteration, measured| {
            is_awaited &= send.send(Done { index: task.index, alteration, measured }).is_ok();
        };
        gauge.measure(task.picture, &task.missing, each).with_context(pack)?;
    }
    Ok(())
}
