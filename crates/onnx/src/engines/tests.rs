//! A function plays TensorRT: it writes a file where it finds none.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

/// Why `load` failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("no engine")]
    Engine,
    #[error("no card")]
    Card,
}

const ENGINE: &[u8] = b"machine code";

/// Reads the engine, or builds one and counts it in `built`, as TensorRT does.
fn play(directory: Option<&Path>, built: &Cell<usize>) -> Vec<u8> {
    let Some(directory) = directory else {
        built.set(built.get() + 1);
        return ENGINE.to_vec();
    };
    let file = directory.join("graph_sm90.engine");
    if !file.exists() {
        built.set(built.get() + 1);
        std::fs::write(&file, ENGINE).unwrap();
    }
    std::fs::read(file).unwrap()
}

fn load(parent: &Path, key: &str, built: &Cell<usize>) -> Vec<u8> {
    let load = |directory: Option<&Path>| Ok(play(directory, built));
    with_engines(parent, key, load, |error: &Refused| *error == Refused::Engine).unwrap()
}

#[test]
fn an_engine_is_built_once_and_used_afterwards() {
    let (parent, built) = (tempfile::tempdir().unwrap(), Cell::new(0));
    for _ in 0..3 {
        assert_eq!(load(parent.path(), "a", &built), ENGINE);
    }
    assert_eq!(built.get(), 1);
    load(parent.path(), "b", &built);
    assert_eq!(built.get(), 2);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = parent.path().join("a").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[test]
fn every_part_of_a_key_counts_and_its_end_too() {
    let keys = [
        key(&[b"model", b"card", b"fp32"]),
        key(&[b"other", b"card", b"fp32"]),
        key(&[b"model", b"other", b"fp32"]),
        key(&[b"model", b"card", b"fp16"]),
        key(&[b"modelcard", b"", b"fp32"]),
        key(&[b"model", b"cardfp32"]),
    ];
    let different: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(different.len(), keys.len());
    assert!(keys.iter().all(|key| key.len() == 64));
}

#[test]
fn a_damaged_engine_never_reaches_tensorrt() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 6] = [
        ("another byte", |it| {
            std::fs::write(it.join("graph_sm90.engine"), b"machine cod3").unwrap();
        }),
        ("cut short", |it| std::fs::write(it.join("graph_sm90.engine"), b"mach").unwrap()),
        ("a file more", |it| std::fs::write(it.join("other.engine"), b"x").unwrap()),
        ("a directory", |it| std::fs::create_dir(it.join("directory")).unwrap()),
        ("no manifest", |it| std::fs::remove_file(it.join(MANIFEST)).unwrap()),
        ("half a manifest", |it| std::fs::write(it.join(MANIFEST), b"{").unwrap()),
    ];
    for (name, damage) in damages {
        let (parent, built) = (tempfile::tempdir().unwrap(), Cell::new(0));
        load(parent.path(), "a", &built);
        damage(&parent.path().join("a"));
        assert_eq!(load(parent.path(), "a", &built), ENGINE, "{name}");
        assert_eq!(built.get(), 2, "{name}");
        assert_eq!(load(parent.path(), "a", &built), ENGINE, "{name}");
        assert_eq!(built.get(), 2, "{name}");
    }
    // A missing engine is built again.
    let (parent, built) = (tempfile::tempdir().unwrap(), Cell::new(0));
    load(parent.path(), "a", &built);
    std::fs::remove_file(parent.path().join("a/graph_sm90.engine")).unwrap();
    assert_eq!(load(parent.path(), "a", &built), ENGINE);
    assert_eq!(built.get(), 2);
}

#[test]
fn an_engine_that_tensorrt_refuses_is_built_anew_once() {
    let (parent, built) = (tempfile::tempdir().unwrap(), Cell::new(0));
    load(parent.path(), "a", &built);
    // Whole by its manifest, but of another TensorRT.
    let asked = Cell::new(0);
    let refusing = |directory: Option<&Path>| {
        asked.set(asked.get() + 1);
        if asked.get() == 1 { Err(Refused::Engine) } else { Ok(play(directory, &built)) }
    };
    let loaded = with_engines(parent.path(), "a", refusing, |error| *error == Refused::Engine);
    assert_eq!((loaded.unwrap().as_slice(), asked.get(), built.get()), (ENGINE, 2, 2));
    // TensorRT refuses its own new engine too: that is an error, and not tried again.
    let asked = Cell::new(0);
    let never = |_: Option<&Path>| -> Result<(), Refused> {
        asked.set(asked.get() + 1);
        Err(Refused::Engine)
    };
    let loaded = with_engines(parent.path(), "a", never, |error| *error == Refused::Engine);
    assert_eq!((loaded, asked.get()), (Err(Refused::Engine), 2));
}

