//! `livegate verify` on files.

use std::path::PathBuf;

use serde_json::Value;

use crate::{finished, livegate};

/// A directory with the portrait, a picture without a face and a file that is no picture.
fn pictures() -> (tempfile::TempDir, PathBuf, PathBuf, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let gray = directory.path().join("gray.png");
    let size = frame::Size::new(400, 300);
    let picture = frame::Frame::from_rgb8(size, vec![128; 3 * size.area()]).unwrap();
    std::fs::write(&gray, picture.encode_png().unwrap()).unwrap();
    let text = directory.path().join("text.jpg");
    std::fs::write(&text, "not a picture").unwrap();
    (directory, testbed::portrait(), gray, text)
}

fn verify(arguments: &[&str], files: &[&PathBuf]) -> (String, String, i32) {
    let mut command = livegate(testbed::home().root());
    command.args(["verify", "--offline", "--pack", "starter"]).args(arguments).args(files);
    finished(&command.output().unwrap())
}

#[test]
fn the_exit_code_is_the_worst_pictures() {
    let (_directory, portrait, gray, text) = pictures();
    let code = |arguments: &[&str], files: &[&PathBuf]| verify(arguments, files).2;
    assert_eq!(code(&[], &[&portrait]), 0);
    assert_eq!(code(&["--threshold", "1"], &[&portrait]), 1);
    assert_eq!(code(&[], &[&portrait, &gray]), 2);
    assert_eq!(code(&[], &[&text, &portrait]), 2);
    assert_eq!(code(&[], &[&"/nowhere.jpg".into()]), 2);
}

