//! Every dependency edge that is not in the table fails here. ARCHITECTURE.md says why they are
//! few.

mod rings;

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Which of our crates each of our crates uses.
const OURS: [(&str, &[&str]); 15] = [
    ("jpeg", &[]),
    ("frame", &["jpeg"]),
    ("onnx", &[]),
    ("face-detector", &["frame", "onnx"]),
    ("anti-spoof", &["frame", "onnx"]),
    ("model-pack", &["anti-spoof", "face-detector", "frame"]),
    ("liveness", &["anti-spoof", "face-detector", "frame", "model-pack", "onnx"]),
    ("accounts", &[]),
    ("evaluation", &[]),
    ("ingress", &["accounts", "liveness"]),
    ("engine", &["accounts", "ingress", "liveness", "model-pack", "onnx"]),
    (
        "laboratory",
        &["accounts", "engine", "evaluation", "frame", "ingress", "liveness", "model-pack", "onnx"],
    ),
    (
        "livegate",
        &["accounts", "engine", "frame", "ingress", "laboratory", "liveness", "model-pack", "onnx"],
    ),
    // Not part of the program: what tests and benches stand on.
    ("testbed", &["model-pack", "onnx"]),
    ("benches", &[]),
];

/// Which of our crates may use an outside crate that has its one place.
const FENCED: [(&str, &[&str]); 42] = [
    ("ort", &["onnx"]),
    ("micropb", &["onnx"]),
    ("image", &["frame", "testbed"]),
    ("fast_image_resize", &["frame"]),
    ("jpeg-encoder", &["frame"]),
    ("mozjpeg", &["testbed"]),
    ("pulp", &["frame", "jpeg"]),
    ("axum", &["ingress"]),
    ("httparse", &["ingress"]),
    ("base64", &["evaluation", "ingress", "testbed"]),
    ("tower-http", &["ingress"]),
    // Answers and settings describe themselves.
    (
        "schemars",
        &["accounts", "engine", "face-detector", "frame", "ingress", "liveness", "model-pack"],
    ),
    ("smart-default", &["accounts", "engine", "ingress", "liveness"]),
    ("tokio", &["accounts", "engine", "ingress", "laboratory", "livegate"]),
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
    ("comfy-table", &["engine"]),
    ("csv", &["evaluation", "laboratory", "livegate"]),
    ("fastrand", &["evaluation"]),
    ("maud", &["evaluation", "ingress"]),
    ("statrs", &["evaluation"]),
    ("toml_edit", &["laboratory"]),
    ("ureq", &["engine", "laboratory", "livegate", "model-pack", "testbed"]),
    ("zip", &["model-pack"]),
    ("tar", &["model-pack"]),
    ("flate2", &["model-pack"]),
    ("clap", &["engine", "laboratory", "livegate"]),
    ("anyhow", &["engine", "laboratory", "livegate"]),
    ("indicatif", &["engine"]),
    ("listenfd", &["livegate"]),
    ("signal-hook", &["engine"]),
    ("rustix", &["engine", "ingress", "laboratory", "livegate"]),
    ("zeroizing-alloc", &["livegate"]),
];

/// Which of our crates the tests of each may use beside those. `testbed` has the real parts.
const IN_TESTS: [(&str, &[&str]); 15] = [
    ("jpeg", &[]),
    ("frame", &["testbed"]),
    ("onnx", &["testbed"]),
    ("face-detector", &[]),
    ("anti-spoof", &[]),
    ("model-pack", &[]),
    ("liveness", &["testbed"]),
    ("accounts", &["testbed"]),
    ("evaluation", &[]),
    ("ingress", &[]),
    ("engine", &[]),
    ("laboratory", &[]),
    ("livegate", &["testbed"]),
    ("testbed", &[]),
    (
        "benches",
        &["anti-spoof", "face-detector", "frame", "ingress", "liveness", "model-pack", "testbed"],
    ),
];

/// Pairs of files that may need each other: crate, the two modules, and why. At most six.
const PAIRS: [(&str, [&str; 2], &str); 0] = [];

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
fn no_two_files_of_a_crate_need_each_other() {
    assert!(PAIRS.len() <= 6, "more exceptions than ARCHITECTURE.md allows");
    let mut found = Vec::new();
    for package in packages() {
        let src = package.manifest_path.parent().unwrap().join("src");
        let rings = if src.exists() { rings::rings(src.as_std_path()) } else { Vec::new() };
        found.extend(rings.into_iter().map(|ring| (package.name.to_string(), ring)));
    }
    let listed: Vec<(String, Vec<String>)> = PAIRS
        .iter()
        .map(|(name, pair, _)| ((*name).to_owned(), pair.map(str::to_owned).to_vec()))
        .collect();
    let rings = found.iter().filter(|ring| !listed.contains(ring));
    let rings: Vec<String> =
        rings.map(|(name, ring)| format!("{name}: {}", ring.join(", "))).collect();
    assert!(rings.is_empty(), "files that need each other:\n{}", rings.join("\n"));
    let gone: Vec<_> = listed.iter().filter(|pair| !found.contains(pair)).collect();
    assert!(gone.is_empty(), "listed, and no ring any more: {gone:?}");
}

#[test]
fn every_crate_obeys_the_workspace_lints() {
    for package in packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{}", package.name);
    }
}

/// Registries are reached through their clients, which know the hosts.
#[test]
fn no_registry_is_named() {
    let hosts = [["py", "pi.org"], ["npmjs", ".org"], ["npmjs", ".com"], ["crates", ".io"]];
    let files = crate::tracked_texts().into_iter().filter(|(name, _)| name != "Cargo.lock");
    for (name, text) in files {
        for host in &hosts {
            assert!(!text.contains(&host.concat()), "{name} names {}", host.concat());
        }
    }
}
