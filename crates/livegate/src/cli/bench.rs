//! Flags of `bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use frame::Size;

use super::Engine;
use crate::config::Flag;

#[derive(Args)]
pub(crate) struct Bench {
    /// What is measured: the pipeline in this process, the service over loopback HTTP (this program again,
    /// as a process of its own that ends with the run), or both.
    #[arg(long, value_enum, default_value_t = Mode::Both)]
    pub mode: Mode,
    /// Requests that are under way at once; each point of the sweep has one such number. There are as many
    /// pipelines as workers. With fewer requests some are idle; with more, requests wait in line, and the wait is
    /// part of their latency, in both modes [default: 1, 2, 4 and so on to four times the workers, the workers
    /// themselves, and at most `ingress.max_in_flight`].
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    pub concurrency: Vec<NonZeroUsize>,
    /// Measure the nets alone, too, with tensors that are ready and at most so many pictures in a run [default where
    /// models are shared (`batching.devices`): 1, 2, 4 and so on to `batching.max_pictures`; else none].
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    pub batch: Vec<NonZeroUsize>,
    /// Sizes of the test pictures: JPEGs of quality 90 made of the sample portrait [default: 1280x960, unless
    /// --picture is given].
    #[arg(long, value_name = "WxH,...", value_delimiter = ',', value_parser = size)]
    pub size: Vec<Size>,
    /// A picture of your own, sent as it is; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub picture: Vec<PathBuf>,
    /// How long each point is measured, 0.1 to 600, after a second of warming up. Slow hosts get longer, until as many
    /// requests are answered as are under way at once.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub seconds: Duration,
    /// Worker threads, each with its own models [default: one per core] [env: `LIVEGATE_WORKERS`].
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Measure nothing: show what an earlier run wrote with --json.
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["mode", "concurrency", "batch", "size", "picture",
        "seconds", "workers"])]
    pub show: Option<PathBuf>,
    /// Compare with what another run wrote with --json.
    #[arg(long, value_name = "OLD.json")]
    pub compare: Option<PathBuf>,
    /// Write the figures as JSON to this file, or to standard output instead of the tables.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
    /// Draw latency against throughput into this file.
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    #[command(flatten)]
    pub engine: Engine,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// The pipeline, on threads of this process.
    InProcess,
    /// The service, in a process of its own.
    Http,
    /// One after the other.
    Both,
}

impl Bench {
    /// Those of its flags that stand for keys of the configuration.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        let mut flags = self.engine.flags();
        flags.push(Flag::new("workers", "--workers", self.workers.as_ref()));
        flags
    }
}

fn size(text: &str) -> Result<Size, &'static str> {
    let (width, height) = text.trim().split_once(['x', 'X']).ok_or("it is WIDTHxHEIGHT")?;
    match (width.parse(), height.parse()) {
        (Ok(width), Ok(height)) if width > 0 && height > 0 => Ok(Size::new(width, height)),
        _ => Err("it is WIDTHxHEIGHT, in pixels"),
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    match text.trim().parse() {
        Ok(seconds) if (0.1..=600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("it is a number from 0.1 to 600"),
    }
}
