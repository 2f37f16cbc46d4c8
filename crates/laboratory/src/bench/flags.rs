//! The flags of `livegate bench`.

#![expect(missing_debug_implementations, reason = "`--set` may hold a secret in the wrong place")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use engine::config::help;
use engine::flags::EngineFlags;
use frame::Size;

/// The flags of `livegate bench`.
#[derive(Args)]
pub struct Bench {
    /// Measure the pipeline in this process, the service over loopback HTTP (this program again, in
    /// a process of its own that ends with the run), or both.
    #[arg(long, value_enum, default_value_t = Mode::Both)]
    pub mode: Mode,
    /// Numbers of requests under way at once, one for each point of the sweep. There are as many
    /// pipelines as workers. With fewer requests some are idle; with more, requests are queued, and
    /// the wait is part of their latency, in both modes [default: 1, 2, 4 and so on to four times
    /// the workers, the workers themselves, and at most `ingress.max_in_flight`].
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    pub concurrency: Vec<NonZeroUsize>,
    /// Measure the nets alone too, with ready tensors and run groups of at most so many pictures
    /// [default where models are shared (`batching.devices`): 1, 2, 4 and so on to
    /// `batching.max_pictures`; else none].
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    pub batch: Vec<NonZeroUsize>,
    /// Sizes of the test pictures: JPEGs of quality 90 made of the sample portrait [default:
    /// 1280x960, unless --picture is given].
    #[arg(long, value_name = "WxH,...", value_delimiter = ',', value_parser = size)]
    pub size: Vec<Size>,
    /// A picture of your own, sent as it is; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub picture: Vec<PathBuf>,
    /// Duration of each point, 0.1 to 600, after a warm-up of one second. Slow hosts get longer,
    /// until as many requests are answered as are under way at once.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub seconds: Duration,
    /// The key `workers`.
    #[arg(long, value_name = "N", help = help("workers"))]
    pub workers: Option<NonZeroUsize>,
    /// Measure nothing: show the run that an earlier --json wrote.
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["mode", "concurrency", "batch", "size",
        "picture", "seconds", "workers"])]
    pub show: Option<PathBuf>,
    /// Compare with the run that an earlier --json wrote.
    #[arg(long, value_name = "OLD.json")]
    pub compare: Option<PathBuf>,
    /// Write the figures as JSON to this file, or to standard output instead of the tables.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
    /// Draw latency against throughput into this file.
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// The pack, the device, and the sources of missing files.
    #[command(flatten)]
    pub engine: EngineFlags,
}

/// The part that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The pipeline, on threads of this process.
    InProcess,
    /// The service, in a process of its own.
    Http,
    /// One after the other.
    Both,
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
