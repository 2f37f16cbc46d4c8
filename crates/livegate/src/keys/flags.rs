//! The commands and flags of `livegate keys`.

use std::num::{NonZeroU32, ParseIntError};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use engine::config::Settings;

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Add an app, and print its key, this once.
    Create {
        /// The app's `app_id` [default: a random one].
        #[arg(long)]
        id: Option<String>,
        /// A name for people.
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
        #[command(flatten)]
        limits: NewLimits,
        #[command(flatten)]
        key: KeyFile,
        #[command(flatten)]
        common: Common,
    },
    /// List every app, with its use of its quotas and the first digits of its keys' SHA-256.
    List(Common),
    /// Give an app a second key, and print it, this once; the first goes on working until --finish.
    Rotate {
        /// The app.
        id: String,
        /// End a rotation: drop the older of two keys.
        #[arg(long, conflicts_with_all = ["cancel", "now", "key_file"])]
        finish: bool,
        /// Take a rotation back: drop the newer of two keys.
        #[arg(long, conflicts_with_all = ["now", "key_file"])]
        cancel: bool,
        /// Drop every key of the app for the new one at once: for keys in the wrong hands.
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        key: KeyFile,
        #[command(flatten)]
        common: Common,
    },
    /// Change an app's label or limits. Without their flag, they stay.
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true)
        .args(["label", "quota_per_day", "quota_per_month", "rate_per_minute", "burst", "at_once"]))]
    Set {
        /// The app.
        id: String,
        /// A name for people.
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        #[command(flatten)]
        limits: NewLimits,
        #[command(flatten)]
        common: Common,
    },
    /// Let an app call again.
    Enable(Named),
    /// Refuse an app with 403 until it is enabled again.
    Disable(Named),
    /// Remove an app and its keys. Its use stays on record.
    Delete(Named),
}

/// The flags of a command on one app.
#[derive(Args)]
pub(crate) struct Named {
    /// The app.
    pub id: String,
    #[command(flatten)]
    pub common: Common,
}

/// The flags of every command on accounts.
#[derive(Args)]
pub(crate) struct Common {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub settings: Settings,
}

/// The source of a key that callers have already.
#[derive(Args)]
pub(crate) struct KeyFile {
    /// Take over the key in this file (`-`: standard input) instead of making one. Not a flag with
    /// the key itself: every user of the machine can read command lines.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// The limits to change.
#[derive(Args)]
pub(crate) struct NewLimits {
    /// Most requests counted in a day (UTC), or `none`.
    #[arg(long, value_name = "N", value_parser = number_or_none::<u64>)]
    pub quota_per_day: Option<Limit<u64>>,
    /// Most requests counted in a calendar month (UTC), or `none`.
    #[arg(long, value_name = "N", value_parser = number_or_none::<u64>)]
    pub quota_per_month: Option<Limit<u64>>,
    /// Most requests in a minute, evenly spread, or `none`.
    #[arg(long, value_name = "N", value_parser = number_or_none::<NonZeroU32>)]
    pub rate_per_minute: Option<Limit<NonZeroU32>>,
    /// Most requests at once before that rate holds [default: the requests of ten seconds].
    #[arg(long, value_name = "N")]
    pub burst: Option<NonZeroU32>,
    /// Most requests under way at once in each process, or `none`. It also bounds the workers and
    /// the memory that the app has at a time.
    #[arg(long, value_name = "N", value_parser = number_or_none::<NonZeroU32>)]
    pub at_once: Option<Limit<NonZeroU32>>,
}

/// A limit, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit<T>(pub Option<T>);

fn number_or_none<T: FromStr<Err = ParseIntError>>(text: &str) -> Result<Limit<T>, ParseIntError> {
    if text == "none" { Ok(Limit(None)) } else { text.parse().map(|number| Limit(Some(number))) }
}
