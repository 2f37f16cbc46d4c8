//! What must be known to read the numbers right, in words.

use crate::UNNAMED;
use crate::evaluation::Evaluation;
use crate::share::Share;

/// Errors below which a rate is said to rest on too few: the "rule of 30" of Doddington and others ("The NIST
/// speaker recognition evaluation", Speech Communication 31, 2000), which ISO/IEC 19795-1 repeats.
const RULE_OF_ERRORS: u64 = 30;

/// So many attacks a type must have for an APCER of 1% to be anything but none at all.
const FOR_ONE_PERCENT: u64 = 100;

/// The share of non-responses from which on they are pointed at.
const MANY_NON_RESPONSES: f64 = 0.05;

/// Types of attack that are each said to have too few; the rest is summed up.
const MOST_TYPES: usize = 4;

/// All there is to say.
pub(crate) fn of(evaluation: &Evaluation) -> Vec<String> {
    let mut notes = missing(evaluation);
    notes.extend(unanswered(evaluation));
    notes.extend(too_few(evaluation));
    notes
}

/// A share as people read it: `0.14` is `14%`, with decimals where it is small.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let text = if share == 0.0 || share == 1.0 || (10.0..=99.0).contains(&percent) {
        format!("{percent:.0}%")
    } else if percent >= 0.095 {
        format!("{percent:.1}%")
    } else {
        format!("{percent:.2}%")
    };
    text.replace(".0%", "%")
}

fn missing(evaluation: &Evaluation) -> Vec<String> {
    let mut notes = Vec::new();
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
    notes
}

fn unanswered(evaluation: &Evaluation) -> Vec<String> {
    let mut notes = Vec::new();
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
    notes
}

fn too_few(evaluation: &Evaluation) -> Vec<String> {
    let mut notes = Vec::new();
    let mut none_accepted: Vec<_> = evaluation
        .attack_types
        .iter()
        .filter(|each| each.apcer.of > 0 && each.apcer.count == 0)
        .collect();
    none_accepted.sort_by_key(|each| each.apcer.of);
    for each in none_accepted.iter().take(MOST_TYPES) {
        let what = format!("attacks of the type \"{}\" accepted", each.attack_type);
        notes.extend(none_found(each.apcer, &what));
    }
    if none_accepted.len() > MOST_TYPES {
        let more = none_accepted.len() - MOST_TYPES;
        notes.push(format!("The same is true of {more} more types, which have no fewer attacks."));
    }
    notes.extend(none_found(evaluation.bpcer, "bona fide presentations refused"));
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
    notes
}

/// "0 of 20 ... still allows 14%".
pub(crate) fn none_found(share: Share, what: &str) -> Option<String> {
    (share.count == 0 && share.of > 0).then(|| {
        format!(
            "0 of {} {what} still allows a true rate of {} (95% confidence, one-sided; rule of three: 3 / {} = {}).",
            share.of,
            percent(share.still_possible()),
            share.of,
            percent((3.0 / share.of as f64).min(1.0))
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_of_twenty_is_said_to_allow_14_percent() {
        let said = none_found(Share::of(0, 20), "attacks accepted").unwrap();
        assert_eq!(
            said,
            "0 of 20 attacks accepted still allows a true rate of 14% (95% confidence, one-sided; rule of \
             three: 3 / 20 = 15%)."
        );
    }

    #[test]
    fn percentages_keep_what_matters() {
        let cases = [
            (0.0, "0%"),
            (1.0, "100%"),
            (0.139, "14%"),
            (0.025, "2.5%"),
            (0.05, "5%"),
            (0.0004, "0.04%"),
            (0.995, "99.5%"),
        ];
        for (share, text) in cases {
            assert_eq!(percent(share), text);
        }
    }
}
