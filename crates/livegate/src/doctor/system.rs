//! The host: home directory, cores, memory, clock, files.

use std::path::PathBuf;

use engine::config::Config;
use liveness::Device;
use model_pack::Home;
use time::OffsetDateTime;

use super::finding::Status::{Problem, Warning};
use super::finding::{Findings, Status};
use crate::host::{Host, needed_bytes};

/// Tries to write to the home.
pub(super) fn home(home: &Home, findings: &mut Findings) {
    let root = home.root();
    let shown = root.display();
    if !root.is_dir() {
        let advice = "`livegate setup` makes it; --home or LIVEGATE_HOME names another";
        return findings.add(Problem, "home", format!("{shown} is not there"), advice);
    }
    match tempfile::tempfile_in(root) {
        Ok(_) => findings.ok("home", format!("{shown} can be written to")),
        Err(error) => {
            let advice =
                "nothing to do where it is read-only on purpose, and accounts are elsewhere";
            findings.add(Warning, "home", format!("{shown} cannot be written to: {error}"), advice);
        }
    }
}

/// The cores and the memory of this process, and the workers that follow from them.
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
        None => findings.add(
            Warning,
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
        Some(memory) => findings.add(
            Warning,
            "workers",
            format!(
                "{says}; they may need {} MiB with large pictures, and there are {}",
                needed >> 20,
                memory.bytes >> 20
            ),
            "fewer `workers`, a smaller `ingress.max_bytes_in_flight`, or more memory",
        ),
        None if workers > most => findings.add(
            Warning,
            "workers",
            format!("{says}; there are {} cores", host.cores.count),
            "leave `workers` out, or give as many as there are cores",
        ),
        None => findings.ok("workers", says),
    }
}

/// Checks that the year is possible.
pub(super) fn clock(findings: &mut Findings) {
    let now = OffsetDateTime::now_utc();
    let says = format!("{} UTC", now.date());
    let is_possible = (2026..2100).contains(&now.year());
    let status = if is_possible { Status::Ok } else { Problem };
    findings.add(status, "clock", says, "set the clock: quotas and certificates go by it");
}

/// Finds a directory for the profile of the golden run.
pub(super) fn temporary_files(findings: &mut Findings) {
    let places = [std::env::temp_dir(), PathBuf::from("/dev/shm")];
    let writable = |place: &&PathBuf| tempfile::tempfile_in(place).is_ok();
    match places.iter().find(writable) {
        Some(place) => findings.ok("temporary", format!("{} can be written to", place.display())),
        None => findings.add(
            Warning,
            "temporary",
            format!("{} and /dev/shm cannot be written to", places[0].display()),
            "name a directory with TMPDIR: without one it is not known what runs the models, and openvino is refused",
        ),
    }
}

/// Open files beside connections: libraries, listeners, accounts, the async runtime.
const OTHER_FILES: u64 = 64;

/// Compares the limit of open files with the connections.
#[cfg(unix)]
pub(super) fn open_files(max_connections: usize, findings: &mut Findings) {
    use rustix::process::{Resource, getrlimit};
    let most = getrlimit(Resource::Nofile).current;
    let needed = max_connections as u64 + OTHER_FILES;
    let shown = most.map_or_else(|| "without limit".to_owned(), |most| most.to_string());
    let says = format!("{shown}; `ingress.max_connections` needs {needed}");
    let is_enough = most.is_none_or(|most| most >= needed);
    let status = if is_enough { Status::Ok } else { Warning };
    let advice = format!("`ulimit -n {needed}`, LimitNOFILE= of the unit, or fewer connections");
    findings.add(status, "open files", says, advice);
}

/// Refuses core files for this process, as `serve` does.
pub(super) fn core_dumps(findings: &mut Findings) {
    let faults = engine::core_files::try_refuse();
    if faults.is_empty() {
        findings.ok("core dumps", "off, as for every process that has pictures");
    } else {
        let says = format!("on, a crash would write pictures: {}", faults.join(", "));
        findings.add(Warning, "core dumps", says, "`ulimit -c 0`, or LimitCORE=0 of the unit");
    }
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub(super) fn open_files(_: usize, _: &mut Findings) {}
