//! The runtime library, the packs and the devices.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use anyhow::Context;
use engine::auto::{self, LoadedRuntime};
use engine::config::Config;
use engine::device::{library, setup_command};
use engine::{Engine, Place, runtime};
use liveness::{Device, ModelProviders, NodeElsewhere, chain};
use model_pack::nvidia::{self, HostLibraries};
use model_pack::{Digest, Home, Library, Pack};

use super::Doctor;
use super::finding::Findings;
use super::finding::Status::{Problem, Warning};
use crate::commit::commit;

/// Examines all three; returns the versions that would serve.
pub(super) fn examine(
    command: &Doctor,
    place: &Place,
    home: &Home,
    config: &Config,
    findings: &mut Findings,
) -> Option<ingress::Version> {
    let runtime = library_in_use(place, home, config, findings);
    packs(home, config, findings);
    let version = runtime.and_then(|runtime| serving(runtime, home, config, findings));
    for device in [Device::Cpu, Device::OpenVino, Device::Cuda, Device::TensorRt] {
        let in_use = version.as_ref().filter(|version| version.device == device.to_string());
        match in_use {
            Some(_) => findings.ok("device", format!("{device}: in use")),
            None if place.onnxruntime.is_some() => findings.ok(
                "device",
                format!("{device}: not looked at, as --onnxruntime names one library for all"),
            ),
            None => not_in_use(device, command, home, config, version.as_ref(), findings),
        }
    }
    version
}

fn library_in_use(
    place: &Place,
    home: &Home,
    config: &Config,
    findings: &mut Findings,
) -> Option<LoadedRuntime> {
    match auto::load_runtime(place, home, config.device) {
        Ok(loaded) => {
            let sha256 = std::fs::read(&loaded.path).map(|bytes| Digest::of(&bytes).to_string());
            let sha256 = sha256.unwrap_or_else(|error| format!("not known ({error})"));
            let (path, build) = (loaded.path.display(), loaded.runtime.build_info());
            findings.ok("runtime", format!("{path}, sha256 {sha256}: {build}"));
            Some(loaded)
        }
        Err(error) => {
            // A device that is to be found out needs the CPU's library at least.
            let library = library(config.device.named().unwrap_or(Device::Cpu));
            let advice = if home.runtime_library(library).is_some() {
                "put right what it names, or take another device: `--device cpu` runs everywhere"
                    .to_owned()
            } else {
                format!("`livegate {}`", setup_command(library))
            };
            findings.add(Problem, "runtime", format!("{error:#}"), advice);
            None
        }
    }
}

/// Opens each installed pack.
fn packs(home: &Home, config: &Config, findings: &mut Findings) {
    let installed = match home.packs() {
        Ok(installed) => installed,
        Err(error) => {
            let advice = "see that this user may read the home";
            return findings.add(Problem, "packs", error.to_string(), advice);
        }
    };
    let serving = config.pack.as_deref().or_else(|| home.default_pack());
    let is_there = serving.is_some_and(|serving| installed.iter().any(|name| name == serving));
    if !is_there {
        let says = match serving {
            Some(name) => format!("`{name}` is asked for, and not installed"),
            None => "none is installed that serves unasked".to_owned(),
        };
        findings.add(Problem, "packs", says, "`livegate setup`, or `livegate packs install NAME`");
    }
    for name in &installed {
        let serves = serving == Some(name);
        let shown = if serves { format!("`{name}`, which serves") } else { format!("`{name}`") };
        match Pack::open(&home.pack_directory(name)) {
            Ok(pack) => findings.ok("packs", format!("{shown}: {}", pack.digest)),
            Err(error) => {
                let says = format!("{shown}: {}", chain(&error));
                let advice = format!("`livegate packs install {name}` puts it right");
                let status = if serves { Problem } else { Warning };
                findings.add(status, "packs", says, advice);
            }
        }
    }
}

/// Loads the serving pack, which reproduces its golden vectors, and reads its execution providers.
fn serving(
    runtime: LoadedRuntime,
    home: &Home,
    config: &Config,
    findings: &mut Findings,
) -> Option<ingress::Version> {
    let version = Engine::with(runtime, home, config).and_then(|engine| {
        drop(engine.pipeline()?);
        Ok(engine.version(commit()))
    });
    let version = match version {
        Ok(version) => version,
        Err(error) => {
            let advice =
                "the lines above say what is missing; `--device cpu` runs on every machine";
            findings.add(Problem, "golden run", format!("{error:#}"), advice);
            return None;
        }
    };
    let ingress::Version { pack, device, models, .. } = &version;
    let says = format!("`{}` answers on {device} as recorded", pack.name);
    findings.ok("golden run", says);
    if let Some(reason) = &version.models_not_known {
        let advice = "name a directory that can be written to with TMPDIR";
        findings.add(Warning, "providers", format!("not known: {reason}"), advice);
    } else {
        let ran = models.iter().map(|model| {
            let nodes = model.providers.iter();
            let nodes: Vec<_> = nodes.map(|(name, nodes)| format!("{name} {nodes}")).collect();
            format!("{}: {}", model.id, nodes.join(", "))
        });
        let says = format!("nodes run, by profile: {}", ran.collect::<Vec<_>>().join("; "));
        findings.ok("providers", says);
        for model in models.iter().filter(|model| !model.elsewhere.is_empty()) {
            findings.ok(
                "providers",
                format!("{}: not on {device}: {}", model.id, nodes_elsewhere(model)),
            );
        }
    }
    if let Some(reason) = &version.fallback {
        let advice = format!(
            "put that right, or say with `device = \"{device}\"` that this is what is meant"
        );
        findings.add(Warning, "device", format!("{} is {device}: {reason}", config.device), advice);
    }
    Some(version)
}

