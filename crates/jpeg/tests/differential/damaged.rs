//! Made pictures, damaged.
#![expect(clippy::print_stdout, reason = "the counts are worth a look")]

use std::collections::BTreeMap;

use fastrand::Rng;
use jpeg::{Header, Reader};
use libjpeg::{Coefficients, Made, Refusal};

use crate::{difference, read};

const LONGEST_PX: usize = 64;
/// Larger pictures, which damaged headers announce, are left out.
const MOST_PX: usize = 4096;
const PICTURES: u64 = 600;
const DAMAGES_OF_EACH: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Damage {
    ByteChanged,
    BitFlipped,
    BytesRemoved,
    BytesInserted,
    CutShort,
    CutAndEnded,
    RestartRemoved,
    RestartDoubled,
    RestartsSwapped,
    ScanRemoved,
    ScanDoubled,
    ScansSwapped,
}

impl Damage {
    const ALL: [Self; 12] = [
        Self::ByteChanged,
        Self::BitFlipped,
        Self::BytesRemoved,
        Self::BytesInserted,
        Self::CutShort,
        Self::CutAndEnded,
        Self::RestartRemoved,
        Self::RestartDoubled,
        Self::RestartsSwapped,
        Self::ScanRemoved,
        Self::ScanDoubled,
        Self::ScansSwapped,
    ];

    /// The damaged file. `None` if there is nothing to damage in this way.
    fn done_to(self, file: &[u8], random: &mut Rng) -> Option<Vec<u8>> {
        let mut file = file.to_vec();
        let at = random.usize(2..file.len());
        match self {
            Self::ByteChanged => file[at] = random.u8(..),
            Self::BitFlipped => file[at] ^= 1 << random.u8(..8),
            Self::BytesRemoved => drop(file.drain(at..(at + random.usize(1..9)).min(file.len()))),
            Self::BytesInserted => {
                let bytes: Vec<u8> = (0..random.usize(1..9)).map(|_| random.u8(..)).collect();
                file.splice(at..at, bytes);
            }
            Self::CutShort => file.truncate(at),
            Self::CutAndEnded => {
                file.truncate(at);
                file.extend([0xFF, 0xD9]);
            }
            Self::RestartRemoved | Self::RestartDoubled | Self::RestartsSwapped => {
                let markers = found(&file, |code| matches!(code, 0xD0..=0xD7));
                let marker = *random.choice(&markers)?;
                let other = *random.choice(&markers)?;
                match self {
                    Self::RestartRemoved => drop(file.drain(marker..marker + 2)),
                    Self::RestartDoubled => {
                        drop(file.splice(marker..marker, [0xFF, file[marker + 1]]));
                    }
                    _ => file.swap(marker + 1, other + 1),
                }
            }
            Self::ScanRemoved | Self::ScanDoubled | Self::ScansSwapped => {
                let scans = scans(&file);
                let scan = random.choice(&scans)?.clone();
                let other = random.choice(&scans)?.clone();
                match self {
                    Self::ScanRemoved => drop(file.drain(scan)),
                    Self::ScanDoubled => {
                        let bytes = file[scan].to_vec();
                        file.splice(other.end..other.end, bytes);
                    }
                    _ => {
                        if scan.end > other.start {
                            return None;
                        }
                        let bytes = file[other.clone()].to_vec();
                        file.drain(other);
                        file.splice(scan.start..scan.start, bytes);
                    }
                }
            }
        }
        Some(file)
    }
}

/// Indices of the markers with such a code. Bytes in segments can look like markers.
fn found(file: &[u8], is_such: impl Fn(u8) -> bool) -> Vec<usize> {
    let pairs = file.windows(2).enumerate();
    pairs.filter(|(_, pair)| pair[0] == 0xFF && is_such(pair[1])).map(|(at, _)| at).collect()
}

/// Each scan with its header.
fn scans(file: &[u8]) -> Vec<std::ops::Range<usize>> {
    let starts = found(file, |code| code == 0xDA);
    let ends = |start: usize| {
        let others = found(&file[start + 2..], |code| !matches!(code, 0 | 0xD0..=0xD7 | 0xFF));
        others.first().map(|at| start..start + 2 + at)
    };
    starts.into_iter().filter_map(ends).collect()
}

/// Whether libjpeg's own C and SIMD code may read different samples: a coefficient or a sum of them
/// is far larger than samples of 8 bits give.
fn is_wild(file: &[u8]) -> bool {
    let wild = |Coefficients { blocks, steps }: &Coefficients| {
        blocks.iter().any(|block| is_wild_block(block, steps))
    };
    libjpeg::coefficients(file).is_ok_and(|planes| planes.iter().any(wild))
}

