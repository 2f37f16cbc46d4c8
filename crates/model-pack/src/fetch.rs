//! Getting things from where they are: package clients, plain downloads, archives.

mod client;
mod download;
mod unpack;

use std::time::Duration;

pub(crate) use client::{npm_pack, pip_download};
pub(crate) use download::get;
pub(crate) use unpack::{copy_from, place_member};

/// How long a source may take before its first sign of life.
pub(crate) const REACH_LIMIT: Duration = Duration::from_secs(5);

/// Why a source did not give a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The package client is not on this machine.
    #[error("{0} is not installed")]
    NoClient(&'static str),
    /// No sign of life in time.
    #[error("not reached within {} seconds", REACH_LIMIT.as_secs())]
    Unreachable,
    /// The package client gave up; this is what it said last.
    #[error("{client} failed: {said}")]
    Client {
        /// `pip` or `npm`.
        client: &'static str,
        /// Its last words.
        said: String,
    },
    /// The download failed.
    #[error(transparent)]
    Http(#[from] Box<ureq::Error>),
    /// The archive that came is not what it should be.
    #[error("the archive has no readable {member}")]
    Archive {
        /// The file that was looked for in it.
        member: String,
        /// What the archive's reader says.
        #[source]
        source: std::io::Error,
    },
    /// What came could not be put in place.
    #[error(transparent)]
    Place(#[from] crate::artifact::PlaceError),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl FetchError {
    /// Whether the next file from the same client or host would fail the same way.
    pub(crate) fn is_about_reaching(&self) -> bool {
        match self {
            Self::NoClient(_) | Self::Unreachable => true,
            Self::Http(error) => !matches!(**error, ureq::Error::StatusCode(_)),
            Self::Client { .. } | Self::Archive { .. } | Self::Place(_) | Self::Io(_) => false,
        }
    }
}
