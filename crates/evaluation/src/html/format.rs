//! Numbers as people read them.

use crate::share::Share;

/// What stands where there is no number.
pub(super) const NONE: &str = "\u{2013}";

/// `3.1%`; two decimals below 1%.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0%".to_owned(),
        100.0 => "100%".to_owned(),
        _ if (0.995..=99.0).contains(&percent) => format!("{percent:.1}%"),
        _ => format!("{percent:.2}%"),
    }
}

/// The same of what may be missing.
pub(super) fn share(share: Option<f64>) -> String {
    share.map_or_else(|| NONE.to_owned(), percent)
}

/// `1.2% to 5.0%`.
pub(super) fn interval(share: Share) -> String {
    ends(share.low, share.high)
}

/// The same of two ends.
pub(super) fn ends(low: f64, high: f64) -> String {
    format!("{} to {}", percent(low), percent(high))
}

/// A score or threshold, with up to four decimals.
pub(super) fn score(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

/// A threshold that may not be there.
pub(super) fn threshold(value: Option<f64>) -> String {
    value.map_or_else(|| "above 1".to_owned(), score)
}

/// At most `most` characters; the rest becomes an ellipsis.
pub(super) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_as_many_decimals_as_matter() {
        assert_eq!(
            [0.0, 1.0, 0.123_4, 0.001_2, 0.999_6].map(percent),
            ["0%", "100%", "12.3%", "0.12%", "99.96%"]
        );
        assert_eq!([0.5, 0.123_45, 1.0].map(score), ["0.5", "0.1235", "1"]);
    }

    #[test]
    fn long_names_are_cut_by_characters() {
        assert_eq!(short("überall", 7), "überall");
        assert_eq!(short("überallhin", 4), "übe\u{2026}");
    }
}
