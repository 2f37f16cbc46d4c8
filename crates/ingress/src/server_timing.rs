//! The `Server-Timing` header: the time of each step (W3C Server Timing).

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use liveness::Timings;

pub(crate) const NAME: HeaderName = HeaderName::from_static("server-timing");

/// Milliseconds in the queue, of each step, and since the request came. The rest of the total is
/// receiving the body and writing the response.
pub(crate) fn header(queued: Duration, timings: &Timings, total: Duration) -> HeaderValue {
    let Timings { decode, detect, score, total: _ } = *timings;
    let steps = [
        ("queue", queued),
        ("decode", decode),
        ("detect", detect),
        ("score", score),
        ("total", total),
    ];
    let metrics = steps.map(|(name, took)| format!("{name};dur={:.3}", took.as_secs_f64() * 1e3));
    HeaderValue::from_str(&metrics.join(", ")).expect("names and numbers are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_in_the_order_of_the_walk_in_milliseconds() {
        let timings = Timings {
            decode: Duration::from_micros(2500),
            detect: Duration::from_millis(1),
            score: Duration::from_micros(3),
            total: Duration::from_micros(3503),
        };
        let header = header(Duration::ZERO, &timings, Duration::from_secs(2));
        assert_eq!(
            header,
            "queue;dur=0.000, decode;dur=2.500, detect;dur=1.000, score;dur=0.003, total;dur=2000.000"
        );
    }
}
