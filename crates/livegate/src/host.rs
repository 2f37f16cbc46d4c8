//! The cores and the memory of this process: the limits of control groups (versions 1 and 2), or
//! else the whole machine.

use std::num::NonZeroUsize;
use std::path::{Component, Path, PathBuf};

/// The resources of this process, each with its source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Host {
    pub cores: Cores,
    /// None where the system does not tell.
    pub memory: Option<Memory>,
}

/// The usable cores.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cores {
    /// Whole cores, at least one.
    pub count: usize,
    /// The source of the number.
    pub from: String,
}

/// The usable memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Memory {
    pub bytes: u64,
    /// The source of the number.
    pub from: String,
}

impl Host {
    /// The resources of this process.
    pub(crate) fn own() -> Self {
        let available = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::under(Path::new("/"), available)
    }

    /// Reads `/proc` and `/sys` in `root`. `available` is the number of cores by affinity.
    fn under(root: &Path, available: usize) -> Self {
        let groups = Groups::read(root);
        let mut cores =
            Cores { count: available, from: "the cores that this process may run on".to_owned() };
        if let Some((quota, file)) = groups.cpu_quota() {
            // A worker for a part of a core would slow the others down.
            let whole = (quota.floor() as usize).max(1);
            if whole <= cores.count {
                cores = Cores { count: whole, from: format!("{quota:.2} cores by {file}") };
            }
        }
        let machine = machine_memory(root);
        let limit = groups.memory().filter(|limit| machine.is_none_or(|all| limit.bytes < all));
        let all = || machine.map(|bytes| Memory { bytes, from: "the machine".to_owned() });
        Self { cores, memory: limit.or_else(all) }
    }
}

/// `MemTotal` of `proc_meminfo(5)`, bytes.
fn machine_memory(root: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The directories of this process's control groups: per controller, the innermost first.
struct Groups {
    root: PathBuf,
    unified: Vec<PathBuf>,
    memory: Vec<PathBuf>,
    cpu: Vec<PathBuf>,
}

impl Groups {
    fn read(root: &Path) -> Self {
        let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap_or_default();
        let (memberships, mounts) = (read("proc/self/cgroup"), read("proc/self/mountinfo"));
        let mounts: Vec<Mount> = mounts.lines().filter_map(Mount::parse).collect();
        let levels = |controller: Option<&str>| {
            let path = memberships.lines().find_map(|line| membership(line, controller));
            let mount = mounts.iter().find(|mount| match controller {
                None => mount.kind == "cgroup2",
                Some(name) => mount.kind == "cgroup" && mount.options.iter().any(|it| it == name),
            });
            path.zip(mount).map_or_else(Vec::new, |(path, mount)| mount.levels(root, path))
        };
        Self {
            root: root.to_owned(),
            unified: levels(None),
            memory: levels(Some("memory")),
            cpu: levels(Some("cpu")),
        }
    }

    /// The lowest memory limit up to the root. `memory.high` counts too: above it the kernel slows
    /// a process down almost to a halt.
    fn memory(&self) -> Option<Memory> {
        let both = |group: &PathBuf| ["memory.max", "memory.high"].map(|file| group.join(file));
        let unified = self.unified.iter().flat_map(both);
        let legacy = self.memory.iter().map(|group| group.join("memory.limit_in_bytes"));
        let limits = unified.chain(legacy).filter_map(|file| {
            let bytes = std::fs::read_to_string(&file).ok()?.trim().parse().ok()?;
            Some(Memory { bytes, from: self.shown(&file) })
        });
        limits.min_by_key(|limit| limit.bytes)
    }

    /// The lowest CPU quota up to the root, in cores, and its file.
    fn cpu_quota(&self) -> Option<(f64, String)> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let unified = self.unified.iter().filter_map(|directory| {
            let file = directory.join("cpu.max");
            let text = std::fs::read_to_string(&file).ok()?;
            let (quota, period) = text.trim().split_once(' ')?;
            Some((number(quota)? / number(period)?, self.shown(&file)))
        });
        let legacy = self.cpu.iter().filter_map(|directory| {
            let read = |name| std::fs::read_to_string(directory.join(name)).ok();
            let (quota, period) = (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?);
            let file = self.shown(&directory.join("cpu.cfs_quota_us"));
            Some((number(&quota)? / number(&period)?, file))
        });
        // In version 1, -1 means no quota.
        let quotas = unified.chain(legacy).filter(|(cores, _)| cores.is_finite() && *cores > 0.0);
        quotas.min_by(|(a, _), (b, _)| a.total_cmp(b))
    }

    /// The path below the root, which is `/` except in tests.
    fn shown(&self, file: &Path) -> String {
        let inside = file.strip_prefix(&self.root).unwrap_or(file);
        Path::new("/").join(inside).display().to_string()
    }
}

