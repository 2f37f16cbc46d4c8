//! Cases that are computed on paper.

use evaluation::{Evaluation, GroupColumn, Label, Presentation, Worst, failure_codes, reasons};

use crate::support::{attacks, failed, live, near, refused, scored};

/// 5 living people: 0.9, 0.8, 0.6, 0.4 and one without a face. 4 prints: 0.1, 0.2, 0.3, 0.7. 2
/// masks: 0.2, 0.6; a third one failed.
fn mixed() -> Vec<Presentation> {
    let mut all = live(&[0.9, 0.8, 0.6, 0.4]);
    all.push(refused("live/none.jpg", Label::Live, "no_face"));
    all.extend(attacks("print", &[0.1, 0.2, 0.3, 0.7]));
    all.extend(attacks("mask", &[0.2, 0.6]));
    let broken = failed("mask/broken.jpg", Label::Spoof, "unsupported_image");
    all.push(Presentation { attack_type: Some("mask".to_owned()), ..broken });
    all
}

#[test]
fn the_worst_type_is_the_headline_not_the_mean() {
    let evaluation = Evaluation::of(&mixed(), 0.5);
    // Prints: 1 of 4 at or above 0.5; masks: 1 of 2.
    let types: Vec<_> = evaluation
        .attack_types
        .iter()
        .map(|t| (t.attack_type.as_str(), t.apcer.count, t.apcer.of))
        .collect();
    assert_eq!(types, [("mask", 1, 2), ("print", 1, 4)]);
    assert_eq!(evaluation.apcer.share, Some(0.5));
    assert_eq!(evaluation.apcer_type.as_deref(), Some("mask"));
    // 0.4 is refused, of 4 scored; ACER is (0.5 + 0.25) / 2.
    assert_eq!(evaluation.bpcer.share, Some(0.25));
    assert_eq!(evaluation.acer, Some(0.375));
}

#[test]
fn a_score_at_the_threshold_is_accepted() {
    let evaluation = Evaluation::of(&mixed(), 0.6);
    // 0.6 of the living and 0.6 of the masks stay accepted.
    assert_eq!((evaluation.bpcer.count, evaluation.apcer.count), (1, 1));
}

#[test]
fn a_refusal_to_score_does_not_improve_the_shares_of_all() {
    let evaluation = Evaluation::of(&mixed(), 0.5);
    // 1 of 5 people got no answer, 0 of 7 attacks; 1 of 7 failed.
    assert_eq!((evaluation.bpnrr.count, evaluation.bpnrr.of), (1, 5));
    assert_eq!((evaluation.apnrr.count, evaluation.apnrr.of), (0, 7));
    assert_eq!((evaluation.attacks.failed, evaluation.attacks.scored), (1, 6));
    // Not let in: the one with 0.4 and the one without a face. Accepted: 0.7 and 0.6.
    assert_eq!((evaluation.live_not_let_in.count, evaluation.live_not_let_in.of), (2, 5));
    assert_eq!((evaluation.attacks_accepted.count, evaluation.attacks_accepted.of), (2, 7));
    let mask = &evaluation.attack_types[0];
    assert_eq!((mask.accepted.count, mask.accepted.of, mask.responses.failed), (1, 3, 1));
}

#[test]
fn the_area_counts_ties_half() {
    // Pairs won, of 4 * 6. 0.9 and 0.8: 6 each. 0.6: over 0.1 0.2 0.3 0.2, half of 0.6, none of
    // 0.7: 4.5. 0.4: 4.
    let auc = Evaluation::of(&mixed(), 0.5).auc.unwrap();
    assert!(near(auc.auc, 20.5 / 24.0), "{auc:?}");
    assert!(auc.low < auc.auc && auc.auc < auc.high && auc.high < 1.0, "{auc:?}");
}

#[test]
fn the_equal_error_rate_lies_between_the_points_of_the_curve() {
    // Refused and accepted as the threshold rises past the scores: past 0.3: 0 of 4, 2 of 6; past
    // 0.4: 1/4, 2/6; past 0.6: 2/4, 1/6. Between the last two the line from (1/4, 1/3) to (1/2,
    // 1/6) is cut where both are equal: a part (1/12) / (1/12 + 1/3) = 1/5 of the way, 0.3.
    let eer = Evaluation::of(&mixed(), 0.5).eer.unwrap();
    assert!(near(eer.eer, 0.3), "{eer:?}");
    // Nearest to equal is above 0.4 and up to 0.6.
    assert_eq!(eer.threshold, Some(0.5));
    assert!(eer.low <= 0.3 && 0.3 <= eer.high && eer.high <= 1.0);
}

#[test]
fn operating_points_limit_every_type() {
    // No attack may pass, as one of 2 masks is 50% already: the lowest threshold is above 0.7,
    // where 0.6 and 0.4 of the living are refused.
    let points = Evaluation::of(&mixed(), 0.5).operating_points;
    let seen: Vec<_> =
        points.iter().map(|p| (p.name, p.bpcer.count, p.bpcer.of, p.threshold)).collect();
    let expected = |name| (name, 2, 4, Some(0.75));
    assert_eq!(seen, ["BPCER10", "BPCER20", "BPCER100"].map(expected));
}

#[test]
fn an_attack_with_the_highest_score_leaves_no_threshold() {
    let mut all = live(&[0.9, 1.0]);
    all.extend(attacks("print", &[1.0]));
    let points = Evaluation::of(&all, 0.5).operating_points;
    assert!(
        points.iter().all(|p| p.threshold.is_none() && p.bpcer.share == Some(1.0)),
        "{points:?}"
    );
}

