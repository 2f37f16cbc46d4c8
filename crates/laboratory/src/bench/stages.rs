//! The stages of a request, and the time that each took.

use std::time::Duration;

/// The stages in their order, as the service's `Server-Timing` names them. The last is their sum.
pub(super) const STAGES: [&str; 5] = ["queue", "decode", "detect", "score", "total"];

/// The duration of each of [`STAGES`], where it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Stages([Option<Duration>; STAGES.len()]);

impl Stages {
    /// The stages of a check that was queued for `queue`.
    pub(super) fn of(queue: Duration, timings: &liveness::Timings) -> Self {
        let liveness::Timings { decode, detect, score, total } = *timings;
        Self([queue, decode, detect, score, queue + total].map(Some))
    }

    /// Reads a `Server-Timing` header, as in `queue;dur=0.1, decode;dur=2.0`, milliseconds. Other
    /// metrics and invalid durations are skipped.
    pub(super) fn in_header(header: &str) -> Self {
        let mut stages = Self::default();
        for metric in header.split(',') {
            let mut parts = metric.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let milliseconds = parts.find_map(|part| {
                let (key, value) = part.split_once('=')?;
                let value = value.trim().trim_matches('"');
                key.trim().eq_ignore_ascii_case("dur").then(|| value.parse::<f64>().ok())?
            });
            let stage = STAGES.iter().position(|stage| stage.eq_ignore_ascii_case(name));
            if let (Some(stage), Some(milliseconds)) = (stage, milliseconds) {
                stages.0[stage] = Duration::try_from_secs_f64(milliseconds / 1e3).ok();
            }
        }
        stages
    }

    /// The duration of the stage with this number in [`STAGES`].
    pub(super) fn get(&self, stage: usize) -> Option<Duration> {
        self.0[stage]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_timing_header_is_read() {
        let header = "queue;dur=0.1, decode;dur=2.0, detect;dur=1.1, score;dur=3.2, total;dur=6.5";
        let stages = Stages::in_header(header);
        let expected = [100, 2000, 1100, 3200, 6500].map(|us| Some(Duration::from_micros(us)));
        assert_eq!(stages.0, expected);
    }

    #[test]
    fn stages_without_a_valid_duration_are_unknown() {
        for header in
            ["", "decode", "decode;dur=", "decode;dur=x", "decode;dur=-1", "decode;dur=inf"]
        {
            assert_eq!(Stages::in_header(header), Stages::default(), "{header}");
        }
        let stages =
            Stages::in_header("cache;desc=\"x\";dur=9, Decode ; desc=a ; DUR = \"1.5\",,score");
        assert_eq!(stages, Stages([None, Some(Duration::from_micros(1500)), None, None, None]));
    }
}
