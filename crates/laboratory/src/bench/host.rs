//! CPU time and memory of a process and of the machine, from Linux' `/proc`. Unknown elsewhere.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The model of the CPU.
pub(super) fn cpu_model() -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| model_in(&text));
    model.unwrap_or_else(|| format!("unknown ({})", std::env::consts::ARCH))
}

/// Cores that this process may use; in a container, those of the container.
pub(super) fn cores_usable() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// CPU time of all cores since the machine started; in a container, its neighbours' included.
pub(super) fn machine_cpu() -> Option<Duration> {
    cpu_time(busy_in(&std::fs::read_to_string("/proc/stat").ok()?)?)
}

/// Ticks of user, nice, system, irq, softirq and steal (proc(5)): all but idle and iowait.
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

/// A process that is watched.
#[derive(Debug)]
pub(super) struct Process {
    /// Its directory in `/proc`.
    directory: PathBuf,
    /// Its file that resets the peak of its memory.
    clear_refs: Option<File>,
}

impl Process {
    /// This process. To be called before [`engine::core_files::refuse`]: after that, only root may
    /// open `clear_refs`.
    pub(super) fn own() -> Self {
        Self::at("/proc/self".into())
    }

    /// The process with this id; to be called before its [`engine::core_files::refuse`].
    pub(super) fn of(id: u32) -> Self {
        Self::at(Path::new("/proc").join(id.to_string()))
    }

    fn at(directory: PathBuf) -> Self {
        let clear_refs = OpenOptions::new().write(true).open(directory.join("clear_refs")).ok();
        Self { directory, clear_refs }
    }

    pub(super) fn is_own(&self) -> bool {
        self.directory == Path::new("/proc/self")
    }

    /// CPU time of all its threads.
    pub(super) fn cpu(&self) -> Option<Duration> {
        cpu_time(ticks_in(&std::fs::read_to_string(self.directory.join("stat")).ok()?)?)
    }

    /// Peak resident memory since [`Process::forget_peak`].
    pub(super) fn peak_memory_bytes(&self) -> Option<u64> {
        peak_in(&std::fs::read_to_string(self.directory.join("status")).ok()?)
    }

    /// Resets the peak. Where the system does not allow that, it counts from the process's start.
    pub(super) fn forget_peak(&self) {
        // proc(5): 5 resets the peak resident set size.
        let _ = self.clear_refs.as_ref().map(|mut file| file.write_all(b"5"));
    }
}

/// User and system time, the 14th and 15th field of `/proc/PID/stat`. The second field is the
/// program's name in brackets, which may itself hold brackets.
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
fn cpu_time(ticks: u64) -> Option<Duration> {
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

#[cfg(not(unix))]
fn cpu_time(_: u64) -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_proc_are_read() {
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
