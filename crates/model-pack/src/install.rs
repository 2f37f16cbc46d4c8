//! Installation of artifacts into a [`Home`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::env::consts::{ARCH, OS};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::artifact::Artifact;
use crate::catalog::{self, Library};
use crate::fetch::{self, FetchError};
use crate::file::{self, PART_PREFIX};
use crate::home::Home;
use crate::manifest::Manifest;
use crate::pack::Pack;
use crate::receipt;
use crate::source::{Package, Source};

/// The sources that an [`Installer`] may use.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A directory that is searched first, for the files themselves or for their archives.
    pub from: Option<PathBuf>,
    /// Do not use the network.
    pub offline: bool,
    /// Replaces the hosts in [`Source::Url`]: `MIRROR/PATH-OF-THE-URL`.
    pub mirror: Option<String>,
}

/// A step of an [`Installer`], for the display of its progress.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another setup works in the same home; this one waits for it.
    Waiting,
    /// A file is already installed.
    Present(&'a Artifact),
    /// A download begins.
    Fetching {
        /// The file.
        artifact: &'a Artifact,
        /// The source.
        from: &'a str,
        /// Length of the download, bytes, if it is known.
        total_bytes: Option<u64>,
    },
    /// Bytes of the download so far.
    Received(u64),
    /// A source failed.
    Failed(&'a Attempt),
    /// A file was installed.
    Installed(&'a Artifact),
}

/// A source that failed.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The source.
    pub from: String,
    /// Its error. Files of the same package share it.
    pub error: Arc<FetchError>,
}

/// Why an installation failed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// No source had the file.
    #[error("{} could not be had", artifact.file)]
    NoSource {
        /// The file.
        artifact: Box<Artifact>,
        /// The directory where it is missing.
        directory: PathBuf,
        /// The sources that were tried. None is tried offline.
        attempts: Vec<Attempt>,
    },
    /// The library does not exist for this platform.
    #[error("no {0} is known for {OS} on {ARCH}")]
    NoLibrary(Library),
    /// The directory of a new pack exists already.
    #[error("{} is there already, and is not overwritten; choose another name", path.display())]
    Exists {
        /// Its directory.
        path: PathBuf,
    },
    /// The home directory cannot be used.
    #[error("{} cannot be used", path.display())]
    Home {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}

impl std::fmt::Debug for Installer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Installer").field("home", &self.home).finish_non_exhaustive()
    }
}

/// Installs artifacts into a [`Home`]. It holds the home's lock while it lives, so that two
/// installers never work in the same home. The lock of a process that died is free.
pub struct Installer<'a> {
    home: &'a Home,
    options: &'a Options,
    listener: &'a dyn Fn(Event<'_>),
    downloads: tempfile::TempDir,
    /// Archives that were fetched, or the error, by the name of the package.
    archives: RefCell<HashMap<String, Result<PathBuf, Arc<FetchError>>>>,
    /// Clients and hosts that could not be reached. They are not tried again.
    unreachable: RefCell<HashMap<String, Arc<FetchError>>>,
    _lock: File,
}

impl<'a> Installer<'a> {
    /// Locks `home`, creates it if needed, and removes the incomplete files of an interrupted
    /// setup.
    ///
    /// # Errors
    /// When the directory cannot be created or written.
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
        // No other installer writes here, because the lock is held.
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

