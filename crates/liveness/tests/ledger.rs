//! Compares every pack's result for every picture that tests have to `data/ledger.txt`.
//!
//! `just ledger` writes the file anew. A change of it is named in CHANGELOG.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use liveness::{CheckError, Device, Pipeline, Report, Score, Settings, Terms};
use model_pack::GoldenPicture;

const LEDGER: &str = include_str!("data/ledger.txt");

/// The columns after pack and picture, each with the largest difference of its numbers. The score
/// and the box may differ because ONNX Runtime adds in another order on another kind of CPU.
const COLUMNS: [(&str, f64); 5] = [
    ("verdict", 0.0),
    ("score", MAX_SCORE_ERROR),
    ("faces", 0.0),
    ("first face's box, px", MAX_BOX_ERROR_PX),
    ("reasons", 0.0),
];
const MAX_SCORE_ERROR: f64 = 0.0005;
const MAX_BOX_ERROR_PX: f64 = 0.05;

/// Pack and picture.
type Key = (String, String);
/// One text for each of [`COLUMNS`].
type Row = [String; COLUMNS.len()];

fn pictures() -> Vec<(String, Vec<u8>)> {
    let drawn = GoldenPicture::DrawnFace.frame().encode_png().unwrap();
    let portrait = std::fs::read(testbed::portrait()).unwrap();
    let mut pictures =
        vec![("the drawn face".to_owned(), drawn), ("the sample portrait".to_owned(), portrait)];
    let Some(shared) = testbed::shared() else {
        testbed::left_out("the ledger's lines of shared/selfies");
        return pictures;
    };
    let mut files: Vec<_> =
        std::fs::read_dir(shared.join("selfies")).unwrap().map(|it| it.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "md"));
    files.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    pictures.extend(files.iter().map(|path| (name(path), std::fs::read(path).unwrap())));
    pictures
}

fn row(result: &Result<Report, CheckError>) -> Row {
    let none = || "-".to_owned();
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            let error = format!("{error:?}");
            let kind = error.split(['(', ' ']).next().unwrap().to_owned();
            return ["error".to_owned(), none(), none(), none(), kind];
        }
    };
    let judgement = &report.judgement;
    let codes: Vec<_> = judgement.reasons.iter().map(|reason| reason.code.as_str()).collect();
    let face_box = report.faces.first().map(|found| {
        let frame::Rect { top_left, delta } = found.face.rect;
        format!("{:.2} {:.2} {:.2} {:.2}", top_left.x, top_left.y, delta.x, delta.y)
    });
    [
        judgement.verdict.as_str().to_owned(),
        judgement.score().map(Score::get).map_or_else(none, |score| format!("{score:.6}")),
        report.faces.len().to_string(),
        face_box.unwrap_or_else(none),
        if codes.is_empty() { none() } else { codes.join(" ") },
    ]
}

/// The rows of every pack and picture that are here, in the order of the file.
fn found() -> Vec<(Key, Row)> {
    let pictures = pictures();
    let mut rows = Vec::new();
    for &pack in testbed::packs() {
        let opened = testbed::pack(pack);
        let loaded = Pipeline::load(testbed::runtime(), &opened, Device::Cpu, Settings::default());
        let mut pipeline = loaded.unwrap();
        for (name, bytes) in &pictures {
            let result = pipeline.check(bytes, &Terms::default());
            rows.push(((pack.to_owned(), name.clone()), row(&result)));
        }
    }
    rows
}

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
    text += &line(["# pack", "picture"], COLUMNS.map(|(name, _)| name));
    for ((pack, picture), row) in rows {
        text += &line([pack, picture], row.each_ref().map(String::as_str));
    }
    text
}

fn read(text: &str) -> BTreeMap<Key, Row> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let rows = lines.map(|line| {
        let mut columns = line.split('|').map(|column| column.trim().to_owned());
        let key = (columns.next().unwrap(), columns.next().unwrap());
        (key, columns.collect::<Vec<_>>().try_into().expect("as many columns as COLUMNS"))
    });
    rows.collect()
}

fn agree(recorded: &str, found: &str, most: f64) -> bool {
    let numbers = |text: &str| -> Option<Vec<f64>> {
        text.split(' ').map(|number| number.parse().ok()).collect()
    };
    match (numbers(recorded), numbers(found)) {
        (Some(recorded), Some(found)) if recorded.len() == found.len() => {
            recorded.iter().zip(&found).all(|(recorded, found)| (recorded - found).abs() <= most)
        }
        _ => recorded == found,
    }
}

/// One line for each column that moved.
fn moved(recorded: &BTreeMap<Key, Row>, found: &[(Key, Row)]) -> String {
    let mut text = String::new();
    for (key, row) in found {
        let (pack, picture) = key;
        let Some(recorded) = recorded.get(key) else {
            writeln!(text, "{pack}, {picture}: the ledger has no line for it").unwrap();
            continue;
        };
        for (at, (column, most)) in COLUMNS.into_iter().enumerate() {
            let (recorded, found) = (&recorded[at], &row[at]);
            if !agree(recorded, found, most) {
                writeln!(text, "{pack}, {picture}: {column} is {found}; recorded is {recorded}")
                    .unwrap();
            }
        }
    }
    text
}

#[test]
fn no_score_verdict_or_box_has_moved() {
    let found = found();
    if std::env::var_os("LIVEGATE_RECORD_LEDGER").is_some_and(|value| !value.is_empty()) {
        assert!(testbed::shared().is_some(), "the whole ledger needs ../shared");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ledger.txt");
        return std::fs::write(path, written(&found)).unwrap();
    }
    let recorded = read(LEDGER);
    let moved = moved(&recorded, &found);
    assert!(
        moved.is_empty(),
        "{moved}If this is meant, write the ledger with `just ledger` and name the change in CHANGELOG.md."
    );
    if testbed::shared().is_some() {
        assert_eq!(recorded.len(), found.len(), "the ledger has lines of pictures that are gone");
    }
}

#[test]
fn a_row_that_moved_is_named_with_pack_and_picture() {
    let key = |picture: &str| ("starter".to_owned(), picture.to_owned());
    let row = |texts: [&str; COLUMNS.len()]| texts.map(str::to_owned);
    let kept = row(["live", "0.900000", "1", "1.00 2.00 30.00 40.00", "-"]);
    let recorded = read(&written(&[(key("a"), kept.clone()), (key("b"), kept.clone())]));
    assert_eq!(moved(&recorded, &[(key("a"), kept)]), "");
    let close = row(["live", "0.900400", "1", "1.04 2.00 30.00 40.00", "-"]);
    assert_eq!(moved(&recorded, &[(key("a"), close)]), "");
    let other = row(["spoof", "0.900600", "2", "1.06 2.00 30.00 40.00", "IMAGE_TOO_DARK"]);
    assert_eq!(
        moved(&recorded, &[(key("b"), other)]),
        "starter, b: verdict is spoof; recorded is live\n\
         starter, b: score is 0.900600; recorded is 0.900000\n\
         starter, b: faces is 2; recorded is 1\n\
         starter, b: first face's box, px is 1.06 2.00 30.00 40.00; recorded is 1.00 2.00 30.00 40.00\n\
         starter, b: reasons is IMAGE_TOO_DARK; recorded is -\n"
    );
    let unscored = row(["not_assessed", "-", "0", "-", "FACE_NOT_FOUND"]);
    assert_eq!(moved(&recorded, &[(key("c"), unscored.clone())]).lines().count(), 1);
    assert!(moved(&recorded, &[(key("a"), unscored)]).contains("score is -; recorded is 0.900000"));
}
