//! `livegate setup`: from the network, from a directory, from a mirror, and without any source.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use model_pack::Library;

use crate::{finished, livegate};

/// A directory with every file that the starter pack needs on the CPU, as an operator carries it to
/// a machine without a network.
pub(crate) fn carried() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let home = testbed::home();
    let mut files = vec![home.runtime_library(Library::Cpu).unwrap(), testbed::portrait()];
    for name in testbed::packs() {
        for entry in std::fs::read_dir(home.pack_directory(name)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "onnx") {
                files.push(path);
            }
        }
    }
    for file in files {
        std::fs::copy(&file, directory.path().join(file.file_name().unwrap())).unwrap();
    }
    directory
}

fn setup(home: &Path, arguments: &[&str]) -> (String, String, i32) {
    finished(&livegate(home).arg("setup").args(arguments).output().unwrap())
}

/// Every file below `directory`, with its digest.
fn files(directory: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let digest = model_pack::Digest::of(&std::fs::read(&path).unwrap());
            found.insert(path, digest.to_string());
        }
    }
    found
}

fn is_complete(home: &Path) -> bool {
    let home = model_pack::Home::new(home.to_owned());
    model_pack::Pack::open(&home.pack_directory("starter")).is_ok()
        && home.runtime_library(Library::Cpu).is_some()
        && home.sample_portrait().is_some()
}

/// Files below `directory` that an interrupted setup has left.
fn leftovers(home: &Path) -> Vec<PathBuf> {
    let is_part = |path: &PathBuf| path.to_string_lossy().contains(".part-");
    files(home).into_keys().filter(is_part).collect()
}

#[test]
fn a_directory_is_enough_and_a_second_run_does_nothing() {
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let from = carried.path().to_str().unwrap();
    let (_, said, code) = setup(home.path(), &["--offline", "--from", from]);
    assert_eq!(code, 0, "{said}");
    assert!(is_complete(home.path()), "{said}");
    // Which pack serves, and the measured differences between packs.
    let serves = if testbed::packs().len() > 1 { "silent-face" } else { "starter" };
    assert!(
        said.contains(&format!("SERVES UNLESS ANOTHER IS NAMED: the pack `{serves}`")),
        "{said}"
    );
    assert!(said.contains("21.0%") && said.contains("9.7%"), "{said}");
    assert!(leftovers(home.path()).is_empty());

    let before = files(home.path());
    let modified = |path: &Path| std::fs::metadata(path).unwrap().modified().unwrap();
    let times: Vec<_> = before.keys().map(|path| modified(path)).collect();
    // Without the directory no file is fetched, because none is missing.
    let (_, said, code) = setup(home.path(), &["--offline", "--pack", "starter"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(files(home.path()), before);
    let lock = home.path().join(".lock");
    for (path, time) in before.keys().zip(times).filter(|(path, _)| **path != lock) {
        assert_eq!(modified(path), time, "{} was written again", path.display());
    }
}

#[test]
fn a_changed_file_is_replaced_and_a_wrong_one_is_not_used() {
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let from = carried.path().to_str().unwrap();
    setup(home.path(), &["--offline", "--pack", "starter", "--from", from]);
    let model = home.path().join("packs/starter/fr_liveness.onnx");
    std::fs::write(&model, "something else").unwrap();
    let (_, said, code) = setup(home.path(), &["--offline", "--pack", "starter", "--from", from]);
    assert_eq!(code, 0, "{said}");
    assert!(is_complete(home.path()));

    std::fs::remove_file(&model).unwrap();
    std::fs::write(carried.path().join("fr_liveness.onnx"), "something else").unwrap();
    let (_, said, code) = setup(home.path(), &["--offline", "--pack", "starter", "--from", from]);
    assert_eq!(code, 69, "{said}");
    assert!(said.contains("its sha256 is"), "{said}");
    assert!(!model.exists() && leftovers(home.path()).is_empty());
}

#[test]
fn a_pack_of_another_version_is_replaced_by_verify() {
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let from = carried.path().to_str().unwrap();
    setup(home.path(), &["--offline", "--pack", "starter", "--from", from]);
    let manifest = home.path().join("packs/starter/pack.toml");
    let current = std::fs::read_to_string(&manifest).unwrap();
    // With other golden vectors it would not serve.
    std::fs::write(&manifest, current.replace("fr_liveness = -0.2", "fr_liveness = 3.2")).unwrap();
    let mut verify = livegate(home.path());
    verify.args(["verify", "--offline", "--pack", "starter"]).arg(testbed::portrait());
    let (_, said, code) = finished(&verify.output().unwrap());
    assert_eq!(code, 0, "{said}");
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), current);
}

