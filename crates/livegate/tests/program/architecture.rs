//! Every dependency edge that is not in the table fails here. ARCHITECTURE.md says why they are few.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Which of our crates each of our crates uses.
const OURS: [(&str, &[&str]); 12] = [
    ("frame", &[]),
    ("onnx", &[]),
    ("face-detector", &["frame", "onnx"]),
    ("anti-spoof", &["frame", "onnx"]),
    ("model-pack", &["anti-spoof", "face-detector", "frame"]),
    ("liveness", &["anti-spoof", "face-detector", "frame", "model-pack", "onnx"]),
    ("accounts", &[]),
    ("evaluation", &[]),
    ("ingress", &["accounts", "liveness"]),
    ("livegate", &["accounts", "evaluation", "frame", "ingress", "liveness", "model-pack", "onnx"]),
    // Not part of the program: what tests and benches stand on.
    ("testbed", &["model-pack", "onnx"]),
    ("benches", &[]),
];

/// Which of our crates may use an outside crate that has its one place.
const FENCED: [(&str, &[&str]); 38] = [
    ("ort", &["onnx"]),
    ("micropb", &["onnx"]),
    ("image", &["frame", "testbed"]),
    ("mozjpeg", &["frame", "testbed"]),
    ("mozjpeg-sys", &["frame"]),
    ("tiff", &["frame"]),
    ("axum", &["ingress"]),
    ("multer", &["ingress"]),
    ("base64", &["evaluation", "ingress"]),
    ("tower-http", &["ingress"]),
    // What answers are made of describes itself.
    ("schemars", &["face-detector", "frame", "ingress", "liveness", "model-pack"]),
    ("tokio", &["accounts", "ingress", "livegate"]),
    ("crossbeam-channel", &["accounts", "ingress"]),
    ("rusqlite", &["accounts"]),
    ("redis", &["accounts"]),
    ("prometheus", &["ingress"]),
    ("tracing-opentelemetry", &["ingress", "livegate"]),
    ("opentelemetry", &["ingress", "livegate"]),
    ("opentelemetry_sdk", &["livegate"]),
    ("opentelemetry-http", &["livegate"]),
    ("opentelemetry-otlp", &["livegate"]),
    ("async-trait", &["livegate"]),
    ("tracing-subscriber", &["livegate"]),
    ("comfy-table", &["livegate"]),
    ("csv", &["evaluation", "livegate"]),
    ("fastrand", &["evaluation"]),
    ("maud", &["evaluation", "ingress"]),
    ("statrs", &["evaluation"]),
    ("toml_edit", &["livegate"]),
    ("ureq", &["livegate", "model-pack"]),
    ("zip", &["model-pack"]),
    ("tar", &["model-pack"]),
    ("flate2", &["model-pack"]),
    ("clap", &["livegate"]),
    ("anyhow", &["livegate"]),
    ("indicatif", &["livegate"]),
    ("rustix", &["livegate"]),
    ("zeroizing-alloc", &["livegate"]),
];

/// Which of our crates the tests of each may use beside those. `testbed` has the real parts.
const IN_TESTS: [(&str, &[&str]); 12] = [
    ("frame", &["testbed"]),
    ("onnx", &["testbed"]),
    ("face-detector", &[]),
    ("anti-spoof", &[]),
    ("model-pack", &[]),
    ("liveness", &["testbed"]),
    ("accounts", &["testbed"]),
    ("evaluation", &[]),
    ("ingress", &[]),
    ("livegate", &["testbed"]),
    ("testbed", &[]),
    (
        "benches",
        &["anti-spoof", "face-detector", "frame", "ingress", "liveness", "model-pack", "testbed"],
    ),
];

fn packages() -> Vec<Package> {
    let manifest = testbed::workspace().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    metadata.packages
}

/// The crates that each of ours uses, in its tests or outside them.
fn used(in_tests: bool) -> BTreeMap<String, BTreeSet<String>> {
    let edges = |package: Package| {
        let kinds = package.dependencies.into_iter();
        let kinds = kinds.filter(|d| (d.kind == DependencyKind::Development) == in_tests);
        (package.name.to_string(), kinds.map(|dependency| dependency.name).collect())
    };
    packages().into_iter().map(edges).collect()
}

#[test]
fn our_crates_use_each_other_only_as_the_tables_say() {
    for (in_tests, table) in [(false, OURS), (true, IN_TESTS)] {
        let used = used(in_tests);
        let table: BTreeMap<&str, &[&str]> = table.into();
        assert_eq!(
            used.keys().map(String::as_str).collect::<Vec<_>>(),
            table.keys().copied().collect::<Vec<_>>()
        );
        for (name, uses) in &used {
            let ours: Vec<&str> =
                uses.iter().map(String::as_str).filter(|name| table.contains_key(name)).collect();
            assert_eq!(ours, table[name.as_str()], "{name}, in tests: {in_tests}");
        }
    }
}

#[test]
fn outside_crates_stay_in_their_places() {
    let used = used(false);
    for (outside, places) in FENCED {
        let users: Vec<&str> = used
            .iter()
            .filter(|(_, uses)| uses.contains(outside))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(users, places, "{outside}");
    }
}

#[test]
fn every_crate_obeys_the_workspace_lints() {
    for package in packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package.name);
    }
}

/// Registries are reached through their clients; their names are nobody's business here.
#[test]
fn no_registry_is_named() {
    let hosts = [["py", "pi.org"], ["npmjs", ".org"], ["npmjs", ".com"], ["crates", ".io"]];
    let listed = std::process::Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(testbed::workspace())
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("Cargo.toml"), "the files are those of a git checkout");
    let files = listed.split('\0').filter(|name| !name.is_empty() && *name != "Cargo.lock");
    for name in files {
        let Ok(text) = std::fs::read_to_string(testbed::workspace().join(name)) else { continue };
        for host in &hosts {
            assert!(!text.contains(&host.concat()), "{name} names {}", host.concat());
        }
    }
}