#[test]
fn engines_stay_if_load_fails_for_another_reason() {
    let (parent, built) = (tempfile::tempdir().unwrap(), Cell::new(0));
    load(parent.path(), "a", &built);
    let asked = Cell::new(0);
    let no_card = |_: Option<&Path>| -> Result<(), Refused> {
        asked.set(asked.get() + 1);
        Err(Refused::Card)
    };
    let loaded = with_engines(parent.path(), "a", no_card, |error| *error == Refused::Engine);
    assert_eq!((loaded, asked.get()), (Err(Refused::Card), 1));
    load(parent.path(), "a", &built);
    assert_eq!(built.get(), 1);
}

#[test]
fn the_engine_of_a_failed_build_is_not_used() {
    let (parent, built) = (tempfile::tempdir().unwrap(), Cell::new(0));
    let failing = |directory: Option<&Path>| -> Result<(), Refused> {
        std::fs::write(directory.unwrap().join("graph_sm90.engine"), b"half").unwrap();
        Err(Refused::Card)
    };
    let is_of_engines = |error: &Refused| *error == Refused::Engine;
    assert!(with_engines(parent.path(), "a", failing, is_of_engines).is_err());
    assert_eq!(load(parent.path(), "a", &built), ENGINE);
    assert_eq!(built.get(), 1);
}

/// An open file holds a `flock`, not a process, so threads exclude each other as processes do.
#[test]
fn one_thread_builds_and_the_others_wait() {
    let parent = tempfile::tempdir().unwrap();
    let (at_work, built) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let slow = |directory: Option<&Path>| -> Result<(), Refused> {
        assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0, "two at once");
        let file = directory.unwrap().join("graph_sm90.engine");
        if !file.exists() {
            built.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            std::fs::write(file, ENGINE).unwrap();
        }
        at_work.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    };
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| with_engines(parent.path(), "a", slow, |_| true).unwrap());
        }
    });
    assert_eq!(built.into_inner(), 1);
}

/// The variable with the directory that the processes of the next test share.
const SHARED: &str = "LIVEGATE_ENGINES_OF_A_TEST";

/// Each process runs this very test, with the variable set.
#[test]
fn one_process_builds_and_the_others_use_its_engine() {
    if let Some(parent) = std::env::var_os(SHARED) {
        let parent = PathBuf::from(parent);
        let load = |directory: Option<&Path>| {
            let built = Cell::new(0);
            let engine = play(directory, &built);
            if built.get() > 0 {
                std::thread::sleep(Duration::from_millis(100));
                let built_by = parent.join(format!("built-by-{}", std::process::id()));
                std::fs::write(built_by, b"").unwrap();
            }
            Ok(engine)
        };
        let is_of_engines = |error: &Refused| *error == Refused::Engine;
        assert_eq!(with_engines(&parent, "a", load, is_of_engines).unwrap(), ENGINE);
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let name = std::thread::current().name().unwrap().to_owned();
    let spawn = || {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &name]).env(SHARED, parent.path());
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut children: Vec<_> = std::iter::repeat_with(spawn).take(3).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let names = parent.path().read_dir().unwrap().map(|it| it.unwrap().file_name());
    let built = names.filter(|name| name.to_string_lossy().starts_with("built-by-")).count();
    assert_eq!(built, 1);
}

#[test]
fn engines_are_built_each_time_if_they_cannot_be_kept() {
    let (file, built) = (tempfile::NamedTempFile::new().unwrap(), Cell::new(0));
    for expected in 1..=2 {
        assert_eq!(load(file.path(), "a", &built), ENGINE);
        assert_eq!(built.get(), expected);
    }
}
