//! Compares every pack's result for every picture that tests have to `data/ledger.txt`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use liveness::{CheckError, Device, Pipeline, Report, Score, Settings, Terms};
use model_pack::GoldenPicture;
use onnx::Runtime;

const LEDGER: &str = include_str!("../data/ledger.txt");

/// The columns after pack and picture.
pub(crate) const COLUMNS: [&str; 5] =
    ["verdict", "score", "faces", "first face's box, px", "reasons"];

/// The box may differ because ONNX Runtime adds in another order on another kind of CPU.
const MAX_BOX_ERROR_PX: f64 = 0.05;

/// Pack and picture.
pub(crate) type Key = (String, String);
/// One text for each of [`COLUMNS`].
pub(crate) type Row = [String; COLUMNS.len()];

/// Fails with a line for each result on `device` that is not the recorded one. Scores may be
/// `max_score_error` apart.
pub(crate) fn assert_unmoved(runtime: &Runtime, device: Device, max_score_error: f64) {
    let (recorded, found) = (read(LEDGER), found(runtime, device));
    let moved = moved(&recorded, &found, max_score_error);
    assert!(
        moved.is_empty(),
        "{moved}If this is meant, write the ledger with `just ledger` and name the change in CHANGELOG.md."
    );
    if testbed::shared().is_some() {
        assert_eq!(recorded.len(), found.len(), "the ledger has lines of pictures that are gone");
    }
}

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
pub(crate) fn found(runtime: &Runtime, device: Device) -> Vec<(Key, Row)> {
    let pictures = pictures();
    let mut rows = Vec::new();
    for &pack in testbed::packs() {
        let opened = testbed::pack(pack);
        let loaded = Pipeline::load(runtime, &opened, device, Settings::default());
        let mut pipeline = loaded.unwrap();
        for (name, bytes) in &pictures {
            let result = pipeline.check(bytes, &Terms::default(), &|| false);
            rows.push(((pack.to_owned(), name.clone()), row(&result)));
        }
    }
    rows
}

pub(crate) fn read(text: &str) -> BTreeMap<Key, Row> {
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
pub(crate) fn moved(
    recorded: &BTreeMap<Key, Row>,
    found: &[(Key, Row)],
    max_score_error: f64,
) -> String {
    let max_errors = [0.0, max_score_error, 0.0, MAX_BOX_ERROR_PX, 0.0];
    let mut text = String::new();
    for (key, row) in found {
        let (pack, picture) = key;
        let Some(recorded) = recorded.get(key) else {
            writeln!(text, "{pack}, {picture}: the ledger has no line for it").unwrap();
            continue;
        };
        for (at, (column, most)) in COLUMNS.into_iter().zip(max_errors).enumerate() {
            let (recorded, found) = (&recorded[at], &row[at]);
            if !agree(recorded, found, most) {
                writeln!(text, "{pack}, {picture}: {column} is {found}; recorded is {recorded}")
                    .unwrap();
            }
        }
    }
    text
}
