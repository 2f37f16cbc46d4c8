//! The real parts that tests and benches stand on: the ONNX Runtime library, model packs, pictures.
//!
//! Everything is brought once by the same installer that users run, into `target/testbed` (or
//! `$LIVEGATE_TEST_HOME`): the library and the portrait through pip, the starter pack through npm. The
//! other packs and more pictures come from `../shared` where that is; where it is not, a test that
//! would use them says what it leaves out.

pub mod pictures;
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

/// Says on standard error what a test leaves out for want of `../shared`, past the test runner, which
/// keeps to itself what passing tests print.
pub fn left_out(what: &str) {
    say_left_out("../shared", what);
}

/// The same for want of a program. CI has every one.
///
/// # Panics
/// In CI.
pub fn left_out_without(program: &str, what: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI installs {program}, for: {what}");
    say_left_out(program, what);
}

/// The same for want of something that no program brings.
pub fn left_out_for_want_of(missing: &str, what: &str) {
    say_left_out(missing, what);
}

fn say_left_out(missing: &str, what: &str) {
    // With standard error closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "LEFT OUT, because {missing} is not here: {what}");
}

/// A home with the library, the portrait and every pack in [`packs`].
///
/// # Panics
/// When they cannot be had: no test means anything then.
pub fn home() -> &'static Home {
    static HOME: OnceLock<Home> = OnceLock::new();
    HOME.get_or_init(|| {
        let root = std::env::var_os("LIVEGATE_TEST_HOME")
            .map_or_else(|| workspace().join("target/testbed"), PathBuf::from);
        let home = Home::new(root);
        let options = options();
        let installer = Installer::open(&home, &options, &|_| ()).expect("the home can be used");
        installer.install_runtime(Library::Cpu).expect("pip brings the ONNX Runtime library");
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

/// The ONNX Runtime library with OpenVINO, in the same home; says so where there is none for this platform.
///
/// # Panics
/// When it cannot be had.
pub fn openvino_library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| brought(Library::OpenVino));
    if library.is_none() {
        say_left_out("OpenVINO for this platform", "everything on it");
    }
    library.as_deref()
}

/// The ONNX Runtime library with CUDA, in the same home, without what it needs of NVIDIA's, which is 1.3 GB; says so where there is
/// none for this platform.
///
/// # Panics
/// When it cannot be had.
pub fn gpu_library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| brought(Library::Gpu));
    if library.is_none() {
        say_left_out("ONNX Runtime with CUDA for this platform", "everything on it");
    }
    library.as_deref()
}

/// The file of `library` to load, which is brought where it is not there; nothing where it is not for this platform.
fn brought(library: Library) -> Option<PathBuf> {
    model_pack::runtime_library(library)?;
    let home = home();
    // A receipt saves hashing it for every test binary.
    if let Some(file) = home.runtime_library(library) {
        return Some(file);
    }
    let options = options();
    let installer = Installer::open(home, &options, &|_| ()).expect("the home can be used");
    installer.install_runtime(library).expect("pip brings it");
    Some(home.runtime_library(library).expect("it was just installed"))
}

/// The packs that tests run on here: all where `../shared` is, the starter pack everywhere.
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
/// When it cannot be had.
#[must_use]
pub fn library() -> PathBuf {
    home().runtime_library(Library::Cpu).expect("the library is installed")
}

/// The process's ONNX Runtime where all tests in it use the one with OpenVINO; none where there is none. Not
/// for a process that also asks for [`runtime`]: it can only have one.
///
/// # Panics
/// When the library cannot be loaded.
#[must_use]
pub fn openvino_runtime() -> Option<&'static Runtime> {
    openvino_library().map(|library| load_once(|| library.to_owned()))
}

/// The process's ONNX Runtime where all tests in it use a GPU, with what that needs loaded before it: NVIDIA's libraries of the same
/// home, or the host's own. None, and it says so, without a driver and all of them. Not for a process that also asks for
/// [`runtime`].
///
/// # Panics
/// When all of it is there and cannot be loaded.
#[must_use]
pub fn gpu_runtime() -> Option<&'static Runtime> {
    let has_driver = onnx::preload(Path::new(nvidia::DRIVER.file)).is_ok();
    let libraries = has_driver.then(|| nvidia::cuda_and_cudnn(home()).ok()).flatten();
    let Some(libraries) = libraries else {
        say_left_out("an NVIDIA GPU with its driver, CUDA 13 and cuDNN 9", "everything on it");
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

/// The bytes of `../shared/selfies/NAME`; says so where that is not here.
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
