//! What a worker is doing, and when it last inferred.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Activity {
    /// Waiting for a selfie.
    #[default]
    Idle,
    /// Checking one, or proving itself.
    Busy,
    /// Loading its pipeline anew.
    Rebuilding,
    /// Loading its pipeline anew, on a GPU that is lost to this process: in vain.
    Lost,
    /// Nothing any more.
    Gone,
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Rebuilding => "rebuilding",
            Self::Lost => "its GPU is lost",
            Self::Gone => "gone",
        })
    }
}

/// How a worker is, at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vitals {
    pub activity: Activity,
    /// How long it has been doing that.
    pub since: Duration,
    /// How long it has not inferred.
    pub since_inference: Duration,
    /// When it last did.
    pub inferred_at: SystemTime,
}

/// Where a worker writes down how it is, and others read it.
#[derive(Debug)]
pub(crate) struct Board(Mutex<Notes>);

#[derive(Debug)]
struct Notes {
    activity: Activity,
    since: Instant,
    inferred: (Instant, SystemTime),
    panics: u64,
}

impl Default for Board {
    fn default() -> Self {
        let now = Instant::now();
        let (activity, inferred) = (Activity::default(), (now, SystemTime::now()));
        Self(Mutex::new(Notes { activity, since: now, inferred, panics: 0 }))
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn turn_to(&self, activity: Activity) {
        let mut notes = self.lock();
        (notes.activity, notes.since) = (activity, Instant::now());
    }

    pub(crate) fn inferred(&self) {
        self.lock().inferred = (Instant::now(), SystemTime::now());
    }

    pub(crate) fn panicked(&self) {
        self.lock().panics += 1;
    }

    pub(crate) fn panics(&self) -> u64 {
        self.lock().panics
    }

    pub(crate) fn vitals(&self) -> Vitals {
        let Notes { activity, since, inferred: (inferred, inferred_at), panics: _ } = *self.lock();
        let (since, since_inference) = (since.elapsed(), inferred.elapsed());
        Vitals { activity, since, since_inference, inferred_at }
    }
}
