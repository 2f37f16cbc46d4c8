//! `livegate calibrate` makes a pack with other thresholds from a report's scores.

use std::fmt::Write;
use std::path::PathBuf;

use model_pack::SecurityLevel;

use crate::{finished, livegate};

/// A home with the starter pack, and scores to calibrate it with.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { directory: tempfile::tempdir().unwrap() };
        let from = testbed::home().pack_directory("starter");
        let to = bench.pack("starter");
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        let mut scores = "file,label,attack_type,outcome,score,fused\n".to_owned();
        for i in 0..40 {
            let at = f64::from(i * 17 % 40) / 80.0;
            let (live, print, screen) = (0.45 + at, 0.05 + at, 0.15 + at);
            for (label, kind, fused) in
                [("live", "", live), ("spoof", "print", print), ("spoof", "screen", screen)]
            {
                writeln!(scores, "{label}{kind}{i},{label},{kind},scored,{fused},{fused}").unwrap();
            }
        }
        scores.push_str("gone,live,,failed,,\n");
        std::fs::write(bench.scores(), scores).unwrap();
        bench.report(&testbed::pack("starter").digest.to_string());
        bench
    }

    fn scores(&self) -> PathBuf {
        self.directory.path().join("scores.csv")
    }

    fn pack(&self, name: &str) -> PathBuf {
        self.directory.path().join("packs").join(name)
    }

    /// Writes a report.json that names the pack's digest.
    fn report(&self, digest: &str) {
        let report = format!(r#"{{"run":{{"pack":"starter","pack_digest":"{digest}"}}}}"#);
        std::fs::write(self.directory.path().join("report.json"), report).unwrap();
    }

    fn run(&self, command: &str, arguments: &[&str]) -> (String, String, i32) {
        let library = testbed::home().runtime_library(model_pack::Library::Cpu).unwrap();
        let mut livegate = livegate(self.directory.path());
        livegate.args([command, "--offline", "--onnxruntime"]).arg(library).args(arguments);
        finished(&livegate.output().unwrap())
    }

    fn calibrate(&self, arguments: &[&str]) -> (String, String, i32) {
        let scores = self.scores();
        self.run("calibrate", &[&[scores.to_str().unwrap()], arguments].concat())
    }
}

#[test]
fn the_new_pack_serves_and_is_never_overwritten() {
    let bench = Bench::new();
    let (out, err, code) = bench.calibrate(&["--name", "ours", "--pictures", "our 120 pictures"]);
    assert_eq!(code, 0, "{err}");
    for said in ["starter", "ours", "slope", "hardened: threshold", "on pictures held back"] {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert!(out.contains("rough calibration") && out.contains("1 pictures got no score"), "{out}");

    let portrait = testbed::portrait();
    let portrait = portrait.to_str().unwrap();
    let (out, err, code) = bench.run("verify", &["--pack", "ours", "--json", portrait]);
    assert!(code < 2 && out.contains(r#""name":"ours""#), "{out}{err}");
    let text = std::fs::read_to_string(bench.pack("ours").join("pack.toml")).unwrap();
    assert!(text.contains(r#"pictures = "our 120 pictures""#), "{text}");
    // At 0.5 half of both classes are wrong: the equal error rate.
    let pack = model_pack::Pack::open(&bench.pack("ours")).unwrap();
    let evaluation = pack.manifest.evaluation.clone().unwrap();
    assert!((evaluation.bpcer_at_half - evaluation.eer).abs() < 0.05, "{evaluation:?}");
    assert!(pack.manifest.levels.get(SecurityLevel::Hardened).unwrap().apcer.unwrap() <= 0.05);

    let (out, err, code) = bench.calibrate(&["--name", "ours"]);
    assert_eq!((out.as_str(), code), ("", 64), "{err}");
    assert!(err.contains("is there already: choose another --name"), "{err}");
    assert_eq!(std::fs::read_to_string(bench.pack("ours").join("pack.toml")).unwrap(), text);
    // Its temporary directory has been removed.
    let left = std::fs::read_dir(bench.directory.path()).unwrap();
    let hidden =
        left.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with(".cal"));
    assert_eq!(hidden.count(), 0);
}

#[test]
fn scores_of_another_pack_are_refused_unless_forced() {
    let bench = Bench::new();
    bench.report(&"0".repeat(64));
    let (_, err, code) = bench.calibrate(&["--name", "ours"]);
    assert!(
        code == 64 && err.contains("the scores are of the pack `starter` (000000000000)"),
        "{err}"
    );
    let (_, err, code) = bench.calibrate(&["--name", "forced", "--force"]);
    assert_eq!(code, 0, "{err}");
    std::fs::remove_file(bench.directory.path().join("report.json")).unwrap();
    let (_, err, code) = bench.calibrate(&["--name", "ours"]);
    assert!(code == 64 && err.contains("no report.json beside the scores"), "{err}");
    let (_, err, code) = bench.calibrate(&["--name", "ours", "--pack", "starter"]);
    assert_eq!(code, 0, "{err}");
}

#[test]
fn the_help_names_the_pack_that_is_copied() {
    let (out, _, code) = Bench::new().run("calibrate", &["--help"]);
    // Help is wrapped to the terminal's width.
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(code == 0 && words.contains("the one that report.json names"), "{out}");
}

#[test]
fn a_pack_that_cannot_be_calibrated_is_refused_and_leaves_no_file() {
    let bench = Bench::new();
    for (arguments, said) in [
        (&["--name", "starter"][..], "built-in"),
        (&["--name", "silent-face"], "built-in"),
        (&["--name", "a/b"], "not a pack name"),
        (&["--name", ""], "not a pack name"),
        (&["--name", "."], "not a pack name"),
        (&["--name", "../x"], "not a pack name"),
        (&["--name=-x"], "not a pack name"),
        (&["--name", &"x".repeat(101)], "longer than 100 characters"),
        (&["--name", "x", "--hardened-apcer", "1"], "from 0 to below 1"),
        (&["--name", "x", "--convenience-bpcer", "1"], "from 0 to below 1"),
        (&[], "--name"),
    ] {
        let (out, err, code) = bench.calibrate(arguments);
        assert_eq!((out.as_str(), code), ("", 64), "{arguments:?}: {err}");
        assert!(err.contains(said), "{arguments:?}: {err}");
    }
    let header = "file,label,outcome,score,fused\n";
    for (content, said) in [
        (header.to_owned(), "at least 10"),
        (header.replace("fused", "confused"), "confused"),
        (format!("{header}a,live,scored,0.5,1.5\n"), "`1.5` is no number"),
    ] {
        std::fs::write(bench.scores(), content).unwrap();
        let (_, err, code) = bench.calibrate(&["--name", "x"]);
        assert!(code == 64 && err.contains(said), "{said}: {err}");
    }
    std::fs::remove_file(bench.scores()).unwrap();
    assert_eq!(bench.calibrate(&["--name", "x"]).2, 64);
    assert_eq!(std::fs::read_dir(bench.pack("")).unwrap().count(), 1);
}
