//! `livegate packs`: list, show, install, verify and new.

mod page;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{finished, livegate};

/// A home with the library and the starter pack.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let from = testbed::home();
    copy(&from.pack_directory("starter"), &home.path().join("packs/starter"));
    std::fs::create_dir_all(home.path().join("runtime")).unwrap();
    let library = from.runtime_library(model_pack::Library::Cpu).unwrap();
    let target = home.path().join("runtime").join(library.file_name().unwrap());
    std::fs::hard_link(&library, &target)
        .or_else(|_| std::fs::copy(&library, &target).map(drop))
        .unwrap();
    home
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn packs(home: &Path, arguments: &[&str]) -> (String, String, i32) {
    finished(&livegate(home).arg("packs").args(arguments).output().unwrap())
}

fn json(home: &Path, arguments: &[&str]) -> Value {
    let (out, err, code) = packs(home, arguments);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

/// The starter pack's scorer, copied as a model of the operator's.
fn own_model(directory: &Path) -> String {
    let model = directory.join("my-model.onnx");
    let starter = testbed::home().pack_directory("starter");
    std::fs::copy(starter.join("fr_liveness.onnx"), &model).unwrap();
    model.to_str().unwrap().to_owned()
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}: {text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn every_pack_is_listed_installed_or_not() {
    let home = home();
    let (out, _, code) = packs(home.path(), &["list"]);
    assert_eq!(code, 0);
    let line = |name: &str| out.lines().find(|line| line.contains(name)).unwrap();
    for part in ["whole", "by default", "ultralight", "fr_liveness", "MIT", "0.866", "21.0%"] {
        assert!(line("starter").contains(part), "{part}: {out}");
    }
    assert!(line("silent-face").contains("not installed"), "{out}");
    assert!(line("minifas-128*").contains("yunet") && out.contains("* minifas-128: "), "{out}");

    let list = json(home.path(), &["list", "--json"]);
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|pack| pack["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["silent-face", "starter", "silent-face-plus", "minifas-128"]);
    assert_eq!((&list[1]["state"], &list[0]["state"]), (&"whole".into(), &"not_installed".into()));
    assert_eq!(list[1]["serves_by_default"], true);
    assert!(list[3]["caveat"].as_str().unwrap().contains("non-commercial"));
}

#[test]
fn a_changed_pack_is_listed_as_changed() {
    let home = home();
    let starter = home.path().join("packs/starter");
    replace(&starter.join("pack.toml"), "0.7", "0.71");
    let own = home.path().join("packs/own");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("pack.toml"), "name = 1").unwrap();
    let list = json(home.path(), &["list", "--json"]);
    assert_eq!(list[1]["state"], "changed");
    assert!(list[1]["problem"].as_str().unwrap().contains("packs install starter"), "{list}");
    assert_eq!((&list[4]["name"], &list[4]["state"]), (&"own".into(), &"changed".into()));
    assert!(list[4]["problem"].as_str().unwrap().contains("no pack manifest"), "{list}");
    let (out, _, code) = packs(home.path(), &["list"]);
    assert!(code == 0 && out.contains("own: "), "{out}");
}

/// Opening a pipe would block, and a long file would take long to read.
#[test]
fn a_pipe_or_an_overlong_file_is_listed_as_changed_and_not_read() {
    let home = home();
    let starter = home.path().join("packs/starter");
    let own = home.path().join("packs/own");
    copy(&starter, &own);
    replace(&own.join("pack.toml"), "\"starter\"", "\"own\"");
    for pack in [&starter, &own] {
        std::fs::remove_file(pack.join("fr_liveness.onnx")).unwrap();
        let made = Command::new("mkfifo").arg(pack.join("fr_liveness.onnx")).status().unwrap();
        assert!(made.success());
    }
    let list = json(home.path(), &["list", "--json"]);
    assert_eq!((&list[1]["state"], &list[4]["state"]), (&"changed".into(), &"changed".into()));
    assert!(list[4]["problem"].as_str().unwrap().contains("it is not a file"), "{list}");

    let manifest = std::fs::File::options().write(true).open(starter.join("pack.toml")).unwrap();
    manifest.set_len(8 << 30).unwrap();
    let list = json(home.path(), &["list", "--json"]);
    assert_eq!(list[1]["state"], "changed", "{list}");
}

#[test]
fn everything_about_a_pack_is_shown_installed_or_not() {
    let home = home();
    let (out, _, code) = packs(home.path(), &["show", "starter"]);
    assert_eq!(code, 0);
    for part in [
        "whole; serves by default",
        &testbed::pack("starter").digest.to_string(),
        "fr_liveness.onnx, 1886811 bytes",
        "afa783b7e902fdfcf323a7240cac2a1c580c25314ea4161129dc1b0d100dc32d",
        "MIT",
        "npm package",
        "not stated by its publisher",
        "boxes only",
        "landmarker fr_landmark",
        "64x64 px, gray",
        "{ shifted = { scale = 2.7 } }",
        "128x128 px, resized linear",
        "channels = \"bgr\"",
        "softmax of 3 classes; class 0 is live",
        "log-odds * 0.5 + 1.0204",
        "threshold 0.735, APCER 10.8%, BPCER 38.7%",
        "threshold 0.35, APCER not measured",
        "AUC 0.866, EER 21.0%",
        "1 golden vector",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (out, _, _) = packs(home.path(), &["show", "minifas-128"]);
    for part in ["CAVEAT", "not installed", "five landmarks", "square-reflected", "not measured"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let shown = json(home.path(), &["show", "silent-face", "--json"]);
    assert_eq!((&shown["installed"], &shown["landmarks"]), (&false.into(), &true.into()));
    assert_eq!(shown["manifest"]["scorers"][1]["id"], "minifasnet_v1se");
    let (_, err, code) = packs(home.path(), &["show", "nothing"]);
    assert!(code == 64 && err.contains("there are: silent-face, starter"), "{err}");
}

#[test]
fn a_caveat_is_shown_before_anything_is_fetched() {
    let home = home();
    let (_, err, code) = packs(home.path(), &["install", "minifas-128", "--offline"]);
    assert_eq!(code, 69, "{err}");
    let place = |text: &str| err.find(text).unwrap_or_else(|| panic!("{text}: {err}"));
    assert!(place("CAVEAT of the pack `minifas-128`") < place("Setting up"), "{err}");
    assert!(err.contains("NOT INSTALLED: the pack") && !err.contains("libonnxruntime"), "{err}");
    let (_, err, code) = packs(home.path(), &["install", "minifas-129"]);
    assert!(code == 64 && err.contains("there is no pack `minifas-129`"), "{err}");
}

#[test]
fn a_pack_is_installed_by_name() {
    let (home, carried) = (tempfile::tempdir().unwrap(), crate::setup::carried());
    let from = carried.path().to_str().unwrap();
    let (_, err, code) = packs(home.path(), &["install", "starter", "--offline", "--from", from]);
    assert_eq!(code, 0, "{err}");
    let (out, err, code) = packs(home.path(), &["verify"]);
    assert_eq!(
        (out.trim(), code),
        ("starter: ok: 3 files (sha256), 3 graphs, 1 golden vector on cpu", 0),
        "{err}"
    );
}

#[test]
fn a_packs_fault_is_named_and_the_others_are_still_checked() {
    let home = home();
    let starter = home.path().join("packs/starter");
    for (name, from, to, said) in [
        ("colours", "\"bgr\"", "\"rgb\"", "with `channels = \"bgr\"`: the colour order"),
        ("class", "live_class = 0", "live_class = 2", "with `live_class = 0`: the live class"),
        ("size", "width = 128", "width = 80", "files ok; graphs: "),
        ("large", "width = 128", "width = 100000", "must be from 1 to 4096 pixels"),
    ] {
        let directory = home.path().join("packs").join(name);
        copy(&starter, &directory);
        replace(&directory.join("pack.toml"), "\"starter\"", &format!("{name:?}"));
        replace(&directory.join("pack.toml"), from, to);
        let (out, err, code) = packs(home.path(), &["verify", name]);
        assert_eq!(code, 1, "{err}");
        assert!(out.starts_with(&format!("{name}: WRONG: ")) && out.contains(said), "{out}");
    }
    let directory = home.path().join("packs/byte");
    copy(&starter, &directory);
    replace(&directory.join("pack.toml"), "\"starter\"", "\"byte\"");
    let mut model = std::fs::read(directory.join("fr_detect.onnx")).unwrap();
    model[5000] ^= 1;
    std::fs::write(directory.join("fr_detect.onnx"), model).unwrap();
    let (out, _, code) = packs(home.path(), &["verify"]);
    assert_eq!((out.lines().count(), code), (6, 1), "{out}");
    assert!(
        out.contains("byte: WRONG: files: ") && out.contains("fr_detect.onnx has sha256"),
        "{out}"
    );
    assert!(out.contains("starter: ok"), "{out}");
    let (_, err, code) = packs(home.path(), &["verify", "nothing"]);
    assert!(code == 64 && err.contains("not installed"), "{err}");
}

#[test]
fn a_pack_of_the_catalogue_with_another_manifest_is_wrong() {
    let home = home();
    // Its golden vectors would pass, because no score depends on that line.
    replace(&home.path().join("packs/starter/pack.toml"), "offset = 1.0204", "offset = 9.0");
    let (out, err, code) = packs(home.path(), &["verify"]);
    assert_eq!(
        (out.trim(), code),
        (
            "starter: WRONG: pack.toml is not the one that this version installs; `livegate packs \
             install starter` puts it back",
            1
        ),
        "{err}"
    );
}

/// ONNX allows weights in another file, which a pack could place anywhere.
#[test]
fn a_model_with_weights_in_another_file_makes_no_pack() {
    let home = home();
    let field =
        |number: u8, content: &[u8]| [&[number << 3 | 2, content.len() as u8], content].concat();
    let tensor = [field(8, b"w"), field(13, &field(2, b"../../../etc/passwd"))].concat();
    let model = home.path().join("outside.onnx");
    std::fs::write(&model, field(7, &field(5, &tensor))).unwrap();
    let arguments = ["new", "mine", "--live-class", "0", "--scorer", model.to_str().unwrap()];
    let (_, err, code) = packs(home.path(), &arguments);
    assert!(code == 64 && err.contains("its tensor \"w\" keeps its data in another file"), "{err}");
    assert!(!home.path().join("packs/mine").exists());
}

#[test]
fn a_wrong_model_or_flag_makes_no_pack_and_leaves_no_file() {
    let home = home();
    let model = own_model(home.path());
    let data = testbed::workspace().join("crates/onnx/tests/data");
    let two_inputs = data.join("two_inputs.onnx");
    let double = data.join("double.onnx");
    let (pipe, huge) = (home.path().join("pipe.onnx"), home.path().join("huge.onnx"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // A sparse file.
    std::fs::File::create(&huge).unwrap().set_len((256 << 20) + 1).unwrap();
    let (pipe, huge) = (pipe.to_str().unwrap(), huge.to_str().unwrap());
    let (two_inputs, double) = (two_inputs.to_str().unwrap(), double.to_str().unwrap());
    for (name, scorer, more, said) in [
        ("starter", &*model, &["--live-class", "0"][..], "is a pack that Livegate knows"),
        ("../mine", &model, &["--live-class", "0"], "no path"),
        ("mine", &model, &["--live-class", "3"], "classes are 0 to 2"),
        ("mine", &model, &[], "--live-class"),
        ("mine", &model, &["--live-class", "0", "--classes", "2"], "and the graph 3"),
        ("mine", &model, &["--live-class", "0", "--size", "80", "80"], "--size says 80 80"),
        ("mine", &model, &["--live-class", "0", "--scale", "99"], "at most 16 times the face"),
        ("mine", &model, &["--live-class", "0", "--std", "0"], "not 0"),
        ("mine", &model, &["--live-class", "0", "--channels", "grb"], "`rgb` or `bgr`"),
        ("mine", &model, &["--live-class", "0", "--detector-from", "x"], "`x` is not installed"),
        (
            "mine",
            two_inputs,
            &["--live-class", "0"],
            "2 inputs (\"picture\", \"other\"); a scorer takes one",
        ),
        ("mine", double, &["--live-class", "0"], "float32 [1,3,height,width]"),
        (
            "mine",
            &model,
            &["--live-class", "0", "--activation", "probabilities"],
            "is no probability; if its numbers are logits, say --activation softmax",
        ),
        ("mine", &model, &["--live-class", "0", "--id", "fr_detect"], "otherwise with --id"),
        ("mine", &model, &["--live-class", "0", "--id", "ultralight"], "otherwise with --id"),
        ("mine", pipe, &["--live-class", "0"], "is not a file"),
        ("mine", "/dev/zero", &["--live-class", "0"], "is not a file"),
        ("mine", huge, &["--live-class", "0"], "more than 256 MiB"),
    ] {
        let arguments = [&["new", name, "--scorer", scorer], more].concat();
        let (out, err, code) = packs(home.path(), &arguments);
        assert_eq!((out.as_str(), code), ("", 64), "{arguments:?}: {err}");
        assert!(err.contains(said), "{said}: {err}");
    }
    assert_eq!(std::fs::read_dir(home.path().join("packs")).unwrap().count(), 1);
    // A file of that name stays unchanged.
    std::fs::write(home.path().join("packs/mine"), "a file").unwrap();
    let (_, err, code) =
        packs(home.path(), &["new", "mine", "--scorer", &model, "--live-class", "0"]);
    assert!(code == 64 && err.contains("not overwritten"), "{err}");
}

#[test]
fn a_model_that_ends_in_a_softmax_is_recognised_by_its_outputs() {
    let home = home();
    let scorer = testbed::workspace().join("crates/onnx/tests/data/probabilities.onnx");
    let scorer = scorer.to_str().unwrap();
    let manifest = |name: &str, more: &[&str]| {
        let arguments = ["new", name, "--scorer", scorer, "--live-class", "1"];
        let (out, err, code) = packs(home.path(), &[&arguments[..], more].concat());
        assert_eq!(code, 0, "{err}");
        assert!(out.contains("Still to be filled in, in pack.toml: licence, origin"), "{out}");
        assert_eq!(out.contains("(guessed from its numbers"), name == "told", "{out}");
        let pack = model_pack::Pack::open(&home.path().join("packs").join(name)).unwrap();
        pack.manifest
    };
    let told = manifest("told", &[]);
    assert_eq!(told.scorers[0].spec.activation, model_pack::Activation::Probabilities);
    assert_eq!(told.scorers[0].spec.input, frame::Size::new(2, 2));
    let stated = manifest("stated", &["--activation", "softmax", "--id", "v1.2"]);
    assert_eq!(stated.scorers[0].spec.activation, model_pack::Activation::Softmax);
    assert_eq!(stated.scorers[0].artifact.file, "v1.2.onnx");
}