/// The nodes of a model that ran on another provider than the device's, by provider.
fn nodes_elsewhere(model: &ModelProviders) -> String {
    let mut by_provider = BTreeMap::<_, Vec<_>>::new();
    for NodeElsewhere { provider, operator, node } in &model.elsewhere {
        // A model may name its nodes with any characters; the finding stays one line.
        let shown = format!("{operator} {}", node.escape_debug());
        by_provider.entry(provider).or_default().push(shown);
    }
    let parts = by_provider.into_iter();
    let parts = parts.map(|(provider, nodes)| format!("{provider} ran {}", nodes.join(", ")));
    parts.collect::<Vec<_>>().join("; ")
}

/// Examines a device that does not serve: whether it is installed, and whether it runs the pack. A
/// process can load one ONNX Runtime only, so another process tries it.
fn not_in_use(
    device: Device,
    command: &Doctor,
    home: &Home,
    config: &Config,
    version: Option<&ingress::Version>,
    findings: &mut Findings,
) {
    if device == Device::TensorRt
        && let Err(missing) = HostLibraries::look().all(&nvidia::TENSORRT)
    {
        let missing = runtime::file_names(&missing);
        let says =
            format!("{device}: TensorRT 10 is not on this host: {missing}; no setup brings it");
        return findings.ok("device", says);
    }
    let is_wanted = config.device.named() == Some(device);
    let library = library(device);
    let mut missing = home.missing_files(library);
    if device.is_gpu()
        && let (Some(missing), Err(not_here)) = (&mut missing, nvidia::cuda_and_cudnn(home))
    {
        if home.runtime_directory(Library::Nvidia).is_dir() {
            missing.extend(home.missing_files(Library::Nvidia).unwrap_or_default());
        } else {
            missing.extend(not_here.iter().map(|it| it.file.to_owned()));
        }
    }
    let is_begun = runtime::is_begun(home, library);
    let advice = format!("`livegate {}`", setup_command(library));
    match missing {
        None => findings.ok("device", format!("{device}: not to be had for this platform")),
        Some(files) if !files.is_empty() && is_begun => {
            let says = format!("{device}: missing or changed: {}", files.join(", "));
            findings.add(Warning, "device", says, advice);
        }
        Some(files) if !files.is_empty() => {
            findings.ok("device", format!("{device}: not installed; {advice} would bring it"));
        }
        // The findings above are about this device.
        Some(_) if is_wanted || version.is_none() => {
            findings.ok("device", format!("{device}: every file is there"));
        }
        Some(_) => {
            let pack = version.map_or("", |version| &*version.pack.name);
            match runs_elsewhere(device, command, home, pack) {
                Ok(()) => findings.ok("device", format!("{device}: works, not in use")),
                Err(error) => {
                    let says = format!("{device}: installed and does not work: {error:#}");
                    let advice = format!("put right what it names; {advice} checks every file");
                    findings.add(Warning, "device", says, advice);
                }
            }
        }
    }
}

/// Tries in another process whether `pack` answers as recorded on `device`.
fn runs_elsewhere(device: Device, command: &Doctor, home: &Home, pack: &str) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("this program is not known by a path")?;
    let mut verify = Command::new(program);
    verify.arg("--home").arg(home.root()).args(["packs", "verify", pack, "--device"]);
    verify.arg(device.to_string()).env("LIVEGATE_LOG", "off").stdin(Stdio::null());
    if let Some(file) = &command.model.on.settings.config {
        verify.arg("--config").arg(file);
    }
    let output = verify.output().context("another process cannot be started")?;
    if output.status.success() {
        return Ok(());
    }
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    anyhow::bail!("{} ({})", format!("{} {}", stdout.trim(), stderr.trim()).trim(), output.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_that_ran_elsewhere_are_listed_on_one_line() {
        let ran = |provider: &str, operator: &str, node: &str| NodeElsewhere {
            provider: provider.into(),
            operator: operator.into(),
            node: node.into(),
        };
        let elsewhere = vec![
            ran("CPUExecutionProvider", "Shape", "/shape\n"),
            ran("CUDAExecutionProvider", "Resize", "/up"),
            ran("CPUExecutionProvider", "Concat", "/concat"),
        ];
        let model = ModelProviders { id: "yunet".into(), providers: BTreeMap::new(), elsewhere };
        assert_eq!(
            nodes_elsewhere(&model),
            "CPUExecutionProvider ran Shape /shape\\n, Concat /concat; CUDAExecutionProvider ran Resize /up"
        );
    }
}
