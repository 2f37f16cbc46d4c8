//! What the system gives: room, time, files.

use std::path::PathBuf;

use liveness::Device;
use model_pack::Home;
use time::OffsetDateTime;

use super::finding::Findings;
use crate::config::Config;
use crate::host::{Host, needed_bytes};

/// Whether the home is there, and can be written to.
pub(super) fn home(home: &Home, findings: &mut Findings) {
    let root = home.root();
    let shown = root.display();
    if !root.is_dir() {
        let advice = "`livegate setup` makes it; --home or LIVEGATE_HOME names another";
        return findings.problem("home", format!("{shown} is not there"), advice);
    }
    match tempfile::tempfile_in(root) {
        Ok(_) => findings.ok("home", format!("{shown} can be written to")),
        Err(error) => {
            let advice =
                "nothing to do where it is read-only on purpose, and accounts are elsewhere";
            findings.warning("home", format!("{shown} cannot be written to: {error}"), advice);
        }
    }
}

/// What this process may use, and the workers that follow from it.
pub(super) fn host(
    host: &Host,
    config: &Config,
    device: Device,
    workers: usize,
    findings: &mut Findings,
) {
    findings.ok("cpu", format!("cores: {} ({})", host.cores.count, host.cores.from));
    match &host.memory {
        Some(memory) => {
            findings.ok("memory", format!("{} MiB ({})", memory.bytes >> 20, memory.from));
        }
        None => findings.warning(
            "memory",
            "the system does not tell how much there is",
            "set `workers` and `ingress.max_bytes_in_flight`",
        ),
    }
    let in_flight = config.ingress.max_bytes_in_flight.unwrap_or_default() as u64;
    let origin = if config.workers.is_some() { "as configured" } else { "of cores and memory" };
    let says = format!("{workers} ({origin}); at most {} MiB of bodies held", in_flight >> 20);
    let needed = needed_bytes(workers, in_flight);
    let most = config.batching.workers_per_core(device) * host.cores.count;
    match host.memory.as_ref().filter(|memory| memory.bytes < needed) {
        Some(memory) => findings.warning(
            "workers",
            format!(
                "{says}; they may need {} MiB with large pictures, and there are {}",
                needed >> 20,
                memory.bytes >> 20
            ),
            "fewer `workers`, a smaller `ingress.max_bytes_in_flight`, or more memory",
        ),
        None if workers > most => findings.warning(
            "workers",
            format!("{says}; there are {} cores", host.cores.count),
            "leave `workers` out, or give as many as there are cores",
        ),
        None => findings.ok("workers", says),
    }
}

/// Whether it can be the time that it is said to be.
pub(super) fn clock(findings: &mut Findings) {
    let now = OffsetDateTime::now_utc();
    let says = format!("{} UTC", now.date());
    if (2026..2100).contains(&now.year()) {
        findings.ok("clock", says);
    } else {
        findings.problem("clock", says, "set the clock: quotas and certificates go by it");
    }
}

/// Whether there is a place for the profile of the golden run.
pub(super) fn temporary_files(findings: &mut Findings) {
    let places = [std::env::temp_dir(), PathBuf::from("/dev/shm")];
    let writable = |place: &&PathBuf| tempfile::tempfile_in(place).is_ok();
    match places.iter().find(writable) {
        Some(place) => findings.ok("temporary", format!("{} can be written to", place.display())),
        None => findings.warning(
            "temporary",
            format!("{} and /dev/shm cannot be written to", places[0].display()),
            "name a directory with TMPDIR: without one it is not known what runs the models, and openvino is refused",
        ),
    }
}

/// Files that are open beside connections: libraries, listeners, accounts, and what the async runtime needs.
const OTHER_FILES: u64 = 64;

/// Whether as many files may be open as connections are held.
#[cfg(unix)]
pub(super) fn open_files(max_connections: usize, findings: &mut Findings) {
    use rustix::process::{Resource, getrlimit};
    let most = getrlimit(Resource::Nofile).current;
    let needed = max_connections as u64 + OTHER_FILES;
    let shown = most.map_or_else(|| "without limit".to_owned(), |most| most.to_string());
    let says = format!("{shown}; `ingress.max_connections` needs {needed}");
    if most.is_none_or(|most| most >= needed) {
        findings.ok("open files", says);
    } else {
        let advice =
            format!("`ulimit -n {needed}`, LimitNOFILE= of the unit, or fewer connections");
        findings.warning("open files", says, advice);
    }
}

/// Whether a crash would write memory to a file, and the pictures that are in it: what `serve` does against it, done
/// to this process.
pub(super) fn core_dumps(findings: &mut Findings) {
    let faults = crate::core_files::refused();
    if faults.is_empty() {
        findings.ok("core dumps", "off, as for every process that has pictures");
    } else {
        let says = format!("on, a crash would write pictures: {}", faults.join(", "));
        findings.warning("core dumps", says, "`ulimit -c 0`, or LimitCORE=0 of the unit");
    }
}

/// There are no such limits elsewhere.
#[cfg(not(unix))]
pub(super) fn open_files(_: usize, _: &mut Findings) {}