    /// Installs all files of `library`.
    ///
    /// # Errors
    /// When no source has a file, or the library does not exist for this platform.
    pub fn install_runtime(&self, library: Library) -> Result<(), InstallError> {
        let mut artifacts =
            catalog::runtime_library(library).ok_or(InstallError::NoLibrary(library))?;
        let directory = self.home.runtime_directory(library);
        let archive = |of: &Artifact| Some(of.sources.first()?.archive()?.0);
        for together in artifacts.chunk_by(|file, next| archive(file) == archive(next)) {
            for artifact in together {
                self.install(artifact, &directory)?;
            }
            self.discard_archives();
        }
        let mut finish = || {
            for made in catalog::made_files(library) {
                file::write(&directory.join(&made.file), catalog::UNUSED_PLUGIN)?;
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

    /// Installs a pack: its models first, and `pack.toml` with the text `text` last.
    ///
    /// # Errors
    /// When no source has one of its files.
    pub fn install_pack(&self, manifest: &Manifest, text: &str) -> Result<(), InstallError> {
        let directory = self.home.pack_directory(&manifest.name);
        for artifact in manifest.artifacts() {
            self.install(artifact, &directory)?;
        }
        let path = directory.join("pack.toml");
        file::write(&path, text).map_err(|source| InstallError::Home { path, source })
    }

    /// Adds a pack that is not on disk yet, and returns its directory. The pack appears complete or
    /// not at all.
    ///
    /// # Errors
    /// When its directory exists, or cannot be written.
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
            file::write(&stage.join("pack.toml"), &manifest.to_toml())?;
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
        let mut is_installed = |from: String, outcome| {
            let Err(error) = outcome else {
                (self.listener)(Event::Installed(artifact));
                return true;
            };
            let attempt = Attempt { from, error };
            (self.listener)(Event::Failed(&attempt));
            attempts.push(attempt);
            false
        };
        if let Some(from) = &self.options.from {
            let outcome = fetch::copy_from(from, artifact, directory).map_err(Arc::new);
            if is_installed(from.display().to_string(), outcome) {
                return Ok(());
            }
        }
        let sources = if self.options.offline { &[] } else { &artifact.sources[..] };
        for source in sources {
            let source = source.mirrored(self.options.mirror.as_deref());
            if is_installed(source.to_string(), self.fetch(&source, artifact, directory)) {
                return Ok(());
            }
        }
        Err(InstallError::NoSource {
            artifact: Box::new(artifact.clone()),
            directory: directory.to_owned(),
            attempts,
        })
    }

    fn fetch(
        &self,
        source: &Source,
        artifact: &Artifact,
        directory: &Path,
    ) -> Result<(), Arc<FetchError>> {
        let channel = source.channel();
        if let Some(error) = self.unreachable.borrow().get(&channel) {
            return Err(Arc::clone(error));
        }
        let outcome = match source.package() {
            Ok(package) => self.archive(artifact, source, &package).and_then(|path| {
                fetch::place_member(artifact, &path, package.member, directory).map_err(Arc::new)
            }),
            Err(url) => self.download(artifact, source, url, directory).map_err(Arc::new),
        };
        if let Err(error) = &outcome
            && error.is_about_reaching()
        {
            self.unreachable.borrow_mut().insert(channel, Arc::clone(error));
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

    /// Fetches the archive of a package with its client, once.
    fn archive(
        &self,
        artifact: &Artifact,
        source: &Source,
        package: &Package<'_>,
    ) -> Result<PathBuf, Arc<FetchError>> {
        let name = package.name;
        if let Some(known) = self.archives.borrow().get(name) {
            return known.clone();
        }
        let total_bytes = Some(package.download_bytes);
        (self.listener)(Event::Fetching { artifact, from: &source.to_string(), total_bytes });
        let on_bytes = |bytes| (self.listener)(Event::Received(bytes));
        let fetch = || {
            let directory = self.downloads.path().join(name.replace(['/', '@'], "_"));
            std::fs::create_dir_all(&directory)?;
            match source {
                Source::Pip { platforms, .. } => {
                    fetch::pip_download(name, platforms, &directory, &on_bytes)
                }
                _ => fetch::npm_pack(name, &directory, &on_bytes),
            }
        };
        let outcome = fetch().map_err(Arc::new);
        self.archives.borrow_mut().insert(name.to_owned(), outcome.clone());
        outcome
    }

    /// Removes the fetched archives, whose files are all installed. Those for a GPU have over a
    /// gigabyte.
    fn discard_archives(&self) {
        self.archives.borrow_mut().retain(|_, archive| {
            let Ok(path) = archive else { return true };
            // If it cannot be removed now, it goes with its directory.
            let _ = std::fs::remove_file(path);
            false
        });
    }
}

/// Reports the bytes that are read to the listener.
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
