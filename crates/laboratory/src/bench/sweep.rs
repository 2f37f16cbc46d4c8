//! The points of the sweep, in both modes.

use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use engine::config::Config;
use engine::progress::Steps;
use engine::{Engine, Place, UsageError};
use liveness::Device;
use model_pack::Home;
use serde_json::Value;

use super::figures::{Figures, HTTP, IN_PROCESS, Picture, Point, Position, Setup};
use super::flags::Bench;
use super::host::{Process, cores_usable, cpu_model};
use super::http::{self, Client};
use super::in_process::{self, Line};
use super::interrupt::Interrupt;
use super::load::{self, Outcome};
use super::nets::{self, Nets};
use super::pictures::File;
use super::service::Service;
use super::shown;
use crate::settings::scoring_settings;

/// Time by which a response may miss the service's own deadline.
const RESPONSE_MARGIN: Duration = Duration::from_secs(30);

/// The facts that all points share.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    pub config: &'a Config,
    pub engine: &'a Engine,
    pub files: &'a [File],
    /// Rising.
    pub concurrency: &'a [usize],
    pub workers: usize,
    /// The duration of each point.
    pub seconds: Duration,
    pub interrupt: &'a Interrupt,
}

impl<'a> Plan<'a> {
    /// Every point of one mode. All of one picture come together: buffers that a larger picture has
    /// made grow are not a smaller one's memory.
    fn points(self) -> impl Iterator<Item = (&'a File, usize)> {
        let of_file = move |file| self.concurrency.iter().map(move |&number| (file, number));
        self.files.iter().flat_map(of_file)
    }
}

/// A sweep under way, and its figures so far.
pub(super) struct Sweep<'a> {
    plan: Plan<'a>,
    progress: Steps,
    /// Each picture with its report and the device that it names, from the mode that was measured
    /// first.
    reports: Vec<(Picture, String)>,
    points: Vec<Point>,
}

impl<'a> Sweep<'a> {
    /// A sweep of `steps` points.
    pub(super) fn new(plan: Plan<'a>, steps: usize) -> Self {
        Self { plan, progress: Steps::new(steps), reports: Vec::new(), points: Vec::new() }
    }

    /// Measures the pipeline in this process.
    pub(super) fn in_process(&mut self, own: &Process) -> anyhow::Result<()> {
        let Plan { engine, files, workers, .. } = self.plan;
        let terms = engine.terms(None, false);
        let mut pipelines = Vec::new();
        in_process::grow(&mut pipelines, 1, engine)?;
        for file in files {
            let report = in_process::report(&mut pipelines[0], &file.bytes, &terms)?;
            self.reports.push(reported(file, report)?);
        }
        for (file, concurrency) in self.plan.points() {
            in_process::grow(&mut pipelines, concurrency.min(workers), engine)?;
            let line = Line::of(concurrency);
            let callers = pipelines
                .iter_mut()
                .take(concurrency)
                .map(|pipeline| in_process::caller(pipeline, &file.bytes, &terms, &line));
            let position = position(IN_PROCESS, file, concurrency);
            self.point(position, callers.collect(), own, || Ok(()))?;
        }
        Ok(())
    }

    /// Measures the service, in a process of its own.
    pub(super) fn http(
        &mut self,
        command: &Bench,
        place: &Place,
        home: &Home,
    ) -> anyhow::Result<()> {
        let Plan { config, engine, files, workers, interrupt, .. } = self.plan;
        let pack = &*engine.pack().manifest.name;
        let (mut service, process) =
            Service::start(command, place, home, config, (pack, workers), interrupt)?;
        let time_out = Duration::from_millis(config.ingress.deadline_ms) + RESPONSE_MARGIN;
        let client = Client::of(&service, time_out);
        for (i, file) in files.iter().enumerate() {
            let report = reported(file, client.report(&http::form(&file.bytes))?)?;
            match self.reports.get(i) {
                None => self.reports.push(report),
                Some(in_process) => ensure!(
                    *in_process == report,
                    "the service and the pipeline do not say the same of {}",
                    file.name
                ),
            }
        }
        drop(client);
        for (file, concurrency) in self.plan.points() {
            let form = &http::form(&file.bytes);
            let callers = (0..concurrency).map(|_| {
                let client = Client::of(&service, time_out);
                move || client.send(form)
            });
            let callers = callers.collect();
            let position = position(HTTP, file, concurrency);
            self.point(position, callers, &process, || service.check())?;
        }
        service.stop()
    }

