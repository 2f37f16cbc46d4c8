//! `livegate packs list`.

use engine::terminal::{percent, print, print_json, table};
use model_pack::{Home, Manifest};
use serde_json::{Value, json};

use super::known::{Known, known};

pub(super) fn run(home: &Home, json: bool) -> anyhow::Result<()> {
    let packs = known(home)?;
    if json {
        return print_json(&packs.iter().map(as_json).collect::<Vec<_>>());
    }
    let mut rows = table("pack  installed  serves  detector  scorers  licences  AUC  EER");
    let mut notes = Vec::new();
    for pack in &packs {
        let mut name = pack.name.clone();
        let serves = match (pack.is_installed, pack.serves_by_default) {
            (false, _) => "-",
            (true, true) => "by default",
            (true, false) => "if named",
        };
        let facts = match &pack.manifest {
            Ok(manifest) => {
                if let Some(caveat) = &manifest.caveat {
                    name.push('*');
                    notes.push(format!("* {}: {caveat}", pack.name));
                }
                let measured = manifest.evaluation.as_ref();
                let unknown = || "-".to_owned();
                [
                    manifest.detector.id.clone(),
                    scorers(manifest).join(", "),
                    licences(manifest).join(", "),
                    measured.map_or_else(unknown, |it| format!("{:.3}", it.auc)),
                    measured.map_or_else(unknown, |it| percent(it.eer)),
                ]
            }
            Err(_) => ["?"; 5].map(str::to_owned),
        };
        notes.extend(pack.problem.as_ref().map(|problem| format!("{}: {problem}", pack.name)));
        let state = [name, pack.state().to_owned(), serves.to_owned()];
        rows.add_row(state.into_iter().chain(facts));
    }
    print(&rows.trim_fmt())?;
    notes.iter().try_for_each(|note| print(note))
}

fn as_json(pack: &Known) -> Value {
    let manifest = pack.manifest.as_ref().ok();
    let evaluation = manifest.and_then(|manifest| manifest.evaluation.as_ref());
    let mut listed = json!({
        "name": pack.name,
        "installed": pack.is_installed,
        "state": pack.state().replace(' ', "_"),
        "serves_by_default": pack.serves_by_default,
        "in_catalogue": pack.is_in_catalogue,
        "digest": pack.digest,
        "summary": manifest.map(|manifest| &manifest.summary),
        "caveat": manifest.and_then(|manifest| manifest.caveat.as_ref()),
        "detector": manifest.map(|manifest| &manifest.detector.id),
        "scorers": manifest.map(scorers).unwrap_or_default(),
        "licences": manifest.map(licences).unwrap_or_default(),
        "auc": evaluation.map(|evaluation| evaluation.auc),
        "eer": evaluation.map(|evaluation| evaluation.eer),
    });
    if let Some(problem) = &pack.problem {
        listed["problem"] = problem.as_str().into();
    }
    listed
}

fn scorers(manifest: &Manifest) -> Vec<&str> {
    manifest.scorers.iter().map(|scorer| &*scorer.id).collect()
}

/// Each licence of the pack's models once.
fn licences(manifest: &Manifest) -> Vec<&str> {
    let mut licences: Vec<&str> = Vec::new();
    for artifact in manifest.artifacts() {
        if !licences.contains(&&*artifact.licence) {
            licences.push(&artifact.licence);
        }
    }
    licences
}
