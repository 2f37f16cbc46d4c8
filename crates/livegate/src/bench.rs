//! `livegate bench`: what this host makes of requests, in the process and over loopback HTTP.
//!
//! Every point of the sweep is a closed loop: so many requests are under way at once, and each is asked again as
//! soon as it is answered.

mod bound;
mod compare;
mod figures;
mod host;
mod http;
mod in_process;
mod interrupt;
mod load;
mod nets;
mod outputs;
mod pictures;
mod plot;
mod service;
mod shown;
mod stages;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use liveness::{Device, Terms};
use serde::Deserialize;
use serde_json::Value;

use self::bound::Bound;
use self::figures::{Picture, Point, Position, Run, Setup};
use self::host::Process;
use self::http::Client;
use self::in_process::Line;
use self::interrupt::Interrupt;
use self::load::Length;
use self::outputs::Outputs;
use self::pictures::File;
use self::service::Service;
use crate::cli::Place;
use crate::cli::bench::{Bench, Mode};
use crate::config::{Config, Layers};
use crate::engine::Engine;
use crate::keys::Unusable;
use crate::progress::Sweep;
use crate::{core_files, evaluate, setup, tell};

/// Some requests failed.
const SOME_FAILED: u8 = 1;

const IN_PROCESS: &str = "in-process";
const HTTP: &str = "http";

/// Left out at the beginning of each point, if it is measured for as long.
const WARM_UP: Duration = Duration::from_secs(1);
/// More at once would measure the threads that ask.
const MAX_CONCURRENCY: usize = 1024;
/// How much longer than the service's own deadline an answer is waited for.
const ANSWER_MARGIN: Duration = Duration::from_secs(30);

pub(crate) fn run(command: &Bench, place: &Place) -> anyhow::Result<ExitCode> {
    // Whatever cannot be used in the end is refused at the beginning.
    let outputs = Outputs::check(command)?;
    let old = match &command.compare {
        Some(file) => Some((file, Run::read(file)?)),
        None => None,
    };
    let mut run = match &command.show {
        Some(file) => Run::read(file)?,
        None => measure(command, place)?,
    };
    if let Some((file, old)) = old {
        run.comparison = Some(compare::compare(&run, &old, file.display().to_string()));
    }
    outputs.write(&run)?;
    let errors = run.errors();
    if errors > 0 {
        tell(&format!("{errors} requests failed: these are not figures of a host that keeps up"));
    }
    Ok(if errors > 0 { SOME_FAILED.into() } else { ExitCode::SUCCESS })
}

/// What is the same at every point.
struct Plan<'a> {
    command: &'a Bench,
    config: &'a Config,
    engine: &'a Engine,
    files: &'a [File],
    /// Rising, so that what a point needs is not there before.
    concurrency: &'a [usize],
    workers: usize,
    terms: Terms,
    interrupt: &'a Interrupt,
    own: &'a Process,
}

fn measure(command: &Bench, place: &Place) -> anyhow::Result<Run> {
    let own = &Process::own();
    core_files::refuse();
    let home = setup::home(place)?;
    let config = Layers::load(&command.engine.settings, &command.flags())?.config()?;
    let device = config.device.named().unwrap_or_default();
    let unasked = || config.batching.workers_per_core(device) * host::cores_usable();
    let workers = config.workers.map_or_else(unasked, NonZeroUsize::get);
    let concurrency = concurrency(command, workers, config.ingress.max_in_flight)?;
    // The service wants its demo's portrait.
    let sample =
        command.mode != Mode::InProcess || command.picture.is_empty() || !command.size.is_empty();
    let sources = &command.engine.sources;
    setup::ensure(&home, place, config.device, config.pack.as_deref(), sample, sources)?;
    let files = pictures::files(command, &config, &home)?;
    let engine = Engine::load(place, &home, &config)?;
    let interrupt = Interrupt::listen()?;
    let terms = Terms {
        bar: config.ingress.bar(),
        min_picture_side_px: config.ingress.min_picture_side_px,
        exact: false,
        every_face: false,
    };
    let (files, concurrency) = (&*files, &*concurrency);
    let (config, engine, interrupt) = (&config, &engine, &interrupt);
    let plan = Plan { command, config, engine, files, concurrency, workers, terms, interrupt, own };
    if cfg!(debug_assertions) {
        tell("This is a debug build: its figures say nothing of this host");
    }
    let modes = if command.mode == Mode::Both { 2 } else { 1 };
    let batches = batches(command, config, engine.device());
    let mut progress = Sweep::new(modes * files.len() * concurrency.len() + batches.len());
    let (mut told, mut points) = (Vec::new(), Vec::new());
    if command.mode != Mode::Http {
        measure_in_process(&plan, &mut progress, &mut told, &mut points)?;
    }
    if command.mode != Mode::InProcess {
        let pack = &*engine.pack().manifest.name;
        let (mut service, process) =
            Service::start(command, place, &home, config, (pack, workers), interrupt)?;
        let watched = (&mut service, &process);
        measure_http(&plan, watched, &mut progress, &mut told, &mut points)?;
        service.stop()?;
    }
    // Last: what they needed for the largest runs is not a pipeline's memory.
    let mut alone = Vec::new();
    for &pictures in &batches {
        progress.begin(&format!("nets alone, {pictures} in a run"));
        let mut watch = |share| {
            progress.at(share);
            interrupt.check()
        };
        let nets = nets::measure(engine, &config.batching, pictures, command.seconds, &mut watch)?;
        progress.measured(&shown::nets(&nets));
        alone.push(nets);
    }
    drop(progress);
    let device = told.first().map(|told: &Told| told.device.clone()).unwrap_or_default();
    let pictures = files.iter().zip(told).map(|(file, told)| told.picture_of(file)).collect();
    let mut run = Run::new(setup_of(&plan, device)?, pictures, points);
    run.bound = Bound::of(&run.points, &alone, host::cores_usable());
    run.nets = alone;
    Ok(run)
}

