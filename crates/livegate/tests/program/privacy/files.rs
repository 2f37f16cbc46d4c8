//! Every system call of a running service that could write a picture to a file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testbed::process::{awaited, wrapped};
use testbed::service::Service;

use super::marked::{self, Marked, Trace};
use super::requests::{Request, WAYS};
use crate::{finished, livegate, livegate_serve};

/// System calls that write to a file, or that open or make one for writing.
const CALLS: &str = "creat,open,openat,openat2,write,pwrite64,writev,pwritev,pwritev2,mmap,\
    truncate,ftruncate,fallocate,memfd_create,sendfile,splice,tee,vmsplice,copy_file_range,\
    process_vm_writev,io_uring_setup";
/// Those of [`CALLS`] that the service never needs: each is a fault.
const NEVER: [&str; 9] = [
    "creat",
    "memfd_create",
    "sendfile",
    "splice",
    "tee",
    "vmsplice",
    "copy_file_range",
    "process_vm_writev",
    "io_uring_setup",
];
/// Other programs write there too.
const SHARED_MEMORY: &str = "/dev/shm";

/// `command` under strace, which writes its calls to `calls`. `-D` makes strace a grandchild, so
/// that the process that is started is `command` itself.
fn watched(command: &Command, calls: &Path) -> Command {
    let mut strace = Command::new("strace");
    // The names of files beside their numbers; all bytes, in hexadecimal.
    strace.args(["-D", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "1000000", "-e"]);
    strace.arg(format!("trace={CALLS}")).arg("-o").arg(calls);
    wrapped(strace, command)
}

/// The calls in `file`, once all processes in it have ended.
fn calls(file: &Path) -> Vec<String> {
    awaited("strace has written the end of every process", || {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let ended = text.lines().filter(|line| line.contains("+++ ")).count();
        let processes: BTreeSet<&str> = text.lines().filter_map(|l| l.split(' ').next()).collect();
        let call = |line: &str| Some(line.split_once(' ')?.1.trim_start().to_owned());
        let calls = || text.lines().filter_map(call).filter(|call| !call.starts_with("<..."));
        (ended > 0 && ended >= processes.len()).then(|| calls().collect())
    })
}

/// The text between the first `open` and the next `close` in `call`, decoded from hexadecimal.
fn read_between(call: &str, open: char, close: char) -> Option<String> {
    let (_, rest) = call.split_once(open)?;
    let (hexadecimal, _) = rest.split_once(close)?;
    let bytes = hexadecimal.split("\\x").skip(1).map(|byte| u8::from_str_radix(byte, 16).ok());
    let bytes: Option<Vec<u8>> = bytes.collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}

/// Those of `calls` that write to a file other than `allowed` and SQLite's companions of it, or
/// that hold any of `traces`.
///
/// At its start ONNX Runtime writes profiles to files that are read and removed
/// (`crates/onnx/src/profile.rs`). No picture but the drawn face has come by then, and `traces` are
/// searched for in those files too.
fn faults(calls: &[String], allowed: &[&Path], traces: &[Trace]) -> Vec<String> {
    let hexadecimal = |bytes: &[u8]| {
        bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<Vec<_>>().concat()
    };
    let traces: Vec<String> = traces.iter().map(|trace| hexadecimal(&trace.bytes)).collect();
    let is_allowed = |place: Option<String>| {
        place.is_some_and(|place| {
            let is_stream =
                ["socket:", "pipe:", "anon_inode:"].iter().any(|s| place.starts_with(s));
            let is_file = allowed.iter().any(|file| {
                let rest = place.strip_prefix(file.to_str().unwrap());
                rest.is_some_and(|end| ["", "-wal", "-shm", "-journal"].contains(&end))
            });
            let is_profile = place.contains("/temporary/livegate-") && place.contains("/session-");
            is_stream || is_profile || is_file || place == "/dev/null"
        })
    };
    let is_fault = |call: &&String| {
        let name = call.split('(').next().unwrap_or_default();
        let has_picture = traces.iter().any(|trace| call.contains(trace));
        let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"];
        let is_elsewhere = match name {
            "open" | "openat" | "openat2" => {
                writes.iter().any(|w| call.contains(w)) && !is_allowed(read_between(call, '"', '"'))
            }
            "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" | "ftruncate"
            | "fallocate" => !is_allowed(read_between(call, '<', '>')),
            "truncate" => !is_allowed(read_between(call, '"', '"')),
            "mmap" => {
                call.contains("MAP_SHARED")
                    && call.contains("PROT_WRITE")
                    && !is_allowed(read_between(call, '<', '>'))
            }
            name => NEVER.contains(&name),
        };
        has_picture || is_elsewhere
    };
    let shortened = |call: &String| call.chars().take(300).collect();
    calls.iter().filter(is_fault).map(shortened).collect()
}

/// Every file under `directory`.
fn files_under(directory: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_under(&entry.path())),
            Ok(kind) if kind.is_file() => drop(files.insert(entry.path())),
            _ => {}
        }
    }
    files
}

fn is_in(file: &Path, traces: &[Trace]) -> bool {
    let bytes = std::fs::read(file).unwrap_or_default();
    traces.iter().any(|trace| memchr::memmem::find(&bytes, &trace.bytes).is_some())
}

