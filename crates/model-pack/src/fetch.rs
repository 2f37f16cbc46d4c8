//! Fetching files: package clients, plain downloads, archives.

mod client;
mod download;
mod unpack;

use std::time::Duration;

pub(crate) use client::{npm_pack, pip_download};
pub(crate) use download::get;
pub(crate) use unpack::{copy_from, place_member};

/// Maximum time until a source responds.
pub(crate) const REACH_LIMIT: Duration = Duration::from_secs(5);

/// Why a source failed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The package client is not installed.
    #[error("{0} is not installed")]
    NoClient(&'static str),
    /// The source did not respond in time.
    #[error("not reached within {} seconds", REACH_LIMIT.as_secs())]
    Unreachable,
    /// The package client failed.
    #[error("{client} failed: {message}")]
    Client {
        /// `pip` or `npm`.
        client: &'static str,
        /// Its error lines.
        message: String,
    },
    /// The download failed.
    #[error(transparent)]
    Http(#[from] Box<ureq::Error>),
    /// The archive is broken or lacks the file.
    #[error("the archive has no readable {member}")]
    Archive {
        /// The file in the archive.
        member: String,
        /// The archive reader's error.
        #[source]
        source: std::io::Error,
    },
    /// The file could not be installed.
    #[error(transparent)]
    Place(#[from] crate::artifact::PlaceError),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl FetchError {
    /// True if the next file from the same client or host would fail the same way.
    pub(crate) fn is_about_reaching(&self) -> bool {
        match self {
            Self::NoClient(_) | Self::Unreachable => true,
            Self::Http(error) => !matches!(**error, ureq::Error::StatusCode(_)),
            Self::Client { .. } | Self::Archive { .. } | Self::Place(_) | Self::Io(_) => false,
        }
    }
}
