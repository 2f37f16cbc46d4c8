//! Says which commit this is, where git can tell: `/version` shows it.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // For builds of an archive, whose maker knows.
    println!("cargo::rerun-if-env-changed=BUILD_COMMIT");
    #[expect(clippy::disallowed_methods, reason = "this is the build, which has no command line")]
    let is_given = std::env::var("BUILD_COMMIT").is_ok_and(|commit| !commit.is_empty());
    if is_given {
        return;
    }
    // Not the commit of another repository that this source lies in.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let workspace = workspace.and_then(|path| path.canonicalize().ok());
    if workspace.is_none() || git(&["rev-parse", "--show-toplevel"]).map(Into::into) != workspace {
        return;
    }
    // The second is written to with each commit.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--path-format=absolute", "--git-path", file])
            && Path::new(&path).exists()
        {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    if let Some(commit) = git(&["rev-parse", "HEAD"]) {
        println!("cargo::rustc-env=BUILD_COMMIT={commit}");
    }
}

/// What git answers in one line; nothing where there is no git, or no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}
