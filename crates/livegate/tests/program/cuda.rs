//! `--device cuda` on a machine without a GPU: setup fetches the libraries or finds the host's, a
//! missing library is named, and `auto` says why it takes the CPU. `deploy/gpu/check.sh` tests
//! cards.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use model_pack::nvidia::{CUDA_AND_CUDNN, DRIVER, HostLibraries, TENSORRT};
use model_pack::{Home, Library};
use serde_json::Value;

use crate::setup::carried;
use crate::{finished, livegate};

/// Two homes with the starter pack and ONNX Runtime with CUDA, without NVIDIA's libraries. The
/// first also has the CPU's ONNX Runtime. Nothing where this platform has no ONNX Runtime with
/// CUDA.
fn homes() -> Option<&'static [tempfile::TempDir; 2]> {
    static HOMES: OnceLock<Option<[tempfile::TempDir; 2]>> = OnceLock::new();
    let homes = HOMES.get_or_init(|| {
        let gpu = testbed::gpu_library()?.parent().unwrap();
        Some([["cuda", "cpu"].as_slice(), &["cuda"]].map(|devices| {
            let (home, carried) = (tempfile::tempdir().unwrap(), carried());
            for entry in std::fs::read_dir(gpu).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let to = carried.path().join(path.file_name().unwrap());
                    std::os::unix::fs::symlink(&path, to).unwrap();
                }
            }
            let host = hosts_own();
            let mut command = livegate(home.path());
            command.args(["setup", "--offline", "--pack", "starter", "--from"]).arg(carried.path());
            for device in devices {
                command.args(["--device", device]);
            }
            command.env("LD_LIBRARY_PATH", host.path());
            let (_, said, code) = finished(&command.output().unwrap());
            assert_eq!(code, 0, "{said}");
            // Setup found the host's own CUDA and says so.
            let own = format!("this host's own are used, in {}", host.path().display());
            assert!(said.contains(&own) && said.contains("314 MB on disk"), "{said}");
            assert!(!home.path().join("runtime/gpu/nvidia").exists());
            let installed = Home::new(home.path().to_owned());
            assert!(installed.runtime_library(Library::Gpu).is_some());
            home
        }))
    });
    homes.as_ref()
}

/// A directory with empty files that have the names of the libraries of CUDA and cuDNN.
fn hosts_own() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for needed in CUDA_AND_CUDNN {
        std::fs::write(directory.path().join(needed.file), "").unwrap();
    }
    directory
}

/// Whether this machine has no driver. Where it has one this says what is left out.
fn is_without_driver() -> bool {
    let is_without = HostLibraries::look().find(DRIVER.file).is_none();
    if !is_without {
        testbed::left_out_for_want_of("a machine without NVIDIA's driver", "what is said there");
    }
    is_without
}

/// A directory with a driver that can be loaded and does nothing. Needs a C compiler.
fn driver_that_loads() -> Option<tempfile::TempDir> {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("driver.c");
    std::fs::write(&source, "int cuInit(unsigned flags) { return (int)flags + 100; }\n").unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(directory.path().join(DRIVER.file)).arg(&source);
    if !cc.status().is_ok_and(|status| status.success()) {
        testbed::left_out_without("cc", "a driver without the rest");
        return None;
    }
    Some(directory)
}

fn verify(home: &Path, device: &str, variables: &[(&str, &Path)]) -> (String, String, i32) {
    let mut command = livegate(home);
    command.args(["verify", "--json", "--offline", "--device", device]).arg(testbed::portrait());
    finished(&command.envs(variables.iter().copied()).output().unwrap())
}

#[test]
fn setup_lists_names_sizes_and_terms_before_it_fetches() {
    if model_pack::runtime_library(Library::Nvidia).is_none() {
        return;
    }
    if HostLibraries::look().all(&CUDA_AND_CUDNN).is_ok() {
        testbed::left_out_for_want_of("a host without CUDA", "what setup brings there");
        return;
    }
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let mut command = livegate(home.path());
    command.args(["setup", "--offline", "--pack", "starter", "--device", "tensorrt", "--from"]);
    let (_, said, code) = finished(&command.arg(carried.path()).output().unwrap());
    assert_eq!(code, 69, "{said}");
    assert!(
        said.contains("ONNX Runtime with CUDA: at most 0 MB to fetch, 314 MB on disk"),
        "{said}"
    );
    assert!(said.contains("CUDA 13 and cuDNN 9: at most 0 MB to fetch, 1315 MB on disk"), "{said}");
    for library in [Library::Gpu, Library::Nvidia] {
        for file in model_pack::runtime_library(library).unwrap() {
            assert!(said.contains(&format!("put {}", file.file)), "{}: {said}", file.file);
            assert!(said.contains(&file.sha256.to_string()), "{}: {said}", file.file);
        }
    }
    assert!(said.contains("wheel nvidia-cudnn-cu13==9.15.1.9"), "{said}");
    assert!(said.contains("then run `livegate setup --device cuda` again"), "{said}");
}

#[test]
fn without_the_driver_the_device_is_refused_and_nothing_is_fetched() {
    let Some([home, _]) = homes() else { return };
    if !is_without_driver() {
        return;
    }
    for device in ["cuda", "tensorrt"] {
        let (out, said, code) = verify(home.path(), device, &[]);
        assert_eq!((out.as_str(), code), ("", 69), "{said}");
        assert!(said.contains("libcuda.so.1 cannot be loaded"), "{said}");
        assert!(said.contains("the NVIDIA driver, version 580 or newer"), "{said}");
    }
    // Also where setup may fetch: without a driver a gigabyte of libraries is useless.
    let (bare, carried) = (tempfile::tempdir().unwrap(), carried());
    let mut command = livegate(bare.path());
    command.args(["setup", "--offline", "--pack", "starter", "--from"]).arg(carried.path());
    assert_eq!(finished(&command.output().unwrap()).2, 0);
    let mut command = livegate(bare.path());
    command.args(["serve", "--device", "cuda", "--demo", "--listen", "127.0.0.1:0"]);
    let (_, said, code) = finished(&command.output().unwrap());
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("libcuda.so.1") && !said.contains("Setting up"), "{said}");
    assert!(!bare.path().join("runtime/gpu").exists());
}

