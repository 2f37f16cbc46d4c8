//! Directories and manifests that list pictures, and the faults in them.

use serde_json::Value;

use super::{BOTH, Lab, assert_problem, drawn, portrait};

#[test]
fn links_are_followed_once_and_reports_are_not_read_as_pictures() {
    let lab = Lab::new();
    lab.put("elsewhere/more/small.jpg", &portrait().resized(400).encode_jpeg(90).unwrap());
    std::os::unix::fs::symlink(lab.path("elsewhere/more"), lab.path("live/linked")).unwrap();
    std::os::unix::fs::symlink("..", lab.path("elsewhere/more/up")).unwrap();
    std::os::unix::fs::symlink("portrait.jpg", lab.path("live/same.jpg")).unwrap();
    std::os::unix::fs::symlink("gone.jpg", lab.path("live/dangling.jpg")).unwrap();
    let out = lab.path("live/out");
    let arguments = [&BOTH[..], &["--out", out.to_str().unwrap()]].concat();
    for _ in 0..2 {
        let (_, err, code) = lab.run(&arguments);
        assert_eq!(code, 0, "{err}");
    }
    let report = std::fs::read(out.join("report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["pictures"], 3, "{report:#}");
    assert_problem(&report, "live/linked/up/more", "it links to a directory above it");
    assert_problem(&report, "live/same.jpg", "it is listed twice");
    assert_problem(&report, "live/dangling.jpg", "it cannot be read");
}

#[test]
fn reports_among_pictures_are_skipped_and_directories_of_any_name_are_searched() {
    let lab = Lab::empty();
    lab.put("live/session.json/portrait.jpg", &portrait().resized(400).encode_jpeg(90).unwrap());
    lab.put("spoof/drawn.jpg", &drawn().resized(400).encode_jpeg(90).unwrap());
    // `--out` in a directory of pictures, below one, and elsewhere: its files are never pictures.
    for out in ["live", "spoof/earlier", "livegate-evaluation"] {
        for _ in 0..2 {
            let (_, err, code) = lab.run(&[&BOTH[..], &["--out", out]].concat());
            assert_eq!(code, 0, "{err}");
            let report = std::fs::read(lab.path(out).join("report.json")).unwrap();
            let report: Value = serde_json::from_slice(&report).unwrap();
            assert_eq!(report["pictures"], 2, "{report:#}");
            assert_eq!(report["problems"], serde_json::json!([]));
        }
    }
}

#[test]
fn every_flaw_of_a_manifest_is_named_and_the_rest_is_used() {
    let lab = Lab::new();
    std::fs::copy(lab.path("spoof/drawn.jpg"), lab.path("spoof/copy.jpg")).unwrap();
    let mut cut_short = std::fs::read(lab.path("live/portrait.jpg")).unwrap();
    cut_short.truncate(cut_short.len() / 2);
    lab.put("live/corrupt.jpg", &cut_short);
    lab.put("spoof/twice.jpg", &drawn().encode_jpeg(80).unwrap());
    lab.put("spoof/both.jpg", &drawn().encode_jpeg(70).unwrap());
    let rows: [&[u8]; 15] = [
        b"\xEF\xBB\xBFfile,label,attack_type,camera",
        b"live/portrait.jpg,live,print,front",
        b"",
        b"live/corrupt.jpg,Real,,front",
        b"live/nowhere.jpg,live,,front",
        b"spoof/drawn.jpg,spoof,\"screen, large\",back",
        b"spoof/copy.jpg,attack,print,back",
        b"spoof/twice.jpg,spoof,,",
        b"spoof/../spoof/twice.jpg,spoof,,",
        b"spoof/both.jpg,spoof,,back",
        b"spoof/both.jpg,live,,back",
        b"live/portrait.jpg,1,,front",
        b"live,live,,front",
        b"spoof/short.jpg",
        b"spoof/\xFF.jpg,spoof,,back",
    ];
    lab.put("manifest.csv", &rows.join(&b"\r\n"[..]));
    let report = lab.report(&["--manifest", "manifest.csv", "--group-by", "Camera"]);
    for (file, what) in [
        ("live/portrait.jpg", "line 2: it is live and has the attack type `print`"),
        ("live/corrupt.jpg", "unreadable_image"),
        ("live/nowhere.jpg", "line 5: it cannot be read: No such file"),
        ("spoof/copy.jpg", "the same picture as spoof/drawn.jpg"),
        ("spoof/../spoof/twice.jpg", "listed twice"),
        ("spoof/both.jpg", "listed as live and as an attack"),
        ("manifest.csv", "line 12: live/portrait.jpg: `1` is no label"),
        ("live", "line 13: it cannot be read: it is no file"),
        ("manifest.csv", "line 14: spoof/short.jpg has no label"),
        ("manifest.csv", "line 15: it is not UTF-8"),
    ] {
        assert_problem(&report, file, what);
    }
    assert_eq!(report["problems"].as_array().unwrap().len(), 10, "{report:#}");
    assert_eq!(report["pictures"], 5);
    let types = report["evaluation"]["attack_types"].as_array().unwrap();
    let types: Vec<&str> = types.iter().map(|t| t["attack_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["print", "screen, large", "unnamed"]);
    let values = report["groups"][0]["values"].as_array().unwrap();
    let values: Vec<&str> = values.iter().map(|value| value["value"].as_str().unwrap()).collect();
    assert_eq!(values, ["back", "front", "not given"]);
}

#[test]
fn unclosed_quotes_and_almost_equal_types_are_named() {
    let lab = Lab::new();
    let long = format!("live/portrait.jpg,{},,front", "x".repeat(5000));
    let rows = [
        "file,label,attack_type,camera",
        "live/portrait.jpg,live,,front",
        "spoof/drawn.jpg,spoof,Print,\"two\nlines\"",
        "spoof/more.jpg, spoof, \"print, large\",front",
        &long,
        "spoof/more.jpg,spoof,print,front",
        "spoof/lost.jpg,spoof,\"print,front",
        "live/lost.jpg,live,,front",
    ];
    lab.put("spoof/more.jpg", &drawn().resized(500).encode_jpeg(80).unwrap());
    lab.put("manifest.csv", rows.join("\n").as_bytes());
    let report = lab.report(&["--manifest", "manifest.csv"]);
    for (file, what) in [
        (
            "manifest.csv",
            "line 8: a quote that opens in line 8 is not closed; what follows is lost up to line 9",
        ),
        ("manifest.csv", "line 5: there is a blank before a quote"),
        ("all", "the attack types `Print` and `print` differ in case only"),
    ] {
        assert_problem(&report, file, what);
    }
    let problems = super::problems_of(&report, "manifest.csv");
    let unknown = problems.iter().find(|what| what.contains("xxx")).unwrap();
    assert!(unknown.matches('x').count() <= 121, "{unknown}");
    assert_eq!((report["pictures"].as_u64(), problems.len()), (Some(3), 3), "{report:#}");
}

#[test]
fn a_missing_class_or_column_is_named() {
    let lab = Lab::new();
    let report = lab.report(&["--live", "live", "--live", "live"]);
    assert_problem(&report, "all", "there is no attack");
    assert_problem(&report, "live/portrait.jpg", "listed twice");
    assert_eq!(report["evaluation"]["auc"], Value::Null);

    lab.put("manifest.csv", b"label,file\nspoof,spoof/drawn.jpg\n");
    let report = lab.report(&["--manifest", "manifest.csv"]);
    assert_problem(&report, "manifest.csv", "no column `attack_type`");
    assert_problem(&report, "all", "there is no bona fide picture");
}

#[test]
fn a_run_without_usable_pictures_is_refused_with_one_sentence() {
    let lab = Lab::empty();
    lab.put("notes/readme.md", b"no pictures here");
    lab.put("no-label.csv", b"file,attack_type\na.jpg,print\n");
    lab.put("semicolons.csv", b"file;label\na.jpg;live\n");
    lab.put("gone.csv", b"file,label,attack_type\na.jpg,live,\nb.jpg,spoof,print\n");
    lab.put("empty.csv", b"");
    lab.put("header.csv", b"file,label,attack_type\n");
    lab.put("twice.csv", b"file,label,Label\na.jpg,live,spoof\n");
    lab.put("text.csv", b"file,label,attack_type\nheader.csv,live,\ntwice.csv,spoof,print\n");
    for (arguments, said) in [
        (&["--live", "live", "--spoof", "spoof"][..], "there is no picture in it"),
        (&["--live", "notes"], "there is no picture"),
        (&["--live", "nowhere"], "nowhere is no directory"),
        (&["--manifest", "nowhere.csv"], "nowhere.csv cannot be read"),
        (
            &["--manifest", "no-label.csv"],
            "no column `label`; separated by commas, it has: `file`, `attack_type`",
        ),
        (&["--manifest", "semicolons.csv"], "`file;label`"),
        (&["--manifest", "empty.csv"], "no column `file`"),
        (&["--manifest", "gone.csv"], "2 problems"),
        (&["--manifest", "header.csv"], "there is no picture to evaluate; nothing is listed"),
        (&["--manifest", "twice.csv"], "has the column `label` more than once"),
        (&["--manifest", "gone.csv", "--group-by", "camera"], "no column `camera`"),
        (&["--manifest", "gone.csv", "--live", "live"], "cannot be used with"),
        (&["--live", "live", "--group-by", "camera"], "--manifest"),
        (&["--attack", "print"], "NAME=DIR"),
        (&["--json"], "--manifest"),
    ] {
        let (out, err, code) = lab.run(arguments);
        assert_eq!((out.as_str(), code), ("", 64), "{arguments:?}: {err}");
        assert!(err.contains(said), "{arguments:?}: {err}");
    }
    // No file was written.
    assert!(!lab.path("livegate-evaluation").exists());

    let (out, err, code) = lab.run(&["--manifest", "text.csv"]);
    assert_eq!((out.as_str(), code), ("", 64), "{err}");
    assert!(
        err.contains("none of 2 pictures got a result") && err.contains("unsupported_image"),
        "{err}"
    );
}
