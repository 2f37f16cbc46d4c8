//! Tests with control groups as trees of files.

use super::*;

/// A root with these files.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

const MACHINE: (&str, &str) =
    ("proc/meminfo", "MemTotal:       16777216 kB\nMemFree:         1000 kB\n");
const GIB: u64 = 1 << 30;

fn of(files: &[(&str, &str)]) -> Host {
    let files: Vec<_> = [MACHINE].into_iter().chain(files.iter().copied()).collect();
    Host::under(root(&files).path(), 8)
}

fn memory(host: &Host) -> (u64, &str) {
    let memory = host.memory.as_ref().unwrap();
    (memory.bytes, &memory.from)
}

const V2: (&str, &str) = (
    "proc/self/mountinfo",
    "22 1 0:20 / /proc rw - proc proc rw\n\
     31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
);

#[test]
fn without_a_limit_the_whole_machine_is_usable() {
    let host = of(&[]);
    assert_eq!(memory(&host), (16 * GIB, "the machine"));
    assert_eq!(host.cores.count, 8);
    let host = of(&[
        V2,
        ("proc/self/cgroup", "0::/a\n"),
        ("sys/fs/cgroup/a/memory.max", "max\n"),
        ("sys/fs/cgroup/a/memory.high", "max\n"),
        ("sys/fs/cgroup/a/cpu.max", "max 100000\n"),
    ]);
    assert_eq!((memory(&host), host.cores.count), ((16 * GIB, "the machine"), 8));
    let host = Host::under(root(&[]).path(), 3);
    assert_eq!((host.memory.clone(), host.cores.count), (None, 3));
    assert_eq!(host.workers(1, 0), 3);
}

#[test]
fn in_version_2_the_lowest_limit_up_to_the_root_holds() {
    let group = ("proc/self/cgroup", "0::/slice/service\n");
    let host = of(&[
        V2,
        group,
        ("sys/fs/cgroup/slice/memory.max", "2147483648\n"),
        ("sys/fs/cgroup/slice/cpu.max", "250000 100000\n"),
        ("sys/fs/cgroup/slice/service/memory.max", "4294967296\n"),
        ("sys/fs/cgroup/slice/service/cpu.max", "max 100000\n"),
    ]);
    assert_eq!(memory(&host), (2 * GIB, "/sys/fs/cgroup/slice/memory.max"));
    assert_eq!(host.cores.count, 2);
    assert_eq!(host.cores.from, "2.50 cores by /sys/fs/cgroup/slice/cpu.max");
    let host = of(&[
        V2,
        group,
        ("sys/fs/cgroup/slice/service/memory.max", "4294967296\n"),
        ("sys/fs/cgroup/slice/service/memory.high", "1073741824\n"),
        ("sys/fs/cgroup/slice/service/cpu.max", "50000 100000\n"),
    ]);
    assert_eq!(memory(&host), (GIB, "/sys/fs/cgroup/slice/service/memory.high"));
    assert_eq!(host.cores.count, 1);
}

#[test]
fn in_version_1_each_controller_has_its_own_path() {
    let host = of(&[
        (
            "proc/self/mountinfo",
            "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
             35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        ),
        ("proc/self/cgroup", "4:memory:/a/b\n2:cpuacct,cpu:/c\n0::/\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1073741824\n"),
        ("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "300000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
    ]);
    assert_eq!(memory(&host), (GIB, "/sys/fs/cgroup/memory/a/memory.limit_in_bytes"));
    assert_eq!(host.cores.count, 3);
}

/// With version 1, Docker mounts the container's own group, and shows its path on the host.
#[test]
fn a_container_finds_its_group_at_the_mount_point() {
    for (of_mount, path) in
        [("/docker/4f2", "/docker/4f2"), ("/", "/../other"), ("/docker/4f2", "/elsewhere")]
    {
        let mounts =
            format!("35 31 0:32 {of_mount} /my\\040groups/memory ro - cgroup cgroup rw,memory\n");
        let groups = format!("4:memory:{path}\n");
        let host = of(&[
            ("proc/self/mountinfo", &mounts),
            ("proc/self/cgroup", &groups),
            ("my groups/memory/memory.limit_in_bytes", "1073741824\n"),
        ]);
        assert_eq!(memory(&host), (GIB, "/my groups/memory/memory.limit_in_bytes"), "{path}");
    }
}

#[test]
fn workers_and_bytes_in_flight_follow_from_cores_and_memory() {
    let with = |mib: u64| {
        let memory = Some(Memory { bytes: mib << 20, from: String::new() });
        let host = Host { cores: Cores { count: 4, from: String::new() }, memory };
        let bytes = host.bytes_in_flight(20 << 20);
        (host.workers(1, bytes as u64), bytes >> 20)
    };
    assert_eq!(with(16), (1, 20));
    assert_eq!(with(256), (1, 64));
    assert_eq!(with(512), (2, 128));
    assert_eq!(with(1024), (4, 256));
    assert_eq!(with(65536), (4, 512));
}
