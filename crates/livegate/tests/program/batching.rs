//! Models that all workers share and that score several pictures in one run group, as on a GPU.
//! Here they run on the CPU.

use std::thread;

use serde_json::Value;
use testbed::client::Body;
use testbed::service::Service;

use crate::demo::{CREDENTIALS, V1, check, demo, portrait_file, start};
use crate::{finished, livegate};

/// A demo with five workers, and at most four pictures in a run group.
pub(crate) fn start_on_the_cpu() -> Service {
    let mut command = demo("starter");
    for setting in ["batching.devices=[\"cpu\"]", "batching.max_pictures=4", "workers=5"] {
        command.args(["--set", setting]);
    }
    Service::start(command)
}

#[test]
fn concurrent_callers_get_the_scores_that_they_get_alone_also_when_a_worker_dies() {
    let form = Body::form(&portrait_file());
    let score = |service: &Service| {
        let answer = service.ask(V1, &CREDENTIALS, &form);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["score"].as_f64().unwrap()
    };
    let alone = score(&start());
    let service = start_on_the_cpu();
    thread::scope(|scope| {
        for caller in 0..8 {
            let service = &service;
            scope.spawn(move || {
                for _ in 0..6 {
                    let score = score(service);
                    assert!((score - alone).abs() <= 1e-4, "{score} {alone}");
                    if caller == 0 {
                        // The worker drops its pipeline, which is one of the owners of the models.
                        let outcome = check(service, b"\0livegate: panic").outcome();
                        assert_eq!(outcome, "500 internal");
                    }
                }
            });
        }
    });
}

#[test]
fn a_wrong_batching_setting_is_refused_by_name() {
    for (setting, said) in [
        ("batching.devices=[\"openvino\"]", "batching.devices"),
        ("batching.devices=[\"gpu\"]", "batching.devices"),
        ("batching.max_pictures=0", "batching.max_pictures"),
        ("batching.max_pictures=257", "batching.max_pictures"),
        ("batching.wait_us=50001", "batching.wait_us"),
        ("batching.lanes=9", "batching.lanes"),
        ("batching.workers_per_core=33", "batching.workers_per_core"),
    ] {
        let mut command = livegate(testbed::home().root());
        let output = command.args(["config", "check", "--set", setting]).output().unwrap();
        let (_, err, code) = finished(&output);
        assert!(code != 0 && err.contains(said), "{setting}: {err}");
    }
}

#[test]
fn the_doctor_names_the_provider_of_shared_models() {
    let mut command = livegate(testbed::home().root());
    command.args([
        "doctor",
        "--device",
        "cpu",
        "--json",
        "--set",
        "batching.devices=[\"cpu\"]",
        "--pack",
        "starter",
    ]);
    let (out, err, _) = finished(&command.output().unwrap());
    let report: Value = serde_json::from_str(&out).expect(&err);
    let models = report["version"]["models"].as_array().unwrap();
    assert_eq!(models.len(), 3, "{report}");
    for model in models {
        let providers = model["providers"].as_object().unwrap();
        assert_eq!(providers.keys().collect::<Vec<_>>(), ["CPUExecutionProvider"]);
    }
}
