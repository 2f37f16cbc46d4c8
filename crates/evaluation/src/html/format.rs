//! Numbers and tables for readers.

use maud::{Markup, html};

use crate::share::Share;

/// Stands for a missing number.
pub(super) const NONE: &str = "\u{2013}";

/// `3.1%`; two decimals below 1% and above 99%.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0%".to_owned(),
        100.0 => "100%".to_owned(),
        _ if (0.995..=99.0).contains(&percent) => format!("{percent:.1}%"),
        _ => format!("{percent:.2}%"),
    }
}

/// A share that may be missing.
pub(super) fn share(share: Option<f64>) -> String {
    share.map_or_else(|| NONE.to_owned(), percent)
}

/// `3.1% (5 of 160)`.
pub(super) fn counted(share: Share) -> String {
    format!("{} ({} of {})", self::share(share.share), share.count, share.of)
}

/// `1.2% to 5.0%`.
pub(super) fn interval(share: Share) -> String {
    ends(share.low, share.high)
}

/// An interval by its two ends.
pub(super) fn ends(low: f64, high: f64) -> String {
    format!("{} to {}", percent(low), percent(high))
}

/// A score or threshold, with up to four decimals.
pub(super) fn score(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

/// A score that may be missing.
pub(super) fn optional_score(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), score)
}

/// A threshold; `None` is above 1.
pub(super) fn threshold(value: Option<f64>) -> String {
    value.map_or_else(|| "above 1".to_owned(), score)
}

/// The first `most` characters, the last one an ellipsis if there are more.
pub(super) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['\u{2026}']).collect()
}

/// A table that scrolls sideways on narrow pages. ` | ` separates the headings after the first.
pub(super) fn table(first: &str, headings: &str, rows: &Markup) -> Markup {
    html! {
        div class="scroll" { table {
            thead { tr { th { (first) } @for heading in headings.split(" | ") { th { (heading) } } } }
            tbody { (rows) }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_percentages_and_scores_keep_decimals() {
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
