//! The promises of a calibration.

use evaluation::{CalibrateError, Calibrated, Evaluation, Label, Presentation, Targets, calibrate};
use proptest::prelude::*;

use crate::support::{attacks, live, near, refused};

/// `n` numbers evenly from `from` to `to`.
fn spread(n: u32, from: f64, to: f64) -> Vec<f64> {
    (0..n).map(|at| from + (to - from) * f64::from(at) / f64::from(n - 1)).collect()
}

/// Living people 0.3 to 0.99, prints 0.01 to 0.5, masks 0.05 to 0.55.
fn overlapping() -> Vec<Presentation> {
    let mut all = live(&spread(60, 0.3, 0.99));
    all.extend(attacks("print", &spread(40, 0.01, 0.5)));
    all.extend(attacks("mask", &spread(30, 0.05, 0.55)));
    all
}

fn done(presentations: &[Presentation]) -> Calibrated {
    calibrate(presentations, Targets::default()).unwrap()
}

#[test]
fn the_equal_error_rate_lands_at_one_half() {
    let all = overlapping();
    let calibrated = done(&all);
    let after = Evaluation::of(&calibrated.apply(&all), 0.5);
    let eer = after.eer.unwrap();
    assert!(calibrated.slope > 0.0);
    assert!(near(eer.eer, calibrated.eer.eer) && calibrated.eer.threshold == Some(0.5));
    // All attacks together; 70 attacks and 60 people, so neither error is further off than one of
    // them.
    let accepted = after.attacks_accepted.share.unwrap();
    assert!((accepted - eer.eer).abs() <= 1.0 / 60.0, "{accepted} {}", eer.eer);
    assert!((after.bpcer.share.unwrap() - eer.eer).abs() <= 1.0 / 60.0);
    // The threshold before calibration is where the score is one half, to the bit.
    let before = Evaluation::of(&all, 0.5).eer.unwrap().threshold.unwrap();
    assert!((calibrated.score(before) - 0.5).abs() < 0.01);
}

#[test]
fn levels_are_in_order_and_keep_their_targets() {
    let all = overlapping();
    let calibrated = done(&all);
    let levels = &calibrated.levels;
    assert!(levels.convenience.threshold <= 0.5 && 0.5 <= levels.hardened.threshold);
    assert_eq!(levels.standard.threshold, 0.5);
    assert!(levels.convenience.rates.bpcer.share.unwrap() <= 0.05);
    assert!(levels.hardened.rates.apcer.share.unwrap() <= 0.05);
    assert_eq!(
        (levels.convenience.meets_target, levels.hardened.meets_target),
        (Some(true), Some(true))
    );
    // 3 of 60 are 5%, and 4 are more: the threshold is above the third and not above the fourth.
    assert_eq!(levels.convenience.rates.bpcer.count, 3);
    // 1 of 30 masks is within 5%, 2 are not.
    assert_eq!((levels.hardened.rates.apcer.count, levels.hardened.rates.apcer.of), (1, 30));
    let after = calibrated.apply(&all);
    for level in [&levels.convenience, &levels.standard, &levels.hardened] {
        let there = Evaluation::of(&after, level.threshold);
        assert_eq!((there.apcer, there.bpcer), (level.rates.apcer, level.rates.bpcer));
    }
}

#[test]
fn classes_that_are_fully_apart_have_a_finite_slope() {
    let mut all = live(&spread(20, 0.8, 1.0));
    all.extend(attacks("print", &spread(20, 0.0, 0.3)));
    let calibrated = done(&all);
    assert!(calibrated.slope.is_finite() && calibrated.slope > 0.0 && calibrated.slope < 10.0);
    assert_eq!((calibrated.eer.eer, calibrated.auc.auc), (0.0, 1.0));
    let said = |what: &str| calibrated.notes.iter().any(|note| note.contains(what));
    assert!(said("convenience, standard and hardened have one and the same threshold"));
    assert!(said(
        "0 of 20 attacks of the type \"print\" accepted at the level hardened still allows"
    ));
    let levels = calibrated.levels;
    assert_eq!((levels.standard.rates.apcer.count, levels.standard.rates.bpcer.count), (0, 0));
    assert_eq!((levels.convenience.threshold, levels.hardened.threshold), (0.5, 0.5));
}

#[test]
fn notes_call_rates_on_the_same_pictures_flattering() {
    let mut all = overlapping();
    all.push(refused("x.jpg", Label::Live, "no_face"));
    let calibrated = done(&all);
    assert!(calibrated.notes[0].contains("flatters"), "{:?}", calibrated.notes);
    assert!(calibrated.notes.iter().any(|note| note.contains("1 pictures got no score")));
    let held_back = calibrated.cross_validated.unwrap();
    assert_eq!(
        (held_back.folds, held_back.rates.standard.bpcer.of, held_back.rates.standard.apcer.of),
        (5, 60, 30)
    );
    assert!((held_back.eer - calibrated.eer.eer).abs() < 0.1);
}

