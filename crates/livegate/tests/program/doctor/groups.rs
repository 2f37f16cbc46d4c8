//! In a control group with limits, where one can be made.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::livegate;

/// Control groups for half a gigabyte and one core; gone with this.
struct Group {
    directories: Vec<PathBuf>,
}

const BYTES: &str = "536870912";

impl Group {
    /// Of version 2, or else of version 1.
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
                // Not where that would only make a file.
                let file = directory.join(file);
                if !file.is_file() || std::fs::write(file, text).is_err() {
                    return None;
                }
            }
        }
        Some(group)
    }

    /// `program`, started in it.
    fn started(&self, program: &Command) -> Command {
        let mut command = Command::new("sh");
        let enter = self
            .directories
            .iter()
            .map(|it| format!("echo $$ > {}/cgroup.procs && ", it.display()));
        command.arg("-c").arg(format!("{}exec \"$0\" \"$@\"", enter.collect::<String>()));
        command.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for directory in &self.directories {
            // What was in it has been waited for.
            let _ = std::fs::remove_dir(directory);
        }
    }
}

#[test]
fn the_service_and_the_doctor_go_by_the_limits_of_their_control_group_and_say_so() {
    let Some(group) = Group::make() else {
        testbed::left_out_for_want_of(
            "a control group that may be made",
            "workers in one with limits",
        );
        return;
    };
    let mut doctor = livegate(testbed::home().root());
    doctor.args(["doctor", "--pack", "starter"]);
    let output = group.started(&doctor).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("cores: 1 (1.00 cores by /sys/fs/cgroup/"), "{said}");
    assert!(said.contains("512 MiB (/sys/fs/cgroup/"), "{said}");
    assert!(said.contains("1 (of cores and memory); at most 128 MiB of bodies held"), "{said}");

    let mut serve = livegate(testbed::home().root());
    serve.args(["serve", "--demo", "--offline", "--pack", "starter", "--listen", "127.0.0.1:0"]);
    let mut serve = group.started(&serve);
    let mut child = serve.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let sized = log.find(|line| line.contains("sized"));
    child.kill().unwrap();
    child.wait().unwrap();
    let sized = sized.unwrap();
    for fact in ["workers=1 ", "cores=1 ", "memory.mib=512 ", "max_bytes_in_flight=134217728"] {
        assert!(sized.contains(fact), "{fact}: {sized}");
    }
}
