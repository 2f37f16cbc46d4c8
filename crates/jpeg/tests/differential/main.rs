//! This crate beside libjpeg, which is built in its C code.
//!
//! `cargo test -p jpeg --features libjpeg/simd` compares with libjpeg's SIMD code (needs nasm).

mod damaged;
mod made;

use jpeg::{Header, Reader};
use libjpeg::Decoded;

/// Reads a picture with this crate. An error is its text.
fn read(reader: &mut Reader, bytes: &[u8], reduction: usize) -> Result<Decoded, String> {
    let mut rgb = Vec::new();
    let size = Header::read(bytes)
        .and_then(|header| reader.read(bytes, &header, reduction, &|| false, &mut rgb));
    let (width, height) = size.map_err(|error| error.to_string())?;
    Ok(Decoded { width, height, rgb })
}
