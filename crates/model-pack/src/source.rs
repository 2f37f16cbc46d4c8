//! The sources of a file.

use serde::{Deserialize, Serialize};

/// A source of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Source {
    /// A package for the npm client.
    Npm {
        /// `name@version`.
        npm: String,
        /// The file's path in the package archive.
        member: String,
        /// Length of the archive, bytes.
        download_bytes: u64,
    },
    /// A wheel for the pip client.
    Pip {
        /// `name==version`.
        pip: String,
        /// The platforms of the wheel. They do not depend on this machine.
        platforms: Vec<String>,
        /// The file's path in the wheel.
        member: String,
        /// Length of the wheel, bytes.
        download_bytes: u64,
    },
    /// A plain download.
    Url {
        /// The address of the file itself.
        url: String,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Npm { npm, member, .. } => write!(f, "npm package {npm}, file {member}"),
            Self::Pip { pip, member, .. } => write!(f, "wheel {pip}, file {member}"),
            // Without user and password, which the URL of a mirror may have.
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

/// A file in an archive that a package client fetches.
pub(crate) struct Package<'a> {
    /// The name and version that the client is given.
    pub name: &'a str,
    /// The file's path in the archive.
    pub member: &'a str,
    /// Length of the archive, bytes.
    pub download_bytes: u64,
}

impl Source {
    /// The package of this source, or as an error the URL of a plain download.
    pub(crate) fn package(&self) -> Result<Package<'_>, &str> {
        match self {
            Self::Npm { npm: name, member, download_bytes }
            | Self::Pip { pip: name, member, download_bytes, .. } => {
                Ok(Package { name, member, download_bytes: *download_bytes })
            }
            Self::Url { url } => Err(url),
        }
    }

    /// The package client or host that must be reached for this source.
    pub(crate) fn channel(&self) -> String {
        match self {
            Self::Npm { .. } => "npm".to_owned(),
            Self::Pip { .. } => "pip".to_owned(),
            Self::Url { url } => url.strip_suffix(url_path(url)).unwrap_or(url).to_owned(),
        }
    }

    /// Beginning and end of the archive's file name.
    pub(crate) fn archive(&self) -> Option<(String, &'static str)> {
        match self {
            Self::Npm { npm, .. } => {
                Some((npm.trim_start_matches('@').replace(['@', '/'], "-"), ".tgz"))
            }
            Self::Pip { pip, .. } => {
                let (name, version) = pip.split_once("==").unwrap_or((pip, ""));
                Some((format!("{}-{version}-", name.replace('-', "_")), ".whl"))
            }
            Self::Url { .. } => None,
        }
    }

    /// The same file at a mirror, if it is a plain download.
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
