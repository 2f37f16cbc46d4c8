//! The comparison of the crate `jpeg` with libjpeg, and every way in which they may differ.

use crate::decode::{Coefficients, Decoded, Refusal, coefficients, decode};

/// How the same bytes are read by both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    BothRefuse,
    Equal,
    /// Both read other samples, of coefficients with which libjpeg's C and SIMD code differ too.
    Wild,
    /// For a reason that is known: see `ONLY_OURS_REFUSES`.
    OnlyOursRefuses,
    /// For a reason that is known: see `ONLY_LIBJPEG_REFUSES`.
    OnlyLibjpegRefuses,
    /// In another way, which is told.
    Different(String),
}

/// Reasons for which only the crate `jpeg` refuses a picture, as its message says them.
///
/// - Scans are missing or out of order: libjpeg shows the blocks that it has.
/// - A run of zeros, or an arithmetic code, leads out of a block: libjpeg drops what lies outside.
/// - A code is in no table: libjpeg's fast path takes it for a zero.
/// - A segment is shorter than its length: libjpeg passes over those that it does not need.
/// - More restart markers than intervals: libjpeg drops those behind the last block, and one of two
///   where an arithmetic interval is empty.
/// - A DC coefficient has more than 16 bits: libjpeg's wraps.
/// - There are zeros between a segment and the end: Livegate took them for padding.
/// - More than seven bytes are left over: libjpeg's bit buffer hides up to eight.
const ONLY_OURS_REFUSES: [&str; 11] = [
    "a component or some of its frequencies are missing",
    "a scan does not continue the scans before it",
    "a run of zeros leads out of its block",
    "an arithmetic code leads out of its block",
    "there is a Huffman code that is in no table",
    "the length of a segment is wrong",
    "the restart markers are out of order",
    "there are too few or too many restart markers",
    "a DC coefficient is larger than any sample makes it",
    "there are data between the markers",
    "there are data left over behind the last block",
];

/// Reasons for which only libjpeg refuses a picture.
///
/// - Bytes are left over behind the last block of an interval: libjpeg complains where its bit
///   buffer does not happen to hide them, the crate `jpeg` where they are more than seven and not
///   all zero.
/// - A sequential scan names another band than all: libjpeg refuses that in all scans but the
///   first, and reads all coefficients all the same.
///
/// And a scan on which no pixel of a reduced picture depends is passed over: damage in it is
/// noticed only in full size.
const ONLY_LIBJPEG_REFUSES: [&str; 2] =
    ["extraneous bytes before marker", "Invalid SOS parameters for sequential JPEG"];

/// Compares the result of the crate `jpeg`, or its error's text, with libjpeg's. Pictures with a
/// side of more than `most_px` are refused by libjpeg: they are not to be compared.
/// `is_read_in_full` says whether the crate `jpeg` reads the bytes without reduction.
#[must_use]
pub fn compare(
    bytes: &[u8],
    reduction: usize,
    most_px: usize,
    ours: &Result<Decoded, String>,
    is_read_in_full: impl FnOnce() -> bool,
) -> Comparison {
    match (ours, decode(bytes, reduction, most_px)) {
        (Err(_), Err(_)) => Comparison::BothRefuse,
        (Ok(ours), Ok(theirs)) if *ours == theirs => Comparison::Equal,
        (Ok(_), Ok(_)) if is_wild(bytes) => Comparison::Wild,
        (Ok(ours), Ok(theirs)) => Comparison::Different(difference(ours, &theirs)),
        (Err(text), Ok(_)) if ONLY_OURS_REFUSES.contains(&&**text) => Comparison::OnlyOursRefuses,
        (Err(text), Ok(_)) => Comparison::Different(format!("only ours refuses: {text}")),
        (Ok(_), Err(Refusal::Libjpeg(text)))
            if ONLY_LIBJPEG_REFUSES.iter().any(|one| text.contains(one)) =>
        {
            Comparison::OnlyLibjpegRefuses
        }
        (Ok(_), Err(_)) if reduction > 1 && !is_read_in_full() => Comparison::OnlyLibjpegRefuses,
        (Ok(_), Err(refusal)) => {
            Comparison::Different(format!("only libjpeg refuses: {refusal:?}"))
        }
    }
}

/// Where two pictures begin to differ.
fn difference(ours: &Decoded, theirs: &Decoded) -> String {
    if (ours.width, ours.height) != (theirs.width, theirs.height) {
        let [ours, theirs] = [ours, theirs].map(|picture| (picture.width, picture.height));
        return format!("sizes {ours:?} and {theirs:?}");
    }
    let differs = |at: &usize| ours.rgb[*at] != theirs.rgb[*at];
    let places: Vec<usize> = (0..ours.rgb.len()).filter(differs).collect();
    let Some(&first) = places.first() else { return "none".to_owned() };
    let (x, y) = (first / 3 % ours.width, first / 3 / ours.width);
    format!(
        "{} of {} samples, first at x {x}, y {y}, channel {}: {} instead of {}",
        places.len(),
        ours.rgb.len(),
        first % 3,
        ours.rgb[first],
        theirs.rgb[first]
    )
}

/// Whether libjpeg's own C and SIMD code may read different samples: a coefficient or a sum of them
/// is far larger than samples of 8 bits give.
fn is_wild(file: &[u8]) -> bool {
    let wild = |Coefficients { blocks, steps }: &Coefficients| {
        blocks.iter().any(|block| is_wild_block(block, steps))
    };
    coefficients(file).is_ok_and(|planes| planes.iter().any(wild))
}

fn is_wild_block(block: &[i16; 64], steps: &[u16; 64]) -> bool {
    // Half of where results of the first pass leave 16 bits, and of where libjpeg's table of
    // samples begins again.
    const BETWEEN: f64 = 4096.0;
    const SAMPLE: f64 = 256.0;

    let value = |at: usize| f64::from(block[at]) * f64::from(steps[at]);
    let wave = |k: usize, x: usize, side: usize| {
        let scale = if k == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
        scale * (std::f64::consts::PI * (2 * x + 1) as f64 * k as f64 / (2 * side) as f64).cos()
            / 2.0
    };
    // The transforms to 8, 4, 2 and 1 samples.
    [8, 4, 2, 1].into_iter().any(|side| {
        let columns: Vec<f64> = (0..8 * side)
            .map(|at| (0..8).map(|v| value(8 * v + at % 8) * wave(v, at / 8, side)).sum())
            .collect();
        let sample = |at: usize| -> f64 {
            (0..8).map(|u| columns[8 * (at / side) + u] * wave(u, at % side, side)).sum()
        };
        columns.iter().any(|value| value.abs() > BETWEEN)
            || (0..side * side).any(|at| sample(at).abs() > SAMPLE)
    })
}
