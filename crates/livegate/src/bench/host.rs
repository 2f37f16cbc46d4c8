//! What the system tells of a process and of the machine: Linux only; elsewhere it is unknown.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The machine, as far as figures hang on it.
pub(super) fn cpu_model() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| model_in(&text));
    told.unwrap_or_else(|| format!("unknown ({})", std::env::consts::ARCH))
}

/// Cores that this process may use: those of the container, where it is in one.
pub(super) fn cores_usable() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What all cores of the machine have worked so far, for anyone; in a container, for its neighbours too.
pub(super) fn machine_cpu() -> Option<Duration> {
    let ticks = busy_in(&std::fs::read_to_string("/proc/stat").ok()?)?;
    Some(Duration::from_secs_f64(ticks as f64 / ticks_per_second()?))
}

/// All but what was idle, or waited for a disk (proc(5)): user, nice, system, then interrupts, and what a hypervisor
/// took for others.
fn busy_in(stat: &str) -> Option<u64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    let ticks: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
    Some(ticks.get(..3)?.iter().sum::<u64>() + ticks.get(5..8)?.iter().sum::<u64>())
}

fn model_in(cpuinfo: &str) -> Option<String> {
    let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let model = fields.into_iter().find(|(name, _)| name.trim() == "model name")?;
    Some(model.1.trim().to_owned())
}

/// A process whose use of the machine is looked at.
#[derive(Debug)]
pub(super) struct Process {
    /// In `/proc`.
    directory: PathBuf,
    /// Where its peak is made to begin anew.
    clear_refs: Option<File>,
}

impl Process {
    /// This one; to be asked for before [`crate::core_files::refuse`], after which only root may have the peak
    /// begin anew.
    pub(super) fn own() -> Self {
        Self::at("/proc/self".into())
    }

    /// The one with this id; likewise.
    pub(super) fn of(id: u32) -> Self {
        Self::at(Path::new("/proc").join(id.to_string()))
    }

    fn at(directory: PathBuf) -> Self {
        let clear_refs = OpenOptions::new().write(true).open(directory.join("clear_refs")).ok();
        Self { directory, clear_refs }
    }

    /// What all its threads have worked so far.
    pub(super) fn cpu(&self) -> Option<Duration> {
        let ticks = ticks_in(&std::fs::read_to_string(self.directory.join("stat")).ok()?)?;
        Some(Duration::from_secs_f64(ticks as f64 / ticks_per_second()?))
    }

    /// The most memory it had (resident) since [`Process::forget_peak`].
    pub(super) fn peak_memory_bytes(&self) -> Option<u64> {
        peak_in(&std::fs::read_to_string(self.directory.join("status")).ok()?)
    }

    /// Has the peak begin anew with what it has now. Where the system does not let us, the peak stays that since
    /// the process began.
    pub(super) fn forget_peak(&self) {
        // proc(5): 5 resets the peak resident set size.
        let _ = self.clear_refs.as_ref().map(|mut file| file.write_all(b"5"));
    }
}

/// User and system time, the 14th and 15th field of `/proc/PID/stat`; the second is the program's name in
/// brackets, which may hold anything.
fn ticks_in(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

fn peak_in(status: &str) -> Option<u64> {
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it is not known")]
fn ticks_per_second() -> Option<f64> {
    Some(rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(not(unix))]
fn ticks_per_second() -> Option<f64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_is_read() {
        let stat = "7 (a) b 1) S 1 7 7 0 -1 4194560 900 0 0 0 250 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(ticks_in(stat), Some(300));
        assert_eq!(ticks_in("7 (a) S 1"), None);
        assert_eq!(peak_in("Name:\ta\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), Some(2 << 20));
        assert_eq!(peak_in("Name:\ta\n"), None);
        assert_eq!(busy_in("cpu  1 2 4 1000 1000 8 16 32 5 5\ncpu0 9"), Some(63));
        assert_eq!(busy_in("cpu  1 2 4 1000"), None);
        let cpuinfo = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: A CPU: fast\n";
        assert_eq!(model_in(cpuinfo).as_deref(), Some("A CPU: fast"));
        assert_eq!(model_in("processor\t: 0\nCPU part\t: 0xd0c\n"), None);
    }
}