#[test]
fn each_picture_has_one_line_of_text() {
    let (_directory, portrait, gray, text) = pictures();
    let (out, _, _) = verify(&[], &[&portrait, &gray, &text]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    assert!(lines[0].contains("portrait.png: live, score 0.99"), "{out}");
    assert!(lines[1].contains("not assessed, FACE_NOT_FOUND: Hold the camera"), "{out}");
    assert!(lines[2].contains("unreadable: the bytes are not a JPEG, PNG"), "{out}");
}

#[test]
fn each_picture_has_one_line_of_json() {
    let (_directory, portrait, gray, text) = pictures();
    let (out, _, _) = verify(&["--json", "--exact", "--device", "cpu"], &[&portrait, &gray, &text]);
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [live, not_assessed, unreadable] = &lines[..] else { panic!("{out}") };

    assert_eq!(live["file"], portrait.display().to_string());
    assert_eq!(live["verdict"], "live");
    assert_eq!(live["threshold"], 0.5);
    assert_eq!(live["reasons"], serde_json::json!([]));
    assert_eq!(live["device"], "cpu");
    // The detector, the landmarker and the scorer, no node of which ran on another provider.
    let ran_on = live["ran_on"].as_array().unwrap();
    assert_eq!(ran_on.len(), 3);
    for model in ran_on {
        assert!(model["providers"]["CPUExecutionProvider"].as_u64().unwrap() > 5, "{model}");
        assert_eq!(model["elsewhere"], serde_json::json!([]), "{model}");
    }
    assert_eq!(live["pack"]["name"], "starter");
    let digest = testbed::pack("starter").digest.to_string();
    assert_eq!(live["pack"]["digest"], digest);
    let raw = live["models"]["fr_liveness"].as_f64().unwrap();
    let score = live["score"].as_f64().unwrap();
    // The starter pack's calibration: half the log-odds plus 1.0204.
    let log_odds = |p: f64| (p / (1.0 - p)).ln();
    assert!(raw > 0.98, "{raw}");
    assert!((log_odds(score) - 0.5 * log_odds(raw) - 1.0204).abs() < 1e-6, "{raw} {score}");
    assert_eq!(live["unchecked"], serde_json::json!([]));
    assert_eq!(live["picture"]["turned_degrees"], 0);
    assert!((live["crop_scales"]["fr_liveness"].as_f64().unwrap() - 2.7).abs() < 1e-6, "{live}");
    let face = &live["faces"][0];
    for (key, axis) in [("top_left", "x"), ("top_left", "y"), ("delta", "x"), ("delta", "y")] {
        assert!(face[key][axis].as_f64().unwrap() > 50.0, "{face}");
    }
    assert!(face["confidence"].as_f64().unwrap() > 0.9);
    let timings = &live["timings_ms"];
    let time = |step: &str| timings[step].as_f64().unwrap();
    assert!(time("total") >= time("decode") + time("detect") && time("score") > 0.0, "{timings}");

    assert_eq!(not_assessed["verdict"], "not_assessed");
    assert_eq!(not_assessed["score"], Value::Null);
    assert_eq!(not_assessed["models"], serde_json::json!({}));
    let reason = &not_assessed["reasons"][0];
    assert_eq!(
        (&reason["code"], &reason["severity"]),
        (&"FACE_NOT_FOUND".into(), &"reject".into())
    );
    assert_eq!((reason["measured"].as_f64(), reason["limit"].as_f64()), (Some(0.0), Some(1.0)));
    assert!(reason["hint"].as_str().unwrap().ends_with('.'));

    assert_eq!(unreadable["error"]["code"], "unsupported_image");
    assert!(unreadable["error"]["message"].as_str().unwrap().contains("not a JPEG"));
    assert_eq!(unreadable["verdict"], Value::Null);
}

#[test]
fn a_security_level_is_the_packs_threshold() {
    let (_directory, portrait, ..) = pictures();
    let report = |arguments: &[&str]| -> Value {
        serde_json::from_str(&verify(arguments, &[&portrait]).0).unwrap()
    };
    let by_flag = report(&["--json", "--security-level", "hardened"]);
    assert_eq!(
        (&by_flag["threshold"], &by_flag["security_level"]),
        (&0.735.into(), &"hardened".into())
    );
    let configured = report(&["--json", "--set", "ingress.security_level=convenience"]);
    assert_eq!(configured["threshold"], 0.35);
    let number =
        report(&["--json", "--set", "ingress.security_level=hardened", "--threshold", "0.6"]);
    assert_eq!((&number["threshold"], &number["security_level"]), (&0.6.into(), &Value::Null));
}

#[test]
fn a_gates_limit_and_severity_are_configurable() {
    let (_directory, portrait, ..) = pictures();
    let report = |severity: &str| -> Value {
        let severity = format!("liveness.severity.face_too_small={severity}");
        let arguments = ["--json", "--set", "liveness.min_face_side_px=100", "--set", &severity];
        serde_json::from_str(&verify(&arguments, &[&portrait]).0).unwrap()
    };
    let (reject, warn, off) = (report("reject"), report("warn"), report("off"));
    assert_eq!((&reject["verdict"], &reject["score"]), (&"not_assessed".into(), &Value::Null));
    let reason = &reject["reasons"][0];
    assert_eq!((&reason["code"], &reason["limit"]), (&"FACE_TOO_SMALL".into(), &100.0.into()));
    let side = reject["faces"][0]["delta"]["x"].as_f64().unwrap();
    assert!((reason["measured"].as_f64().unwrap() - side).abs() < 1e-3, "{reason}");
    assert_eq!(
        (&warn["verdict"], &warn["reasons"][0]["severity"]),
        (&"live".into(), &"warn".into())
    );
    assert_eq!((&off["verdict"], &off["reasons"]), (&"live".into(), &serde_json::json!([])));
}

#[test]
fn landmarks_are_reported_if_the_detector_has_them() {
    if !testbed::packs().contains(&"silent-face") {
        testbed::left_out("landmarks in the answer of the pack silent-face");
        return;
    }
    let mut command = livegate(testbed::home().root());
    command
        .args(["verify", "--offline", "--json", "--pack", "silent-face"])
        .arg(testbed::portrait());
    let (out, _, code) = finished(&command.output().unwrap());
    assert_eq!(code, 0);
    let report: Value = serde_json::from_str(&out).unwrap();
    let landmarks = &report["faces"][0]["landmarks"];
    let x = |point: &str| landmarks[point]["x"].as_f64().unwrap();
    // The person's right eye is on the left of the picture.
    assert!(x("right_eye") < x("nose") && x("nose") < x("left_eye"), "{landmarks}");
    assert!(x("mouth_right") < x("mouth_left"), "{landmarks}");
}

#[test]
fn annotated_pictures_show_the_box_in_the_verdicts_colour() {
    let (directory, portrait, gray, text) = pictures();
    let to = directory.path().join("annotated");
    let copy = directory.path().join("again");
    std::fs::create_dir(&copy).unwrap();
    let copy = copy.join("portrait.png");
    std::fs::copy(&portrait, &copy).unwrap();
    verify(&["--annotate", to.to_str().unwrap()], &[&portrait, &gray, &text, &copy]);
    let mut names: Vec<_> = std::fs::read_dir(&to)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    // Two pictures of one name do not overwrite each other; a file that is no picture has no copy.
    assert_eq!(names, ["gray.png.png", "portrait.png.2.png", "portrait.png.png"]);

    let annotated = std::fs::read(to.join("portrait.png.png")).unwrap();
    let annotated = frame::decode(&annotated, &frame::Limits::default()).unwrap();
    assert_eq!(annotated.size(), frame::Size::new(512, 512));
    let green = annotated.pixels().chunks(3).filter(|pixel| *pixel == [40, 200, 80]).count();
    assert!(green > 500, "{green} pixels of the live colour");
}

#[test]
fn missing_files_are_set_up_first() {
    let home = tempfile::tempdir().unwrap();
    let carried = crate::setup::carried();
    let verify = |arguments: &[&str]| {
        let mut command = livegate(home.path());
        command.args(["verify", "--offline", "--pack", "starter"]).args(arguments);
        finished(&command.arg(testbed::portrait()).output().unwrap())
    };
    let (out, err, code) = verify(&[]);
    assert_eq!((out.as_str(), code), ("", 69), "{err}");
    assert!(err.contains("put libonnxruntime") && err.contains("put fr_liveness"), "{err}");
    let (out, err, code) = verify(&["--from", carried.path().to_str().unwrap()]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("live") && err.contains("installed"), "{out}{err}");
    // The portrait was not needed, and the second run fetches nothing.
    assert!(!err.contains("portrait.png"), "{err}");
    let (_, err, code) = verify(&[]);
    assert_eq!((err.as_str(), code), ("", 0));
}

#[test]
fn a_wrong_flag_is_refused_before_anything_else() {
    let code = |arguments: &[&str]| {
        let mut command = livegate(testbed::home().root());
        finished(&command.args(arguments).output().unwrap())
    };
    for arguments in [
        &["verify"][..],
        &["verify", "--threshold", "1.5", "a.jpg"],
        &["verify", "--device", "abacus", "a.jpg"],
        &["verify", "--config", "/nowhere.toml", "a.jpg"],
        &["serve", "--workers", "0"],
        &["frobnicate"],
    ] {
        let (out, err, code) = code(arguments);
        assert_eq!((out.as_str(), code), ("", 64), "{arguments:?}: {err}");
        assert!(!err.is_empty());
    }
    let (out, _, help) = code(&["--help"]);
    assert!(help == 0 && out.contains("verify") && out.contains("serve") && out.contains("setup"));
    let (_, err, unavailable) = code(&["verify", "--offline", "--pack", "minifas-129", "a.jpg"]);
    assert_eq!(unavailable, 69);
    assert!(err.contains("minifas-129") && err.contains("starter"), "{err}");
}
