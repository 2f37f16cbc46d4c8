//! `livegate packs`: what packs there are, whether they are in order, and new ones.

mod graph;
mod new;
mod show;

use std::process::ExitCode;

use liveness::LoadError;
use model_pack::{Digest, Golden, Home, Manifest, Pack, PackError, catalog};
use serde::Serialize;

use crate::cli::Place;
use crate::cli::packs::{On, Packs};
use crate::config::{Config, Layers};
use crate::keys::{self, Unusable};
use crate::{chain, print, print_json, runtime, setup};

/// Some pack is not in order.
const SOME_WRONG: u8 = 1;

pub(crate) fn run(command: &Packs, place: &Place) -> anyhow::Result<ExitCode> {
    let home = setup::home(place)?;
    match command {
        Packs::List { json } => list(&home, *json)?,
        Packs::Show { name, json } => show::run(&find(&home, name)?, *json)?,
        Packs::Install { names, sources } => {
            unknown(names)?;
            setup::install_packs(&home, place, names, sources)?;
        }
        Packs::Verify { names, on } => return verify(&home, place, names, on),
        Packs::New(command) => new::run(command, &home, place)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses names that the catalogue has not.
fn unknown(names: &[String]) -> Result<(), Unusable> {
    let known: Vec<String> = catalog().into_iter().map(|(manifest, _)| manifest.name).collect();
    match names.iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Unusable(format!(
            "there is no pack `{name}` to install; there are: {}. A pack of your own is installed by \
             putting its directory into the home directory's `packs`",
            known.join(", ")
        ))),
    }
}

/// A pack that is known or installed.
struct Known {
    name: String,
    manifest: Result<Manifest, PackError>,
    /// Of `pack.toml`, where there is one.
    digest: Option<Digest>,
    state: State,
    serves_by_default: bool,
    is_in_catalogue: bool,
}

/// What is there of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "problem")]
enum State {
    NotInstalled,
    Whole,
    /// And what is wrong.
    Changed(String),
}

impl State {
    fn as_str(&self) -> &'static str {
        match self {
            Self::NotInstalled => "not installed",
            Self::Whole => "whole",
            Self::Changed(_) => "changed",
        }
    }
}

/// All packs: those of the catalogue, best first, and then everyone's own.
fn known(home: &Home) -> anyhow::Result<Vec<Known>> {
    let mut packs = Vec::new();
    for (manifest, text) in catalog() {
        let state = if !home.has_pack(&manifest.name) {
            State::NotInstalled
        } else if home.is_whole(&manifest, text) {
            State::Whole
        } else {
            let name = &manifest.name;
            State::Changed(format!(
                "it is not what this version of Livegate installs; `livegate packs install {name}` \
                 puts it right, and so does using it"
            ))
        };
        packs.push(Known {
            serves_by_default: home.default_pack() == Some(&*manifest.name),
            digest: Some(Digest::of(text.as_bytes())),
            name: manifest.name.clone(),
            manifest: Ok(manifest),
            state,
            is_in_catalogue: true,
        });
    }
    for name in home.packs()? {
        if packs.iter().any(|pack| pack.name == name) {
            continue;
        }
        let directory = home.pack_directory(&name);
        let (manifest, digest, state) = match Pack::manifest_in(&directory) {
            Ok((manifest, digest)) => {
                let state = match Pack::check_models(&directory, &manifest) {
                    Ok(()) => State::Whole,
                    Err(error) => State::Changed(chain(&error)),
                };
                (Ok(manifest), Some(digest), state)
            }
            Err(error) => {
                let problem = chain(&error);
                (Err(error), None, State::Changed(problem))
            }
        };
        packs.push(Known {
            name,
            manifest,
            digest,
            state,
            serves_by_default: false,
            is_in_catalogue: false,
        });
    }
    Ok(packs)
}

