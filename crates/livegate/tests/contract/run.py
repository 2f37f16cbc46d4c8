"""Compares the running service with its own description: /openapi.json must be a valid OpenAPI 3.1
document, and every request that schemathesis generates from it must be answered as it says.

    python3 crates/livegate/tests/contract/run.py target/release/livegate [--seed N] [--max-examples N]

Loopback only; installs schemathesis into target/contract, and ends every process that it started.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
# Other versions may make other checks.
PACKAGES = ["schemathesis==4.32.5", "openapi-spec-validator==0.9.0"]
# Longest run, seconds.
PATIENCE = 600

sys.path.insert(0, str(ROOT / "tests"))
from harness import (  # noqa: E402
    APP_ID, APP_KEY, Livegate, clean_environment, finish, holds, set_up, venv)


def is_valid(programs, address, scratch):
    """Whether the document keeps to the OpenAPI Initiative's schema."""
    with urllib.request.urlopen(f"{address}/openapi.json", timeout=30) as answer:
        document = answer.read()
    file = scratch / "openapi.json"
    file.write_bytes(document)
    print(f"/openapi.json: {len(document)} bytes, OpenAPI {json.loads(document)['openapi']}", flush=True)
    return subprocess.run([programs / "openapi-spec-validator", file], timeout=PATIENCE).returncode == 0


def is_kept(programs, address, home, scratch, options):
    """Whether every answer keeps to the document."""
    environment = clean_environment(
        LIVENESS_APP_ID=APP_ID, LIVENESS_APP_KEY=APP_KEY, PORTRAIT=str(home / "sample/portrait.png"),
        SCHEMATHESIS_HOOKS="pictures", PYTHONPATH=str(HERE))
    words = ["--config-file", HERE / "schemathesis.toml", "run", f"{address}/openapi.json", "--no-color",
             "--max-examples", str(options.max_examples)]
    words += options.more
    words += ["--seed", str(options.seed)] if options.seed is not None else ["--generation-deterministic"]
    began = time.monotonic()
    code = subprocess.run([programs / "schemathesis", *words], env=environment, cwd=scratch, timeout=PATIENCE).returncode
    print(f"contract: {time.monotonic() - began:.0f} s", flush=True)
    return code == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--seed", type=int, help="generate other requests; the same ones for the same number")
    parser.add_argument("--max-examples", type=int, default=100, help="requests for each operation [100]")
    options, options.more = parser.parse_known_args()
    binary = options.binary.resolve()
    programs = venv(ROOT / "target/contract/venv", PACKAGES)
    home = set_up(binary)
    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        with Livegate(binary, home, scratch) as service:
            address = f"http://127.0.0.1:{service.port}"
            holds("/openapi.json is a valid document", is_valid(programs, address, scratch))
            holds("every answer keeps to it", is_kept(programs, address, home, scratch, options))
    return finish("contract")


if __name__ == "__main__":
    sys.exit(main())
