//! The libraries that ONNX Runtime needs to use an NVIDIA GPU, and where a host has its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::catalog::Library;
use crate::home::Home;

/// A shared library that the system's loader knows by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// Its name, with the version of its interface.
    pub file: &'static str,
    /// What it is part of.
    pub part_of: &'static str,
}

/// The driver's, which belongs to the kernel of the host and is never brought. 580 is the first that runs CUDA 13
/// (NVIDIA, CUDA Toolkit release notes, "CUDA Toolkit and Corresponding Driver Versions").
pub const DRIVER: Needed =
    Needed { file: "libcuda.so.1", part_of: "the NVIDIA driver, version 580 or newer" };

const CUDA: &str = "CUDA 13";

/// What the CUDA execution provider and cuDNN load by name, each after those that it needs itself. Parts of cuDNN
/// find each other.
pub const CUDA_AND_CUDNN: [Needed; 6] = [
    Needed { file: "libcudart.so.13", part_of: CUDA },
    Needed { file: "libcublasLt.so.13", part_of: CUDA },
    Needed { file: "libcublas.so.13", part_of: CUDA },
    Needed { file: "libcurand.so.10", part_of: CUDA },
    Needed { file: "libnvrtc.so.13", part_of: CUDA },
    Needed { file: "libcudnn.so.9", part_of: "cuDNN 9" },
];

/// What the TensorRT execution provider loads beside that. It is not to be had as wheels, and never brought.
pub const TENSORRT: [Needed; 2] = [
    Needed { file: "libnvinfer.so.10", part_of: "TensorRT 10" },
    Needed { file: "libnvonnxparser.so.10", part_of: "TensorRT 10" },
];

/// What of [`CUDA_AND_CUDNN`] is where, in the order in which it is to be loaded: as Livegate installed it, or else the
/// host's own.
///
/// # Errors
/// What is missing on the host, where neither has all of it.
pub fn cuda_and_cudnn(home: &Home) -> Result<Vec<PathBuf>, Vec<Needed>> {
    if home.runtime_library(Library::Nvidia).is_some() {
        let directory = home.runtime_directory(Library::Nvidia);
        let files = CUDA_AND_CUDNN.iter().map(|needed| directory.join(needed.file));
        return Ok(with_builtins(files.collect()));
    }
    HostLibraries::look().all(&CUDA_AND_CUDNN).map(with_builtins)
}

/// The same files, and those that NVRTC looks for when it compiles, which it does not find beside itself: their names
/// have its minor version.
fn with_builtins(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let of_nvrtc = |file: &&PathBuf| file.file_name() == Some(OsStr::new("libnvrtc.so.13"));
    let directory = files.iter().find(of_nvrtc).and_then(|file| file.parent());
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

/// The shared libraries that a host has where its loader looks, and where NVIDIA's installers put them.
#[derive(Debug, Clone, Default)]
pub struct HostLibraries {
    /// Of `LD_LIBRARY_PATH`, which comes first for the loader too.
    named: Vec<PathBuf>,
    /// Files in the loader's cache.
    cached: Vec<PathBuf>,
    /// Directories of CUDA's that the loader need not know.
    installed: Vec<PathBuf>,
}

impl HostLibraries {
    /// Looks at this host.
    #[must_use]
    pub fn look() -> Self {
        let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        // It is in nobody's `PATH` but root's.
        let cache = Command::new("/sbin/ldconfig").arg("-p").output();
        let cache = cache.map(|output| output.stdout).unwrap_or_default();
        Self::among(&named, &String::from_utf8_lossy(&cache), Path::new("/usr/local"))
    }

    /// Of what `LD_LIBRARY_PATH` and `ldconfig -p` say, and `cuda*` in the directory `local`.
    fn among(named: &OsStr, cache: &str, local: &Path) -> Self {
        let entries = std::fs::read_dir(local).into_iter().flatten().filter_map(Result::ok);
        let is_cuda = |path: &PathBuf| {
            path.file_name().is_some_and(|it| it.display().to_string().starts_with("cuda"))
        };
        let mut installed: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(is_cuda).map(|it| it.join("lib64")).collect();
        // `cuda` itself, which is the one in use, comes first.
        installed.sort();
        Self {
            // An empty part would be the working directory.
            named: std::env::split_paths(named).filter(|it| it.is_absolute()).collect(),
            cached: cache.lines().filter_map(cached).collect(),
            installed,
        }
    }

    /// Where the library called `file` is.
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

    /// Where each of `needed` is.
    ///
    /// # Errors
    /// Those that are not here.
    pub fn all(&self, needed: &[Needed]) -> Result<Vec<PathBuf>, Vec<Needed>> {
        let found: Vec<_> =
            needed.iter().map(|needed| self.find(needed.file).ok_or(*needed)).collect();
        let missing: Vec<Needed> =
            found.iter().filter_map(|it| it.as_ref().err().copied()).collect();
        if missing.is_empty() { Ok(found.into_iter().flatten().collect()) } else { Err(missing) }
    }
}

/// The file of a line of `ldconfig -p`, as in `libcudart.so.13 (libc6,x86-64) => /usr/lib/libcudart.so.13`; none of
/// libraries for 32 bits.
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
    fn what_is_loaded_by_name_is_among_what_is_installed() {
        let Some(files) = runtime_library(Library::Nvidia) else { return };
        for needed in CUDA_AND_CUDNN {
            assert!(files.iter().any(|it| it.file == needed.file), "{needed:?}");
        }
    }

    #[test]
    fn a_host_is_looked_at_in_the_order_of_its_loader_and_then_where_cuda_is_put() {
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
        let (there, not_there) = (needed("libone.so.1"), needed("libgone.so.1"));
        assert_eq!(host.all(&[there, not_there]), Err(vec![not_there]));
        assert_eq!(host.all(&[there]), Ok(vec![path("named/libone.so.1")]));
    }

    #[test]
    fn what_nvrtc_compiles_with_is_loaded_before_it_whatever_its_minor_version() {
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
