//! Agreement with scikit-learn and scipy on recorded scores (`tests/data/record.py`).

use std::collections::BTreeMap;

use evaluation::{Evaluation, Presentation, Share, Targets, calibrate};
use serde_json::Value;

use crate::support::{attacks, live, near};

fn recorded() -> Value {
    serde_json::from_str(include_str!("../data/recorded.json")).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn presentations(case: &Value) -> Vec<Presentation> {
    let mut all = live(&numbers(&case["live"]));
    all.extend(attacks("print", &numbers(&case["attacks"])));
    all
}

#[test]
fn errors_areas_and_points_are_those_of_scikit_learn() {
    for case in recorded()["cases"].as_array().unwrap() {
        let evaluation = Evaluation::of(&presentations(case), number(&case["threshold"]));
        let name = &case["name"];
        assert!(near(evaluation.apcer.share.unwrap(), number(&case["apcer"])), "{name}");
        assert!(near(evaluation.bpcer.share.unwrap(), number(&case["bpcer"])), "{name}");
        let eer = evaluation.eer.unwrap();
        assert!(near(eer.eer, number(&case["eer"])), "{name}: {eer:?} {}", case["eer"]);
        let points: BTreeMap<_, _> =
            evaluation.operating_points.iter().map(|p| (p.name, p.bpcer.share.unwrap())).collect();
        for (point, bpcer) in case["bpcer_at_apcer"].as_object().unwrap() {
            assert!(near(points[point.as_str()], number(bpcer)), "{name}, {point}: {points:?}");
        }
    }
}

#[test]
fn the_interval_of_the_area_is_delongs() {
    for case in recorded()["cases"].as_array().unwrap() {
        let auc = Evaluation::of(&presentations(case), 0.5).auc.unwrap();
        assert!(near(auc.auc, number(&case["auc"])), "{}: {auc:?}", case["name"]);
        if let Some([low, high]) = case["auc_interval"].as_array().map(Vec::as_slice) {
            assert!(
                near(auc.low, number(low)) && near(auc.high, number(high)),
                "{}: {auc:?}",
                case["name"]
            );
        } else {
            // Fully apart: 30 and 20 pictures are no certainty.
            assert!((0.85..0.95).contains(&auc.low) && auc.high == 1.0, "{auc:?}");
        }
    }
}

#[test]
fn the_trade_off_passes_through_every_recorded_point() {
    for case in recorded()["cases"].as_array().unwrap() {
        let det = Evaluation::of(&presentations(case), 0.5).curves.det;
        for point in case["det"].as_array().unwrap() {
            let [_, apcer, bpcer] = numbers(point)[..] else { panic!("three numbers") };
            let found = det.iter().any(|p| near(p.apcer, apcer) && near(p.bpcer, bpcer));
            assert!(found, "{}: {apcer} {bpcer}", case["name"]);
        }
    }
}

#[test]
fn the_slope_is_that_of_logistic_regression() {
    for case in recorded()["cases"].as_array().unwrap() {
        let slope = calibrate(&presentations(case), Targets::default()).unwrap().slope;
        let expected = number(&case["slope"]);
        assert!((slope - expected).abs() < 1e-5 * expected, "{}: {slope} {expected}", case["name"]);
    }
}

#[test]
fn binomial_intervals_are_exact() {
    for row in recorded()["binomial"].as_array().unwrap() {
        let [count, of, low, high] = numbers(row)[..] else { panic!("four numbers") };
        let share = Share::of(count as u64, of as u64);
        assert!(
            (share.low - low).abs() < 1e-9 && (share.high - high).abs() < 1e-9,
            "{share:?} {row}"
        );
    }
}
