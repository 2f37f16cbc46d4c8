//! The service with models that its workers share and that run what has come together, as on a GPU; here on the CPU.

use std::thread;

use serde_json::Value;

use crate::serve::Service;
use crate::{finished, livegate};

pub(crate) const ON_THE_CPU: [&str; 6] = [
    "--set",
    "batching.devices=[\"cpu\"]",
    "--set",
    "batching.max_pictures=4",
    "--set",
    "workers=5",
];

#[test]
fn callers_at_once_get_the_answer_that_each_alone_gets_also_when_workers_are_killed_between() {
    let portrait = std::fs::read(testbed::portrait()).unwrap();
    let score = |service: &Service| {
        let (status, body) = service.post_to("/v1/liveness", &portrait, None);
        assert_eq!(status, 200, "{body}");
        body["score"].as_f64().unwrap()
    };
    let alone = score(&Service::start("starter"));
    let service = Service::start_with("starter", &ON_THE_CPU);
    thread::scope(|scope| {
        for caller in 0..8 {
            let service = &service;
            scope.spawn(move || {
                for _ in 0..6 {
                    let score = score(service);
                    assert!((score - alone).abs() <= 1e-4, "{score} {alone}");
                    if caller == 0 {
                        // Its pipeline goes, and with it one of those that hold the models.
                        assert_eq!(service.outcome(b"\0livegate: panic"), "500 internal");
                    }
                }
            });
        }
    });
}

#[test]
fn what_batching_cannot_be_is_refused_by_name() {
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
fn what_ran_the_shared_models_is_told() {
    let mut command = livegate(testbed::home().root());
    command.args(["doctor", "--json", "--set", "batching.devices=[\"cpu\"]", "--pack", "starter"]);
    let (out, err, _) = finished(&command.output().unwrap());
    let report: Value = serde_json::from_str(&out).expect(&err);
    let models = report["version"]["models"].as_array().unwrap();
    assert_eq!(models.len(), 3, "{report}");
    for model in models {
        let providers = model["providers"].as_object().unwrap();
        assert_eq!(providers.keys().collect::<Vec<_>>(), ["CPUExecutionProvider"]);
    }
}
