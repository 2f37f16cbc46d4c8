//! The precision of figures in files.

/// `figure` to six decimals. Further digits are noise of the clock or of the sample.
pub(crate) fn rounded(figure: f64) -> f64 {
    (figure * 1e6).round() / 1e6
}
