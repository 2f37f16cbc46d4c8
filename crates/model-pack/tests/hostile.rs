//! Hostile packs: files that they must not make Livegate read.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use model_pack::{
    Digest, Home, InstallError, Installer, Manifest, Options, Pack, PackError, catalog,
};

/// A home with a pack `mine`. Its models are a few bytes, which is enough for reading.
fn with_pack() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = add(home.path()).unwrap();
    (home, path)
}

fn add(root: &Path) -> Result<PathBuf, InstallError> {
    let (mut manifest, _) = catalog().remove(1);
    manifest.landmarker = None;
    manifest.name = "mine".into();
    for (artifact, bytes) in
        [(&mut manifest.detector.artifact, DETECTOR), (&mut manifest.scorers[0].artifact, SCORER)]
    {
        artifact.size_bytes = bytes.len() as u64;
        artifact.sha256 = Digest::of(bytes);
    }
    let (home, options) = (Home::new(root.to_owned()), Options::default());
    let installer = Installer::open(&home, &options, &|_| ()).unwrap();
    installer.add_pack(&Pack::unsaved(manifest, &[DETECTOR, SCORER]))
}

const DETECTOR: &[u8] = b"a detector";
const SCORER: &[u8] = b"a scorer";

fn refused(pack: &Path) -> String {
    Pack::open(pack).unwrap_err().to_string()
}

#[test]
fn an_added_pack_is_complete_and_is_not_overwritten() {
    let (home, path) = with_pack();
    let pack = Pack::open(&path).unwrap();
    assert_eq!((pack.detector_model(), pack.scorer_models().next()), (DETECTOR, Some(SCORER)));
    assert_eq!(Home::new(home.path().to_owned()).packs().unwrap(), ["mine"]);
    std::fs::remove_file(path.join("pack.toml")).unwrap();
    // Also an incomplete pack is not overwritten.
    assert!(matches!(add(home.path()), Err(InstallError::Exists { .. })));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 2);
}

#[test]
fn an_unsaved_pack_has_the_digest_of_the_saved_one() {
    let (_home, path) = with_pack();
    let saved = Pack::open(&path).unwrap();
    let manifest = Manifest::clone(&saved.manifest);
    assert_eq!(Pack::unsaved(manifest, &[DETECTOR, SCORER]).digest, saved.digest);
}

#[test]
fn a_file_name_that_leads_out_of_the_pack_is_refused() {
    let (_home, path) = with_pack();
    let manifest = path.join("pack.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    for name in ["../fr_liveness.onnx", "/etc/passwd", "a/b", "..", ".", "", "a\\\\b", ".hidden"] {
        std::fs::write(
            &manifest,
            text.replace("fr_liveness.onnx\"\nsha", &format!("{name}\"\nsha")),
        )
        .unwrap();
        let Err(PackError::Manifest { source, .. }) = Pack::open(&path) else { panic!("{name}") };
        assert!(source.to_string().contains("not a plain file name"), "{name}: {source}");
    }
}

#[test]
fn a_link_out_of_the_pack_is_refused_and_one_within_is_not() {
    let (home, path) = with_pack();
    let model = path.join("fr_liveness.onnx");
    let elsewhere = home.path().join("elsewhere.onnx");
    // It is the right file, but outside the pack.
    std::fs::rename(&model, &elsewhere).unwrap();
    for target in [elsewhere.clone(), "../../elsewhere.onnx".into(), "/etc/passwd".into()] {
        symlink(&target, &model).unwrap();
        let message = refused(&path);
        assert!(message.contains("leads out of the pack"), "{}: {message}", target.display());
        std::fs::remove_file(&model).unwrap();
    }
    let manifest = path.join("pack.toml");
    std::fs::rename(&manifest, home.path().join("pack.toml")).unwrap();
    symlink("../../pack.toml", &manifest).unwrap();
    assert!(refused(&path).contains("leads out of the pack"));
    std::fs::remove_file(&manifest).unwrap();
    std::fs::rename(home.path().join("pack.toml"), &manifest).unwrap();

    // As Kubernetes mounts a volume: every file is a link to one in a directory beside it.
    std::fs::create_dir(path.join("..data")).unwrap();
    std::fs::rename(&elsewhere, path.join("..data/fr_liveness.onnx")).unwrap();
    symlink("..data/fr_liveness.onnx", &model).unwrap();
    assert!(Pack::open(&path).is_ok());
}

#[test]
fn a_pipe_is_refused_without_waiting() {
    let (_home, path) = with_pack();
    let model = path.join("fr_liveness.onnx");
    std::fs::remove_file(&model).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&model).status().unwrap();
    assert!(made.success());
    assert!(matches!(Pack::open(&path), Err(PackError::Read { .. })));
    let (manifest, _) = Pack::manifest_in(&path).unwrap();
    assert!(matches!(Pack::check_models(&path, &manifest), Err(PackError::Read { .. })));
    let scorer = &manifest.scorers[0].artifact;
    assert!(!scorer.is_in(&path).unwrap());
}

#[test]
fn a_manifest_of_8_gib_is_not_read() {
    let (_home, path) = with_pack();
    // The file is sparse: it takes no space on the disk, but would take 8 GiB in memory.
    let manifest = File::options().write(true).open(path.join("pack.toml")).unwrap();
    manifest.set_len(8 << 30).unwrap();
    let message = refused(&path);
    assert!(message.contains("pack.toml has more than 1048576 bytes"), "{message}");
}

#[test]
fn a_model_with_another_length_is_not_read() {
    let (_home, path) = with_pack();
    let model = File::options().write(true).open(path.join("fr_liveness.onnx")).unwrap();
    for length in [10_000_000_000, 3] {
        model.set_len(length).unwrap();
        let message = refused(&path);
        assert!(message.contains(&format!("fr_liveness.onnx has {length} bytes")), "{message}");
        assert!(
            message.contains("names 8") && message.contains("livegate packs install"),
            "{message}"
        );
    }
}

#[test]
fn checking_models_notices_a_changed_byte_and_a_changed_length() {
    let (_home, path) = with_pack();
    let (manifest, _) = Pack::manifest_in(&path).unwrap();
    assert!(Pack::check_models(&path, &manifest).is_ok());
    for (content, is_size) in
        [(&b"a scorar"[..], false), (b"a", true), (b"a scorer that goes on", true)]
    {
        std::fs::write(path.join("fr_liveness.onnx"), content).unwrap();
        let found = Pack::check_models(&path, &manifest).unwrap_err();
        assert_eq!(matches!(found, PackError::Size { .. }), is_size, "{found}");
        assert_eq!(matches!(found, PackError::Digest { .. }), !is_size, "{found}");
    }
}

#[test]
fn the_error_for_a_changed_model_names_the_file_and_the_remedy() {
    let (_home, path) = with_pack();
    std::fs::write(path.join("fr_liveness.onnx"), b"a scorar").unwrap();
    let message = refused(&path);
    for part in [
        "fr_liveness.onnx",
        &Digest::of(b"a scorar").to_string(),
        &Digest::of(SCORER).to_string(),
        "put that one back",
        "livegate packs install",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}