#[test]
fn too_few_or_one_class_is_an_error_in_words() {
    let people = live(&spread(30, 0.5, 1.0));
    let error = calibrate(&people, Targets::default()).unwrap_err();
    assert_eq!(error, CalibrateError::TooFew { live: 30, attacks: 0 });
    let mut all = people;
    all.extend(attacks("print", &spread(9, 0.0, 0.5)));
    let error = calibrate(&all, Targets::default()).unwrap_err().to_string();
    assert!(error.contains("at least 10") && error.contains("30 and 9"), "{error}");
    assert_eq!(
        calibrate(&[], Targets::default()),
        Err(CalibrateError::TooFew { live: 0, attacks: 0 })
    );
}

#[test]
fn swapped_labels_and_equal_scores_are_refused() {
    let mut turned = live(&spread(20, 0.0, 0.5));
    turned.extend(attacks("print", &spread(20, 0.4, 1.0)));
    let error = calibrate(&turned, Targets::default()).unwrap_err().to_string();
    assert!(error.contains("Are the labels the right way round?"), "{error}");
    let mut same = live(&[0.7; 20]);
    same.extend(attacks("print", &[0.7; 20]));
    assert!(matches!(
        calibrate(&same, Targets::default()),
        Err(CalibrateError::NotAscending { .. })
    ));
}

#[test]
fn targets_are_shares() {
    for bad in [-0.1, 1.0, f64::NAN] {
        let targets = Targets { hardened_apcer: bad, ..Targets::default() };
        assert!(
            matches!(calibrate(&overlapping(), targets), Err(CalibrateError::Target { .. })),
            "{bad}"
        );
    }
}

#[test]
fn notes_name_an_attack_that_no_threshold_stops() {
    let mut all = live(&spread(400, 0.9, 0.999));
    all.extend(attacks("print", &spread(400, 0.001, 0.1)));
    all.extend(attacks("screen", &[1.0]));
    let calibrated = done(&all);
    // Log-odds of 36 times the slope round to a score of exactly 1.
    assert_eq!(calibrated.score(1.0), 1.0);
    assert_eq!(
        (calibrated.levels.hardened.threshold, calibrated.levels.hardened.meets_target),
        (1.0, Some(false))
    );
    assert!(
        calibrated.notes.last().is_some_and(|note| note.contains("No threshold")),
        "{:?}",
        calibrated.notes
    );
}

#[test]
fn a_level_with_half_of_an_error_is_useless() {
    let mut all = live(&spread(100, 0.1, 0.9));
    all.extend(attacks("print", &spread(100, 0.02, 0.8)));
    let calibrated = done(&all);
    let levels = &calibrated.levels;
    assert!(levels.hardened.rates.bpcer.share.unwrap() >= 0.5, "{levels:?}");
    assert!(levels.convenience.rates.apcer.share.unwrap() >= 0.5, "{levels:?}");
    let met =
        [&levels.convenience, &levels.standard, &levels.hardened].map(|level| level.meets_target);
    assert_eq!(met, [Some(false), None, Some(false)]);
    for said in ["The level convenience would accept", "The level hardened would refuse"] {
        assert!(calibrated.notes.iter().any(|note| note.contains(said)), "{:?}", calibrated.notes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_rows_does_not_matter(shuffled in Just(overlapping()).prop_shuffle()) {
        prop_assert_eq!(done(&shuffled), done(&overlapping()));
    }

    #[test]
    fn every_calibration_keeps_its_promises(
        people in prop::collection::vec(0.2_f64..=1.0, 10..40), prints in prop::collection::vec(0.0_f64..=0.8, 10..40),
    ) {
        let mut all = live(&people);
        all.extend(attacks("print", &prints));
        let Ok(calibrated) = calibrate(&all, Targets::default()) else { return Ok(()) };
        let levels = &calibrated.levels;
        prop_assert!(calibrated.slope > 0.0 && calibrated.slope.is_finite() && calibrated.offset.is_finite());
        prop_assert!(levels.convenience.threshold <= 0.5 && 0.5 <= levels.hardened.threshold);
        prop_assert!(levels.hardened.threshold <= 1.0 && levels.convenience.threshold >= 0.0);
        prop_assert!(levels.convenience.rates.bpcer.share.unwrap() <= 0.05);
        // One half is a point next to the crossing: as far from equal as one picture of each class
        // at most.
        let (apcer, bpcer) = (levels.standard.rates.apcer.share, levels.standard.rates.bpcer.share);
        let apart = (apcer.unwrap() - bpcer.unwrap()).abs();
        prop_assert!(apart <= 1.0 / people.len() as f64 + 1.0 / prints.len() as f64 + 1e-9, "{apart}");
    }
}
