//! Decodes arbitrary bytes as a picture of any format.

#![no_main]
#![forbid(unsafe_code)]

use frame::{Decoder, Limits, Reduction};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let limits = Limits { max_side_px: 2000, max_decoder_bytes: 64 << 20 };
    let mut decoder = Decoder::new(limits);
    if let Ok(picture) = decoder.decode(input, &Reduction::NONE, &|| false) {
        let size = picture.frame.size();
        assert_eq!((picture.reduction, picture.size), (1, size));
        assert!(size.longer_side() <= 2000, "{size:?}");
        assert_eq!(picture.frame.pixels().len(), 3 * size.area());
    }
});
