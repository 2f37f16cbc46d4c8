"""Builds an earlier commit beside the tree, so that both can be compared in one run."""
import os
import shutil
import subprocess

from servers import harness

ROOT = harness.ROOT
DIRECTORY = ROOT / "target/before"


def built(commit):
    """The release binary of `commit`, made by its README's command. It is built once."""
    full = subprocess.run(["git", "rev-parse", "--verify", f"{commit}^{{commit}}"], cwd=ROOT, check=True,
                          capture_output=True, text=True).stdout.strip()
    place = DIRECTORY / full[:12]
    binary = place / "livegate"
    if not binary.exists():
        tree = place / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", full], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "--extract", "--directory", tree], input=archive, check=True)
        # All earlier commits share one build directory, and with it the dependencies.
        target = DIRECTORY / "target"
        subprocess.run(["cargo", "build", "--release", "--locked"], cwd=tree, check=True,
                       env={**os.environ, "CARGO_TARGET_DIR": str(target), "BUILD_COMMIT": full})
        shutil.copy(target / "release/livegate", binary)
    return binary


def set_up(binary, home):
    """`home`, filled by the binary's own `setup` with its defaults. A second call finds everything there."""
    # Models that no package client brings.
    models = ROOT.parent / "shared/models"
    words = ["--from", models] if models.is_dir() else []
    subprocess.run([binary, "setup", *words], env=harness.without_settings(LIVEGATE_HOME=str(home)), check=True)
    return home
