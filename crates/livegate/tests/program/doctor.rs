//! `livegate doctor` finds no problem in a sound home, and names each problem of another.

mod certificates;
mod groups;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testbed::process::wrapped;
use testbed::valkey::ValkeyServer;

use crate::setup::carried;
use crate::{finished, livegate};

/// The doctor's report of `home`, and its exit code. The device is the CPU unless `arguments` or
/// `variables` name another. Core dumps are off, so that they are no finding.
fn doctor(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (Value, i32) {
    let mut doctor = livegate(home);
    doctor.args(["doctor", "--json"]).args(arguments).env_remove("TMPDIR");
    doctor.env("LIVEGATE_DEVICE", "cpu").envs(variables.iter().copied());
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c 0; ulimit -n 2048; exec \"$0\" \"$@\""]);
    let (out, said, code) = finished(&wrapped(shell, &doctor).output().unwrap());
    (serde_json::from_str(&out).expect(&said), code)
}

/// The findings with this status, as `CHECK: FINDING -> ADVICE`.
fn said(report: &Value, status: &str) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    let text = |check: &Value| {
        let field = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
        format!("{}: {} -> {}", field("check"), field("says"), field("advice"))
    };
    checks.filter(|check| check["status"] == status).map(text).collect()
}

/// A fresh home with the CPU's library, the starter pack and one app.
fn home() -> tempfile::TempDir {
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let mut command = livegate(home.path());
    command.args(["setup", "--offline", "--device", "cpu", "--pack", "starter", "--from"]);
    assert_eq!(finished(&command.arg(carried.path()).output().unwrap()).2, 0);
    let mut command = livegate(home.path());
    let (_, said, code) = finished(&command.args(["keys", "create"]).output().unwrap());
    assert_eq!(code, 0, "{said}");
    home
}

fn model_in(home: &Path) -> PathBuf {
    let files = std::fs::read_dir(home.join("packs/starter")).unwrap();
    let mut files = files.map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|it| it == "onnx")).unwrap()
}

#[test]
fn a_sound_home_has_no_problem_and_the_provider_of_its_models_is_known() {
    let (home, temporary) = (home(), tempfile::tempdir().unwrap());
    let variables = [("TMPDIR", temporary.path().to_str().unwrap())];
    let (report, code) = doctor(home.path(), &[], &variables);
    assert_eq!((said(&report, "problem"), said(&report, "warning")), (vec![], vec![]));
    assert_eq!((code, &report["status"]), (0, &"ok".into()));
    let checks = report["checks"].as_array().unwrap().iter();
    let checks: BTreeSet<&str> = checks.map(|it| it["check"].as_str().unwrap()).collect();
    let expected = [
        "accounts",
        "clock",
        "configuration",
        "core dumps",
        "cpu",
        "device",
        "golden run",
        "home",
        "memory",
        "open files",
        "packs",
        "providers",
        "runtime",
        "secrets",
        "temporary",
        "tls",
        "workers",
    ];
    assert_eq!(checks, expected.into());
    let version = &report["version"];
    assert_eq!((&version["device"], &version["fallback"]), (&"cpu".into(), &Value::Null));
    assert_eq!(version["pack"]["name"], "starter");
    let models = version["models"].as_array().unwrap();
    assert!(!models.is_empty());
    for model in models {
        let nodes = model["providers"]["CPUExecutionProvider"].as_u64();
        assert!(nodes.is_some_and(|nodes| nodes >= 10), "{model}");
    }
    // The profiles that say so have been removed.
    assert_eq!(temporary.path().read_dir().unwrap().count(), 0);
}

#[test]
fn the_provider_is_known_also_where_the_temporary_directory_is_missing() {
    if !Path::new("/dev/shm").is_dir() {
        testbed::left_out_for_want_of(
            "/dev/shm",
            "profiles without a directory for temporary files",
        );
        return;
    }
    let (report, code) = doctor(home().path(), &[], &[("TMPDIR", "/nowhere")]);
    assert_eq!((code, said(&report, "problem")), (0, vec![]));
    assert!(said(&report, "ok").iter().any(|it| it.starts_with("temporary: /dev/shm")));
    assert!(report["version"]["models_not_known"].is_null(), "{report}");
}

#[test]
fn a_home_without_a_library_says_so() {
    let home = home();
    std::fs::remove_dir_all(home.path().join("runtime")).unwrap();
    let (report, code) = doctor(home.path(), &[], &[]);
    assert_eq!(code, 69);
    let problems = said(&report, "problem");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("runtime: ONNX Runtime is not installed"), "{problems:?}");
    assert!(problems[0].ends_with("-> `livegate setup`"), "{problems:?}");
    // Nothing was fetched, and the other checks were made.
    assert!(!home.path().join("runtime").exists());
    assert!(
        said(&report, "ok").iter().any(|it| it.contains("can be read and written to; apps: 1"))
    );
}

#[test]
fn a_damaged_pack_is_named_with_its_file() {
    let home = home();
    let model = model_in(home.path());
    let mut bytes = std::fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&model, bytes).unwrap();
    let (report, code) = doctor(home.path(), &[], &[]);
    assert_eq!((code, &report["status"]), (69, &"problem".into()));
    let problems = said(&report, "problem");
    let pack = problems.iter().find(|it| it.starts_with("packs: `starter`, which serves")).unwrap();
    assert!(pack.contains(model.file_name().unwrap().to_str().unwrap()), "{pack}");
    assert!(pack.contains("`livegate packs install starter`"), "{pack}");
    assert!(report["version"].is_null());
}

