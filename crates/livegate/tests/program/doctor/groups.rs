//! The service and the doctor in a control group with limits.

use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::process::{awaited, wrapped};
use testbed::service::Service;

use crate::demo::demo;
use crate::livegate;

/// Control groups with 512 MiB and one core; removed when dropped.
struct Group {
    directories: Vec<PathBuf>,
}

const BYTES: &str = "536870912";

impl Group {
    /// One group of version 2, or else two of version 1; nothing where neither can be made.
    fn make() -> Option<Self> {
        let name = format!("livegate-test-{}", std::process::id());
        let root = Path::new("/sys/fs/cgroup");
        Self::with(&[(root.join(&name), &[("memory.max", BYTES), ("cpu.max", "100000 100000")])])
            .or_else(|| {
                let [memory, cpu] = ["memory", "cpu"].map(|it| root.join(it).join(&name));
                let quota = ("cpu.cfs_quota_us", "100000");
                let limit = ("memory.limit_in_bytes", BYTES);
                Self::with(&[(memory, &[limit]), (cpu, &[quota])])
            })
    }

    fn with(limits: &[(PathBuf, &[(&str, &str)])]) -> Option<Self> {
        let mut group = Self { directories: Vec::new() };
        for (directory, files) in limits {
            std::fs::create_dir(directory).ok()?;
            group.directories.push(directory.clone());
            for (file, text) in *files {
                // Outside a control group's file system, writing would make an ordinary file.
                let file = directory.join(file);
                if !file.is_file() || std::fs::write(file, text).is_err() {
                    return None;
                }
            }
        }
        Some(group)
    }

    /// `program`, which joins the groups first.
    fn joined(&self, program: &Command) -> Command {
        let joins = self
            .directories
            .iter()
            .map(|it| format!("echo $$ > {}/cgroup.procs && ", it.display()));
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{}exec \"$0\" \"$@\"", joins.collect::<String>()));
        wrapped(shell, program)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for directory in &self.directories {
            // Empty by now: the tests wait for its processes.
            let _ = std::fs::remove_dir(directory);
        }
    }
}

#[test]
fn the_service_and_the_doctor_report_and_keep_the_limits_of_their_control_group() {
    let Some(group) = Group::make() else {
        testbed::left_out_for_want_of(
            "a control group that may be made",
            "workers in one with limits",
        );
        return;
    };
    let mut doctor = livegate(testbed::home().root());
    doctor.args(["doctor", "--pack", "starter"]);
    let output = group.joined(&doctor).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("cores: 1 (1.00 cores by /sys/fs/cgroup/"), "{said}");
    assert!(said.contains("512 MiB (/sys/fs/cgroup/"), "{said}");
    assert!(said.contains("1 (of cores and memory); at most 128 MiB of bodies held"), "{said}");

    let service = Service::start(group.joined(&demo("starter")));
    let sized = awaited("the log says how the service is sized", || {
        service.log().lines().find(|line| line.contains("sized")).map(str::to_owned)
    });
    service.kill();
    for fact in ["workers=1 ", "cores=1 ", "memory.mib=512 ", "max_bytes_in_flight=134217728"] {
        assert!(sized.contains(fact), "{fact}: {sized}");
    }
}
