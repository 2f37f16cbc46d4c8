//! Random progressive scan scripts that give every bit of every coefficient (T.81, G.1.1.1).

use fastrand::Rng;

/// A scan: its components, and its band and bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scan {
    pub(crate) components: Vec<usize>,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) high: u32,
    pub(crate) low: u32,
}

/// mozjpeg has room for 64 scans, and writes past it without a check.
const MOST_SCANS: usize = 60;
/// Blocks of an MCU (T.81, B.2.3).
pub(crate) const MOST_BLOCKS: usize = 10;

/// `blocks` has the blocks of an MCU for each component.
pub(crate) fn progressive(random: &mut Rng, blocks: &[usize]) -> Vec<Scan> {
    loop {
        let scans = attempt(random, blocks);
        if scans.len() <= MOST_SCANS {
            return scans;
        }
    }
}

/// Bits that are still missing of each coefficient.
const ALL: u32 = u32::MAX;

fn attempt(random: &mut Rng, blocks: &[usize]) -> Vec<Scan> {
    let mut missing = vec![[ALL; 64]; blocks.len()];
    let mut scans = Vec::new();
    let is_simple = random.bool();
    loop {
        let open: Vec<usize> =
            (0..blocks.len()).filter(|&i| missing[i].iter().any(|&bits| bits > 0)).collect();
        let Some(&component) = random.choice(&open) else { return scans };
        let state = &missing[component];
        let is_dc = state[0] == ALL || (state[0] > 0 && random.u8(..3) == 0) || {
            state[1..].iter().all(|&bits| bits == 0)
        };
        if is_dc {
            // With other components in the same state, as far as an MCU has room.
            let before = state[0];
            let mut components = vec![component];
            let mut total = blocks[component];
            for other in 0..blocks.len() {
                let fits = total + blocks[other] <= MOST_BLOCKS;
                if other != component
                    && missing[other][0] == before
                    && fits
                    && (is_simple || random.bool())
                {
                    components.push(other);
                    total += blocks[other];
                }
            }
            components.sort_unstable();
            let low = next(random, before);
            for &i in &components {
                missing[i][0] = low;
            }
            scans.push(Scan { components, start: 0, end: 0, high: high(before), low });
        } else {
            // A band of coefficients in the same state.
            let open: Vec<usize> = (1..64).filter(|&k| state[k] > 0).collect();
            let start = open[random.usize(..open.len())];
            let before = state[start];
            let first = (1..=start).rev().take_while(|&k| state[k] == before).last();
            let last = (start..64).take_while(|&k| state[k] == before).last();
            let (mut first, mut last) = (first.unwrap_or(start), last.unwrap_or(start));
            if !is_simple && random.u8(..3) == 0 {
                (first, last) = (random.usize(first..=start), random.usize(start..=last));
            }
            let low = next(random, before);
            missing[component][first..=last].fill(low);
            let components = vec![component];
            scans.push(Scan { components, start: first, end: last, high: high(before), low });
        }
    }
}

fn high(before: u32) -> u32 {
    if before == ALL { 0 } else { before }
}

fn next(random: &mut Rng, before: u32) -> u32 {
    match before {
        ALL => [0, 0, 0, 1, 1, 2, 3][random.usize(..7)],
        _ => before - 1,
    }
}
