//! `scores.csv`, written and read.

use std::error::Error as _;

use evaluation::{Label, Outcome, Presentation, ScoresError, read_scores, write_scores};
use proptest::prelude::*;

use crate::support::{failed, presentation, refused, scored};

fn round_trip(all: &[Presentation]) -> Vec<Presentation> {
    let mut table = Vec::new();
    write_scores(&mut table, all).unwrap();
    read_scores(table.as_slice()).unwrap()
}

fn refusal(table: &str) -> String {
    let error = read_scores(table.as_bytes()).unwrap_err();
    error.source().map_or(error.to_string(), |source| format!("{error}: {source}"))
}

#[test]
fn awkward_names_come_back_as_they_were() {
    let names = [
        "a,b.jpg",
        "say \"cheese\".jpg",
        "two\nlines\r\n.jpg",
        "Zoë/自撮り 😀.jpg",
        " spaced ",
        "=1+1",
    ];
    let mut all: Vec<_> = names.iter().map(|name| scored(name, Label::Live, 1.0 / 3.0)).collect();
    for (at, each) in all.iter_mut().enumerate() {
        each.attack_type = (at % 2 == 0).then(|| format!("print, {at}"));
        each.models.insert("minifas,net".to_owned(), 0.1 + 0.2);
        each.groups.insert(format!("skin \"tone\" {}", at % 2), "IV;V\nVI".to_owned());
    }
    all.push(failed("b.jpg", Label::Spoof, "unsupported_image"));
    all.push(refused("c.jpg", Label::Spoof, "no_face"));
    assert_eq!(round_trip(&all), all);
}

#[test]
fn the_columns_are_the_documented_ones() {
    let mut one = scored("a.jpg", Label::Live, 0.25);
    one.models.insert("m".to_owned(), 0.5);
    one.groups.insert("camera".to_owned(), "phone".to_owned());
    let two = presentation(
        "b.jpg",
        Label::Spoof,
        Outcome::NotAssessed { reasons: vec!["no_face".to_owned(), "image_too_small".to_owned()] },
    );
    let mut table = Vec::new();
    write_scores(&mut table, &[one, two]).unwrap();
    let expected = "file,label,attack_type,outcome,score,fused,reasons,error_code,error_message,model.m,group.camera\n\
                    a.jpg,live,,scored,0.25,0.25,,,,0.5,phone\n\
                    b.jpg,spoof,,not_assessed,,,no_face;image_too_small,,,,\n";
    assert_eq!(String::from_utf8(table).unwrap(), expected);
}

#[test]
fn tables_made_by_hand_may_be_short_and_in_any_order() {
    let table = "\u{feff}score,fused,outcome,label,file\n0.5,0.25,scored,Genuine,a.jpg\n";
    let all = read_scores(table.as_bytes()).unwrap();
    let outcome = Outcome::Scored { score: 0.5, fused: 0.25 };
    assert_eq!(all, [presentation("a.jpg", Label::Live, outcome)]);
}

#[test]
fn errors_name_the_line_and_the_column() {
    let header = "file,label,outcome,score,fused,model.m\n";
    let good = "\"a\nb\",live,scored,0.5,0.5,\n";
    let cases = [
        ("c,alive,scored,0.5,0.5,\n", "line 4, column `label`: `alive` is no label"),
        ("c,live,scored,high,0.5,\n", "line 4, column `score`: `high` is no number from 0 to 1"),
        ("c,live,scored,0.5,1.5,\n", "line 4, column `fused`: `1.5` is no number"),
        ("c,live,scored,NaN,0.5,\n", "line 4, column `score`: `NaN` is no number"),
        ("c,live,scored,0.5,,\n", "line 4, column `fused`: `` is no number"),
        ("c,live,scored,0.5,0.5,x\n", "line 4, column `model.m`: `x` is no number"),
        ("c,live,done,0.5,0.5,\n", "line 4, column `outcome`: `done` is none of"),
        ("c,live\n", "line: 4"),
    ];
    for (bad, expected) in cases {
        let message = refusal(&format!("{header}{good}{bad}"));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn columns_that_are_missing_unknown_or_double_are_named() {
    assert!(refusal("file,label,outcome,score\n").contains("no column `fused`"));
    assert!(
        refusal("file,label,outcome,score,fused,colour\n")
            .contains("a column `colour`, which means nothing")
    );
    assert!(refusal("file,label,outcome,score,fused,score\n").contains("two columns `score`"));
    assert!(refusal("").contains("no column `file`"));
}

#[test]
fn a_presentation_that_could_not_be_read_again_is_not_written() {
    let beyond = scored("a.jpg", Label::Live, f64::NAN);
    let joined = refused("a.jpg", Label::Live, "one;two");
    for bad in [beyond, joined] {
        let error = write_scores(Vec::new(), &[bad]).unwrap_err();
        assert!(
            matches!(&error, ScoresError::Unwritable { file, .. } if file == "a.jpg"),
            "{error}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_and_number_survives(
        file in any::<String>(), value in "[^\u{0}]+", code in any::<String>(), score in 0.0_f64..=1.0,
        fused in 0.0_f64..=1.0,
    ) {
        let mut one = presentation(&file, Label::Spoof, Outcome::Scored { score, fused });
        one.attack_type = Some(value.clone());
        one.models.insert(value.clone(), score);
        one.groups.insert(code.clone(), value.clone());
        let two = presentation(&value, Label::Live, Outcome::Failed { code, message: value.clone() });
        prop_assert_eq!(round_trip(&[one.clone(), two.clone()]), [one, two]);
    }
}
