//! What a running service writes, as the system sees it: every call that could bring a picture to a file.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::marked::{self, Marked, Trace};
use super::requests::{Request, WAYS};
use crate::{finished, livegate};

/// Calls by which bytes come into a file, and those that make one to write to.
const CALLS: &str = "creat,open,openat,openat2,write,pwrite64,writev,pwritev,pwritev2,mmap,\
    truncate,ftruncate,fallocate,memfd_create,sendfile,splice,tee,vmsplice,copy_file_range,\
    process_vm_writev,io_uring_setup";
/// Of those, the ones that are not looked into: there is no use for them here.
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
/// Others write there, too.
const SHARED_MEMORY: &str = "/dev/shm";
const PATIENCE: Duration = Duration::from_mins(1);

/// `command` under strace, which writes to `log` and is itself neither its parent nor its child.
fn watched(command: &Command, log: &Path) -> Command {
    let mut watched = Command::new("strace");
    // Names of files with their numbers; all bytes, as hexadecimal numbers.
    watched.args(["-D", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "1000000", "-e"]);
    watched.arg(format!("trace={CALLS}")).arg("-o").arg(log);
    watched.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => watched.env(name, value),
            None => watched.env_remove(name),
        };
    }
    watched
}

/// The calls in `log`, once all processes in it have ended.
fn calls(log: &Path) -> Vec<String> {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let ended = text.lines().filter(|line| line.contains("+++ ")).count();
        let processes: BTreeSet<&str> = text.lines().filter_map(|l| l.split(' ').next()).collect();
        if ended > 0 && ended >= processes.len() {
            let call = |line: &str| Some(line.split_once(' ')?.1.trim_start().to_owned());
            return text
                .lines()
                .filter_map(call)
                .filter(|call| !call.starts_with("<..."))
                .collect();
        }
        assert!(began.elapsed() < PATIENCE, "strace does not end: {}", log.display());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The text between the first `open` and the `close` that follows it in `call`, with its hexadecimal numbers read.
fn read_between(call: &str, open: char, close: char) -> Option<String> {
    let (_, rest) = call.split_once(open)?;
    let (hexadecimal, _) = rest.split_once(close)?;
    let bytes = hexadecimal.split("\\x").skip(1).map(|byte| u8::from_str_radix(byte, 16).ok());
    let bytes: Option<Vec<u8>> = bytes.collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}

/// What of `calls` may bring something to a file that is not one of `accounts`, or brings any of `traces` anywhere. At
/// its start ONNX Runtime writes what ran its models to a file that is read and removed (crates/onnx/src/profile.rs); no
/// picture but the drawn face has been seen by then, and `traces` are looked for in it too.
fn faults(calls: &[String], accounts: &Path, traces: &[Trace]) -> Vec<String> {
    let hexadecimal = |bytes: &[u8]| {
        bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<Vec<_>>().concat()
    };
    let traces: Vec<String> = traces.iter().map(|trace| hexadecimal(&trace.bytes)).collect();
    let accounts = accounts.to_str().unwrap();
    let is_allowed = |place: Option<String>| {
        place.is_some_and(|place| {
            let is_stream =
                ["socket:", "pipe:", "anon_inode:"].iter().any(|s| place.starts_with(s));
            let of_accounts =
                ["", "-wal", "-shm", "-journal"].map(|end| format!("{accounts}{end}"));
            let is_profile = place.contains("/temporary/livegate-") && place.contains("/session-");
            is_stream || is_profile || place == "/dev/null" || of_accounts.contains(&place)
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
    let told = |call: &String| call.chars().take(300).collect();
    calls.iter().filter(is_fault).map(told).collect()
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

/// Whether calls can be watched here; says so where they cannot. That what is looked for is seen where it is, is tried
/// on the way: otherwise the test could not fail.
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
    let opened = faults(&calls, Path::new("/no/accounts"), &[]);
    assert!(opened.iter().any(|call| call.starts_with("openat(")), "{calls:?}");
    assert!(opened.iter().any(|call| call.starts_with("write(")), "{calls:?}");
    // Where it may write, too, the picture is seen.
    let written = faults(&calls, &to, &traces);
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

    fn livegate(&self) -> Command {
        let mut command = livegate(&self.path("home"));
        command.env("HOME", self.path("home")).env("TMPDIR", self.path("temporary"));
        command.env("LIVEGATE_ACCOUNTS_DATABASE", self.path("home/accounts.db"));
        command
    }
}

/// What it prints, as it comes.
fn collected(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

fn stop(mut child: Child) {
    let kill = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").arg("-c").arg(kill).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

/// Every file that it could leave something in, as far as directories tell.
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
    let mut create = place.livegate();
    create.args(["keys", "create", "--id", "demo", "--json"]);
    let (out, err, code) = finished(&create.output().unwrap());
    assert_eq!(code, 0, "{err}");
    let created: serde_json::Value = serde_json::from_str(&out).unwrap();
    let key = created["app_key"].as_str().unwrap();

    let before = everything(&place);
    let mut serve = place.livegate();
    serve.args(["serve", "--offline", "--pack", "starter", "--listen", "127.0.0.1:0"]);
    // Everything that anyone logs.
    serve.env("LIVEGATE_LOG", "trace");
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut serve = watched(&serve, log.path());
    serve.current_dir(place.path("here")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = serve.spawn().unwrap();
    let logged = collected(child.stderr.take().unwrap());
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let printed = collected(out);
    let address = line.trim().strip_prefix("listening on http://").expect("it starts").to_owned();

    let good = marked::good().into_iter().map(|picture| ("200 0", picture));
    let oversized = ("413 body_too_large", marked::oversized());
    let requests: Vec<(&str, Marked)> =
        good.chain(marked::bad()).chain(std::iter::once(oversized)).collect();
    for (expected, picture) in &requests {
        for way in WAYS {
            let outcome = Request::new(picture, way, key).ask(&address);
            assert_eq!(outcome, *expected, "{}, {way:?}", picture.name);
        }
    }
    let traces: Vec<Trace> = requests.iter().flat_map(|(_, picture)| picture.traces()).collect();

    // While it runs, with the database's journals; then what is left.
    let after = everything(&place);
    stop(child);
    let left = everything(&place);
    for file in after.union(&left) {
        assert!(!is_in(file, &traces), "{}", file.display());
        let name = file.strip_prefix(place.directory.path()).unwrap_or(Path::new(""));
        let is_of_accounts = name.to_string_lossy().starts_with("home/accounts.db");
        let is_of_others = file.starts_with(SHARED_MEMORY);
        let is_new = !before.contains(file);
        assert!(!is_new || is_of_accounts || is_of_others, "{}", file.display());
    }
    let calls = calls(log.path());
    assert!(calls.len() > 100, "{calls:?}");
    assert_eq!(faults(&calls, &place.path("home/accounts.db"), &traces), [""; 0]);
    for (what, bytes) in [("logged", logged.join().unwrap()), ("printed", printed.join().unwrap())]
    {
        let text = String::from_utf8_lossy(&bytes);
        assert!(what == "printed" || text.contains("INFO"), "{text}");
        for Trace { what: trace, bytes } in &traces {
            // As numbers, too: that is how bytes are logged by mistake.
            let numbers = format!("{bytes:?}");
            let numbers = numbers.trim_matches(['[', ']']);
            let escaped = bytes.escape_ascii().to_string();
            assert!(!text.contains(numbers) && !text.contains(&escaped), "{what}: {trace}");
        }
    }
}
