"""Sets Livegate up from nothing, starts it, sends it pictures and ends it.

    python3 deploy/smoke.py target/release/livegate

Python's own library only, loopback only; ends every process that it started.
"""
import json
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
from harness import (  # noqa: E402
    Livegate, credentials, finish, holds, portrait, post, without_settings)

binary = pathlib.Path(sys.argv[1]).resolve()

# What setup brings, and so the default device, depends on the platform.
DEVICE = "openvino" if (platform.system(), platform.machine()) == ("Linux", "x86_64") else "cpu"
# Most resident memory of a service with two workers that listens. benches/targets.py has the same limit.
MOST_IDLE_MIB = 240


def holds_little_memory(service):
    if platform.system() == "Linux":
        status = pathlib.Path(f"/proc/{service.process.pid}/status").read_text()
        idle_mib = int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1]) / 1024
        holds(f"{service.name}: {idle_mib:.0f} MiB as it listens, at most {MOST_IDLE_MIB}", idle_mib <= MOST_IDLE_MIB)


def code_of(answer):
    return answer["status"], json.loads(answer["body"])["error"]["code"]


with tempfile.TemporaryDirectory() as directory:
    home = pathlib.Path(directory, "home")

    def run(*words):
        environment = without_settings(LIVEGATE_HOME=str(home))
        return subprocess.run([binary, *words], env=environment, capture_output=True, text=True)

    done = run("setup")
    print(done.stderr, flush=True)
    holds("setup from nothing", done.returncode == 0)
    done = run("setup", "--offline", "--pack", "starter")
    holds("a second setup fetches nothing", done.returncode == 0 and "already there" in done.stderr, done.stderr)

    done = run("verify", "--offline", "--json", str(home / "sample/portrait.png"))
    print(done.stdout, flush=True)
    report = json.loads(done.stdout or "{}")
    holds("verify calls the portrait live", done.returncode == 0 and report.get("verdict") == "live", done.stderr)
    holds(f"it runs on {DEVICE} unasked", report.get("device") == DEVICE, report.get("device"))
    done = run("verify", "--offline", "--json", "--device", "cpu", str(home / "sample/portrait.png"))
    on_cpu = json.loads(done.stdout or "{}")
    holds("with --device cpu it runs on cpu", on_cpu.get("device") == "cpu", done.stderr)
    holds("both give one score", abs(on_cpu.get("score", 0) - report.get("score", 1)) <= 0.005, [on_cpu, report])

    with Livegate(binary, home, pathlib.Path(directory), ["--workers", "2"]) as service:
        holds_little_memory(service)

    # Without a named pack: the default one serves.
    with Livegate(binary, home, pathlib.Path(directory), ["--workers", "2"], pack=None) as service:
        holds("serve says where it listens", service.port > 0)
        holds_little_memory(service)
        selfie = portrait(home)
        answer = post(service.port, selfie, credentials(), threshold="0.5")
        print(answer["body"], flush=True)
        body = json.loads(answer["body"])
        holds("a selfie is answered", answer["status"] == 200 and body["response_code"] == 0)
        holds("keys come in the documented order", list(body) == [
            "api_req_uid", "processed_at", "requested_at", "response_code", "response_data"])
        holds("the header X-Request-Id is `api_req_uid`", answer["headers"].get("x-request-id") == body["api_req_uid"])
        answer = post(service.port, b"not a picture", credentials())
        holds("text is refused", code_of(answer) == (415, "unsupported_image"), answer)
        answer = post(service.port, selfie, credentials(app_key="wrong"))
        holds("a wrong key is refused", code_of(answer) == (401, "invalid_credentials"), answer)
        holds("it ends cleanly at SIGTERM", service.end() == 0)

sys.exit(finish("smoke"))
