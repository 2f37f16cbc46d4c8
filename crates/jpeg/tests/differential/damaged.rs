//! Made pictures, damaged.
#![expect(clippy::print_stdout, reason = "the counts are worth a look")]

use std::collections::BTreeMap;

use fastrand::Rng;
use jpeg::{Header, Reader};
use libjpeg::{Comparison, Made};

use crate::read;

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

/// How many damaged pictures came to which end.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    both_refuse: usize,
    equal: usize,
    wild: usize,
    only_ours_refuses: usize,
    only_libjpeg_refuses: usize,
}

/// Both refuse a damaged picture, or both read the same pixels. Where only one of them refuses, it
/// is for a reason that `fuzz/libjpeg/src/compare.rs` lists. A message has the seed and the number
/// of the damage, with which the loops below find the file again. `cargo test -p jpeg damaged --
/// --nocapture` shows the counts.
#[test]
fn damaged_pictures_are_refused_or_equal_to_libjpegs() {
    let mut reader = Reader::default();
    let mut table: BTreeMap<Damage, Counts> = BTreeMap::new();
    let mut differences = Vec::new();
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
            let counts = table.entry(damage).or_default();
            let is_read_in_full = || read(&mut reader, &damaged, 1).is_ok();
            match libjpeg::compare(&damaged, reduction, MOST_PX, &ours, is_read_in_full) {
                Comparison::BothRefuse => counts.both_refuse += 1,
                Comparison::Equal => counts.equal += 1,
                Comparison::Wild => counts.wild += 1,
                Comparison::OnlyOursRefuses => counts.only_ours_refuses += 1,
                Comparison::OnlyLibjpegRefuses => counts.only_libjpeg_refuses += 1,
                Comparison::Different(text) => differences
                    .push(format!("{damage:?}, {number} of seed {seed} at 1/{reduction}: {text}")),
            }
        }
    }
    println!("{table:#?}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
