//! The remarks of an installation: its size, its failures, the steps by hand, the serving pack.

use std::path::Path;

use model_pack::{Artifact, Bulk, Home, InstallError, Library, Manifest, catalog, preferred};

use super::{Sources, cuda_directories};
use crate::terminal::{align_right, percent, table, tell};

pub(super) fn caveats(packs: &[(Manifest, &str)]) {
    let line = "=".repeat(78);
    for (Manifest { name, caveat, .. }, _) in packs {
        if let Some(caveat) = caveat {
            tell(&format!("{line}\nCAVEAT of the pack `{name}`: {caveat}\n{line}"));
        }
    }
}

/// The size of each library, and the directories of those that the host has.
pub(super) fn sizes(home: &Home, libraries: &[Library], sources: &Sources) {
    let megabytes = |bytes: u64| (bytes as f64 / 1e6).round();
    for &library in libraries {
        let Some(Bulk { download_bytes, disk_bytes }) = home.bulk(library) else { continue };
        if disk_bytes > 0 {
            let fetch = megabytes(if sources.offline { 0 } else { download_bytes });
            let disk = megabytes(disk_bytes);
            let at_most = if sources.from.is_some() { "at most " } else { "" };
            tell(&format!("  {library}: {at_most}{fetch} MB to fetch, {disk} MB on disk"));
        }
    }
    if libraries.contains(&Library::Gpu)
        && !libraries.contains(&Library::Nvidia)
        && let Some(directories) = cuda_directories()
    {
        let directories: Vec<_> = directories.iter().map(|it| it.display().to_string()).collect();
        let (nvidia, directories) = (Library::Nvidia, directories.join(", "));
        tell(&format!("  {nvidia}: this host's own are used, in {directories}"));
    }
}

/// Says which sources of `subject` were asked and how each failed, and how to install `artifacts`
/// into `directory` by hand.
pub(super) fn failed(
    subject: &str,
    error: &InstallError,
    artifacts: &[Artifact],
    directory: &Path,
    setup_command: &str,
) {
    tell(&format!("NOT INSTALLED: {subject}"));
    match error {
        InstallError::NoSource { attempts, .. } => {
            for attempt in attempts {
                tell(&format!("    {}: {}", attempt.from, attempt.error));
            }
        }
        other => tell(&format!("    {other}")),
    }
    if artifacts.is_empty() {
        return tell("  name one (1.24 or newer) with --onnxruntime");
    }
    let shown = directory.display();
    tell("  by hand:");
    for artifact in artifacts.iter().filter(|it| !it.is_in(directory).unwrap_or(false)) {
        let Artifact { file, sha256, size_bytes, .. } = artifact;
        tell(&format!("    put {file} into {shown}, or into a directory named with --from"));
        tell(&format!("      sha256 {sha256}, {size_bytes} bytes"));
        for source in &artifact.sources {
            tell(&format!("      from {source}"));
        }
    }
    tell(&format!("    then run `livegate {setup_command}` again"));
}

/// The pack that serves, and the measured differences between the preferred and the wanted ones.
pub(super) fn serving_pack(home: &Home, wanted: &[(Manifest, &str)]) {
    let serving = home.default_pack();
    match serving {
        Some(name) => tell(&format!("SERVES UNLESS ANOTHER IS NAMED: the pack `{name}`")),
        None => tell("NO PACK SERVES BY ITSELF: name one with --pack"),
    }
    let mut rows = table("pack  AUC  EER  attacks accepted (APCER)  people rejected (BPCER)");
    for (Manifest { name, summary, evaluation, .. }, _) in catalog() {
        let is_wanted = wanted.iter().any(|(wanted, _)| wanted.name == name);
        if !is_wanted && !preferred().contains(&&*name) {
            continue;
        }
        if serving == Some(&*name) {
            tell(&format!("  {summary}"));
        }
        if let Some(it) = evaluation {
            let [eer, apcer, bpcer] = [it.eer, it.apcer_at_half, it.bpcer_at_half].map(percent);
            rows.add_row([name, format!("{:.3}", it.auc), eer, apcer, bpcer]);
        }
    }
    align_right(&mut rows, 1);
    tell("  At a score of 0.5 (`livegate packs show NAME` says on which pictures, and of what):");
    rows.lines().for_each(|row| tell(&format!("   {}", row.trim_end())));
}
