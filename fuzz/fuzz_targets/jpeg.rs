//! Reads arbitrary bytes behind a JPEG's first three, at every reduction, and stops in between.

#![no_main]
#![forbid(unsafe_code)]

use std::cell::Cell;

use jpeg::{Error, Header, Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, rest)) = input.split_first() else { return };
    let (reduction, asks) = (1 << (choice % 4), u32::from(choice / 4));
    // These three bytes announce a JPEG.
    let bytes = [&[0xFF, 0xD8, 0xFF], rest].concat();
    let Ok(header) = Header::read(&bytes) else { return };
    let Header { width, height, .. } = header;
    assert!(width > 0 && height > 0);
    if width.max(height) > 2000 || header.memory_bytes(bytes.len(), reduction) > 64 << 20 {
        return;
    }
    let mut reader = Reader::default();
    let (mut first, mut second) = (Vec::new(), vec![7; 100]);
    let size = reader.read(&bytes, &header, reduction, &|| false, &mut first);
    if let Ok(size) = size {
        assert_eq!(size, (width.div_ceil(reduction), height.div_ceil(reduction)));
        assert_eq!(first.len(), 3 * size.0 * size.1);
    }
    // Stops at one of the times that the reader asks.
    let left = Cell::new(asks);
    let stop = || {
        let now = left.get();
        left.set(now.saturating_sub(1));
        now == 0
    };
    let stopped = reader.read(&bytes, &header, reduction, &stop, &mut second);
    assert!(stopped == Err(Error::Stopped) || stopped == size, "{stopped:?}, then {size:?}");
    // Nothing of the picture before is left in the buffers.
    assert_eq!(reader.read(&bytes, &header, reduction, &|| false, &mut second), size);
    assert!(size.is_err() || first == second, "other pixels the second time");
});