#[test]
fn each_group_is_measured_by_itself() {
    let mut all = mixed();
    for (at, presentation) in all.iter_mut().enumerate().filter(|(at, _)| at % 2 == 0) {
        let camera = if at < 5 { "phone" } else { "webcam" };
        presentation.groups.insert("camera".to_owned(), camera.to_owned());
    }
    let [column] = &GroupColumn::all(&all, 0.5)[..] else { panic!("one column") };
    let values: Vec<_> = column
        .values
        .iter()
        .map(|each| {
            (each.value.as_str(), each.evaluation.live.presented, each.evaluation.attacks.presented)
        })
        .collect();
    // The even ones: 0.9, 0.6 and the one without a face; then 0.2 and 0.7 of the prints and 0.6 of
    // the masks.
    assert_eq!(values, [("not given", 2, 4), ("phone", 3, 0), ("webcam", 0, 3)]);
    assert_eq!(column.values[1].evaluation.bpcer.share, Some(0.0));
    // One print of two passes, and the only mask.
    assert_eq!(column.values[2].evaluation.apcer.share, Some(1.0));
}

#[test]
fn a_column_with_a_value_for_each_file_keeps_the_largest() {
    let mut all = live(&[0.5; 80]);
    for (at, presentation) in all.iter_mut().enumerate() {
        presentation.groups.insert("person".to_owned(), format!("{:03}", at.max(10)));
    }
    let column = GroupColumn::all(&all, 0.5).remove(0);
    assert_eq!((column.values.len(), column.values_left_out), (50, 20));
    assert_eq!(
        (column.values[0].value.as_str(), column.values[0].evaluation.live.presented),
        ("010", 11)
    );
}

#[test]
fn the_worst_are_the_low_living_and_the_high_attacks() {
    let worst = Worst::of(&mixed(), 2);
    let seen: Vec<_> = worst.iter().map(|each| (each.label, each.score)).collect();
    let (live, spoof) = (Label::Live, Label::Spoof);
    assert_eq!(seen, [(live, 0.4), (live, 0.6), (spoof, 0.7), (spoof, 0.6)]);
}

#[test]
fn reasons_and_errors_are_counted_by_class() {
    let mut all = mixed();
    all.push(refused("spoof/none.jpg", Label::Spoof, "no_face"));
    all.push(refused("spoof/small.jpg", Label::Spoof, "face_too_small"));
    let seen: Vec<_> =
        reasons(&all).into_iter().map(|each| (each.what, each.live, each.attacks)).collect();
    assert_eq!(seen, [("no_face".to_owned(), 1, 1), ("face_too_small".to_owned(), 0, 1)]);
    assert_eq!(failure_codes(&all)[0].what, "unsupported_image");
}

#[test]
fn notes_name_rates_of_too_few_pictures() {
    let mut all = attacks("print", &[0.1; 20]);
    all.extend(live(&[0.9; 50]));
    all.push(scored("live/low.jpg", Label::Live, 0.2));
    let notes = Evaluation::of(&all, 0.5).notes.join("\n");
    assert!(
        notes.contains(
            "0 of 20 attacks of the type \"print\" accepted still allows a true rate of 14%"
        ),
        "{notes}"
    );
    assert!(notes.contains("BPCER rests on 1 error"), "{notes}");
    assert!(notes.contains("The smallest type has 20 scored attacks"), "{notes}");
}

#[test]
fn notes_name_the_smallest_of_many_small_types() {
    let mut all = live(&[0.9; 5]);
    for kind in 0..7 {
        all.extend(attacks(&format!("kind {kind}"), &vec![0.1; 10 + kind]));
    }
    let notes = Evaluation::of(&all, 0.5).notes.join("\n");
    assert!(
        notes.contains("0 of 13 attacks of the type \"kind 3\"") && !notes.contains("kind 4"),
        "{notes}"
    );
    assert!(notes.contains("true of 3 more types"), "{notes}");
}

#[test]
fn the_interval_of_the_eer_of_few_pictures_is_wide() {
    let eer = |people: &[f64], prints: &[f64]| {
        Evaluation::of(&[live(people), attacks("print", prints)].concat(), 0.5).eer.unwrap()
    };
    // One of each, the wrong way round: an error of 1 could as well be one of 0.025.
    let turned = eer(&[0.1], &[0.9]);
    assert!(turned.eer == 1.0 && turned.low < 0.03 && turned.high == 1.0, "{turned:?}");
    let prints = [0.5; 100];
    let with_wrong = |wrong: usize| {
        let people: Vec<f64> = (0..100).map(|at| if at < wrong { 0.1 } else { 0.9 }).collect();
        eer(&people, &prints)
    };
    let upper: Vec<f64> = (0..20).map(|wrong| with_wrong(wrong).high).collect();
    assert!(upper.is_sorted(), "{upper:?}");
    // Clopper and Pearson of 0 and 1 of 100.
    assert!((upper[0] - 0.0362).abs() < 1e-4 && upper[1] >= 0.0544, "{upper:?}");
    let many: Vec<f64> = (0..200).map(|at| f64::from(at) / 200.0).collect();
    let lonely = eer(&[0.59], &many);
    assert!(lonely.low == 0.0 && lonely.high >= 0.97, "{lonely:?}");
}
