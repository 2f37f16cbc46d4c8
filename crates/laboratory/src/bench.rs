//! `livegate bench`: how many requests this host answers, and how fast, in the process and over
//! loopback HTTP.
//!
//! Every point of the sweep is a closed loop: a fixed number of requests is under way at once, and
//! each is sent again as soon as it is answered.

mod bound;
mod compare;
mod figures;
mod flags;
mod host;
mod http;
mod in_process;
mod interrupt;
mod latency;
mod load;
mod nets;
mod outputs;
mod pictures;
mod plot;
mod run;
mod service;
mod shown;
mod stages;
mod sweep;

use std::collections::BTreeSet;
use std::iter::successors;
use std::num::NonZeroUsize;

use engine::config::{Config, Flag};
use engine::exit;
use engine::terminal::tell;
use engine::{Engine, Place, UsageError, core_files, install, refuse};
use liveness::Device;

pub use self::flags::Bench;
use self::flags::Mode;
use self::host::Process;
use self::interrupt::Interrupt;
use self::run::Run;
use self::sweep::{Plan, Sweep};

/// The exit code if any request failed.
const SOME_FAILED: u8 = 1;

/// Above this, the threads of the callers would be measured.
const MAX_CONCURRENCY: usize = 1024;

/// Runs the command.
///
/// # Errors
/// When a flag or a file is wrong, or the pack or the service does not work.
pub fn run(command: &Bench, place: &Place) -> anyhow::Result<u8> {
    // Files that cannot be read or written are refused before the run.
    outputs::check(command)?;
    let old = command.compare.as_ref().map(|file| anyhow::Ok((file, Run::read(file)?)));
    let old = old.transpose()?;
    let mut run = match &command.show {
        Some(file) => Run::read(file)?,
        None => measure(command, place)?,
    };
    if let Some((file, old)) = &old {
        let with = file.display().to_string();
        run.comparison = Some(compare::compare(&run.figures, &old.figures, with));
    }
    outputs::write(command, &run)?;
    let errors = run.figures.errors();
    if errors > 0 {
        tell(&format!("{errors} requests failed: these are not figures of a host that keeps up"));
        return Ok(SOME_FAILED);
    }
    Ok(exit::SUCCESS)
}

fn measure(command: &Bench, place: &Place) -> anyhow::Result<Run> {
    let own = Process::own();
    core_files::refuse();
    let home = place.home()?;
    let flag = Flag::new("workers", command.workers.as_ref());
    let config = command.engine.model.layers([flag])?.config()?;
    let device = config.device.named().unwrap_or_default();
    let default_workers = || config.batching.workers_per_core(device) * host::cores_usable();
    let workers = config.workers.map_or_else(default_workers, NonZeroUsize::get);
    let concurrency = concurrency(command, workers, config.ingress.max_in_flight)?;
    // The service needs the portrait for its demo.
    let needs_portrait =
        command.mode != Mode::InProcess || command.picture.is_empty() || !command.size.is_empty();
    install::ensure(place, &home, &config, needs_portrait, &command.engine.sources)?;
    let files = pictures::files(command, &config, &home)?;
    let engine = Engine::load(place, &home, &config)?;
    let interrupt = Interrupt::listen()?;
    if cfg!(debug_assertions) {
        tell("This is a debug build: its figures say nothing of this host");
    }
    let batches = batches(command, &config, engine.device());
    let plan = Plan {
        config: &config,
        engine: &engine,
        files: &files,
        concurrency: &concurrency,
        workers,
        seconds: command.seconds,
        interrupt: &interrupt,
    };
    let modes = if command.mode == Mode::Both { 2 } else { 1 };
    let mut sweep = Sweep::new(plan, modes * files.len() * concurrency.len() + batches.len());
    if command.mode != Mode::Http {
        sweep.in_process(&own)?;
    }
    if command.mode != Mode::InProcess {
        sweep.http(command, place, &home)?;
    }
    // Last: the memory of their largest runs is not a pipeline's.
    let nets = batches.into_iter().map(|pictures| sweep.nets(pictures));
    let nets = nets.collect::<anyhow::Result<_>>()?;
    Ok(Run::new(sweep.figures()?, nets))
}

/// The sizes of run groups that the nets alone are measured with, rising.
fn batches(command: &Bench, config: &Config, device: Device) -> BTreeSet<NonZeroUsize> {
    if command.batch.is_empty() && config.batching.is_on(device) {
        let most = config.batching.max_pictures;
        let two = NonZeroUsize::MIN.saturating_add(1);
        let doubled = successors(Some(NonZeroUsize::MIN), |number| number.checked_mul(two));
        return doubled.take_while(|number| *number < most).chain([most]).collect();
    }
    command.batch.iter().copied().collect()
}

/// The numbers of requests at once, rising: a larger point must not leave its memory to a smaller.
fn concurrency(
    command: &Bench,
    workers: usize,
    max_in_flight: usize,
) -> Result<Vec<usize>, UsageError> {
    let given: BTreeSet<usize> = command.concurrency.iter().map(|number| number.get()).collect();
    let is_http = command.mode != Mode::InProcess;
    match given.last() {
        None => {
            let most = (4 * workers).min(max_in_flight).min(MAX_CONCURRENCY);
            let doubled = successors(Some(1), |number| Some(2 * number));
            let sweep = doubled.take_while(|number| *number <= most).chain([workers.min(most)]);
            Ok(sweep.collect::<BTreeSet<_>>().into_iter().collect())
        }
        Some(most) if *most > MAX_CONCURRENCY => {
            refuse!("--concurrency {most}: it goes to {MAX_CONCURRENCY}")
        }
        Some(most) if is_http && *most > max_in_flight => refuse!(
            "--concurrency {most}: the service holds {max_in_flight} requests at a time and refuses \
             more; --set ingress.max_in_flight={most} lets it hold them"
        ),
        Some(_) => Ok(given.into_iter().collect()),
    }
}
