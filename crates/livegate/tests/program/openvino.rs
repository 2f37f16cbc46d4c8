//! The default device, and `--device openvino`: setup installs it, checks run on it, and another
//! device never replaces it without saying so.

use std::path::Path;
use std::process::Command;

use model_pack::{Home, Library};
use serde_json::Value;
use testbed::client::{Body, Client};
use testbed::process::free_port;
use testbed::service::Service;

use crate::demo::{CREDENTIALS, V1, demo_on, portrait_file};
use crate::setup::carried;
use crate::{finished, livegate};

const MAIN: &str = "libonnxruntime.so.1.24.1";
const PLUGIN: &str = "libopenvino_intel_cpu_plugin.so";

/// A home with the starter pack and the CPU's ONNX Runtime.
fn home() -> tempfile::TempDir {
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let mut command = livegate(home.path());
    command.args(["setup", "--offline", "--device", "cpu", "--pack", "starter", "--from"]);
    let (_, said, code) = finished(&command.arg(carried.path()).output().unwrap());
    assert_eq!(code, 0, "{said}");
    home
}

/// A directory with every file that the starter pack needs on either device.
fn carried_with_openvino() -> Option<tempfile::TempDir> {
    let (files, carried) = (files()?, carried());
    for entry in std::fs::read_dir(files).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, carried.path().join(path.file_name().unwrap())).unwrap();
    }
    Some(carried)
}

/// The directory with OpenVINO's files; nothing where this platform has none.
fn files() -> Option<&'static Path> {
    testbed::openvino_library().map(|library| library.parent().unwrap())
}

fn setup(home: &Path, from: Option<&Path>) -> (String, i32) {
    let mut command = livegate(home);
    command.args(["setup", "--offline", "--pack", "starter", "--device", "openvino"]);
    if let Some(from) = from {
        command.arg("--from").arg(from);
    }
    let (_, said, code) = finished(&command.output().unwrap());
    (said, code)
}

fn verify(home: &Path, arguments: &[&str]) -> (String, String, i32) {
    let mut command = livegate(home);
    command.args(["verify", "--json", "--offline", "--pack", "starter"]).args(arguments);
    finished(&command.arg(testbed::portrait()).output().unwrap())
}

fn is_whole(home: &Path) -> bool {
    Home::new(home.to_owned()).runtime_library(Library::OpenVino).is_some()
}

#[test]
fn setup_from_a_directory_is_enough_and_the_score_is_the_cpus() {
    let Some(files) = files() else { return };
    let home = home();
    let (out, said, code) = verify(home.path(), &["--device", "openvino"]);
    assert_eq!((out.as_str(), code), ("", 69));
    for file in [MAIN, PLUGIN, "libtbb.so.12"] {
        assert!(said.contains(&format!("put {file}")), "{file}: {said}");
    }
    assert!(said.contains("wheel onnxruntime-openvino==1.24.1"), "{said}");
    assert!(said.contains("then run `livegate setup --device openvino` again"), "{said}");

    let (said, code) = setup(home.path(), Some(files));
    assert_eq!(code, 0, "{said}");
    for licence in ["1.24.1: installed (MIT", "libtbb.so.12: installed (Apache-2.0"] {
        assert!(said.contains(licence), "{said}");
    }
    assert!(is_whole(home.path()));
    let score = |device: &str| {
        let (out, said, code) = verify(home.path(), &["--device", device]);
        assert_eq!((said.as_str(), code), ("", 0));
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["device"], device);
        report["score"].as_f64().unwrap()
    };
    let (cpu, openvino) = (score("cpu"), score("openvino"));
    assert!((cpu - openvino).abs() < 1e-4, "{cpu} {openvino}");
    let mut packs = livegate(home.path());
    let (out, said, code) =
        finished(&packs.args(["packs", "verify", "--device", "openvino"]).output().unwrap());
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("starter: ok") && out.contains("on openvino"), "{out}");
}

