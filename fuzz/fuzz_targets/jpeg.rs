//! Decodes arbitrary bytes behind a JPEG's first three, at every reduction.

#![no_main]
#![forbid(unsafe_code)]

use frame::{DecodeError, Decoder, Limits, Picture, Reduction};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else { return };
    let most = 1 << (choice % 4);
    let reduction = Reduction { most, min_longer_side_px: 0 };
    // These three bytes announce a JPEG.
    let bytes = [&[0xFF, 0xD8, 0xFF], rest].concat();
    let limits = Limits { max_side_px: 2000, max_decoder_bytes: 64 << 20 };
    let mut decoder = Decoder::new(limits);
    let first = decoder.decode(&bytes, &reduction).cloned();
    if let Ok(picture) = &first {
        let Picture { frame, size, reduction, .. } = picture;
        assert_eq!(*reduction, most);
        assert!(size.longer_side() <= 2000, "{size:?}");
        assert_eq!(frame.size().width, size.width.div_ceil(most));
        assert_eq!(frame.size().height, size.height.div_ceil(most));
        assert_eq!(frame.pixels().len(), 3 * frame.size().area());
    }
    let second = decoder.decode(&bytes, &reduction);
    match (&first, second) {
        (Ok(first), Ok(second)) => assert!(first == second, "other pixels the second time"),
        (Err(first), Err(second)) => assert_eq!(text(first), text(&second)),
        (first, second) => panic!("first {first:?}, then {second:?}"),
    }
});

fn text(error: &DecodeError) -> String {
    format!("{error:?}")
}
