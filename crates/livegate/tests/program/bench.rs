//! `livegate bench` in short runs. Their figures are checked only for relations that always hold.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testbed::process::awaited;

use crate::{finished, livegate};

/// A directory for the files that runs write.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn command(&self, home: &Path, arguments: &[&str]) -> Command {
        let mut command = livegate(home);
        command.current_dir(self.directory.path());
        command.args(["bench", "--offline", "--pack", "starter", "--device", "cpu"]);
        command.args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> (String, String, i32) {
        finished(&self.command(testbed::home().root(), arguments).output().unwrap())
    }
}

/// Whether every element is closed, in the right order, and exactly one is outermost.
fn is_well_formed(xml: &str) -> bool {
    let mut open = Vec::new();
    let mut outermost = 0;
    for part in xml.split('<').skip(1) {
        let Some((tag, _)) = part.split_once('>') else { return false };
        match tag.strip_prefix('/') {
            Some(name) if open.pop() == Some(name) => {}
            Some(_) => return false,
            None if tag.matches('"').count() % 2 != 0 => return false,
            None => {
                outermost += usize::from(open.is_empty());
                open.push(tag.split(' ').next().unwrap_or_default());
            }
        }
    }
    open.is_empty() && outermost == 1
}

fn assert_rising(latency: &Value, what: &str) {
    let of = |name: &str| latency[name].as_f64().expect(what);
    assert!(0.0 <= of("p50_ms") && of("p50_ms") <= of("p95_ms"), "{what}: {latency}");
    assert!(of("p95_ms") <= of("p99_ms"), "{what}: {latency}");
}

fn assert_sane(point: &Value) {
    let positive = |name: &&str| assert!(point[*name].as_f64().unwrap() > 0.0, "{name}: {point}");
    ["requests", "seconds", "requests_per_s", "requests_per_s_per_core"].iter().for_each(positive);
    assert_eq!(point["errors"], 0, "{point}");
    assert_rising(&point["latency"], "latency");
    let stages = point["stages"].as_object().unwrap();
    for (name, stage) in stages {
        assert_rising(stage, name);
    }
    assert_eq!(stages.len(), 5, "{point}");
    let is_in_process = point["mode"] == "in-process";
    if cfg!(target_os = "linux") {
        ["cpu_s_per_request", "peak_memory_bytes"].iter().for_each(positive);
        assert!(point["cores_busy_elsewhere"].as_f64().unwrap() >= 0.0, "{point}");
        assert_eq!(point["client_cpu_s_per_request"].is_f64(), !is_in_process, "{point}");
    }
}