fn find(home: &Home, name: &str) -> anyhow::Result<Known> {
    let mut packs = known(home)?;
    if let Some(position) = packs.iter().position(|pack| pack.name == name) {
        return Ok(packs.swap_remove(position));
    }
    let names: Vec<&str> = packs.iter().map(|pack| &*pack.name).collect();
    let names = names.join(", ");
    Err(Unusable(format!("there is no pack `{name}`; there are: {names}")).into())
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

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

fn list(home: &Home, json: bool) -> anyhow::Result<()> {
    let packs = known(home)?;
    if json {
        return print_json(&packs.iter().map(Listed::of).collect::<Vec<_>>());
    }
    let head = ["pack", "installed", "serves", "detector", "scorers", "licences", "AUC", "EER"];
    let mut table = keys::table(head);
    let mut notes = Vec::new();
    for pack in &packs {
        let mut name = pack.name.clone();
        let serves = match pack.state {
            State::NotInstalled => "-",
            _ if pack.serves_by_default => "by default",
            _ => "if named",
        };
        let mut row = vec![pack.state.as_str().to_owned(), serves.to_owned()];
        match &pack.manifest {
            Ok(manifest) => {
                if let Some(caveat) = &manifest.caveat {
                    name.push('*');
                    notes.push(format!("* {}: {caveat}", pack.name));
                }
                let scorers: Vec<&str> = manifest.scorers.iter().map(|it| &*it.id).collect();
                let measured = manifest.evaluation.as_ref();
                let measured = measured.map(|it| (format!("{:.3}", it.auc), percent(it.eer)));
                let (auc, eer) = measured.unwrap_or_else(|| ("-".to_owned(), "-".to_owned()));
                row.extend([manifest.detector.id.clone(), scorers.join(", ")]);
                row.extend([licences(manifest).join(", "), auc, eer]);
            }
            Err(_) => row.extend(["?"; 5].map(str::to_owned)),
        }
        if let State::Changed(problem) = &pack.state {
            notes.push(format!("{}: {problem}", pack.name));
        }
        row.insert(0, name);
        table.add_row(row);
    }
    print(&table.trim_fmt())?;
    notes.iter().try_for_each(|note| print(note))
}

/// A pack in `list --json`.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    installed: bool,
    #[serde(flatten)]
    state: &'a State,
    serves_by_default: bool,
    in_catalogue: bool,
    digest: Option<Digest>,
    summary: Option<&'a str>,
    caveat: Option<&'a str>,
    detector: Option<&'a str>,
    scorers: Vec<&'a str>,
    licences: Vec<&'a str>,
    auc: Option<f64>,
    eer: Option<f64>,
}

impl<'a> Listed<'a> {
    fn of(pack: &'a Known) -> Self {
        let manifest = pack.manifest.as_ref().ok();
        let evaluation = manifest.and_then(|manifest| manifest.evaluation.as_ref());
        Self {
            name: &pack.name,
            installed: pack.state != State::NotInstalled,
            state: &pack.state,
            serves_by_default: pack.serves_by_default,
            in_catalogue: pack.is_in_catalogue,
            digest: pack.digest,
            summary: manifest.map(|manifest| &*manifest.summary),
            caveat: manifest.and_then(|manifest| manifest.caveat.as_deref()),
            detector: manifest.map(|manifest| &*manifest.detector.id),
            scorers: manifest
                .map(|manifest| manifest.scorers.iter().map(|scorer| &*scorer.id).collect())
                .unwrap_or_default(),
            licences: manifest.map(licences).unwrap_or_default(),
            auc: evaluation.map(|evaluation| evaluation.auc),
            eer: evaluation.map(|evaluation| evaluation.eer),
        }
    }
}

fn verify(home: &Home, place: &Place, names: &[String], on: &On) -> anyhow::Result<ExitCode> {
    let installed = home.packs()?;
    if installed.is_empty() {
        return Err(Unusable("no pack is installed; run `livegate setup`".to_owned()).into());
    }
    if let Some(missing) = names.iter().find(|name| !installed.contains(name)) {
        return Err(Unusable(format!(
            "the pack `{missing}` is not installed; there are: {}",
            installed.join(", ")
        ))
        .into());
    }
    let config = configured(on)?;
    let runtime = runtime::load(place, home, config.device)?.runtime;
    let runtime = config.gpu.first_card(&runtime, home);
    let (device, mut exit) = (config.device, 0);
    for name in if names.is_empty() { &installed } else { names } {
        let said = match Pack::open(&home.pack_directory(name)) {
            Err(error) => Err(format!("files: {}", chain(&error))),
            Ok(pack)
                if catalog().iter().any(|(known, text)| {
                    known.name == *name && Digest::of(text.as_bytes()) != pack.digest
                }) =>
            {
                Err(format!(
                    "pack.toml is not the one that this version installs; `livegate packs install \
                     {name}` puts it back"
                ))
            }
            Ok(pack) => match device.pipeline(&runtime, &pack, &config) {
                Ok(loaded) => Ok(in_order(&pack.manifest, &loaded.device.to_string())),
                Err(error @ (LoadError::Detector { .. } | LoadError::Scorer(_))) => {
                    Err(format!("files ok; graphs: {}", chain(&error)))
                }
                Err(error) => Err(format!(
                    "files ok; graphs ok; golden vectors on {device}: {}",
                    chain(&error)
                )),
            },
        };
        match said {
            Ok(checked) => print(&format!("{name}: ok: {checked}"))?,
            Err(problem) => {
                print(&format!("{name}: WRONG: {problem}"))?;
                exit = SOME_WRONG;
            }
        }
    }
    Ok(exit.into())
}

fn counted(golden: &[Golden]) -> String {
    if golden.len() == 1 {
        "1 golden vector".to_owned()
    } else {
        format!("{} golden vectors", golden.len())
    }
}

/// What was checked of a pack that is in order.
fn in_order(manifest: &Manifest, device: &str) -> String {
    let (files, vectors) = (manifest.artifacts().count(), counted(&manifest.golden));
    format!("{files} files (sha256), {files} graphs, {vectors} on {device}")
}

fn configured(on: &On) -> anyhow::Result<Config> {
    Ok(Layers::load(&on.settings, &on.flags())?.config()?)
}
