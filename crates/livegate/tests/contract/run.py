"""Holds the running service against its own description: is /openapi.json a sound OpenAPI 3.1 document, and is
everything that schemathesis makes up from it answered as it says?

    python3 crates/livegate/tests/contract/run.py target/release/livegate [--seed N] [--max-examples N]

Loopback only; brings schemathesis into target/contract, and ends what it started.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
TOOLS = ROOT / "target/contract"
BIN = TOOLS / "venv/bin"
# What this was written for; another version may have other checks.
NEEDED = ["schemathesis==4.32.5", "openapi-spec-validator==0.9.0"]
# Longest run, seconds.
PATIENCE = 600

sys.path.insert(0, str(HERE.parent / "conformance"))
from services import APP_ID, APP_KEY, clean_environment, installed, livegate  # noqa: E402


def install():
    """The tools, once for each choice of versions."""
    done = TOOLS / "installed"
    if done.exists() and done.read_text() == "\n".join(NEEDED):
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", TOOLS / "venv"], check=True, timeout=300)
    pip = [BIN / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *NEEDED], check=True, timeout=600)
    done.write_text("\n".join(NEEDED))


def is_sound(address, scratch):
    """Whether the document is one, by the OpenAPI Initiative's own schema."""
    with urllib.request.urlopen(f"{address}/openapi.json", timeout=30) as answer:
        document = answer.read()
    file = scratch / "openapi.json"
    file.write_bytes(document)
    print(f"/openapi.json: {len(document)} bytes, OpenAPI {json.loads(document)['openapi']}", flush=True)
    return subprocess.run([BIN / "openapi-spec-validator", file], timeout=PATIENCE).returncode == 0


def is_kept(address, home, scratch, options):
    """Whether every answer is as the document says."""
    environment = clean_environment(
        LIVENESS_APP_ID=APP_ID, LIVENESS_APP_KEY=APP_KEY, PORTRAIT=str(home / "sample/portrait.png"),
        SCHEMATHESIS_HOOKS="pictures", PYTHONPATH=str(HERE))
    words = ["--config-file", HERE / "schemathesis.toml", "run", f"{address}/openapi.json", "--no-color",
             "--max-examples", str(options.max_examples)]
    words += options.more
    words += ["--seed", str(options.seed)] if options.seed is not None else ["--generation-deterministic"]
    began = time.monotonic()
    code = subprocess.run([BIN / "schemathesis", *words], env=environment, cwd=scratch, timeout=PATIENCE).returncode
    print(f"contract: {time.monotonic() - began:.0f} s", flush=True)
    return code == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--seed", type=int, help="other requests than usual, the same for the same number")
    parser.add_argument("--max-examples", type=int, default=100, help="requests made up for each operation [100]")
    options, options.more = parser.parse_known_args()
    binary = options.binary.resolve()
    install()
    home = installed(binary, pathlib.Path(os.environ.get("LIVEGATE_TEST_HOME", ROOT / "target/testbed")))
    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        with livegate(binary, home, scratch) as port:
            address = f"http://127.0.0.1:{port}"
            results = [is_sound(address, scratch), is_kept(address, home, scratch, options)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
