//! `livegate packs verify`.

use engine::config::Config;
use engine::flags::On;
use engine::terminal::print;
use engine::{Place, auto, refuse};
use liveness::{LoadError, chain};
use model_pack::{Digest, Home, Pack, catalog};
use onnx::Runtime;

use super::show::counted;

/// The exit code if any pack is not in order.
const SOME_WRONG: u8 = 1;

pub(super) fn run(home: &Home, place: &Place, names: &[String], on: &On) -> anyhow::Result<u8> {
    let installed = home.packs()?;
    if installed.is_empty() {
        refuse!("no pack is installed; run `livegate setup`");
    }
    if let Some(missing) = names.iter().find(|name| !installed.contains(name)) {
        let installed = installed.join(", ");
        refuse!("the pack `{missing}` is not installed; there are: {installed}");
    }
    let config = on.config()?;
    let runtime = auto::load_runtime(place, home, config.device)?.runtime;
    let runtime = config.gpu.first_card(&runtime, home);
    let mut exit = 0;
    for name in if names.is_empty() { &installed } else { names } {
        match check(name, home, &runtime, &config) {
            Ok(checked) => print(&format!("{name}: ok: {checked}"))?,
            Err(problem) => {
                print(&format!("{name}: WRONG: {problem}"))?;
                exit = SOME_WRONG;
            }
        }
    }
    Ok(exit)
}

/// The checks that a pack has passed, or the first that it failed.
fn check(name: &str, home: &Home, runtime: &Runtime, config: &Config) -> Result<String, String> {
    let pack = Pack::open(&home.pack_directory(name))
        .map_err(|error| format!("files: {}", chain(&error)))?;
    let is_changed = |text: &str| Digest::of(text.as_bytes()) != pack.digest;
    if catalog().iter().any(|(known, text)| known.name == name && is_changed(text)) {
        return Err(format!(
            "pack.toml is not the one that this version installs; `livegate packs install {name}` \
             puts it back"
        ));
    }
    match auto::load_pipeline(config.device, runtime, &pack, config) {
        Ok(loaded) => {
            let (files, vectors) = (pack.manifest.artifacts().count(), counted(&pack.manifest));
            let device = loaded.device;
            Ok(format!("{files} files (sha256), {files} graphs, {vectors} on {device}"))
        }
        Err(error @ (LoadError::Detector { .. } | LoadError::Scorer(_))) => {
            Err(format!("files ok; graphs: {}", chain(&error)))
        }
        Err(error) => {
            // A device that is to be found out is the CPU if all others have failed.
            let (device, error) = (config.device.named().unwrap_or_default(), chain(&error));
            Err(format!("files ok; graphs ok; golden vectors on {device}: {error}"))
        }
    }
}
