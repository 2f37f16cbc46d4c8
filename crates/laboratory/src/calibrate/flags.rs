//! The flags of `livegate calibrate`.

#![expect(missing_debug_implementations, reason = "`--set` may hold a secret in the wrong place")]

use std::path::PathBuf;

use clap::Args;
use engine::flags::EngineFlags;

const PACK_TO_COPY: &str =
    "Model pack that the scores are of [default: the one that report.json names]";

/// The flags of `livegate calibrate`.
#[derive(Args)]
#[command(mut_arg("pack", |pack| pack.help(PACK_TO_COPY)))]
pub struct Calibrate {
    /// The scores that `livegate evaluate` wrote. The report.json beside them names their pack.
    #[arg(value_name = "SCORES.csv")]
    pub scores: PathBuf,
    /// Name of the new pack.
    #[arg(long, value_name = "NEW")]
    pub name: String,
    /// Share of bona fide presentations that the level `convenience` may reject, 0 to below 1.
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = share)]
    pub convenience_bpcer: f64,
    /// Share of attacks, of the most successful type, that the level `hardened` may accept, 0 to
    /// below 1.
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = share)]
    pub hardened_apcer: f64,
    /// A description of the pictures, for the new pack [default: their number].
    #[arg(long, value_name = "TEXT")]
    pub pictures: Option<String>,
    /// Calibrate even if the scores are of another pack, or of an unknown one.
    #[arg(long)]
    pub force: bool,
    /// The pack, the device, and the sources of missing files.
    #[command(flatten)]
    pub engine: EngineFlags,
}

fn share(text: &str) -> Result<f64, &'static str> {
    match text.trim().parse() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("it is a number from 0 to below 1"),
    }
}
