//! A process that ends by a fault may be written to a file, memory and all, or handed to a program that does so. One
//! that has pictures in its memory must not be.

/// Has the system write no core file of this process, and lets nobody but root look into its memory from outside.
/// Where that cannot be, it is said.
///
/// The limit alone would not do: it does not hold for systems that hand cores to a program (core(5)). That the process
/// is not dumpable does, but is lost where it becomes another program.
pub(crate) fn refuse() {
    for why in refused() {
        tracing::warn!("a crash may leave a core file, pictures included: {why}");
    }
}

/// The same; why it cannot be refused, where it cannot.
pub(crate) fn refused() -> Vec<String> {
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