#[test]
fn a_missing_library_is_named_with_the_command_that_installs_it() {
    let (Some([home, _]), Some(driver)) = (homes(), driver_that_loads()) else { return };
    if HostLibraries::look().all(&CUDA_AND_CUDNN).is_ok() {
        testbed::left_out_for_want_of("a host without CUDA", "what is said there");
        return;
    }
    let (out, said, code) = verify(home.path(), "cuda", &[("LD_LIBRARY_PATH", driver.path())]);
    assert_eq!((out.as_str(), code), ("", 69), "{said}");
    // `verify` tried to fetch it, and could not.
    assert!(said.contains("put libcudnn_graph.so.9 into"), "{said}");
    assert!(said.contains("`livegate setup --device cuda`"), "{said}");
    let library = testbed::gpu_library().unwrap().to_str().unwrap();
    let mut command = livegate(home.path());
    command.args(["verify", "--offline", "--device", "cuda", "--onnxruntime", library]);
    command.arg(testbed::portrait()).env("LD_LIBRARY_PATH", driver.path());
    let (_, said, code) = finished(&command.output().unwrap());
    assert_eq!(code, 69, "{said}");
    for needed in CUDA_AND_CUDNN {
        assert!(said.contains(needed.file), "{}: {said}", needed.file);
    }
    assert!(said.contains("`livegate setup --device cuda`"), "{said}");
    // Files of those names exist, and cannot be loaded.
    let host = hosts_own();
    let both = std::env::join_paths([driver.path(), host.path()]).unwrap();
    let (_, said, code) = verify(home.path(), "cuda", &[("LD_LIBRARY_PATH", Path::new(&both))]);
    assert_eq!(code, 69, "{said}");
    let file = host.path().join(CUDA_AND_CUDNN[0].file);
    assert!(said.contains(&format!("{} cannot be loaded", file.display())), "{said}");
}

/// The report of a run on the device `auto`, and its log.
fn auto(home: &Path) -> (Value, String) {
    let mut command = livegate(home);
    command.env("LIVEGATE_LOG", "info,ort=warn").env("LIVEGATE_DEVICE", "auto");
    command.args(["verify", "--json", "--offline"]).arg(testbed::portrait());
    let (out, said, code) = finished(&command.output().unwrap());
    assert_eq!(code, 0, "{said}");
    (serde_json::from_str(&out).unwrap(), said)
}

#[test]
fn auto_without_a_driver_runs_on_the_cpu_with_either_library_and_says_why() {
    let Some([both, alone]) = homes() else { return };
    if !is_without_driver() {
        return;
    }
    let (report, said) = auto(both.path());
    assert_eq!(report["device"], "cpu");
    let why = "WARN engine::auto: device auto is cpu, as cuda cannot be used: libcuda.so.1";
    assert!(said.contains(why), "{said}");
    let (other, said) = auto(alone.path());
    assert_eq!(other["device"], "cpu");
    let why = "device auto is cpu, on ONNX Runtime with CUDA, as cuda cannot be used: libcuda.so.1";
    assert!(said.contains(why) && said.contains("ONNX Runtime is not installed"), "{said}");
    let [one, other] = [report, other].map(|it| it["score"].as_f64().unwrap());
    assert!((one - other).abs() <= 1e-4, "{one} {other}");
}

#[test]
fn the_doctor_says_why_auto_is_not_cuda() {
    let Some([home, _]) = homes() else { return };
    if !is_without_driver() {
        return;
    }
    let mut command = livegate(home.path());
    command.args(["doctor", "--json", "--device", "auto"]);
    let (out, said, code) = finished(&command.output().unwrap());
    assert_eq!(code, 0, "{said}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["version"]["device"], "cpu");
    let fallback = report["version"]["fallback"].as_str().unwrap();
    assert!(
        fallback.starts_with("cuda cannot be used: libcuda.so.1 cannot be loaded"),
        "{fallback}"
    );
    let checks = report["checks"].as_array().unwrap().iter();
    let devices: Vec<&str> = checks
        .filter(|check| check["check"] == "device")
        .map(|check| check["says"].as_str().unwrap())
        .collect();
    let has = |begins: &str| devices.iter().any(|says| says.starts_with(begins));
    assert!(has("auto is cpu: cuda cannot be used: libcuda.so.1"), "{devices:?}");
    assert!(has("cpu: in use") && has("openvino: not installed"), "{devices:?}");
    if HostLibraries::look().all(&CUDA_AND_CUDNN).is_err() {
        assert!(has("cuda: missing or changed: libcudart.so.13"), "{devices:?}");
    }
    if HostLibraries::look().all(&TENSORRT).is_err() {
        assert!(has("tensorrt: TensorRT 10 is not on this host: libnvinfer.so.10"), "{devices:?}");
    }
    // With the device named, its missing driver is a problem.
    let mut command = livegate(home.path());
    command.args(["doctor", "--json", "--device", "cuda"]);
    let (out, _, code) = finished(&command.output().unwrap());
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["version"]), (69, &Value::Null));
    let mut checks = report["checks"].as_array().unwrap().iter();
    let runtime = checks.find(|check| check["check"] == "runtime").unwrap();
    assert!(runtime["says"].as_str().unwrap().contains("libcuda.so.1"), "{runtime}");
}
