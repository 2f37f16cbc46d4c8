//! NVIDIA's libraries that ONNX Runtime needs for a GPU, and their places on a host.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::catalog::Library;
use crate::home::Home;

/// A shared library that the system's loader finds by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// Its name, with the version of its interface.
    pub file: &'static str,
    /// The product that it is part of.
    pub part_of: &'static str,
}

/// The driver's library. It belongs to the kernel of the host, so Livegate never installs it.
/// Version 580 is the first that runs CUDA 13 (NVIDIA, CUDA Toolkit release notes, "CUDA Toolkit
/// and Corresponding Driver Versions").
pub const DRIVER: Needed =
    Needed { file: "libcuda.so.1", part_of: "the NVIDIA driver, version 580 or newer" };

const CUDA: &str = "CUDA 13";

/// The libraries that the CUDA execution provider and cuDNN load by name, each behind those that it
/// needs. The parts of cuDNN find each other.
pub const CUDA_AND_CUDNN: [Needed; 6] = [
    Needed { file: "libcudart.so.13", part_of: CUDA },
    Needed { file: "libcublasLt.so.13", part_of: CUDA },
    Needed { file: "libcublas.so.13", part_of: CUDA },
    Needed { file: "libcurand.so.10", part_of: CUDA },
    Needed { file: "libnvrtc.so.13", part_of: CUDA },
    Needed { file: "libcudnn.so.9", part_of: "cuDNN 9" },
];

/// The libraries that the TensorRT execution provider loads too. There are no wheels of them, so
/// Livegate never installs them.
pub const TENSORRT: [Needed; 2] = [
    Needed { file: "libnvinfer.so.10", part_of: "TensorRT 10" },
    Needed { file: "libnvonnxparser.so.10", part_of: "TensorRT 10" },
];

/// The paths of [`CUDA_AND_CUDNN`] in the order of loading: those that Livegate installed, or else
/// the host's own.
///
/// # Errors
/// The libraries that the host lacks, if neither set is complete.
pub fn cuda_and_cudnn(home: &Home) -> Result<Vec<PathBuf>, Vec<Needed>> {
    if home.runtime_library(Library::Nvidia).is_some() {
        let directory = home.runtime_directory(Library::Nvidia);
        let files = CUDA_AND_CUDNN.iter().map(|needed| directory.join(needed.file));
        return Ok(with_builtins(files.collect()));
    }
    HostLibraries::look().all(&CUDA_AND_CUDNN).map(with_builtins)
}

/// Adds NVRTC's builtins in front of `files`. NVRTC needs them to compile and does not find them
/// beside itself. Their names have its minor version.
fn with_builtins(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let is_nvrtc = |file: &&PathBuf| file.file_name() == Some(OsStr::new("libnvrtc.so.13"));
    let directory = files.iter().find(is_nvrtc).and_then(|file| file.parent());
    let entries = directory.and_then(|it| it.read_dir().ok()).into_iter().flatten();
    let beside = entries.filter_map(Result::ok).map(|entry| entry.path());
    let is_builtins = |path: &PathBuf| {
        path.file_name().is_some_and(|name| {
            name.as_encoded_bytes().starts_with(b"libnvrtc-builtins.so.13.") && path.is_file()
        })
    };
    let mut all: Vec<PathBuf> = beside.filter(is_builtins).collect();
    all.extend(files);
    all
}

/// The shared libraries of a host: where its loader looks, and where NVIDIA's installers put them.
#[derive(Debug, Clone, Default)]
pub struct HostLibraries {
    /// Directories of `LD_LIBRARY_PATH`, which the loader searches first.
    named: Vec<PathBuf>,
    /// Files in the loader's cache.
    cached: Vec<PathBuf>,
    /// CUDA's directories, which the loader may not know.
    installed: Vec<PathBuf>,
}

impl HostLibraries {
    /// The libraries of this host.
    #[must_use]
    pub fn look() -> Self {
        let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        // With its full path, because only root's `PATH` has `/sbin`.
        let cache = Command::new("/sbin/ldconfig").arg("-p").output();
        let cache = cache.map(|output| output.stdout).unwrap_or_default();
        Self::among(&named, &String::from_utf8_lossy(&cache), Path::new("/usr/local"))
    }

