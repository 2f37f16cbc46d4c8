//! A worker that one picture kills, in debug builds only: tests/program/replicas.rs observes what
//! the program does next.

use liveness::{Check, CheckError, Demand, Pipeline, ProofError, Report, Size, Terms};

/// The bytes that kill the worker. No picture begins with them.
const PANIC: &[u8] = b"\0livegate: panic";

/// A pipeline that panics over [`PANIC`].
pub(crate) struct Mortal(pub Pipeline);

impl Check for Mortal {
    fn check(
        &mut self,
        selfie: &[u8],
        terms: &Terms,
        stop: &dyn Fn() -> bool,
    ) -> Result<Report, CheckError> {
        assert!(selfie != PANIC, "as the test has asked");
        self.0.check(selfie, terms, stop)
    }

    fn demand(&self, selfie: &[u8]) -> Result<Demand, CheckError> {
        if selfie == PANIC {
            return Ok(Demand { memory_bytes: 0, is_costly: false, size: Size::new(1, 1) });
        }
        self.0.demand(selfie)
    }

    fn prove(&mut self) -> Result<(), ProofError> {
        self.0.prove()
    }
}
