//! Pictures made with libjpeg.

use jpeg::Reader;
use libjpeg::{Comparison, Made};

use crate::read;

const LONGEST_PX: usize = 200;

/// 2,000 pictures at four scales. The message of a difference has the seed of its picture, which is
/// all that `Made::of_seed` needs, and the choices that follow from it.
#[test]
fn made_pictures_are_equal_to_libjpegs_to_the_bit() {
    let mut reader = Reader::default();
    let mut differences = Vec::new();
    for seed in 0..2000 {
        let made = Made::of_seed(seed, LONGEST_PX);
        let file =
            made.encode().unwrap_or_else(|text| panic!("libjpeg cannot write {made:?}: {text}"));
        for reduction in [1, 2, 4, 8] {
            let ours = read(&mut reader, &file, reduction);
            match libjpeg::compare(&file, reduction, LONGEST_PX, &ours, || true) {
                Comparison::Equal => {}
                other => differences.push(format!("at 1/{reduction}: {other:?}\n  {made:?}")),
            }
        }
    }
    let count = differences.len();
    differences.truncate(20);
    assert_eq!(count, 0, "differences, of which these are some:\n{}", differences.join("\n"));
}