/// The path of a line `ID:CONTROLLERS:PATH` of `/proc/self/cgroup` (cgroups(7)), if it is of this
/// controller. Version 2 names none.
fn membership<'a>(line: &'a str, controller: Option<&str>) -> Option<&'a str> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let is_meant = match controller {
        None => controllers.is_empty(),
        Some(name) => controllers.split(',').any(|it| it == name),
    };
    is_meant.then_some(path)
}

/// A line of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`).
struct Mount {
    /// The mounted directory of its file system.
    of: PathBuf,
    /// The mount point.
    at: PathBuf,
    kind: String,
    options: Vec<String>,
}

impl Mount {
    fn parse(line: &str) -> Option<Self> {
        let (first, second) = line.split_once(" - ")?;
        let mut first = first.split(' ').skip(3);
        let (of, at) = (unescaped(first.next()?), unescaped(first.next()?));
        let mut second = second.split(' ');
        let kind = second.next()?.to_owned();
        let options = second.nth(1)?.split(',').map(str::to_owned).collect();
        Some(Self { of: of.into(), at: at.into(), kind, options })
    }

    /// The directories from the group at `path` up to the mount point. A container may see a path
    /// outside the mounted directory; then the mount point is its group.
    fn levels(&self, root: &Path, path: &str) -> Vec<PathBuf> {
        let top = root.join(self.at.strip_prefix("/").unwrap_or(&self.at));
        let inside = Path::new(path).strip_prefix(&self.of).unwrap_or(Path::new(""));
        let is_plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
        let innermost = top.join(if is_plain { inside } else { Path::new("") });
        innermost
            .ancestors()
            .take_while(|directory| directory.starts_with(&top))
            .map(Path::to_owned)
            .collect()
    }
}

/// Decodes the octal escapes of blanks and backslashes.
fn unescaped(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .into_iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (octal, character)| text.replace(octal, character))
}

/// Memory of the process without workers: the program, ONNX Runtime, HTTP. Measured: 52 MiB, and 88
/// with OpenVINO.
const BASE_BYTES: u64 = 96 << 20;
/// Memory of a worker with its models, and buffers for a 12-megapixel picture that had to be
/// turned. Measured (docs/CAPACITY.md): 106 MiB, and 141 with OpenVINO.
const WORKER_BYTES: u64 = 144 << 20;
/// The default of `max_bytes_in_flight`, at most.
const MOST_BYTES_IN_FLIGHT: u64 = 512 << 20;

impl Host {
    /// The number of threads that read, queue and answer: one for every four cores. They take a
    /// twentieth of the workers' CPU time. More of them on few cores only wake each other
    /// (docs/PERFORMANCE.md).
    pub(crate) fn async_threads(&self) -> usize {
        self.cores.count.div_ceil(4)
    }

    /// The default number of workers: `per_core` for each core, or as many as fit into the memory
    /// beside `bytes_in_flight`.
    pub(crate) fn workers(&self, per_core: usize, bytes_in_flight: u64) -> usize {
        let room = self.memory.as_ref().map_or(usize::MAX, |memory| {
            let left = memory.bytes.saturating_sub(BASE_BYTES + bytes_in_flight);
            (left / WORKER_BYTES) as usize
        });
        (per_core * self.cores.count).min(room).max(1)
    }

    /// The default of `max_bytes_in_flight`: a quarter of the memory, at most 512 MiB, and at least
    /// one body of `max_body_bytes`.
    pub(crate) fn bytes_in_flight(&self, max_body_bytes: usize) -> usize {
        let quarter = self.memory.as_ref().map_or(u64::MAX, |memory| memory.bytes / 4);
        (quarter.min(MOST_BYTES_IN_FLIGHT) as usize).max(max_body_bytes)
    }
}

/// Memory that `workers` may need with large pictures, beside the bodies in flight.
pub(crate) fn needed_bytes(workers: usize, bytes_in_flight: u64) -> u64 {
    BASE_BYTES + bytes_in_flight + workers as u64 * WORKER_BYTES
}

#[cfg(test)]
mod tests;
