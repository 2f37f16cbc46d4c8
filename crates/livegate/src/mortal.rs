//! A worker that can be killed by a picture, in builds for tests alone: what comes after must be seen with the real
//! program (tests/program/replicas.rs).

use liveness::{Check, CheckError, Pipeline, ProofError, Report, Terms};

/// No picture begins so.
const PANIC: &[u8] = b"\0livegate: panic";

/// A pipeline that panics when it is told to.
pub(crate) struct Mortal(pub Pipeline);

impl Check for Mortal {
    fn check(&mut self, selfie: &[u8], terms: &Terms) -> Result<Report, CheckError> {
        assert!(selfie != PANIC, "as the test has asked");
        self.0.check(selfie, terms)
    }

    fn prove(&mut self) -> Result<(), ProofError> {
        self.0.prove()
    }
}