#[test]
fn both_modes_are_measured_shown_drawn_and_compared() {
    let bench = Bench::new();
    let sweep = ["--seconds", "0.4", "--concurrency", "3,1", "--size", "640x480,300x400"];
    let (out, err, code) = bench.run(
        &[&sweep[..], &["--workers", "2", "--json", "new.json", "--plot", "new.svg"]].concat(),
    );
    assert_eq!(code, 0, "{err}");
    let run = bench.json("new.json");
    assert_eq!(run["schema"], "livegate-bench");
    let setup = &run["setup"];
    assert_eq!((&setup["pack"], &setup["device"]), (&"starter".into(), &"cpu".into()));
    assert_eq!(setup["pack_digest"], testbed::pack("starter").digest.to_string());
    assert_eq!(
        (&setup["provider"], &setup["workers"]),
        (&"CPUExecutionProvider".into(), &2.into())
    );
    assert!(setup["cores_usable"].as_u64().unwrap() > 0 && setup["cpu_model"].is_string());
    for picture in run["pictures"].as_array().unwrap() {
        // A verdict shows that the whole walk is measured, models included.
        assert_ne!(picture["verdict"], "not_assessed", "{picture}");
        assert!(picture["bytes"].as_u64().unwrap() > 0, "{picture}");
    }
    let points = run["points"].as_array().unwrap();
    let places = points.iter().map(|point| {
        let (mode, picture) = (point["mode"].as_str().unwrap(), point["picture"].as_str().unwrap());
        format!("{mode} {picture} {}", point["concurrency"])
    });
    let expected = ["in-process", "http"].map(|mode| {
        ["300x400 1", "300x400 3", "640x480 1", "640x480 3"].map(|place| format!("{mode} {place}"))
    });
    assert_eq!(places.collect::<Vec<_>>(), expected.concat());
    points.iter().for_each(assert_sane);
    for said in
        ["in-process", "http", "640x480", "p99 ms", "per core", "CPU ms/request", "peak MiB"]
    {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert!(err.contains("8 of 8: http, 640x480, 3 at once: "), "{err}");

    let svg = std::fs::read_to_string(bench.path("new.svg")).unwrap();
    assert!(is_well_formed(&svg), "{svg}");
    for said in ["requests/s", "latency, ms", "http, 640x480: p99", "in-process, 300x400: p50"] {
        assert!(svg.contains(said), "{said}: {svg}");
    }

    // Compared with itself: every ratio is 1.
    let again = ["--show", "new.json", "--compare", "new.json"];
    let (out, err, code) = bench.run(&again);
    assert_eq!(code, 0, "{err}");
    let (_, ratios) = out.split_once("New to old").expect(&out);
    let rows: Vec<&str> = ratios.lines().filter(|line| line.contains("x4")).collect();
    assert_eq!(rows.len(), 8, "{ratios}");
    for row in rows {
        let ratios: Vec<&str> = row.split_whitespace().skip(3).collect();
        assert!(ratios.starts_with(&["1.00"; 3]), "{row}");
    }
    assert!(!ratios.contains("WARNING") && !ratios.contains("only one"), "{ratios}");

    // Compared with another machine.
    let mut old = run.clone();
    old["setup"]["cpu_model"] = "a slower one".into();
    old["setup"]["pack_digest"] = "0".into();
    old["pictures"][0]["bytes"] = 1.into();
    old["points"][0]["requests_per_s"] =
        (run["points"][0]["requests_per_s"].as_f64().unwrap() / 4.0).into();
    old["points"][1]["concurrency"] = 7.into();
    old["points"][2]["cores_busy_elsewhere"] = 5000.into();
    bench.put("old.json", old.to_string());
    let (out, err, code) = bench.run(&["--show", "old.json"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("NOTE: up to 5000.0 cores"), "{out}");
    let (out, err, code) = bench.run(&["--show", "new.json", "--compare", "old.json", "--json"]);
    assert_eq!(code, 0, "{err}");
    let compared: Value = serde_json::from_str(&out).unwrap();
    let comparison = &compared["comparison"];
    let ratio = comparison["ratios"][0]["requests_per_s"].as_f64().unwrap();
    assert!((ratio - 4.0).abs() < 1e-9, "{comparison}");
    assert_eq!(comparison["points_in_one_only"], 2);
    let differences = comparison["differences"].to_string();
    for said in ["CPU: a slower one then", "pack digest: 0 then", "picture 300x400: "] {
        assert!(differences.contains(said), "{said}: {differences}");
    }
}

#[test]
fn a_given_picture_is_measured_unchanged() {
    let bench = Bench::new();
    let gray = image::RgbImage::from_pixel(400, 400, image::Rgb([128; 3]));
    let gray = testbed::pictures::Jpeg::default().of(&gray);
    bench.put("gray.jpg", &gray);
    let run =
        ["--mode", "in-process", "--seconds", "0.2", "--concurrency", "1", "--picture", "gray.jpg"];
    let (out, err, code) = bench.run(&run);
    assert_eq!(code, 0, "{err}");
    let size = format!("gray.jpg: 400x400 px, {:.0} KiB", gray.len() as f64 / 1024.0);
    // Without a face a check takes less time, so the report must say that nothing was scored.
    let note = "not_assessed (FACE_NOT_FOUND); NOTE: no score is made of it";
    assert!(out.contains(&size) && out.contains(note), "{out}");
    assert!(!out.contains("1280x960"), "{out}");
}

#[test]
fn failed_requests_are_counted_and_make_the_run_fail() {
    let bench = Bench::new();
    // The last of 64 concurrent requests waits longer than the deadline.
    let (out, err, code) = bench.run(&[
        "--mode",
        "http",
        "--seconds",
        "0.5",
        "--concurrency",
        "64",
        "--workers",
        "1",
        "--size",
        "3000x4000",
        "--set",
        "ingress.deadline_ms=500",
        // Decoding at full size takes longer.
        "--set",
        "liveness.min_decoded_side_px=65535",
        "--json",
        "run.json",
    ]);
    assert_eq!(code, 1, "{err}");
    let point = &bench.json("run.json")["points"][0];
    let errors = point["errors"].as_u64().unwrap();
    let kinds = point["errors_by_kind"].as_object().unwrap();
    assert!(kinds["504 deadline_exceeded"].as_u64().unwrap() > 0, "{point}");
    assert_eq!(kinds.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), errors, "{point}");
    assert!(out.contains("ERRORS, http, 3000x4000, 64 at once: "), "{out}");
    assert!(err.contains(&format!("{errors} requests failed")), "{err}");
}

#[test]
fn a_wrong_flag_or_file_is_refused_before_the_run() {
    let bench = Bench::new();
    bench.put("rubbish.json", "{\"points\": []}");
    bench.put("no.json", "not JSON");
    bench.put("later.json", "{\"schema\": \"livegate-bench\", \"schema_version\": 99}");
    bench.put("half.json", "{\"schema\": \"livegate-bench\", \"schema_version\": 1}");
    bench.put("no.jpg", "no picture");
    for (arguments, said) in [
        (
            &["--compare", "rubbish.json"][..],
            "rubbish.json is not what `livegate bench --json` writes",
        ),
        (&["--compare", "no.json"], "no.json is not what `livegate bench --json` writes"),
        (&["--compare", "later.json"], "later.json is of schema version 99; this program reads 1"),
        (&["--show", "half.json"], "half.json is damaged: missing field"),
        (&["--size", "200x200"], "--size 200x200: such a picture is not scored"),
        (&["--size", "5001x4000"], "sides go from 300 to 5000 pixels"),
        (&["--concurrency", "65"], "--set ingress.max_in_flight=65"),
        (&["--plot", "plot.png"], "the plot is an SVG"),
        (&["--json", "nowhere/run.json"], "nowhere/run.json cannot be written"),
        (&["--seconds", "601"], "0.1 to 600"),
        (&["--picture", "no.jpg"], "the picture no.jpg gets no report but unsupported_image"),
    ] {
        let (out, err, code) = bench.run(arguments);
        assert_eq!((out.as_str(), code), ("", 64), "{arguments:?}: {err}");
        assert!(err.contains(said), "{said}: {err}");
    }
}

#[test]
fn a_missing_sample_portrait_is_named() {
    let bench = Bench::new();
    let home = bench.path("home");
    std::fs::create_dir(&home).unwrap();
    for part in ["runtime", "packs"] {
        copy(&testbed::home().root().join(part), &home.join(part));
    }
    let output = bench.command(&home, &["--seconds", "0.2"]).output().unwrap();
    let (out, err, code) = finished(&output);
    assert_eq!((out.as_str(), code), ("", 69), "{err}");
    let portrait = testbed::portrait();
    let name = portrait.file_name().unwrap().to_str().unwrap();
    assert!(err.contains(name), "{err}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy(&from, &to) } else { std::fs::hard_link(from, to).unwrap() }
    }
}

/// The letter of a process' state, and the number of its parent (proc(5)).
#[cfg(target_os = "linux")]
fn state_and_parent(id: u32) -> Option<(String, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

/// Processes whose parent is `parent`.
#[cfg(target_os = "linux")]
fn children_of(parent: u32) -> Vec<u32> {
    let ids = std::fs::read_dir("/proc").unwrap();
    let ids = ids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| state_and_parent(*id).is_some_and(|(_, of)| of == parent)).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn no_service_outlives_a_bench_that_is_ended_or_whose_service_dies() {
    // A process that has ended and was not waited for is a zombie, state Z.
    let is_there = |id: u32| state_and_parent(id).is_some_and(|(state, _)| state != "Z");
    let start = |bench: &Bench| -> (Child, u32) {
        let run = ["--mode", "http", "--seconds", "600", "--concurrency", "2"];
        let mut command = bench.command(testbed::home().root(), &run);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let service =
            awaited("bench starts the service", || children_of(child.id()).first().copied());
        // Once it loads models it has read its flags, `--end-with-parent` among them.
        awaited("the service loads its models", || {
            let maps = std::fs::read_to_string(format!("/proc/{service}/maps")).ok()?;
            maps.contains("onnxruntime").then_some(())
        });
        (child, service)
    };
    let kill = |signal: &str, id: u32| {
        let id = id.to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    };
    for (signal, is_of_service, said) in [
        ("-TERM", false, Some("interrupted")),
        ("-KILL", true, Some("the service ")),
        ("-KILL", false, None),
    ] {
        let bench = Bench::new();
        let (child, service) = start(&bench);
        kill(signal, if is_of_service { service } else { child.id() });
        let output = child.wait_with_output().unwrap();
        // A bench that is killed prints nothing.
        if let Some(said) = said {
            let (out, err, code) = finished(&output);
            assert_eq!((out.as_str(), code), ("", 69), "{err}");
            assert!(err.contains(said), "{err}");
            assert!(!is_there(service), "{signal}");
        }
        awaited("the service ends", || (!is_there(service)).then_some(()));
    }
}

#[test]
fn the_nets_alone_are_measured_by_size_of_the_run_group_and_the_bottleneck_is_named() {
    let bench = Bench::new();
    let arguments =
        ["--mode", "in-process", "--seconds", "0.4", "--concurrency", "3", "--size", "640x480"];
    let together = ["--set", "batching.devices=[\"cpu\"]", "--workers", "3"];
    let batches = ["--batch", "4,1", "--json", "run.json"];
    let (out, err, code) = bench.run(&[&arguments[..], &together, &batches].concat());
    assert_eq!(code, 0, "{err}");
    let run = bench.json("run.json");
    let nets = run["nets"].as_array().unwrap();
    let figure = |point: &Value, name: &str| point[name].as_f64().expect(name);
    assert_eq!(
        nets.iter().map(|it| figure(it, "pictures_in_a_run")).collect::<Vec<_>>(),
        [1.0, 4.0]
    );
    for point in nets {
        assert!(figure(point, "selfies_per_s") > 0.0 && figure(point, "lane_ms_per_selfie") > 0.0);
        let mean = figure(point, "mean_pictures_in_a_run");
        assert!((1.0..=figure(point, "pictures_in_a_run")).contains(&mean), "{point}");
        let shares = ["copying_share", "transfer_share", "kernels_share"];
        let sum: f64 = shares.iter().map(|name| figure(point, name)).sum();
        assert!((sum - 1.0).abs() < 1e-4, "{point}");
        assert_rising(&point["latency"], "latency");
    }
    // On the CPU the cores run the nets too.
    if cfg!(target_os = "linux") {
        assert!(run["bound"]["cores_share"].as_f64().unwrap() > 0.0, "{run}");
    }
    assert!(out.contains("The nets alone") && out.contains("BOUND at "), "{out}");
    let (again, err, code) = finished(
        &livegate(testbed::home().root())
            .args(["bench", "--show"])
            .arg(bench.path("run.json"))
            .output()
            .unwrap(),
    );
    assert_eq!((code, again), (0, out), "{err}");
}