fn is_wild_block(block: &[i16; 64], steps: &[u16; 64]) -> bool {
    // Half of where results of the first pass leave 16 bits, and of where libjpeg's table of samples
    // begins again.
    const BETWEEN: f64 = 4096.0;
    const SAMPLE: f64 = 256.0;

    let value = |at: usize| f64::from(block[at]) * f64::from(steps[at]);
    let wave = |k: usize, x: usize, side: usize| {
        let scale = if k == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
        scale * (std::f64::consts::PI * (2 * x + 1) as f64 * k as f64 / (2 * side) as f64).cos()
            / 2.0
    };
    // The transforms to 8, 4, 2 and 1 samples.
    [8, 4, 2, 1].into_iter().any(|side| {
        let columns: Vec<f64> = (0..8 * side)
            .map(|at| (0..8).map(|v| value(8 * v + at % 8) * wave(v, at / 8, side)).sum())
            .collect();
        let sample = |at: usize| -> f64 {
            (0..8).map(|u| columns[8 * (at / side) + u] * wave(u, at % side, side)).sum()
        };
        columns.iter().any(|value| value.abs() > BETWEEN)
            || (0..side * side).any(|at| sample(at).abs() > SAMPLE)
    })
}

/// Reasons for which only this crate refuses a picture, as its message says them.
///
/// - Scans are missing or out of order: libjpeg shows the blocks that it has.
/// - A run of zeros, or an arithmetic code, leads out of a block: libjpeg drops what lies outside.
/// - A code is in no table: libjpeg's fast path takes it for a zero.
/// - A segment is shorter than its length: libjpeg passes over those that it does not need.
/// - Restart markers are doubled where an arithmetic interval is empty: libjpeg drops one.
/// - More than seven bytes are left over: libjpeg's bit buffer hides up to eight.
const ONLY_OURS_REFUSES: [&str; 8] = [
    "a component or some of its frequencies are missing",
    "a scan does not continue the scans before it",
    "a run of zeros leads out of its block",
    "an arithmetic code leads out of its block",
    "there is a Huffman code that is in no table",
    "the length of a segment is wrong",
    "the restart markers are out of order",
    "there are data left over behind the last block",
];

/// Reasons for which only libjpeg refuses a picture.
///
/// - Bytes are left over behind the last block of an interval: libjpeg complains where its bit buffer
///   does not happen to hide them, this crate where they are more than seven and not all zero.
/// - A sequential scan names another band than all: libjpeg refuses that in all scans but the first,
///   and reads all coefficients all the same.
const ONLY_LIBJPEG_REFUSES: [&str; 2] =
    ["extraneous bytes before marker", "Invalid SOS parameters for sequential JPEG"];

/// How many damaged pictures came to which end.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    refused: usize,
    equal: usize,
    /// Read differently, as libjpeg's C and SIMD code do: see [`is_wild`].
    wild: usize,
    only_ours_refuses: usize,
    only_libjpeg_refuses: usize,
}

/// Both refuse a damaged picture, or both read the same pixels. Where one of them refuses, it is for
/// a reason of the lists above. A message has the seed and the number of the damage, with which the
/// loops below find the file again. `cargo test -p jpeg damaged -- --nocapture` shows the counts.
#[test]
fn damaged_pictures_are_refused_or_equal_to_libjpegs() {
    let mut reader = Reader::default();
    let mut table: BTreeMap<Damage, Counts> = BTreeMap::new();
    let mut unexpected = Vec::new();
    for seed in 0..PICTURES {
        let made = Made::of_seed(seed, LONGEST_PX);
        let file = made.encode().expect("as in the test of whole pictures");
        let random = &mut Rng::with_seed(seed);
        for number in 0..DAMAGES_OF_EACH {
            let damage = Damage::ALL[number % Damage::ALL.len()];
            let Some(damaged) = damage.done_to(&file, random) else { continue };
            let reduction = [1, 2, 4, 8][random.usize(..4)];
            let is_large = |header: Header<'_>| header.width.max(header.height) > MOST_PX;
            if Header::read(&damaged).is_ok_and(is_large) {
                continue;
            }
            let ours = read(&mut reader, &damaged, reduction);
            let theirs = libjpeg::decode(&damaged, reduction, MOST_PX);
            let counts = table.entry(damage).or_default();
            let mut complain = |text: String| {
                let recipe =
                    format!("{damage:?}, number {number}, of seed {seed} at 1/{reduction}");
                unexpected.push(format!("{recipe}: {text}"));
            };
            match (ours, theirs) {
                (Err(_), Err(_)) => counts.refused += 1,
                (Ok(ours), Ok(theirs)) if ours == theirs => counts.equal += 1,
                (Ok(_), Ok(_)) if is_wild(&damaged) => counts.wild += 1,
                (Ok(ours), Ok(theirs)) => complain(difference(&ours, &theirs)),
                (Err(error), Ok(_)) => {
                    counts.only_ours_refuses += 1;
                    let text = error.to_string();
                    if !ONLY_OURS_REFUSES.contains(&&*text) {
                        complain(format!("only ours refuses: {text}"));
                    }
                }
                (Ok(_), Err(refusal)) => {
                    counts.only_libjpeg_refuses += 1;
                    let is_known =
                        |text: &str| ONLY_LIBJPEG_REFUSES.iter().any(|one| text.contains(one));
                    if !matches!(&refusal, Refusal::Libjpeg(text) if is_known(text)) {
                        complain(format!("only libjpeg refuses: {refusal:?}"));
                    }
                }
            }
        }
    }
    println!("{table:#?}");
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
}
