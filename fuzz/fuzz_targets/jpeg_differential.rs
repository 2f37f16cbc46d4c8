//! Reads arbitrary bytes behind a JPEG's first three with the crate `jpeg` and with libjpeg.

#![no_main]
#![forbid(unsafe_code)]

use jpeg::{Header, Reader};
use libfuzzer_sys::fuzz_target;
use libjpeg::{Comparison, Decoded, compare};

const MOST_PX: usize = 500;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else { return };
    let reduction = 1 << (choice % 4);
    // These three bytes announce a JPEG.
    let bytes = [&[0xFF, 0xD8, 0xFF], rest].concat();
    let header = Header::read(&bytes);
    if header.as_ref().is_ok_and(|header| header.width.max(header.height) > MOST_PX) {
        return;
    }
    let read = |reduction| {
        let mut rgb = Vec::new();
        let header = header.clone().map_err(|error| error.to_string())?;
        let (width, height) = Reader::default()
            .read(&bytes, &header, reduction, &|| false, &mut rgb)
            .map_err(|error| error.to_string())?;
        Ok(Decoded { width, height, rgb })
    };
    let ours = read(reduction);
    let is_read_in_full = || read(1).is_ok();
    if let Comparison::Different(text) = compare(&bytes, reduction, MOST_PX, &ours, is_read_in_full)
    {
        panic!("at 1/{reduction}: {text}");
    }
});
