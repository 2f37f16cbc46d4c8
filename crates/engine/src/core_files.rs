//! Protection against core files: after a fault, the system may write a process's memory to a file,
//! pictures included, or hand it to a program.

/// Forbids core files of this process, and lets only root read its memory from outside. Logs a
/// warning where the system does not allow that.
///
/// Both measures are needed. The limit does not hold where the system hands cores to a program
/// (core(5)); "not dumpable" is lost when the process executes another program.
pub fn refuse() {
    for fault in try_refuse() {
        tracing::warn!("a crash may leave a core file, pictures included: {fault}");
    }
}

/// As [`refuse`], and returns the measures that failed instead of logging them.
#[must_use]
pub fn try_refuse() -> Vec<String> {
    let mut faults = Vec::new();
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        if let Err(error) = setrlimit(Resource::Core, none) {
            faults.push(format!("the limit stays ({error})"));
        }
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            faults.push(format!("the process stays dumpable ({error})"));
        }
    }
    #[cfg(not(unix))]
    faults.push("this system's settings say where to".to_owned());
    faults
}
