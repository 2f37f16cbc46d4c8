//! What tests and benches share: the ONNX Runtime library, model packs, pictures, the running
//! service.
//!
//! The installer that users run fetches everything once into `target/testbed` (or into
//! `$LIVEGATE_TEST_HOME`): libraries and the portrait through pip, the starter pack through npm.
//! The other packs and more pictures come from `../shared`. Where that directory is missing, a test
//! that would use it says what it leaves out.

pub mod client;
pub mod pictures;
pub mod process;
pub mod service;
pub mod valkey;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use model_pack::{Home, Installer, Library, Options, Pack, nvidia};
use onnx::Runtime;

/// The workspace's directory.
///
/// # Panics
/// Never: this file is two directories down.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/testbed is two down")
}

/// `../shared`, where it is.
#[must_use]
pub fn shared() -> Option<PathBuf> {
    let shared = workspace().parent()?.join("shared");
    shared.join("reference/golden.json").is_file().then_some(shared)
}

/// Says which test is left out because `../shared` is missing.
pub fn left_out(what: &str) {
    left_out_for_want_of("../shared", what);
}

/// Says which test is left out because a program is missing. CI installs every program.
///
/// # Panics
/// In CI.
pub fn left_out_without(program: &str, what: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!is_ci, "CI installs {program}, for: {what}");
    left_out_for_want_of(program, what);
}

/// Says which test is left out because something else is missing, such as a right.
pub fn left_out_for_want_of(missing: &str, what: &str) {
    // Written to the stream itself: the test runner hides what passing tests print through
    // `eprint`. A closed stream is no reason to fail.
    let _ = writeln!(std::io::stderr(), "LEFT OUT, because {missing} is not here: {what}");
}

/// A home as `livegate setup` makes it, with every pack in [`packs`]. Where this platform has
/// OpenVINO, the default device is OpenVINO in it.
///
/// # Panics
/// When they cannot be fetched.
pub fn home() -> &'static Home {
    static HOME: OnceLock<Home> = OnceLock::new();
    HOME.get_or_init(|| {
        // An empty variable is an unset one.
        let root = std::env::var_os("LIVEGATE_TEST_HOME").filter(|root| !root.is_empty());
        let home =
            Home::new(root.map_or_else(|| workspace().join("target/testbed"), PathBuf::from));
        let options = options();
        let installer = Installer::open(&home, &options, &|_| ()).expect("the home can be used");
        installer.install_runtime(Library::Cpu).expect("pip brings the ONNX Runtime library");
        let has_openvino = model_pack::runtime_library(Library::OpenVino).is_some();
        // A receipt stands for its hash, so that not every test binary hashes it.
        if has_openvino && home.runtime_library(Library::OpenVino).is_none() {
            installer.install_runtime(Library::OpenVino).expect("pip brings OpenVINO");
        }
        installer.install_sample().expect("pip brings the portrait");
        for (manifest, text) in model_pack::catalog() {
            if packs().contains(&manifest.name.as_str()) {
                installer.install_pack(&manifest, text).expect("npm or ../shared has the models");
            }
        }
        drop(installer);
        home
    })
}

fn options() -> Options {
    Options { from: shared().map(|s| s.join("models")), ..Options::default() }
}

/// The file of ONNX Runtime with OpenVINO, in the same home. Where this platform has none it says
/// so and gives back nothing.
///
/// # Panics
/// When the home cannot be filled.
pub fn openvino_library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| home().runtime_library(Library::OpenVino));
    if library.is_none() {
        left_out_for_want_of("OpenVINO for this platform", "everything on it");
    }
    library.as_deref()
}

/// The file of ONNX Runtime with CUDA, in the same home, without NVIDIA's libraries (1.3 GB). Where
/// this platform has none it says so and gives back nothing.
///
/// # Panics
/// When it cannot be fetched.
pub fn gpu_library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let library = LIBRARY.get_or_init(fetched_gpu_library);
    if library.is_none() {
        left_out_for_want_of("ONNX Runtime with CUDA for this platform", "everything on it");
    }
    library.as_deref()
}

fn fetched_gpu_library() -> Option<PathBuf> {
    model_pack::runtime_library(Library::Gpu)?;
    let home = home();
    if let Some(file) = home.runtime_library(Library::Gpu) {
        return Some(file);
    }
    let options = options();
    let installer = Installer::open(home, &options, &|_| ()).expect("the home can be used");
    installer.install_runtime(Library::Gpu).expect("pip brings it");
    Some(home.runtime_library(Library::Gpu).expect("it was just installed"))
}

/// The packs that tests run on: all of them where `../shared` is, otherwise the starter pack.
#[must_use]
pub fn packs() -> &'static [&'static str] {
    if shared().is_some() {
        &["starter", "silent-face", "silent-face-plus", "minifas-128"]
    } else {
        left_out("the packs silent-face, silent-face-plus and minifas-128");
        &["starter"]
    }
}

/// The pack `name`, opened.
///
/// # Panics
/// When it is not among [`packs`].
#[must_use]
pub fn pack(name: &str) -> Pack {
    Pack::open(&home().pack_directory(name)).expect("the pack is installed")
}

/// The process's ONNX Runtime.
///
/// # Panics
/// When the library cannot be loaded.
#[must_use]
pub fn runtime() -> &'static Runtime {
    load_once(library)
}

/// The file that [`runtime`] loads.
///
/// # Panics
/// When it cannot be fetched.
#[must_use]
pub fn library() -> PathBuf {
    home().runtime_library(Library::Cpu).expect("the library is installed")
}

/// The process's ONNX Runtime, with OpenVINO; nothing where this platform has none. A process can
/// load only one library, so none of its tests may call [`runtime`].
///
/// # Panics
/// When the library cannot be loaded.
#[must_use]
pub fn openvino_runtime() -> Option<&'static Runtime> {
    openvino_library().map(|library| load_once(|| library.to_owned()))
}

/// The process's ONNX Runtime, on a GPU. NVIDIA's libraries, of the same home or the host's own,
/// are loaded before it. Where the driver or a library is missing it says so and gives back
/// nothing. None of the process's tests may call [`runtime`].
///
/// # Panics
/// When everything is there and cannot be loaded.
#[must_use]
pub fn gpu_runtime() -> Option<&'static Runtime> {
    let has_driver = onnx::preload(Path::new(nvidia::DRIVER.file)).is_ok();
    let libraries = has_driver.then(|| nvidia::cuda_and_cudnn(home()).ok()).flatten();
    let Some(libraries) = libraries else {
        left_out_for_want_of(
            "an NVIDIA GPU with its driver, CUDA 13 and cuDNN 9",
            "everything on it",
        );
        return None;
    };
    for library in libraries {
        onnx::preload(&library).expect("the library can be loaded");
    }
    gpu_library().map(|library| load_once(|| library.to_owned()))
}

fn load_once(library: impl FnOnce() -> PathBuf) -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::load(&library()).expect("the library can be loaded"))
}

/// The path of the sample portrait (a PNG of 512x512 px with one face).
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn portrait() -> PathBuf {
    home().sample_portrait().expect("the portrait is installed")
}

/// The bytes of `../shared/selfies/NAME`. Where `../shared` is missing it says so and gives back
/// nothing.
///
/// # Panics
/// When the file is missing while `../shared` is there.
#[must_use]
pub fn selfie(name: &str) -> Option<Vec<u8>> {
    let Some(shared) = shared() else {
        left_out(&format!("selfies/{name}"));
        return None;
    };
    Some(std::fs::read(shared.join("selfies").join(name)).expect("the selfie is there"))
}
