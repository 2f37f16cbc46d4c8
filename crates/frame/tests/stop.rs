//! Decoding that is stopped.

mod made;

use std::cell::Cell;

use frame::{DecodeError, Decoder, Limits, Reduction, Size};
use made::{WEBPS, every_kind, webp_of_groups};

/// Decodes `bytes`, stops at the question of this number, and returns how often it was asked.
fn asked(decoder: &mut Decoder, bytes: &[u8], stop_at: usize) -> (usize, Option<DecodeError>) {
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() >= stop_at
    };
    let error = decoder.decode(bytes, &Reduction::NONE, &stop).err();
    (asked.get(), error)
}

#[test]
fn a_stop_ends_every_kind_at_once() {
    let mut decoder = Decoder::new(Limits::default());
    let webps = WEBPS.map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
    let tables = ("a WebP of 100 groups of tables".to_owned(), webp_of_groups(100));
    for (name, bytes) in every_kind(Size::new(640, 480)).into_iter().chain(webps).chain([tables]) {
        let (times, error) = asked(&mut decoder, &bytes, usize::MAX);
        assert!(error.is_none(), "{name}: {error:?}");
        // A question for each row of blocks, or for each kilobyte or 256 reads. A lossy WebP is
        // read at once, and those here have a kilobyte.
        let least = if name.contains("WebP") { 1 } else { 5 };
        assert!(times >= least, "{name}: asked {times} times");
        for stop_at in [1, 2, times / 2, times].into_iter().filter(|it| (1..=times).contains(it)) {
            let (times, error) = asked(&mut decoder, &bytes, stop_at);
            assert!(matches!(error, Some(DecodeError::Stopped)), "{name}: {error:?}");
            assert_eq!(times, stop_at, "{name}");
        }
    }
    // It still decodes.
    let (_, bytes) = every_kind(Size::new(64, 64)).swap_remove(0);
    decoder.decode(&bytes, &Reduction::NONE, &|| false).unwrap();
}
