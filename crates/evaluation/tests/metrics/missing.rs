//! Metrics without data are missing and noted, and nothing panics.

use evaluation::{Evaluation, Label, Outcome, Report, html};

use crate::page::run;
use crate::support::{attacks, failed, live, presentation, refused, scored};

#[test]
fn an_empty_set_gives_nulls_and_a_note() {
    let evaluation = Evaluation::of(&[], 0.5);
    assert_eq!(
        (evaluation.apcer.share, evaluation.bpcer.share, evaluation.acer),
        (None, None, None)
    );
    assert_eq!((evaluation.auc, evaluation.eer), (None, None));
    assert!(evaluation.notes[0].contains("no presentations"), "{:?}", evaluation.notes);
    let json = serde_json::to_value(&evaluation).unwrap();
    assert!(json["apcer"]["share"].is_null() && json["auc"].is_null());
}

#[test]
fn one_class_alone_is_measured_and_the_other_noted() {
    let people = Evaluation::of(&live(&[0.9, 0.4]), 0.5);
    assert_eq!((people.bpcer.share, people.apcer.share, people.acer), (Some(0.5), None, None));
    assert!(people.notes[0].contains("bona fide presentations only"), "{:?}", people.notes);
    let spoofs = Evaluation::of(&attacks("print", &[0.9, 0.4]), 0.5);
    assert_eq!((spoofs.bpcer.share, spoofs.apcer.share), (None, Some(0.5)));
    assert!(spoofs.notes[0].contains("attacks only"), "{:?}", spoofs.notes);
    assert!(spoofs.operating_points.is_empty() && spoofs.curves.det.is_empty());
}

#[test]
fn a_system_that_never_scores_accepts_no_presentation() {
    let all =
        [refused("a", Label::Live, "no_face"), failed("b", Label::Spoof, "unsupported_image")];
    let evaluation = Evaluation::of(&all, 0.5);
    assert_eq!((evaluation.bpcer.share, evaluation.live_not_let_in.share), (None, Some(1.0)));
    assert_eq!(evaluation.attacks_accepted.share, Some(0.0));
    let notes = evaluation.notes.join("\n");
    assert!(notes.contains("None of the 1 bona fide presentations got a score."), "{notes}");
    assert!(notes.contains("1 of 2 presentations failed"), "{notes}");
}

#[test]
fn attacks_without_a_type_are_one_type_and_noted() {
    let all = [scored("a", Label::Spoof, 0.9), scored("b", Label::Live, 0.9)];
    let evaluation = Evaluation::of(&all, 0.5);
    assert_eq!(evaluation.apcer_type.as_deref(), Some("unnamed"));
    assert!(evaluation.notes.iter().any(|note| note.contains("1 of 1 attacks have no type")));
}

#[test]
fn scores_and_thresholds_that_are_not_finite_break_nothing() {
    let odd = |score| Outcome::Scored { score, fused: score };
    let mut all = vec![
        presentation("a", Label::Live, odd(f64::NAN)),
        presentation("b", Label::Spoof, odd(f64::INFINITY)),
        presentation("c", Label::Live, odd(-7.0)),
        presentation("d", Label::Spoof, odd(7.0)),
    ];
    all.extend(live(&[-0.0, 0.0]));
    for threshold in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 2.0] {
        let evaluation = Evaluation::of(&all, threshold);
        assert_eq!((evaluation.live.failed, evaluation.attacks.failed), (1, 1));
        assert!(evaluation.notes[0].contains("is not between 0 and 1"), "{:?}", evaluation.notes);
        let mut report = Report::of(run(), &all);
        report.run.threshold = threshold;
        assert!(html(&report).ends_with("</html>"));
    }
}

#[test]
fn pages_of_very_few_presentations_are_whole_pages() {
    for all in
        [vec![], live(&[0.5]), attacks("print", &[0.5]), vec![refused("a", Label::Live, "no_face")]]
    {
        assert!(html(&Report::of(run(), &all)).ends_with("</html>"));
    }
}