/// The numbers of pictures in a run that the nets alone are measured with, rising.
fn batches(command: &Bench, config: &Config, device: Device) -> Vec<NonZeroUsize> {
    let mut batches = command.batch.clone();
    if batches.is_empty() && config.batching.is_on(device) {
        let most = config.batching.max_pictures;
        let doubled = std::iter::successors(Some(NonZeroUsize::MIN), |number| {
            number.checked_mul(NonZeroUsize::MIN.saturating_add(1))
        });
        batches = doubled.take_while(|number| *number < most).chain([most]).collect();
    }
    batches.sort_unstable();
    batches.dedup();
    batches
}

/// The numbers of the sweep, rising.
fn concurrency(
    command: &Bench,
    workers: usize,
    max_in_flight: usize,
) -> Result<Vec<usize>, Unusable> {
    let asked: BTreeSet<usize> = command.concurrency.iter().map(|number| number.get()).collect();
    let is_http = command.mode != Mode::InProcess;
    match asked.last() {
        None => {
            let most = (4 * workers).min(max_in_flight).min(MAX_CONCURRENCY);
            let doubled = std::iter::successors(Some(1), |number| Some(2 * number));
            let sweep = doubled.take_while(|number| *number <= most);
            Ok(sweep.chain([workers.min(most)]).collect::<BTreeSet<_>>().into_iter().collect())
        }
        Some(most) if *most > MAX_CONCURRENCY => {
            Err(Unusable(format!("--concurrency {most}: it goes to {MAX_CONCURRENCY}")))
        }
        Some(most) if is_http && *most > max_in_flight => Err(Unusable(format!(
            "--concurrency {most}: the service holds {max_in_flight} requests at a time and refuses \
             more; --set ingress.max_in_flight={most} lets it hold them"
        ))),
        Some(_) => Ok(asked.into_iter().collect()),
    }
}

impl Plan<'_> {
    /// Every point of one mode, in the order in which they are measured.
    fn points(&self) -> impl Iterator<Item = (usize, &File)> {
        // One picture after the other: buffers that a larger one has made grow are not a smaller one's memory.
        self.files
            .iter()
            .flat_map(|file| self.concurrency.iter().map(move |&number| (number, file)))
    }

    fn length(&self, concurrency: usize) -> Length {
        let measured = self.command.seconds;
        Length { warm_up: WARM_UP.min(measured), measured, least_requests: concurrency }
    }
}

fn position(mode: &str, concurrency: usize, file: &File) -> Position {
    Position { mode: mode.to_owned(), picture: file.name.clone(), concurrency }
}