/// Whether strace works here; says so where it does not. Copies a picture to a file on the way,
/// which shows that a written picture is found.
fn can_be_watched() -> bool {
    let directory = tempfile::tempdir().unwrap();
    let [from, to, log] = ["picture", "copy", "log"].map(|name| directory.path().join(name));
    let picture = marked::faceless();
    std::fs::write(&from, &picture.file).unwrap();
    let mut copy = Command::new("dd");
    copy.arg(format!("if={}", from.display())).arg(format!("of={}", to.display())).arg("bs=1M");
    let outcome = watched(&copy, &log).stderr(Stdio::null()).status();
    if !outcome.is_ok_and(|status| status.success()) {
        testbed::left_out_without("strace", "which files the service writes");
        return false;
    }
    let calls = calls(&log);
    let traces = picture.traces();
    let opened = faults(&calls, &[], &[]);
    assert!(opened.iter().any(|call| call.starts_with("openat(")), "{calls:?}");
    assert!(opened.iter().any(|call| call.starts_with("write(")), "{calls:?}");
    // Also where a write is allowed the picture is found.
    let written = faults(&calls, &[&to], &traces);
    assert!(written.iter().any(|call| call.starts_with("write(")), "{calls:?}");
    assert!(is_in(&to, &traces));
    true
}

/// An operator's machine with directories of its own.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["home", "here", "temporary"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        let home = testbed::home().root();
        for name in ["packs", "runtime", "sample"] {
            let link = directory.path().join("home").join(name);
            std::os::unix::fs::symlink(home.join(name), link).unwrap();
        }
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn with_variables(&self, mut command: Command) -> Command {
        command.env("HOME", self.path("home")).env("TMPDIR", self.path("temporary"));
        command.env("LIVEGATE_ACCOUNTS_DATABASE", self.path("home/accounts.db"));
        command
    }
}

/// Every file in the directories that the service may write to.
fn everything(place: &Place) -> BTreeSet<PathBuf> {
    let mut files = files_under(place.directory.path());
    files.extend(files_under(Path::new(SHARED_MEMORY)));
    files
}

#[test]
fn nothing_of_a_selfie_is_written_anywhere() {
    if !can_be_watched() {
        return;
    }
    let place = Place::new();
    let mut create = place.with_variables(livegate(&place.path("home")));
    create.args(["keys", "create", "--id", "demo", "--json"]);
    let (out, err, code) = finished(&create.output().unwrap());
    assert_eq!(code, 0, "{err}");
    let created: serde_json::Value = serde_json::from_str(&out).unwrap();
    let key = created["app_key"].as_str().unwrap();

    let before = everything(&place);
    let mut serve = place.with_variables(livegate_serve(&place.path("home"), "starter"));
    // Every line that any library logs.
    serve.env("LIVEGATE_LOG", "trace");
    let calls_file = tempfile::NamedTempFile::new().unwrap();
    let mut serve = watched(&serve, calls_file.path());
    serve.current_dir(place.path("here"));
    let mut service = Service::start(serve);

    let good = marked::good().into_iter().map(|picture| ("200 0", picture));
    let oversized = ("413 body_too_large", marked::oversized());
    let requests: Vec<(&str, Marked)> =
        good.chain(marked::bad()).chain(std::iter::once(oversized)).collect();
    for (expected, picture) in &requests {
        for way in WAYS {
            let outcome = Request::new(picture, way, key).ask(service.address());
            assert_eq!(outcome, *expected, "{}, {way:?}", picture.name);
        }
    }
    let traces: Vec<Trace> = requests.iter().flat_map(|(_, picture)| picture.traces()).collect();

    // While it runs SQLite's journals are there too.
    let after = everything(&place);
    let logged = service.stop();
    let left = everything(&place);
    for file in after.union(&left) {
        assert!(!is_in(file, &traces), "{}", file.display());
        let name = file.strip_prefix(place.directory.path()).unwrap_or(Path::new(""));
        let is_of_accounts = name.to_string_lossy().starts_with("home/accounts.db");
        let is_of_others = file.starts_with(SHARED_MEMORY);
        let is_new = !before.contains(file);
        assert!(!is_new || is_of_accounts || is_of_others, "{}", file.display());
    }
    let calls = calls(calls_file.path());
    assert!(calls.len() > 100, "{calls:?}");
    // Standard error goes to a file, which is searched below.
    // What is known of the accounts store is noted at the start, and moved into place.
    let [accounts, note] =
        ["accounts.db", "accounts.db-known.new"].map(|name| place.path("home").join(name));
    let allowed = [accounts.as_path(), &note, service.log_file()];
    assert_eq!(faults(&calls, &allowed, &traces), [""; 0]);
    assert!(logged.contains("INFO"), "{logged}");
    for (what, text) in [("logged", logged), ("printed", service.all_printed().join("\n"))] {
        for Trace { what: trace, bytes } in &traces {
            // Also as decimal numbers, which `Debug` makes of bytes.
            let numbers = format!("{bytes:?}");
            let numbers = numbers.trim_matches(['[', ']']);
            let escaped = bytes.escape_ascii().to_string();
            assert!(!text.contains(numbers) && !text.contains(&escaped), "{what}: {trace}");
        }
    }
}
