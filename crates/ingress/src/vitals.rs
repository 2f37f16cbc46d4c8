//! A worker's activity, and the time of its last inference.

use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use strum::Display;

/// A worker's activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Display)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Activity {
    /// Waiting for a selfie.
    #[default]
    Idle,
    /// Checking a selfie, or proving itself.
    Busy,
    /// Loading a new pipeline.
    Rebuilding,
    /// Loading a new pipeline in vain: its GPU is lost to this process.
    #[strum(to_string = "its GPU is lost")]
    Lost,
    /// Its thread has ended.
    Gone,
}

impl Activity {
    /// The worker's state in metrics; none after its thread has ended.
    pub(crate) fn state(self) -> Option<&'static str> {
        match self {
            Self::Idle => Some("idle"),
            Self::Busy => Some("busy"),
            // A worker whose GPU is lost retries in vain.
            Self::Rebuilding | Self::Lost => Some("rebuilding"),
            Self::Gone => None,
        }
    }
}

/// A worker's state at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vitals {
    pub activity: Activity,
    /// When the activity began.
    pub since: Instant,
    /// When the last inference ended, by both clocks.
    pub inferred: (Instant, SystemTime),
    /// The number of its panics.
    pub panics: u64,
}

impl Vitals {
    /// Time since the last inference.
    pub(crate) fn since_inference(&self) -> Duration {
        self.inferred.0.elapsed()
    }
}

/// A worker's state. The worker writes it, other threads read it.
#[derive(Debug)]
pub(crate) struct Board(Mutex<Vitals>);

impl Default for Board {
    fn default() -> Self {
        let now = Instant::now();
        let (activity, inferred) = (Activity::default(), (now, SystemTime::now()));
        Self(Mutex::new(Vitals { activity, since: now, inferred, panics: 0 }))
    }
}

impl Board {
    pub(crate) fn turn_to(&self, activity: Activity) {
        let mut vitals = self.0.lock();
        (vitals.activity, vitals.since) = (activity, Instant::now());
    }

    pub(crate) fn inferred(&self) {
        self.0.lock().inferred = (Instant::now(), SystemTime::now());
    }

    pub(crate) fn panicked(&self) {
        self.0.lock().panics += 1;
    }

    pub(crate) fn vitals(&self) -> Vitals {
        *self.0.lock()
    }
}
