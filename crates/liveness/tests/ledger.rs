//! Compares every pack's result for every picture that tests have to `data/ledger.txt`, on the CPU.
//! `openvino.rs` does so on OpenVINO.
//!
//! `just ledger` writes the file anew. A change of it is named in CHANGELOG.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod score_ledger;

use std::path::Path;

use liveness::Device;
use score_ledger::{COLUMNS, Key, Row, assert_unmoved, found, moved, read};

/// The score may differ because ONNX Runtime adds in another order on another kind of CPU.
const MAX_SCORE_ERROR: f64 = 0.0002;

fn line([pack, picture]: [&str; 2], row: [&str; COLUMNS.len()]) -> String {
    let [verdict, score, faces, face_box, reasons] = row;
    format!(
        "{pack:<16} | {picture:<27} | {verdict:<12} | {score:<8} | {faces:<5} | {face_box:<31} | {reasons}\n"
    )
}

fn written(rows: &[(Key, Row)]) -> String {
    let mut text = "# Results under default settings and terms on the CPU.\n\
                    # `just ledger` writes this file; tests/ledger.rs reads it.\n"
        .to_owned();
    text += &line(["# pack", "picture"], COLUMNS);
    for ((pack, picture), row) in rows {
        text += &line([pack, picture], row.each_ref().map(String::as_str));
    }
    text
}

#[test]
fn no_score_verdict_or_box_has_moved() {
    if std::env::var_os("LIVEGATE_RECORD_LEDGER").is_some_and(|value| !value.is_empty()) {
        assert!(testbed::shared().is_some(), "the whole ledger needs ../shared");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ledger.txt");
        return std::fs::write(path, written(&found(testbed::runtime(), Device::Cpu))).unwrap();
    }
    assert_unmoved(testbed::runtime(), Device::Cpu, MAX_SCORE_ERROR);
}

#[test]
fn a_row_that_moved_is_named_with_pack_and_picture() {
    let moved = |recorded: &_, found: &[_]| moved(recorded, found, MAX_SCORE_ERROR);
    let key = |picture: &str| ("starter".to_owned(), picture.to_owned());
    let row = |texts: [&str; COLUMNS.len()]| texts.map(str::to_owned);
    let kept = row(["live", "0.900000", "1", "1.00 2.00 30.00 40.00", "-"]);
    let recorded = read(&written(&[(key("a"), kept.clone()), (key("b"), kept.clone())]));
    assert_eq!(moved(&recorded, &[(key("a"), kept)]), "");
    let close = row(["live", "0.900150", "1", "1.04 2.00 30.00 40.00", "-"]);
    assert_eq!(moved(&recorded, &[(key("a"), close)]), "");
    let other = row(["spoof", "0.900250", "2", "1.06 2.00 30.00 40.00", "IMAGE_TOO_DARK"]);
    assert_eq!(
        moved(&recorded, &[(key("b"), other)]),
        "starter, b: verdict is spoof; recorded is live\n\
         starter, b: score is 0.900250; recorded is 0.900000\n\
         starter, b: faces is 2; recorded is 1\n\
         starter, b: first face's box, px is 1.06 2.00 30.00 40.00; recorded is 1.00 2.00 30.00 40.00\n\
         starter, b: reasons is IMAGE_TOO_DARK; recorded is -\n"
    );
    let unscored = row(["not_assessed", "-", "0", "-", "FACE_NOT_FOUND"]);
    assert_eq!(moved(&recorded, &[(key("c"), unscored.clone())]).lines().count(), 1);
    assert!(moved(&recorded, &[(key("a"), unscored)]).contains("score is -; recorded is 0.900000"));
}
