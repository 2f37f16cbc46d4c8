//! The page as a browser gets it.

use evaluation::{Label, NamedThreshold, Presentation, Problem, Report, Run, Variant, Worst, html};
use time::macros::datetime;

use crate::support::{attacks, failed, live, refused};

pub(crate) fn run() -> Run {
    let level = |name: &str, threshold| NamedThreshold { name: name.to_owned(), threshold };
    Run {
        program_version: "livegate 0.1.0".to_owned(),
        pack: "silent-face".to_owned(),
        pack_digest: "9f2c6c1d".repeat(8),
        device: "cpu".to_owned(),
        onnxruntime: "1.24.0".to_owned(),
        exact: false,
        settings: [("liveness.min_face_side_px".to_owned(), "50".to_owned())].into(),
        threshold: 0.5,
        security_level: Some("standard".to_owned()),
        levels: vec![level("convenience", 0.38), level("standard", 0.5), level("hardened", 0.71)],
        source: "labels.csv".to_owned(),
        at: datetime!(2026-01-02 03:04:05 UTC),
    }
}

/// Scores that look like those of a model: a sum of some multiples of an irrational number,
/// wrapped, around `middle`.
fn around(n: u32, middle: f64, seed: f64) -> Vec<f64> {
    let wrapped = |at: u32, step: f64| (f64::from(at) * step + seed).fract() - 0.5;
    let score = |at| {
        (middle + 0.28 * (wrapped(at, 0.618_034) + wrapped(at, 0.414_214) + wrapped(at, 0.732_051)))
            .clamp(0.0, 1.0)
    };
    (0..n).map(score).collect()
}

fn presentations() -> Vec<Presentation> {
    let mut all = live(&around(240, 0.74, 0.1));
    all.extend(attacks("print", &around(160, 0.22, 0.3)));
    all.extend(attacks("replay", &around(120, 0.31, 0.7)));
    all.extend(attacks("paper mask", &around(20, 0.15, 0.9)));
    for (at, each) in all.iter_mut().enumerate() {
        each.groups.insert("camera".to_owned(), ["phone", "webcam"][at % 2].to_owned());
    }
    for at in 0..14 {
        all.push(refused(
            &format!("live/dark-{at}.jpg"),
            Label::Live,
            ["no_face", "face_too_small"][at % 2],
        ));
    }
    all.push(failed("replay/cut.jpg", Label::Spoof, "unsupported_image"));
    all
}

fn report() -> Report {
    let all = presentations();
    let mut report = Report::of(run(), &all);
    let darker = all.iter().cloned().map(|mut each| {
        if let evaluation::Outcome::Scored { score, .. } = &mut each.outcome {
            *score = (*score - 0.07).max(0.0);
        }
        each
    });
    let darker: Vec<_> = darker.collect();
    report.robustness.push(Variant::of("darker", "half as bright", &all, &darker, 0.5));
    report.problems.push(Problem {
        file: "live/gone.jpg".to_owned(),
        what: "there is no such file".to_owned(),
    });
    report
}

/// Also writes the page to the tests' directory, for a look at it.
#[test]
fn the_page_is_whole_and_loads_nothing() {
    let page = html(&report());
    std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/report.html"), &page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    for loads in ["<script", "<link", "@import", "url(", "http:", "https:", "src=\"/", "<iframe"] {
        assert!(!page.contains(loads), "{loads}");
    }
    // An open element of SVG would swallow all that follow.
    for shape in ["line", "rect", "polyline", "circle", "text", "svg"] {
        let (opened, closed) = (format!("<{shape} "), format!("</{shape}>"));
        assert_eq!(page.matches(&opened).count(), page.matches(&closed).count(), "{shape}");
    }
    assert!(page.len() < 150_000, "{}", page.len());
    assert!(page.contains("liveness.min_face_side_px"));
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}

#[test]
fn every_figure_and_section_is_there() {
    let page = html(&report());
    for heading in [
        "Before reading the numbers",
        "What was run",
        "Metrics at the threshold 0.5",
        "Types of attack",
        "Scores of both classes",
        "Errors over the threshold",
        "Detection error trade-off (DET)",
        "Errors at the threshold, by type",
        "Answers and refusals to answer",
        "Groups",
        "Spoiled pictures",
        "Where to look first",
        "Problems: 1",
        "How this was computed",
    ] {
        assert!(page.contains(&format!(">{heading}<")), "{heading}");
    }
}

#[test]
fn text_from_outside_is_never_markup() {
    let evil = "<script>alert('1')</script>\"><img src=x onerror=\"alert(2)\">&";
    let mut all = live(&[0.1, 0.9]);
    all.extend(attacks(evil, &[0.9, 0.2]));
    all.push(refused(evil, Label::Live, evil));
    all.push(failed(evil, Label::Live, evil));
    for each in &mut all {
        each.file = format!("{evil}{}", each.file);
        each.groups.insert(evil.to_owned(), evil.to_owned());
    }
    let text = || evil.to_owned();
    let run = Run {
        program_version: text(),
        pack: text(),
        pack_digest: text(),
        device: text(),
        onnxruntime: text(),
        security_level: Some(text()),
        levels: vec![
            NamedThreshold { name: text(), threshold: 0.4 },
            NamedThreshold { name: text(), threshold: 0.5 },
        ],
        source: text(),
        ..run()
    };
    let mut report = Report::of(run, &all);
    report.robustness.push(Variant::of(evil, evil, &all, &all, 0.5));
    report.problems.push(Problem { file: text(), what: text() });
    report.evaluation.notes.push(text());
    let page = html(&report);
    for markup in ["<script", "<img", "onerror=\"alert"] {
        assert!(!page.contains(markup), "{markup}");
    }
    assert!(page.contains("&lt;script&gt;alert("));
}

#[test]
fn thumbnails_are_embedded_only_if_given() {
    let mut report = report();
    assert!(!html(&report).contains("<img"));
    report.worst[0].thumbnail_png = Some(b"\x89PNG".to_vec());
    let page = html(&report);
    assert_eq!(page.matches("<img").count(), 1);
    assert!(page.contains("src=\"data:image/png;base64,iVBORw==\""));
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("thumbnail"), "pictures do not go into the JSON");
}

#[test]
fn of_1000_problems_300_are_listed_and_all_are_counted() {
    let mut report = report();
    let problem = |at| Problem {
        file: format!("missing-{at}.jpg"),
        what: "there is no such file".to_owned(),
    };
    report.problems = (0..1000).map(problem).collect();
    let page = html(&report);
    assert!(page.contains("Problems: 1000") && page.contains("And 700 more."));
    assert_eq!(page.matches("missing-").count(), 300);
}

#[test]
fn the_json_has_what_the_page_has() {
    let json = serde_json::to_value(report()).unwrap();
    assert_eq!(json["run"]["at"], "2026-01-02T03:04:05Z");
    assert_eq!(json["pictures"], 555);
    assert_eq!(json["evaluation"]["attack_types"][0]["attack_type"], "paper mask");
    assert_eq!(json["groups"][0]["values"][1]["value"], "phone");
    assert_eq!(json["reasons"][0]["live"], 7);
    assert_eq!(json["failures"][0]["what"], "unsupported_image");
    assert!(json["robustness"][0]["score_change"]["median"].as_f64() > Some(0.06));
    let worst: &Worst = &report().worst[0];
    assert_eq!((json["worst"][0]["file"].as_str(), worst.label), (Some(&*worst.file), Label::Live));
}