    /// Measures the nets alone, in run groups of up to `pictures`.
    pub(super) fn nets(&mut self, pictures: NonZeroUsize) -> anyhow::Result<Nets> {
        let Plan { config, engine, seconds, interrupt, .. } = self.plan;
        self.progress.begin(&format!("nets alone, {pictures} in a run"));
        let mut watch = |share| {
            self.progress.at(share);
            interrupt.check()
        };
        let nets = nets::measure(engine, &config.batching, pictures, seconds, &mut watch)?;
        self.progress.end(&shown::nets(&nets));
        Ok(nets)
    }

    /// Measures one point. `check` fails when the server has.
    fn point<C: FnMut() -> Outcome + Send>(
        &mut self,
        position: Position,
        callers: Vec<C>,
        server: &Process,
        mut check: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Plan { seconds, interrupt, .. } = self.plan;
        self.progress.begin(&position.to_string());
        let mut watch = |share| {
            self.progress.at(share);
            interrupt.check()?;
            check()
        };
        let measured = load::measure(callers, seconds, position.concurrency, server, &mut watch)?;
        let point = Point::of(position, measured, cores_usable());
        self.progress.end(&shown::point(&point));
        self.points.push(point);
        Ok(())
    }

    /// All that was measured of requests.
    pub(super) fn figures(self) -> anyhow::Result<Figures> {
        let Self { plan, reports, points, .. } = self;
        let (pictures, devices): (_, Vec<_>) = reports.into_iter().unzip();
        let device = devices.into_iter().next().unwrap_or_default();
        let pack = plan.engine.pack();
        let setup = Setup {
            livegate: env!("CARGO_PKG_VERSION").to_owned(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cpu_model: cpu_model(),
            cores_usable: cores_usable(),
            pack: pack.manifest.name.clone(),
            pack_digest: pack.digest.to_string(),
            provider: device.parse().map_or("unknown", provider).to_owned(),
            device,
            onnxruntime: plan.engine.runtime().build_info().to_owned(),
            workers: plan.workers,
            settings: scoring_settings(plan.config)?,
            seconds_per_point: plan.seconds.as_secs_f64(),
        };
        Ok(Figures { setup, pictures, points })
    }
}

fn position(mode: &str, file: &File, concurrency: usize) -> Position {
    Position { mode: mode.to_owned(), picture: file.name.clone(), concurrency }
}

/// Reads a report of `POST /v1/liveness`, or the code of a refusal, as far as it is in the figures:
/// the picture, and the device.
fn reported(file: &File, report: Result<Value, String>) -> anyhow::Result<(Picture, String)> {
    let report = report.map_err(|code| {
        let problem = format!("the picture {} gets no report but {code}", file.name);
        if file.is_own { UsageError(problem).into() } else { anyhow!(problem) }
    })?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let number = |key: &str| report["picture"][key].as_u64().map(|number| number as usize);
    let in_figures = || {
        let reasons = report["reasons"].as_array()?.iter();
        let picture = Picture {
            name: file.name.clone(),
            width_px: number("width")?,
            height_px: number("height")?,
            bytes: file.bytes.len(),
            reduction: number("reduction")?,
            made_of: file.made_of.clone(),
            verdict: text(&report["verdict"])?,
            reasons: reasons.map(|reason| text(&reason["code"])).collect::<Option<_>>()?,
        };
        Some((picture, text(&report["device"])?))
    };
    in_figures().context("the report has another shape")
}

/// ONNX Runtime's names for the execution providers of a device.
fn provider(device: Device) -> &'static str {
    match device {
        Device::OpenVino => {
            "OpenVINOExecutionProvider for scorers, CPUExecutionProvider for the others"
        }
        device => device.provider(),
    }
}