#[test]
fn a_damaged_library_is_not_loaded_and_is_repaired_from_a_directory() {
    let Some(files) = files() else { return };
    let home = home();
    assert_eq!(setup(home.path(), Some(files)).1, 0);
    let from = files.to_str().unwrap();
    for file in [MAIN, PLUGIN] {
        let path = home.path().join("runtime/openvino").join(file);
        let whole = std::fs::metadata(&path).unwrap().len();
        std::fs::File::options().write(true).open(&path).unwrap().set_len(whole / 2).unwrap();
        let (out, said, code) = verify(home.path(), &["--device", "openvino"]);
        assert_eq!((out.as_str(), code), ("", 69), "{file}");
        assert!(said.contains(&format!("put {file}")), "{said}");
        let (_, said, code) = verify(home.path(), &["--device", "openvino", "--from", from]);
        assert_eq!(code, 0, "{said}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), whole);
        assert!(is_whole(home.path()));
    }
}

/// OpenVINO searches the working directory for plugins that are not beside it.
#[test]
fn nothing_is_loaded_from_the_working_directory() {
    if files().is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(
        path("plugin.c"),
        "#include <fcntl.h>\n__attribute__((constructor)) static void run(void) { creat(\"loaded\", 0600); }",
    )
    .unwrap();
    let mut cc = Command::new("cc");
    cc.current_dir(directory.path()).args(["-shared", "-fPIC", "-o", "plugin.so", "plugin.c"]);
    if !cc.status().is_ok_and(|status| status.success()) {
        testbed::left_out_without("cc", "what is loaded from the working directory");
        return;
    }
    for name in ["auto_batch", "auto", "hetero", "intel_cpu", "intel_gpu", "intel_npu"] {
        std::fs::copy(path("plugin.so"), path(&format!("libopenvino_{name}_plugin.so"))).unwrap();
    }
    let mut verify = livegate(testbed::home().root());
    verify.args(["verify", "--offline", "--pack", "starter", "--device", "openvino"]);
    verify.arg(testbed::portrait()).current_dir(directory.path());
    let (out, said, code) = finished(&verify.output().unwrap());
    assert_eq!((said.as_str(), code), ("", 0));
    assert!(out.contains("openvino]"), "{out}");
    assert!(!path("loaded").exists());
}

#[test]
fn a_library_without_openvino_is_refused_by_name() {
    let home = testbed::home();
    let library = home.runtime_library(Library::Cpu).unwrap();
    let library = library.to_str().unwrap();
    let (out, said, code) =
        verify(home.root(), &["--device", "openvino", "--onnxruntime", library]);
    assert_eq!((out.as_str(), code), ("", 69));
    assert!(said.contains("cannot use the device openvino"), "{said}");
    assert!(said.contains("`livegate setup --device openvino`"), "{said}");
}

/// Replaces a file by one of the same length and time, so that its receipt still fits; a failing
/// disk has this effect.
fn damage(path: &Path) {
    let was = std::fs::metadata(path).unwrap();
    std::fs::remove_file(path).unwrap();
    let file = std::fs::File::create(path).unwrap();
    file.set_len(was.len()).unwrap();
    file.set_modified(was.modified().unwrap()).unwrap();
}

#[test]
fn a_missing_or_damaged_library_is_named_with_the_command_that_installs_it() {
    let Some(files) = files() else { return };
    for missing in [PLUGIN, "libtbb.so.12", "libopenvino.so.2541"] {
        let directory = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(files).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with(missing) {
                std::fs::copy(&path, directory.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        let library = directory.path().join(MAIN);
        let library = ["--device", "openvino", "--onnxruntime", library.to_str().unwrap()];
        let (out, said, code) = verify(testbed::home().root(), &library);
        assert_eq!((out.as_str(), code), ("", 69));
        let said = said.lines().find(|line| line.starts_with("livegate: ")).expect(&said);
        assert!(said.contains(missing), "{missing}: {said}");
        assert!(said.contains("`livegate setup --device openvino`"), "{said}");
    }
    let home = home();
    assert_eq!(setup(home.path(), Some(files)).1, 0);
    damage(&home.path().join("runtime/openvino").join(MAIN));
    let (out, said, code) = verify(home.path(), &["--device", "openvino"]);
    assert_eq!((out.as_str(), code), ("", 69));
    assert!(said.contains(MAIN) && said.contains("`livegate setup --device openvino`"), "{said}");
}

#[test]
fn on_a_platform_without_openvino_setup_says_so() {
    if model_pack::runtime_library(Library::OpenVino).is_some() {
        return;
    }
    let (said, code) = setup(home().path(), None);
    assert_eq!(code, 69);
    assert!(said.contains("no ONNX Runtime with OpenVINO is known for"), "{said}");
}

#[test]
fn answers_of_a_service_on_openvino_name_the_device() {
    if files().is_none() {
        return;
    }
    let form = Body::form_with_threshold(&portrait_file(), "0.5");
    let [cpu, openvino] = ["cpu", "openvino"].map(|device| {
        let service = Service::start(demo_on(device, "starter"));
        let answer = service.ask(V1, &CREDENTIALS, &form);
        let body = answer.json();
        assert_eq!((answer.status, &body["verdict"]), (200, &"live".into()), "{body}");
        assert_eq!(body["device"], device);
        body["score"].as_f64().unwrap()
    });
    assert!((cpu - openvino).abs() <= 1e-4, "{cpu} {openvino}");
}

/// The device of a check and its log, with `LIVEGATE_DEVICE` set to `choice` if there is one.
fn chosen(home: &Path, choice: Option<&str>) -> (String, String) {
    let mut command = livegate(home);
    // By default `verify` logs only warnings.
    command.env("LIVEGATE_LOG", "info,ort=warn").envs(choice.map(|name| ("LIVEGATE_DEVICE", name)));
    command.args(["verify", "--json", "--offline", "--pack", "starter"]);
    let (out, said, code) = finished(&command.arg(testbed::portrait()).output().unwrap());
    assert_eq!(code, 0, "{said}");
    let report: Value = serde_json::from_str(&out).unwrap();
    (report["device"].as_str().unwrap().to_owned(), said)
}

#[test]
fn setup_brings_openvino_and_the_default_device_uses_it() {
    let Some(carried) = carried_with_openvino() else { return };
    let home = tempfile::tempdir().unwrap();
    let mut command = livegate(home.path());
    command.args(["setup", "--offline", "--pack", "starter", "--from"]).arg(carried.path());
    let (_, said, code) = finished(&command.output().unwrap());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("ONNX Runtime with OpenVINO: at most 0 MB to fetch"), "{said}");
    assert!(said.contains("libopenvino.so.2541: installed (Apache-2.0"), "{said}");
    assert!(is_whole(home.path()));
    let (device, said) = chosen(home.path(), None);
    assert_eq!(device, "openvino");
    assert!(said.contains("device auto-cpu is openvino, which is installed"), "{said}");
    // The CPU's library has come too: one flag, and no network, leaves OpenVINO out.
    let (device, said) = chosen(home.path(), Some("cpu"));
    assert_eq!((device.as_str(), said.contains("openvino")), ("cpu", false), "{said}");
}

#[test]
fn a_start_in_an_empty_home_brings_openvino_too() {
    let Some(carried) = carried_with_openvino() else { return };
    let home = tempfile::tempdir().unwrap();
    let from = carried.path().to_str().unwrap();
    let (out, said, code) = verify(home.path(), &["--from", from]);
    assert_eq!(code, 0, "{said}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["device"], "openvino");
}

#[test]
fn a_slim_setup_has_no_openvino_and_its_service_says_so() {
    let Some(carried) = carried_with_openvino() else { return };
    let home = tempfile::tempdir().unwrap();
    let mut command = livegate(home.path());
    command.args(["setup", "--offline", "--device", "cpu", "--pack", "starter", "--from"]);
    let (_, said, code) = finished(&command.arg(carried.path()).output().unwrap());
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("OpenVINO"), "{said}");
    // Nor does a later start bring it, although it could, also where the CPU's library is damaged.
    let from = carried.path().to_str().unwrap();
    let (out, said, code) = verify(home.path(), &["--from", from]);
    assert_eq!((said.as_str(), code), ("", 0));
    assert!(out.contains("\"device\":\"cpu\""), "{out}");
    let library = Home::new(home.path().to_owned()).runtime_library(Library::Cpu).unwrap();
    std::fs::write(library, "damaged").unwrap();
    let (out, said, code) = verify(home.path(), &["--from", from]);
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("\"device\":\"cpu\""), "{out}");
    assert!(!home.path().join("runtime/openvino").exists());

    let why = "the loaded ONNX Runtime has no openvino (`livegate setup --device openvino` brings \
               one that has)";
    let (_, said) = chosen(home.path(), None);
    assert!(said.contains(&format!("device auto-cpu is cpu, as {why}")), "{said}");
    let (_, said) = chosen(home.path(), Some("cpu"));
    assert!(!said.contains("openvino"), "{said}");
    for (device, fallback) in [("auto-cpu", Value::from(why)), ("cpu", Value::Null)] {
        let port = free_port();
        let mut serve = livegate(home.path());
        serve.args(["serve", "--demo", "--offline", "--listen", "127.0.0.1:0", "--set"]);
        serve.arg(format!("admin.listen=127.0.0.1:{port}")).args(["--device", device]);
        let _service = Service::start(serve);
        let version = Client::default().get(&format!("http://127.0.0.1:{port}/version")).unwrap();
        let version = version.json();
        assert_eq!((&version["device"], &version["fallback"]), (&"cpu".into(), &fallback));
        assert_eq!(version["device_asked_for"], device);
    }
}

/// OpenVINO cannot be had here; the CPU's library can.
#[test]
fn setup_goes_on_without_openvino_and_fails_where_it_was_asked_for() {
    if files().is_none() {
        return;
    }
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let setup = |devices: &[&str]| {
        let mut command = livegate(home.path());
        command.args(["setup", "--offline", "--pack", "starter"]).args(devices);
        command.arg("--from").arg(carried.path());
        let (_, said, code) = finished(&command.output().unwrap());
        assert!(said.contains("NOT INSTALLED: ONNX Runtime with OpenVINO"), "{said}");
        code
    };
    assert_eq!(setup(&[]), 0);
    assert_eq!(chosen(home.path(), None).0, "cpu");
    assert_eq!(setup(&["--device", "cpu", "--device", "openvino"]), 69);
}

#[test]
fn openvino_is_taken_if_it_is_installed_and_whole_and_the_log_says_why() {
    let home = home();
    let choices = [(None, "auto-cpu"), (Some("auto"), "auto")];
    let Some(files) = files() else { return };
    assert_eq!(setup(home.path(), Some(files)).1, 0);
    for (choice, name) in choices {
        let (device, said) = chosen(home.path(), choice);
        assert_eq!(device, "openvino");
        assert!(said.contains(&format!("device {name} is openvino")), "{said}");
    }
    // Without one of its files OpenVINO is not used, and the CPU's library runs the models.
    std::fs::remove_file(home.path().join("runtime/openvino").join(PLUGIN)).unwrap();
    for (choice, name) in choices {
        let (device, said) = chosen(home.path(), choice);
        assert_eq!(device, "cpu");
        let why = format!(
            "device {name} is cpu, as openvino cannot be used: ONNX Runtime with OpenVINO is not whole: {PLUGIN} missing"
        );
        assert!(said.contains("WARN") && said.contains(&why), "{said}");
    }
    // A library that cannot be loaded has the same effect.
    assert_eq!(setup(home.path(), Some(files)).1, 0);
    damage(&home.path().join("runtime/openvino").join(MAIN));
    let (device, said) = chosen(home.path(), None);
    assert_eq!(device, "cpu");
    assert!(said.contains("WARN") && said.contains(MAIN), "{said}");
    assert!(said.contains("`livegate setup --device openvino`"), "{said}");
    let mut doctor = livegate(home.path());
    doctor.args(["doctor", "--json", "--pack", "starter"]);
    let (out, said, code) = finished(&doctor.output().unwrap());
    assert_eq!(code, 0, "{said}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["version"]["device"], "cpu");
    let is_said = |check: &Value| {
        let says = check["says"].as_str().unwrap();
        says.starts_with("auto-cpu is cpu: openvino cannot be used") && says.contains(MAIN)
    };
    assert!(report["checks"].as_array().unwrap().iter().any(is_said), "{report}");
}