    /// `named` is `LD_LIBRARY_PATH`, `cache` the output of `ldconfig -p`; `local` has directories
    /// `cuda*`.
    fn among(named: &OsStr, cache: &str, local: &Path) -> Self {
        let entries = std::fs::read_dir(local).into_iter().flatten().filter_map(Result::ok);
        let is_cuda = |path: &PathBuf| {
            path.file_name().is_some_and(|it| it.display().to_string().starts_with("cuda"))
        };
        let mut installed: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(is_cuda).map(|it| it.join("lib64")).collect();
        // `cuda` itself, the version in use, comes first.
        installed.sort();
        Self {
            // An empty part would mean the working directory.
            named: std::env::split_paths(named).filter(|it| it.is_absolute()).collect(),
            cached: cache.lines().filter_map(cached).collect(),
            installed,
        }
    }

    /// The path of the library `file`.
    #[must_use]
    pub fn find(&self, file: &str) -> Option<PathBuf> {
        let within = |directories: &[PathBuf]| {
            directories.iter().map(|it| it.join(file)).find(|it| it.is_file())
        };
        let is_it = |path: &&PathBuf| path.file_name() == Some(OsStr::new(file)) && path.is_file();
        within(&self.named)
            .or_else(|| self.cached.iter().find(is_it).cloned())
            .or_else(|| within(&self.installed))
    }

    /// The paths of `needed`.
    ///
    /// # Errors
    /// The libraries that the host lacks.
    pub fn all(&self, needed: &[Needed]) -> Result<Vec<PathBuf>, Vec<Needed>> {
        let is_missing = |needed: &Needed| self.find(needed.file).is_none();
        let missing: Vec<Needed> = needed.iter().copied().filter(is_missing).collect();
        if missing.is_empty() {
            Ok(needed.iter().filter_map(|needed| self.find(needed.file)).collect())
        } else {
            Err(missing)
        }
    }
}

/// The file of a line of `ldconfig -p`, as in `libcudart.so.13 (libc6,x86-64) =>
/// /usr/lib/libcudart.so.13`. `None` for a library of 32 bits.
fn cached(line: &str) -> Option<PathBuf> {
    let (name, path) = line.split_once(" => ")?;
    name.contains("64").then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::runtime_library;

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn every_library_that_is_loaded_by_name_is_installed() {
        let Some(files) = runtime_library(Library::Nvidia) else { return };
        for needed in CUDA_AND_CUDNN {
            assert!(files.iter().any(|it| it.file == needed.file), "{needed:?}");
        }
    }

    #[test]
    fn a_library_is_found_in_the_order_of_the_loader_and_then_in_cudas_directories() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        for file in ["named/libone.so.1", "cached/libone.so.1", "cached/libtwo.so.1"] {
            touch(&path(file));
        }
        for file in
            ["cuda/lib64/libtwo.so.1", "cuda/lib64/libthree.so.1", "other/lib64/libfour.so.1"]
        {
            touch(&path(file));
        }
        let cached = |file: &str, kind: &str| {
            format!("\t{file} (libc6{kind}) => {}\n", path("cached").join(file).display())
        };
        let cache = "3 libs found in cache `/etc/ld.so.cache'\n".to_owned()
            + &cached("libone.so.1", ",x86-64")
            + &cached("libtwo.so.1", "")
            + &cached("libtwo.so.1", ",x86-64")
            + &cached("libgone.so.1", ",x86-64");
        let named = std::env::join_paths([PathBuf::new(), path("named")]).unwrap();
        let host = HostLibraries::among(&named, &cache, root.path());
        assert_eq!(host.find("libone.so.1"), Some(path("named/libone.so.1")));
        assert_eq!(host.find("libtwo.so.1"), Some(path("cached/libtwo.so.1")));
        assert_eq!(host.find("libthree.so.1"), Some(path("cuda/lib64/libthree.so.1")));
        for absent in ["libgone.so.1", "libfour.so.1", "libone.so"] {
            assert_eq!(host.find(absent), None, "{absent}");
        }
        let needed = |file| Needed { file, part_of: "this test" };
        let (present, absent) = (needed("libone.so.1"), needed("libgone.so.1"));
        assert_eq!(host.all(&[present, absent]), Err(vec![absent]));
        assert_eq!(host.all(&[present]), Ok(vec![path("named/libone.so.1")]));
    }

    #[test]
    fn nvrtcs_builtins_of_any_minor_version_are_loaded_before_it() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        for file in ["libnvrtc.so.13", "libnvrtc-builtins.so.13.2", "libnvrtc-builtins.alt.so.13.2"]
        {
            touch(&path(file));
        }
        let all = with_builtins(vec![path("libnvrtc.so.13"), PathBuf::from("libcudnn.so.9")]);
        let expected = [path("libnvrtc-builtins.so.13.2"), path("libnvrtc.so.13")];
        assert_eq!(all[..2], expected);
        assert_eq!(with_builtins(vec![path("libother.so")]), [path("libother.so")]);
    }
}