#[test]
fn an_accounts_server_that_cannot_be_reached_is_a_problem_and_its_password_is_not_shown() {
    let server = [
        ("LIVEGATE_ACCOUNTS_BACKEND", "valkey"),
        // Nothing listens there: systems do not hand out port 1.
        ("LIVEGATE_ACCOUNTS_VALKEY_URL", "redis://127.0.0.1:1/0"),
        ("LIVEGATE_ACCOUNTS_VALKEY_PASSWORD", "a-password-of-ours"),
    ];
    let (report, code) = doctor(testbed::home().root(), &["--pack", "starter"], &server);
    assert_eq!(code, 69);
    let problems = said(&report, "problem");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with(
            "accounts: the accounts server 127.0.0.1:1 cannot be used: nothing listens there"
        ),
        "{problems:?}"
    );
    assert!(!report.to_string().contains("a-password-of-ours"));
}

#[test]
fn the_clock_is_compared_with_the_accounts_servers_clock() {
    let Some(server) = ValkeyServer::start(&["--appendonly", "yes"]) else { return };
    let (url, temporary) = (server.url(), tempfile::tempdir().unwrap());
    // What is known of the server is noted beside the file that is not used.
    let file = temporary.path().join("accounts.db").display().to_string();
    let variables = [
        ("LIVEGATE_ACCOUNTS_BACKEND", "valkey"),
        ("LIVEGATE_ACCOUNTS_VALKEY_URL", &*url),
        ("LIVEGATE_ACCOUNTS_DATABASE", &*file),
    ];
    let (report, code) = doctor(testbed::home().root(), &["--pack", "starter"], &variables);
    assert_eq!(code, 0, "{report}");
    let clocks = said(&report, "ok").into_iter().filter(|it| it.starts_with("clock: "));
    assert!(clocks.clone().any(|it| it.contains("from that of the accounts server")), "{report}");
    let warnings = said(&report, "warning");
    assert!(
        warnings.iter().any(|it| it.contains("can be read and written to; no app may call")
            && it.contains("keys create")),
        "{warnings:?}"
    );
}

#[test]
fn a_wrong_certificate_and_a_wrong_setting_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let cut = file("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let key = file("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let variables = [
        ("LIVEGATE_INGRESS_TLS_CERTIFICATE", &*cut),
        ("LIVEGATE_INGRESS_TLS_KEY", &*key),
        ("LIVEGATE_INGRESS_MAX_CONNECTIONS", "100000"),
    ];
    let (report, code) = doctor(testbed::home().root(), &["--pack", "starter"], &variables);
    assert_eq!(code, 69);
    let (problems, warnings) = (said(&report, "problem"), said(&report, "warning"));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("cut.pem holds no certificate in PEM"), "{problems:?}");
    assert!(warnings.iter().any(|it| it.contains("key.pem holds secrets")), "{warnings:?}");
    assert!(warnings.iter().any(|it| it.starts_with("open files: 2048;")), "{warnings:?}");
    // A wrong configuration is the only problem that is reported: it must be corrected first.
    let wrong = [("LIVEGATE_INGRESS_MAX_IN_FLIGHT", "none")];
    let (report, code) = doctor(testbed::home().root(), &[], &wrong);
    assert_eq!((code, said(&report, "problem").len()), (69, 1), "{report}");
}

/// A container may have a read-only root and no `/dev/shm`.
#[test]
fn without_a_place_for_profiles_the_cpu_serves_and_openvino_does_not() {
    let script = "mount -t tmpfs -o ro none /dev/shm && exec \"$0\" \"$@\"";
    let unshared = |program: &Command| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "sh", "-c", script]);
        wrapped(unshare, program).output()
    };
    if !unshared(&Command::new("true")).is_ok_and(|output| output.status.success()) {
        let what = "serving where no profile can be written";
        testbed::left_out_for_want_of("the right to mount (root, unshare)", what);
        return;
    }
    let doctor = |device: &str| {
        let mut doctor = livegate(testbed::home().root());
        doctor.args(["doctor", "--json", "--pack", "starter", "--device", device]);
        let output = unshared(doctor.env("TMPDIR", "/nowhere")).unwrap();
        let (out, said, code) = finished(&output);
        (serde_json::from_str::<Value>(&out).expect(&said), code)
    };
    let (report, code) = doctor("cpu");
    assert_eq!((code, said(&report, "problem")), (0, vec![]));
    let warnings = said(&report, "warning");
    let unknown = warnings.iter().find(|it| it.starts_with("providers: not known: ")).unwrap();
    assert!(unknown.contains("/nowhere") && unknown.contains("TMPDIR"), "{unknown}");
    assert!(unknown.contains("/dev/shm"), "{unknown}");
    if testbed::openvino_library().is_none() {
        return;
    }
    let (report, code) = doctor("openvino");
    assert_eq!((code, &report["version"]), (69, &Value::Null));
    let problems = said(&report, "problem");
    let refused = "it cannot be shown that models run on the device openvino";
    assert!(problems[0].contains(refused) && problems[0].contains("TMPDIR"), "{problems:?}");
    for choice in ["auto-cpu", "auto"] {
        let (report, code) = doctor(choice);
        assert_eq!((code, &report["version"]["device"]), (0, &"cpu".into()));
        assert!(report["version"]["fallback"].as_str().unwrap().contains(refused), "{report}");
    }
}
