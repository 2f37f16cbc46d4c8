//! Warnings for the reader of an evaluation.

use super::Evaluation;
use crate::presentation::UNNAMED;
use crate::share::percent;

/// A rate with fewer errors gets a note: the "rule of 30" of Doddington and others ("The NIST
/// speaker recognition evaluation", Speech Communication 31, 2000), which ISO/IEC 19795-1 repeats.
const RULE_OF_ERRORS: u64 = 30;

/// Least number of attacks of a type at which an APCER of 1% allows an error.
const FOR_ONE_PERCENT: u64 = 100;

/// A greater or equal share of non-responses gets a note.
const MANY_NON_RESPONSES: f64 = 0.05;

/// Number of attack types with a note of their own; one note sums up the others.
const MOST_TYPES: usize = 4;

/// All notes.
pub(crate) fn of(evaluation: &Evaluation) -> Vec<String> {
    let mut notes = Vec::new();
    missing(evaluation, &mut notes);
    unanswered(evaluation, &mut notes);
    too_few(evaluation, &mut notes);
    notes
}

fn missing(evaluation: &Evaluation, notes: &mut Vec<String>) {
    let (live, attacks) = (evaluation.live, evaluation.attacks);
    if !(0.0..=1.0).contains(&evaluation.threshold) {
        notes.push(format!("The threshold {} is not between 0 and 1.", evaluation.threshold));
    }
    match (live.presented, attacks.presented) {
        (0, 0) => notes.push("There are no presentations, so nothing is measured.".to_owned()),
        (0, _) => notes.push(
            "There are attacks only: BPCER and everything that compares the classes needs bona fide \
             presentations too."
                .to_owned(),
        ),
        (_, 0) => notes.push(
            "There are bona fide presentations only: APCER and everything that compares the classes needs \
             attacks too."
                .to_owned(),
        ),
        _ => {}
    }
    for (what, class) in [("bona fide presentations", live), ("attacks", attacks)] {
        if class.presented > 0 && class.scored == 0 {
            notes.push(format!("None of the {} {what} got a score.", class.presented));
        }
    }
    let unnamed = evaluation.attack_types.iter().find(|each| each.attack_type == UNNAMED);
    if let Some(unnamed) = unnamed {
        notes.push(format!(
            "{} of {} attacks have no type and count as the type \"{UNNAMED}\". APCER is defined per type: \
             mixed ones hide which kind gets through.",
            unnamed.responses.presented, attacks.presented
        ));
    }
}

fn unanswered(evaluation: &Evaluation, notes: &mut Vec<String>) {
    let failed = evaluation.live.failed + evaluation.attacks.failed;
    if failed > 0 {
        notes.push(format!(
            "{failed} of {} presentations failed (unreadable files, errors, scores that are no number). They are \
             in none of APCER, BPCER, APNRR and BPNRR as errors; the shares of all count them as not let in.",
            evaluation.live.presented + evaluation.attacks.presented
        ));
    }
    for (what, all, rate, share) in [
        ("bona fide presentations", "people not let in", "BPCER", evaluation.bpnrr),
        ("attacks", "attacks accepted", "APCER", evaluation.apnrr),
    ] {
        if let Some(value) = share.share.filter(|value| *value >= MANY_NON_RESPONSES) {
            notes.push(format!(
                "{} of {} {what} ({}) were not assessed. {rate} does not count them: read it together with the \
                 share of all {all}.",
                share.count,
                share.of,
                percent(value)
            ));
        }
    }
}

fn too_few(evaluation: &Evaluation, notes: &mut Vec<String>) {
    let mut none_accepted: Vec<_> = evaluation
        .attack_types
        .iter()
        .filter(|each| each.apcer.of > 0 && each.apcer.count == 0)
        .collect();
    none_accepted.sort_by_key(|each| each.apcer.of);
    for each in none_accepted.iter().take(MOST_TYPES) {
        let what = format!("attacks of the type \"{}\" accepted", each.attack_type);
        notes.extend(each.apcer.none_found(&what));
    }
    if none_accepted.len() > MOST_TYPES {
        let more = none_accepted.len() - MOST_TYPES;
        notes.push(format!("The same is true of {more} more types, which have no fewer attacks."));
    }
    notes.extend(evaluation.bpcer.none_found("bona fide presentations refused"));
    for (name, share) in [("APCER", evaluation.apcer), ("BPCER", evaluation.bpcer)] {
        if (1..RULE_OF_ERRORS).contains(&share.count) {
            notes.push(format!(
                "{name} rests on {} {}: the true rate may be anywhere from {} to {} (95%). By the rule of 30, \
                 it takes {RULE_OF_ERRORS} errors to know a rate to within 30% of itself (at 90%).",
                share.count,
                if share.count == 1 { "error" } else { "errors" },
                percent(share.low),
                percent(share.high)
            ));
        }
    }
    let counts = evaluation.attack_types.iter().map(|each| each.apcer.of);
    if let Some(fewest) = counts.filter(|&of| of > 0).min().filter(|&of| of < FOR_ONE_PERCENT) {
        notes.push(format!(
            "The smallest type has {fewest} scored attacks: an APCER of at most 1% means that none of them is \
             accepted, so BPCER100 is no finer than that."
        ));
    }
}