#[test]
fn a_damaged_install_is_repaired_by_verify() {
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let from = carried.path().to_str().unwrap();
    setup(home.path(), &["--offline", "--pack", "starter", "--from", from]);
    for file in ["packs/starter/fr_detect.onnx", "runtime/libonnxruntime.so.1.26.0"] {
        let path = home.path().join(file);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let mut verify = livegate(home.path());
        verify.args(["verify", "--offline", "--pack", "starter", "--from", from]);
        let (_, said, code) = finished(&verify.arg(testbed::portrait()).output().unwrap());
        assert_eq!(code, 0, "{file}: {said}");
        assert_eq!(std::fs::read(&path).unwrap(), whole, "{file}");
    }
}

#[test]
fn a_pack_of_another_version_does_not_keep_others_from_serving() {
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let from = carried.path().to_str().unwrap();
    setup(home.path(), &["--offline", "--pack", "starter", "--from", from]);
    let other = home.path().join("packs/silent-face");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::write(other.join("pack.toml"), "of another version").unwrap();
    let mut verify = livegate(home.path());
    verify.args(["verify", "--offline", "--pack", "starter"]).arg(testbed::portrait());
    let (_, said, code) = finished(&verify.output().unwrap());
    assert_eq!((said.as_str(), code), ("", 0));
}

#[test]
fn a_mirrors_password_is_not_printed() {
    let home = tempfile::tempdir().unwrap();
    let mirror = "http://user:secret@127.0.0.1:9";
    let arguments = ["--device", "cpu", "--pack", "silent-face", "--mirror", mirror];
    let (_, said, code) = setup(home.path(), &arguments);
    assert_eq!(code, 69);
    assert!(said.contains("http://127.0.0.1:9/") && !said.contains("secret"), "{said}");
}

#[test]
fn archives_in_the_directory_serve_as_well_as_files() {
    let (home, directory) = (tempfile::tempdir().unwrap(), carried());
    // A package with the two models, in the form of the npm client's.
    let archive = directory.path().join("faceplugin-face-recognition-js-0.0.1.tgz");
    let package = directory.path().join("package/model");
    std::fs::create_dir_all(&package).unwrap();
    for model in ["fr_detect.onnx", "fr_liveness.onnx"] {
        std::fs::rename(directory.path().join(model), package.join(model)).unwrap();
    }
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(&archive).arg("-C").arg(directory.path()).arg("package");
    assert!(tar.status().unwrap().success());
    std::fs::remove_dir_all(directory.path().join("package")).unwrap();
    let from = directory.path().to_str().unwrap();
    let (_, said, code) = setup(home.path(), &["--offline", "--pack", "starter", "--from", from]);
    assert_eq!(code, 0, "{said}");
    assert!(is_complete(home.path()));
}

#[test]
fn without_a_network_every_missing_file_is_named_with_its_directory() {
    let home = tempfile::tempdir().unwrap();
    let (_, said, code) = setup(home.path(), &["--offline"]);
    assert_eq!(code, 69);
    let library = model_pack::runtime_library(Library::Cpu).unwrap().remove(0);
    assert!(said.contains(&library.sha256.to_string()), "{said}");
    assert!(said.contains(&home.path().join("runtime").display().to_string()), "{said}");
    assert!(said.contains("wheel onnxruntime==1.26.0"), "{said}");
    if model_pack::runtime_library(Library::OpenVino).is_some() {
        assert!(said.contains("wheel onnxruntime-openvino==1.24.1"), "{said}");
    }

    let packs = model_pack::catalog();
    for (manifest, _) in
        packs.iter().filter(|(m, _)| model_pack::preferred().contains(&m.name.as_str()))
    {
        let directory = home.path().join("packs").join(&manifest.name);
        assert!(said.contains(&directory.display().to_string()), "{said}");
        for artifact in manifest.artifacts() {
            assert!(said.contains(&artifact.sha256.to_string()), "{}: {said}", artifact.file);
        }
    }
    assert!(said.contains("npm package faceplugin-face-recognition-js@0.0.1"), "{said}");
}

