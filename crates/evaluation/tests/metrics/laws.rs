//! Laws that hold for all scores.

use evaluation::{Evaluation, Label, MOST_POINTS, Presentation};
use proptest::prelude::*;

use crate::support::{attacks, live, near, refused, scored};

/// Scores on a grid, so that ties are common; three types of attack; some without an answer.
fn presentations() -> impl Strategy<Value = Vec<Presentation>> {
    let one = (0_u8..=20, any::<bool>(), 0_usize..3, 0_u8..8);
    prop::collection::vec(one, 0..60).prop_map(|all| {
        let present = |(at, (score, is_live, kind, silent)): (usize, (u8, bool, usize, u8))| {
            let label = if is_live { Label::Live } else { Label::Spoof };
            let file = format!("{at}.jpg");
            let mut presentation = scored(&file, label, f64::from(score) / 20.0);
            if silent == 0 {
                presentation = refused(&file, label, "no_face");
            }
            presentation.attack_type = [None, Some("print"), Some("mask")][kind].map(str::to_owned);
            presentation
        };
        all.into_iter().enumerate().map(present).collect()
    })
}

fn swapped(presentations: &[Presentation]) -> Vec<Presentation> {
    let swap = |each: &Presentation| {
        let label = if each.label == Label::Live { Label::Spoof } else { Label::Live };
        Presentation { label, ..each.clone() }
    };
    presentations.iter().map(swap).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_order_of_rows_does_not_matter(
        (all, shuffled) in presentations().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        prop_assert_eq!(Evaluation::of(&all, 0.5), Evaluation::of(&shuffled, 0.5));
    }

    #[test]
    fn swapped_labels_mirror_the_area(all in presentations()) {
        let (one, other) = (Evaluation::of(&all, 0.5).auc, Evaluation::of(&swapped(&all), 0.5).auc);
        prop_assert_eq!(one.is_some(), other.is_some());
        if let (Some(one), Some(other)) = (one, other) {
            prop_assert!(near(one.auc, 1.0 - other.auc), "{one:?} {other:?}");
            prop_assert!(near(one.low, 1.0 - other.high) && near(one.high, 1.0 - other.low), "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_higher_threshold_lets_fewer_in(all in presentations(), a in 0.0_f64..=1.0, b in 0.0_f64..=1.0) {
        let (low, high) = (Evaluation::of(&all, a.min(b)), Evaluation::of(&all, a.max(b)));
        prop_assert!(high.apcer.share <= low.apcer.share);
        prop_assert!(high.bpcer.share >= low.bpcer.share);
        prop_assert!(high.attacks_accepted.count <= low.attacks_accepted.count);
        prop_assert!(high.live_not_let_in.count >= low.live_not_let_in.count);
    }

    #[test]
    fn intervals_contain_their_estimates(all in presentations()) {
        let evaluation = Evaluation::of(&all, 0.5);
        if let Some(auc) = evaluation.auc {
            prop_assert!(0.0 <= auc.low && auc.low <= auc.auc && auc.auc <= auc.high && auc.high <= 1.0, "{auc:?}");
        }
        if let Some(eer) = evaluation.eer {
            prop_assert!(0.0 <= eer.low && eer.low <= eer.eer && eer.eer <= eer.high && eer.high <= 1.0, "{eer:?}");
        }
    }

    #[test]
    fn more_errors_never_lower_the_upper_end_of_the_eer(
        people in prop::collection::vec(0_u8..=20, 1..30), prints in prop::collection::vec(0_u8..=20, 1..30),
        which in any::<prop::sample::Index>(), down in 1_u8..=20,
    ) {
        let upper = |people: &[u8]| {
            let shares = |scores: &[u8]| scores.iter().map(|score| f64::from(*score) / 20.0).collect::<Vec<_>>();
            let all = [live(&shares(people)), attacks("print", &shares(&prints))].concat();
            Evaluation::of(&all, 0.5).eer.unwrap().high
        };
        let mut worse = people.clone();
        let score = &mut worse[which.index(people.len())];
        *score = score.saturating_sub(down);
        prop_assert!(upper(&worse) >= upper(&people) - 1e-9, "{people:?} {prints:?} {worse:?}");
    }

    #[test]
    fn operating_points_hold_at_their_thresholds(all in presentations()) {
        for point in Evaluation::of(&all, 0.5).operating_points {
            let Some(threshold) = point.threshold else { continue };
            let there = Evaluation::of(&all, threshold);
            prop_assert_eq!(there.bpcer, point.bpcer);
            prop_assert_eq!(there.apcer.share.unwrap_or(0.0), point.apcer);
            prop_assert!(point.apcer <= point.apcer_at_most && (0.0..=1.0).contains(&threshold));
        }
    }

    #[test]
    fn both_curves_agree_with_the_evaluation(all in presentations(), at in 0_usize..MOST_POINTS) {
        let curves = Evaluation::of(&all, 0.5).curves;
        if let Some(point) = curves.over_threshold.get(at) {
            let there = Evaluation::of(&all, point.threshold);
            prop_assert_eq!(Some(point.apcer), there.apcer.share);
            prop_assert_eq!(Some(point.bpcer), there.bpcer.share);
            prop_assert!(curves.det.iter().any(|p| (p.apcer, p.bpcer) == (point.apcer, point.bpcer)));
        }
    }
}

#[test]
fn curves_of_many_pictures_stay_small() {
    let score = |at: u32| f64::from(at * 7919 % 10_007) / 10_007.0;
    let label = |at: u32| if at.is_multiple_of(3) { Label::Live } else { Label::Spoof };
    let all: Vec<_> = (0..9000).map(|at| scored(&at.to_string(), label(at), score(at))).collect();
    let curves = Evaluation::of(&all, 0.5).curves;
    assert!(curves.det.len() > 50 && curves.det.len() <= MOST_POINTS, "{}", curves.det.len());
    assert_eq!((curves.det[0].apcer, curves.det[0].bpcer), (1.0, 0.0));
    assert_eq!(curves.det.last().map(|end| (end.apcer, end.bpcer)), Some((0.0, 1.0)));
    assert_eq!(curves.over_threshold.len(), MOST_POINTS);
    assert_eq!(curves.histogram.iter().map(|bin| bin.live + bin.attacks).sum::<u64>(), 9000);
}
