//! `livegate evaluate` on labelled pictures.

mod inputs;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use frame::{Frame, Limits};
use model_pack::{GoldenPicture, SecurityLevel};
use serde_json::Value;

use crate::{finished, livegate};

/// A directory of labelled pictures and reports on them.
struct Lab {
    directory: tempfile::TempDir,
}

impl Lab {
    /// An empty one.
    fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for class in ["live", "spoof"] {
            std::fs::create_dir(directory.path().join(class)).unwrap();
        }
        Self { directory }
    }

    /// One with the portrait as the bona fide presentations, and the drawn face as the attacks.
    fn new() -> Self {
        let lab = Self::empty();
        lab.put("live/portrait.jpg", &portrait().encode_jpeg(90).unwrap());
        lab.put("spoof/drawn.jpg", &drawn().encode_jpeg(90).unwrap());
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn put(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// `livegate evaluate` in this directory.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = livegate(testbed::home().root());
        command.current_dir(self.directory.path());
        command.args(["evaluate", "--offline", "--pack", "starter"]).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> (String, String, i32) {
        finished(&self.command(arguments).output().unwrap())
    }

    /// Runs to the end, and gives back report.json.
    fn report(&self, arguments: &[&str]) -> Value {
        let (_, err, code) = self.run(arguments);
        assert_eq!(code, 0, "{err}");
        let report = std::fs::read(self.path("livegate-evaluation/report.json")).unwrap();
        serde_json::from_slice(&report).unwrap()
    }

    fn scores(&self, out: &str) -> String {
        std::fs::read_to_string(self.path(out).join("scores.csv")).unwrap()
    }
}

fn portrait() -> Frame {
    let file = std::fs::read(testbed::portrait()).unwrap();
    frame::decode(&file, &Limits::default()).unwrap()
}

fn drawn() -> Frame {
    GoldenPicture::DrawnFace.frame()
}

const BOTH: [&str; 4] = ["--live", "live", "--spoof", "spoof"];

/// The report's entry for `file`.
fn problems_of(report: &Value, file: &str) -> Vec<String> {
    let problems = report["problems"].as_array().unwrap().iter();
    let of_file = problems.filter(|problem| problem["file"] == file);
    of_file.map(|problem| problem["what"].as_str().unwrap().to_owned()).collect()
}

fn assert_problem(report: &Value, file: &str, what: &str) {
    let problems = problems_of(report, file);
    assert!(problems.iter().any(|problem| problem.contains(what)), "{file}, {what}: {report:#}");
}

#[test]
fn a_run_over_directories_writes_figures_and_files() {
    let lab = Lab::new();
    lab.put("live/deeper/small.jpg", &portrait().resized(400).encode_jpeg(90).unwrap());
    lab.put("live/.hidden.jpg", b"");
    lab.put("live/notes.TXT", b"");
    lab.put("screens/drawn.png", &drawn().resized(600).encode_png().unwrap());
    lab.put("screens/clip.mp4", b"no picture");
    let (out, err, code) = lab.run(&[&BOTH[..], &["--attack", "screen=screens"]].concat());
    assert_eq!(code, 0, "{err}");
    for said in
        ["AUC", "EER", "APCER", "  screen ", "BPCER", "APNRR", "passed over as no pictures: 2"]
    {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert!(
        out.contains("problems: 1") && out.contains("livegate-evaluation/report.html"),
        "{out}"
    );

    let scores = lab.scores("livegate-evaluation");
    let files: Vec<&str> = scores.lines().map(|line| line.split(',').next().unwrap()).collect();
    let expected = ["file", "live/deeper/small.jpg", "live/portrait.jpg", "spoof/drawn.jpg"];
    assert_eq!(files, [&expected[..], &["screens/clip.mp4", "screens/drawn.png"]].concat());
    assert!(
        scores.contains("screens/clip.mp4,spoof,screen,failed,,,,unsupported_image,"),
        "{scores}"
    );

    let report = lab.report(&[&BOTH[..], &["--attack", "screen=screens"]].concat());
    assert_eq!(report["run"]["pack"], "starter");
    assert_eq!(report["run"]["pack_digest"], testbed::pack("starter").digest.to_string());
    assert_eq!(report["evaluation"]["live"]["scored"], 2);
    assert_eq!(report["evaluation"]["attacks"]["failed"], 1);
    assert_problem(&report, "screens/clip.mp4", "unsupported_image");
    let html = std::fs::read_to_string(lab.path("livegate-evaluation/report.html")).unwrap();
    assert!(html.contains("starter") && html.contains("screens/clip.mp4"));
}

#[cfg(unix)]
#[test]
fn the_overall_figures_are_printed_as_json() {
    let lab = Lab::new();
    let (out, err, code) = lab.run(&[&BOTH[..], &["--json", "--threshold", "0.7"]].concat());
    assert_eq!(code, 0, "{err}");
    let overall: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(overall["evaluation"]["threshold"], 0.7);
    assert_eq!(overall["problems"], 0);
    assert_eq!(overall["evaluation"]["curves"], Value::Null);
    // `verify` gives the same score.
    let mut verify = livegate(testbed::home().root());
    verify.args(["verify", "--offline", "--pack", "starter", "--json"]);
    let (line, _, _) = finished(&verify.arg(lab.path("live/portrait.jpg")).output().unwrap());
    let verified: Value = serde_json::from_str(&line).unwrap();
    let score = verified["score"].to_string();
    assert!(lab.scores("livegate-evaluation").contains(&score), "{score}");
}

#[test]
fn a_killed_run_resumes_and_ends_with_the_same_report() {
    let lab = Lab::empty();
    for quality in 1..=30 {
        let name = |class: &str| format!("{class}/{quality:03}.jpg");
        lab.put(&name("live"), &portrait().encode_jpeg(quality + 40).unwrap());
        lab.put(&name("spoof"), &drawn().resized(500).encode_jpeg(quality + 40).unwrap());
    }
    let arguments = |out: &'static str| [&BOTH[..], &["--out", out]].concat();
    let mut command = lab.command(&[&arguments("killed")[..], &["--workers", "1"]].concat());
    let mut running = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let journal = lab.path("killed/journal.jsonl");
    let lines = || std::fs::read_to_string(&journal).unwrap_or_default().lines().count();
    let start = Instant::now();
    while lines() < 10 {
        assert!(start.elapsed() < Duration::from_mins(1), "nothing is measured");
        std::thread::sleep(Duration::from_millis(5));
    }
    let (_, err, code) = lab.run(&arguments("killed"));
    assert_eq!(code, 69, "{err}");
    assert!(err.contains("another evaluation is writing to killed"), "{err}");
    running.kill().unwrap();
    running.wait().unwrap();
    let known = lines() - 1;
    assert!((9..60).contains(&known), "killed in the midst, after {known}");
    assert!(!lab.path("killed/scores.csv").exists());
    // A crash may leave half a line.
    let mut journaled = std::fs::read(&journal).unwrap();
    journaled.truncate(journaled.len() - 20);
    std::fs::write(&journal, &journaled).unwrap();

    let (_, err, code) = lab.run(&arguments("killed"));
    assert_eq!(code, 0, "{err}");
    assert!(err.contains(&format!("{} of 60 results are there", known - 1)), "{err}");
    let (_, err, code) = lab.run(&arguments("uninterrupted"));
    assert_eq!(code, 0, "{err}");
    assert!(!err.contains("are there"), "{err}");
    assert_eq!(lab.scores("killed"), lab.scores("uninterrupted"));
}

#[test]
fn earlier_results_are_used_only_for_unchanged_pictures_and_settings() {
    let lab = Lab::new();
    let said = |arguments: &[&str]| {
        let (_, err, code) = lab.run(&[&BOTH[..], arguments].concat());
        assert_eq!(code, 0, "{err}");
        err
    };
    said(&[]);
    let first = lab.scores("livegate-evaluation");
    // A threshold does not change scores.
    assert!(said(&["--threshold", "0.9"]).contains("2 of 2 results are there"));
    assert_eq!(lab.scores("livegate-evaluation"), first);
    assert!(said(&["--fresh"]).contains("Measuring anew: --fresh is given"));
    lab.put("live/portrait.jpg", &portrait().encode_jpeg(60).unwrap());
    assert!(said(&[]).contains("1 of 2 results are there"));
    assert_ne!(lab.scores("livegate-evaluation"), first);
    // Results that took long are dropped only on request.
    let kept = lab.scores("livegate-evaluation");
    let settings = ["--exact", "--set", "liveness.min_face_side_px=50"];
    let refused = |arguments: &[&str], other: &str| {
        let (_, err, code) = lab.run(&[&BOTH[..], arguments].concat());
        let expected =
            format!("was measured with {other}; name another --out, or --fresh to begin");
        assert!(code == 64 && err.contains(&expected), "{code}: {err}");
        assert_eq!(lab.scores("livegate-evaluation"), kept);
    };
    refused(&settings, "other settings (exact, liveness.min_face_side_px)");
    let journal = std::fs::read_to_string(lab.path("livegate-evaluation/journal.jsonl")).unwrap();
    let of_another = journal.replacen(r#""pack":"starter""#, r#""pack":"ours""#, 1);
    lab.put("livegate-evaluation/journal.jsonl", of_another.as_bytes());
    refused(&[], "another pack (`ours`, not `starter`)");
    said(&[&settings[..], &["--fresh"]].concat());
    let report = std::fs::read(lab.path("livegate-evaluation/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let expected = serde_json::json!({
        "ingress.max_body_bytes": "20971520",
        "ingress.min_picture_side_px": "300",
        "liveness.min_face_side_px": "50.0",
    });
    assert_eq!(report["run"]["settings"], expected);
    lab.put("livegate-evaluation/journal.jsonl", b"\xFF no journal\n\n");
    assert!(said(&[]).contains("Measuring anew"));
    assert!(said(&[]).contains("2 of 2 results are there"));
}

#[test]
fn every_alteration_is_measured_against_the_unaltered_picture() {
    let lab = Lab::empty();
    lab.put("live/portrait.jpg", &portrait().resized(400).encode_jpeg(90).unwrap());
    lab.put("spoof/drawn.jpg", &drawn().resized(640).encode_jpeg(90).unwrap());
    lab.put("spoof/no-picture.jpg", b"no picture");
    let report = lab.report(&[&BOTH[..], &["--robustness"]].concat());
    let variants = report["robustness"].as_array().unwrap();
    let names: Vec<&str> = variants.iter().map(|v| v["name"].as_str().unwrap()).collect();
    let jpeg = ["jpeg-50", "jpeg-75", "jpeg-90"];
    let others = ["side-640", "side-1280", "side-4000", "blur-1", "blur-2", "equal"];
    assert_eq!(names, [&jpeg[..], &others[..]].concat());
    for variant in variants {
        assert_eq!(variant["decisions_changed"]["of"], 3, "{variant}");
        assert_eq!(variant["evaluation"]["attacks"]["failed"], 1, "{variant}");
        let Some(change) = variant["score_change"].as_object() else {
            // So blurred that no picture is assessed, which is right.
            assert!(variant["name"].as_str().unwrap().starts_with("blur"), "{variant}");
            assert_eq!(variant["evaluation"]["live"]["not_assessed"], 1, "{variant}");
            continue;
        };
        let change = |what: &str| change[what].as_f64().unwrap();
        assert!(change("median") <= change("percentile_95"), "{variant}");
        assert!(change("percentile_95") <= change("greatest"), "{variant}");
        assert!(change("greatest") > 0.0 && change("greatest") < 1.0, "{variant}");
    }
    assert_eq!(report["reasons"], serde_json::json!([]));
    let (out, _, _) = lab.run(&[&BOTH[..], &["--robustness"]].concat());
    assert!(out.contains("no answer") && out.contains("1 of 3"), "{out}");
}

#[test]
fn a_security_level_is_the_packs_threshold() {
    let lab = Lab::new();
    let report = lab.report(&[&BOTH[..], &["--security-level", "hardened"]].concat());
    assert_eq!(report["run"]["security_level"], "hardened");
    let pack = testbed::pack("starter");
    let levels = &pack.manifest.levels;
    assert_eq!(report["run"]["threshold"], levels.get(SecurityLevel::Hardened).unwrap().threshold);
    assert_eq!(report["run"]["levels"].as_array().unwrap().len(), 3);
    let (out, _, _) = lab.run(&[&BOTH[..], &["--security-level", "hardened"]].concat());
    assert!(out.contains("threshold 0.735 (hardened)"), "{out}");
}

#[test]
fn no_part_of_a_picture_is_written_without_a_flag() {
    let lab = Lab::new();
    let temporary = lab.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = lab.command(&[&BOTH[..], arguments].concat());
        let (out, err, code) = finished(&command.env("TMPDIR", &temporary).output().unwrap());
        assert_eq!(code, 0, "{err}");
        assert!(!holds_a_picture(out.as_bytes()) && !holds_a_picture(err.as_bytes()));
    };
    let with_pictures = || {
        let out = std::fs::read_dir(lab.path("livegate-evaluation")).unwrap();
        let mut names: Vec<String> = Vec::new();
        let mut files: Vec<_> = out.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), 4, "{files:?}");
        for file in files {
            if holds_a_picture(&std::fs::read(&file).unwrap()) {
                names.push(file.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
        names
    };
    run(&["--robustness"]);
    assert_eq!(with_pictures(), [""; 0]);
    run(&["--thumbnails"]);
    assert_eq!(with_pictures(), ["report.html"]);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
}

/// Whether `bytes` hold a PNG or a JPEG, raw or in base64.
fn holds_a_picture(bytes: &[u8]) -> bool {
    let beginnings: [&[u8]; 5] =
        [b"\x89PNG", b"\xFF\xD8\xFF", b"data:image", b"iVBORw0KGgo", b"/9j/"];
    beginnings.iter().any(|beginning| bytes.windows(beginning.len()).any(|part| part == *beginning))
}

#[test]
fn the_sample_attacks_score_below_the_bona_fide_samples() {
    let Some(spoof) = testbed::selfie("spoof_1.jpg") else { return };
    let lab = Lab::new();
    lab.put("screen/1.jpg", &spoof);
    lab.put("live/2.jpg", &testbed::selfie("live_1.jpg").unwrap());
    let report = lab.report(&["--live", "live", "--attack", "screen=screen"]);
    assert_eq!(report["evaluation"]["auc"]["auc"], 1.0);
    assert_eq!(report["evaluation"]["eer"]["eer"], 0.0);
}
