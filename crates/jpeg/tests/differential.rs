//! Pictures made with libjpeg, decoded by this crate and by libjpeg.

use jpeg::{Header, Reader};
use libjpeg::{Decoded, Made};

const LONGEST_PX: usize = 200;

fn read(reader: &mut Reader, bytes: &[u8], reduction: usize) -> Result<Decoded, jpeg::Error> {
    let header = Header::read(bytes)?;
    let mut rgb = Vec::new();
    let (width, height) = reader.read(bytes, &header, reduction, &|| false, &mut rgb)?;
    Ok(Decoded { width, height, rgb })
}

/// 2,000 pictures at four scales. The message of a difference has the seed of its picture, which is
/// all that `Made::of_seed` needs, and what the seed chose.
#[test]
fn made_pictures_are_equal_to_libjpegs_to_the_bit() {
    let mut reader = Reader::default();
    let mut differences = Vec::new();
    for seed in 0..2000 {
        let made = Made::of_seed(seed, LONGEST_PX);
        let file = made.encode().unwrap_or_else(|text| panic!("libjpeg cannot write {made:?}: {text}"));
        for reduction in [1, 2, 4, 8] {
            let ours = read(&mut reader, &file, reduction);
            let theirs = libjpeg::decode(&file, reduction, LONGEST_PX);
            let difference = match (&ours, &theirs) {
                (Ok(ours), Ok(theirs)) if ours == theirs => continue,
                (Ok(ours), Ok(theirs)) => difference(ours, theirs),
                (ours, theirs) => {
                    format!("ours {:?}, libjpeg's {:?}", ours.as_ref().err(), theirs.as_ref().err())
                }
            };
            differences.push(format!("at 1/{reduction}: {difference}\n  {made:?}"));
        }
    }
    let count = differences.len();
    if std::env::var_os("ALL").is_none() { differences.truncate(20); }
    assert_eq!(count, 0, "differences:\n{}", differences.join("\n"));
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
