//! The crate from outside: metrics by hand, against recorded results of others, and as laws; the
//! table of scores, calibration and the page.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod by_hand;
mod calibration;
mod laws;
mod missing;
mod page;
mod recorded;
mod support;
mod table;
