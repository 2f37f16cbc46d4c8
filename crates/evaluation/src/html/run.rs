//! The setup of the run.

use maud::{Markup, html};
use time::format_description::well_known::Rfc3339;

use super::format;
use crate::report::Report;

/// Everything that it takes to repeat the run.
pub(super) fn section(report: &Report) -> Markup {
    let run = &report.run;
    let at = run.at.format(&Rfc3339).unwrap_or_else(|_| run.at.to_string());
    let levels =
        run.levels.iter().map(|level| format!("{} {}", level.name, format::score(level.threshold)));
    let levels = levels.collect::<Vec<_>>().join(", ");
    html! {
        section {
            h2 { "What was run" }
            dl {
                (entry("When", &at))
                (entry("Program", &run.program_version))
                (entry("Model pack", &run.pack))
                (entry("Its digest", &run.pack_digest))
                (entry("Presentations", &run.source))
                (entry("Device", &run.device))
                (entry("ONNX Runtime", &run.onnxruntime))
                (entry("Exact mode", if run.exact { "yes: no shortcuts for speed" } else { "no: as the service" }))
                @for (name, value) in &run.settings { (entry(name, value)) }
                (entry("Threshold", &format::score(run.threshold)))
                (entry("Security level", run.security_level.as_deref().unwrap_or("none named")))
                @if !levels.is_empty() { (entry("Levels of the pack", &levels)) }
            }
        }
    }
}

fn entry(name: &str, value: &str) -> Markup {
    html! { dt { (name) } dd { (value) } }
}
