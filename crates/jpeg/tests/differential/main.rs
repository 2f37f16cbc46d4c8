//! This crate beside libjpeg, which is built in its C code.
//!
//! `cargo test -p jpeg --features libjpeg/simd` compares with libjpeg's SIMD code (needs nasm).

mod damaged;
mod made;

use jpeg::{Header, Reader};
use libjpeg::Decoded;

/// Reads a picture with this crate.
fn read(reader: &mut Reader, bytes: &[u8], reduction: usize) -> Result<Decoded, jpeg::Error> {
    let header = Header::read(bytes)?;
    let mut rgb = Vec::new();
    let (width, height) = reader.read(bytes, &header, reduction, &|| false, &mut rgb)?;
    Ok(Decoded { width, height, rgb })
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