#[test]
fn without_pip_and_npm_every_missing_file_is_named() {
    let (home, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut command = livegate(home.path());
    let output = command.arg("setup").env("PATH", empty.path()).output().unwrap();
    let (_, said, code) = finished(&output);
    assert_eq!(code, 69);
    assert!(said.contains("pip is not installed"), "{said}");
    assert!(said.contains("npm is not installed"), "{said}");
    for file in ["libonnxruntime.so", "fr_detect.onnx", "fr_liveness.onnx", "portrait.png"] {
        assert!(said.contains(&format!("put {file}")), "{file}: {said}");
    }
}

#[test]
fn concurrent_setups_do_not_clash() {
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let start = || {
        let mut command = livegate(home.path());
        command.args(["setup", "--offline", "--pack", "starter", "--from"]).arg(carried.path());
        command.stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let all: Vec<_> = (0..4).map(|_| start()).collect();
    for child in all {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(is_complete(home.path()) && leftovers(home.path()).is_empty());
}

/// A server that accepts connections and never responds.
fn tarpit() -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut held = Vec::new();
        listener.set_nonblocking(true).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_mins(1) {
            match listener.accept() {
                Ok((stream, _)) => held.push(stream),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    });
    (url, thread)
}

#[test]
fn a_source_that_does_not_answer_costs_five_seconds_at_most() {
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let (url, _thread) = tarpit();
    // The directory has the library and the portrait; Git host and npm registry never respond.
    for entry in std::fs::read_dir(carried.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "onnx") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let start = Instant::now();
    let mut command = livegate(home.path());
    command.args(["setup", "--device", "cpu", "--mirror", &url, "--from"]).arg(carried.path());
    command.env("npm_config_registry", &url);
    let (_, said, code) = finished(&command.output().unwrap());
    let elapsed = start.elapsed();
    assert_eq!(code, 69, "{said}");
    assert!(said.matches("not reached within 5 seconds").count() >= 2, "{said}");
    // Five seconds for each of two sources, and a margin for npm's start and for hashing on a busy
    // machine.
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}: {said}");
    assert!(leftovers(home.path()).is_empty());
}

#[test]
fn an_interrupted_setup_leaves_nothing_half_done() {
    let home = tempfile::tempdir().unwrap();
    let carried = carried();
    let (url, _thread) = tarpit();
    let mut command = livegate(home.path());
    command.args(["setup", "--pack", "starter"]).env("PIP_INDEX_URL", &url);
    // A process group, so that the client that it starts is killed with it, as by a power cut.
    command.process_group(0);
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    // By now it waits for pip, and pip for the tarpit.
    let start = Instant::now();
    while leftover_directories(home.path()) == 0 && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    let kill = format!("kill -KILL -{}", child.id());
    assert!(Command::new("sh").arg("-c").arg(kill).status().unwrap().success());
    child.wait().unwrap();
    assert!(!is_complete(home.path()));
    // The next setup removes the remains, does not wait for the dead process' lock, and succeeds.
    let from = carried.path().to_str().unwrap();
    let (_, said, code) = setup(home.path(), &["--offline", "--pack", "starter", "--from", from]);
    assert_eq!(code, 0, "{said}");
    assert!(is_complete(home.path()));
    assert_eq!((leftovers(home.path()).len(), leftover_directories(home.path())), (0, 0));
}

fn leftover_directories(home: &Path) -> usize {
    let entries = std::fs::read_dir(home).into_iter().flatten().filter_map(Result::ok);
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".part-")).count()
}

/// Serves files of `directory` by the last part of the requested path, `count` times.
fn file_server(directory: PathBuf, count: usize) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for stream in listener.incoming().take(count) {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let name = match path.rsplit('/').next().unwrap() {
                "MiniFASNetV2.onnx" => "minifasnet_v2.onnx",
                "MiniFASNetV1SE.onnx" => "minifasnet_v1se.onnx",
                name => name,
            };
            let body = std::fs::read(directory.join(name)).unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
            asked.push(path);
        }
        asked
    });
    (url, thread)
}

#[test]
fn a_pack_is_fetched_from_a_mirror_of_its_git_host() {
    let Some(shared) = testbed::shared() else {
        testbed::left_out("the pack silent-face by URL");
        return;
    };
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    for model in ["yunet_n_dynamic.onnx", "minifasnet_v2.onnx", "minifasnet_v1se.onnx"] {
        std::fs::remove_file(carried.path().join(model)).unwrap();
    }
    let (url, thread) = file_server(shared.join("models"), 3);
    let from = carried.path().to_str().unwrap();
    let (_, said, code) = setup(
        home.path(),
        &["--device", "cpu", "--pack", "silent-face", "--mirror", &url, "--from", from],
    );
    assert_eq!(code, 0, "{said}");
    let asked = thread.join().unwrap();
    assert_eq!(
        asked[0],
        "/ShiqiYu/libfacedetection.train/0047ac24afb1a50a0c6105001c89d1b5b805dbf1/onnx/yunet_n_dynamic.onnx"
    );
    assert!(asked[1].ends_with("/weights/MiniFASNetV2.onnx"), "{asked:?}");
    assert!(asked[2].ends_with("/weights/MiniFASNetV1SE.onnx"), "{asked:?}");
    assert!(model_pack::Pack::open(&home.path().join("packs/silent-face")).is_ok());
}

#[test]
fn a_pack_with_a_caveat_shows_it_and_never_serves_by_default() {
    if !testbed::packs().contains(&"minifas-128") {
        testbed::left_out("the pack minifas-128 from a directory");
        return;
    }
    let (home, carried) = (tempfile::tempdir().unwrap(), carried());
    let from = carried.path().to_str().unwrap();
    let (_, said, code) =
        setup(home.path(), &["--offline", "--pack", "minifas-128", "--from", from]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("non-commercial"), "{said}");
    assert!(said.contains("NO PACK SERVES BY ITSELF"), "{said}");
    assert_eq!(model_pack::Home::new(home.path().to_owned()).default_pack(), None);
}
