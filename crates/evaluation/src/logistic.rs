//! Logistic regression of log-odds.

/// Maximum number of steps of Newton's method. Ten are usually enough.
const MOST_STEPS: usize = 200;

/// A smaller gradient counts as 0.
const FLAT: f64 = 1e-12;

/// Added to the curvature, so that equal log-odds have a solution too (a slope of 0).
const RIDGE: f64 = 1e-12;

/// The straight line `slope * x + offset` of log-odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    /// Factor of the log-odds.
    pub slope: f64,
    /// Added to the product.
    pub offset: f64,
}

impl Line {
    /// The calibrated score, 0 to 1, of a fused probability.
    pub(crate) fn score(self, fused: f64) -> f64 {
        1.0 / (1.0 + (-(log_odds(fused) * self.slope + self.offset)).exp())
    }
}

/// `ln(p / (1 - p))`, held within 36 either way, as in the service: that is where 64-bit floats
/// end.
pub(crate) fn log_odds(probability: f64) -> f64 {
    let p = probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    (p / (1.0 - p)).ln()
}

/// Logistic regression of log-odds, each with `true` for bona fide. Both classes weigh the same.
///
/// The targets are smoothed as in Platt ("Probabilistic outputs for support vector machines",
/// 1999): (n + 1) / (n + 2) for n bona fide presentations and 1 / (n + 2) for n attacks, instead of
/// 1 and 0. Fully separated classes then give a finite slope. Newton's method with backtracking
/// minimises the loss, as in Lin, Lin and Weng, "A note on Platt's probabilistic outputs for
/// support vector machines" (Machine Learning 68, 2007).
///
/// There must be samples of both classes, and all log-odds must be finite.
pub(crate) fn fit(samples: &[(f64, bool)]) -> Line {
    let of_live = samples.iter().filter(|(_, live)| *live).count() as f64;
    let of_attacks = samples.len() as f64 - of_live;
    let (for_live, for_attacks) = ((of_live + 1.0) / (of_live + 2.0), 1.0 / (of_attacks + 2.0));
    let weighted: Vec<Weighted> = samples
        .iter()
        .map(|&(x, is_live)| {
            let (target, n) = if is_live { (for_live, of_live) } else { (for_attacks, of_attacks) };
            Weighted { x, target, weight: 1.0 / n }
        })
        .collect();
    let mut line = Line { slope: 0.0, offset: 0.0 };
    let mut now = loss(&weighted, line);
    for _ in 0..MOST_STEPS {
        let Some(towards) = newton_step(&weighted, line) else { break };
        // Backtracking: half as far each time, until the loss falls.
        let halves = std::iter::successors(Some(1.0), |far| Some(far / 2.0));
        let mut steps = halves.take_while(|far| *far >= 1e-12).map(|far| {
            let (slope, offset) =
                (line.slope + far * towards.slope, line.offset + far * towards.offset);
            (Line { slope, offset }, loss(&weighted, Line { slope, offset }))
        });
        let Some(next) = steps.find(|(_, loss)| *loss < now) else { break };
        (line, now) = next;
    }
    line
}

struct Weighted {
    x: f64,
    target: f64,
    weight: f64,
}

fn loss(samples: &[Weighted], line: Line) -> f64 {
    let of = |sample: &Weighted| {
        let z = line.slope * sample.x + line.offset;
        sample.weight * ((-z.abs()).exp().ln_1p() + z.max(0.0) - sample.target * z)
    };
    samples.iter().map(of).sum()
}

/// The step from `line` to the minimum of the parabola there; `None` at the minimum.
fn newton_step(samples: &[Weighted], line: Line) -> Option<Line> {
    let [mut by_slope, mut by_offset] = [0.0; 2];
    let [mut slope_slope, mut slope_offset, mut offset_offset] = [RIDGE, 0.0, RIDGE];
    for Weighted { x, target, weight } in samples {
        let p = 1.0 / (1.0 + (-(line.slope * x + line.offset)).exp());
        let (error, curvature) = (weight * (p - target), weight * p * (1.0 - p));
        by_slope += error * x;
        by_offset += error;
        slope_slope += curvature * x * x;
        slope_offset += curvature * x;
        offset_offset += curvature;
    }
    if by_slope.abs() < FLAT && by_offset.abs() < FLAT {
        return None;
    }
    let determinant = slope_slope * offset_offset - slope_offset * slope_offset;
    Some(Line {
        slope: -(offset_offset * by_slope - slope_offset * by_offset) / determinant,
        offset: -(slope_slope * by_offset - slope_offset * by_slope) / determinant,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_values_meet_their_smoothed_targets() {
        // Two bona fide at 1, two attacks at -1: the targets are 3/4 and 1/4, which a line can meet
        // exactly: slope * 1 = ln 3, offset 0.
        let line = fit(&[(1.0, true), (1.0, true), (-1.0, false), (-1.0, false)]);
        assert!((line.slope - 3.0_f64.ln()).abs() < 1e-9, "{line:?}");
        assert!(line.offset.abs() < 1e-9, "{line:?}");
    }

    #[test]
    fn the_larger_class_weighs_no_more() {
        let mut samples = vec![(1.0, true), (-1.0, true), (1.0, false), (-1.0, false)];
        samples.extend(
            samples
                .clone()
                .iter()
                .filter(|(_, live)| !live)
                .copied()
                .collect::<Vec<_>>()
                .repeat(20),
        );
        let line = fit(&samples);
        // Both classes are spread alike, so nothing is learnt but the smoothed targets 0.75 and
        // 1/44.
        assert!(line.slope.abs() < 1e-9, "{line:?}");
        let p = 1.0 / (1.0 + (-line.offset).exp());
        assert!((p - f64::midpoint(0.75, 1.0 / 44.0)).abs() < 1e-9, "{p}");
    }

    #[test]
    fn equal_log_odds_give_a_slope_of_0() {
        let line = fit(&[(2.0, true), (2.0, false)]);
        assert!(line.slope.abs() < 1e-6 && line.slope.is_finite(), "{line:?}");
    }
}