fn measure_in_process(
    plan: &Plan<'_>,
    progress: &mut Sweep,
    told: &mut Vec<Told>,
    points: &mut Vec<Point>,
) -> anyhow::Result<()> {
    let mut pipelines = Vec::new();
    in_process::grow(&mut pipelines, 1, plan.engine)?;
    for file in plan.files {
        let report = in_process::report(&mut pipelines[0], &file.bytes, &plan.terms)?;
        told.push(Told::of(file, report)?);
    }
    for (concurrency, file) in plan.points() {
        let position = position(IN_PROCESS, concurrency, file);
        progress.begin(&shown::position(&position));
        in_process::grow(&mut pipelines, concurrency.min(plan.workers), plan.engine)?;
        let line = Line::of(concurrency);
        let callers = pipelines.iter_mut().take(concurrency);
        let callers =
            callers.map(|pipeline| in_process::caller(pipeline, &file.bytes, &plan.terms, &line));
        let mut watch = |share| {
            progress.at(share);
            plan.interrupt.check()
        };
        let length = plan.length(concurrency);
        let measured = load::measure(callers.collect(), length, plan.own, &mut watch)?;
        let point = Point::of(position, &measured, host::cores_usable(), false);
        progress.measured(&shown::point(&point));
        points.push(point);
    }
    Ok(())
}

fn measure_http(
    plan: &Plan<'_>,
    (service, process): (&mut Service, &Process),
    progress: &mut Sweep,
    told: &mut Vec<Told>,
    points: &mut Vec<Point>,
) -> anyhow::Result<()> {
    let patience = Duration::from_millis(plan.config.ingress.deadline_ms) + ANSWER_MARGIN;
    let first = Client::of(service, patience);
    for (i, file) in plan.files.iter().enumerate() {
        let report = Told::of(file, first.report(&http::form(&file.bytes))?)?;
        match told.get(i) {
            None => told.push(report),
            Some(before) => ensure!(
                *before == report,
                "the service and the pipeline do not say the same of {}",
                file.name
            ),
        }
    }
    drop(first);
    for (concurrency, file) in plan.points() {
        let position = position(HTTP, concurrency, file);
        progress.begin(&shown::position(&position));
        let form = http::form(&file.bytes);
        let callers = (0..concurrency).map(|_| {
            let client = Client::of(service, patience);
            let form = &form;
            move || client.ask(form)
        });
        let callers = callers.collect();
        let mut watch = |share| {
            progress.at(share);
            plan.interrupt.check()?;
            service.check()
        };
        let measured = load::measure(callers, plan.length(concurrency), process, &mut watch)?;
        let point = Point::of(position, &measured, host::cores_usable(), true);
        progress.measured(&shown::point(&point));
        points.push(point);
    }
    Ok(())
}

/// What was said of a picture, in either mode.
#[derive(Debug, PartialEq, Deserialize)]
struct Told {
    verdict: String,
    reasons: Vec<ToldReason>,
    picture: ToldSize,
    device: String,
}

#[derive(Debug, PartialEq, Deserialize)]
struct ToldReason {
    code: String,
}

#[derive(Debug, PartialEq, Deserialize)]
struct ToldSize {
    width: usize,
    height: usize,
    reduction: usize,
}

impl Told {
    /// Of a report as `POST /v1/liveness` has it.
    fn of(file: &File, report: Result<Value, String>) -> anyhow::Result<Self> {
        match report {
            Ok(report) => serde_json::from_value(report).context("the report has another shape"),
            Err(code) => {
                let why = format!("the picture {} gets no report but {code}", file.name);
                if file.is_own { Err(Unusable(why).into()) } else { Err(anyhow!(why)) }
            }
        }
    }

    fn picture_of(self, file: &File) -> Picture {
        Picture {
            name: file.name.clone(),
            width_px: self.picture.width,
            height_px: self.picture.height,
            bytes: file.bytes.len(),
            reduction: self.picture.reduction,
            made_of: file.made_of.clone(),
            verdict: self.verdict,
            reasons: self.reasons.into_iter().map(|reason| reason.code).collect(),
        }
    }
}

fn setup_of(plan: &Plan<'_>, device: String) -> anyhow::Result<Setup> {
    let pack = plan.engine.pack();
    Ok(Setup {
        livegate: env!("CARGO_PKG_VERSION").to_owned(),
        build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        jpeg_simd: cfg!(feature = "jpeg-simd"),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        cpu_model: host::cpu_model(),
        cores_usable: host::cores_usable(),
        pack: pack.manifest.name.clone(),
        pack_digest: pack.digest.to_string(),
        provider: device.parse().map_or("unknown", provider).to_owned(),
        device,
        onnxruntime: plan.engine.runtime_build().to_owned(),
        workers: plan.workers,
        settings: evaluate::settings(plan.config)?,
        seconds_per_point: plan.command.seconds.as_secs_f64(),
    })
}

/// ONNX Runtime's names for what models run on.
fn provider(device: Device) -> &'static str {
    match device {
        Device::Cpu => "CPUExecutionProvider",
        Device::OpenVino => {
            "OpenVINOExecutionProvider for scorers, CPUExecutionProvider for the others"
        }
        Device::Cuda | Device::TensorRt => device.provider(),
    }
}
