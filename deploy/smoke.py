"""Sets Livegate up from nothing, starts it, uses it and ends it, with nothing but Python's own library.

    python3 deploy/smoke.py target/release/livegate

Loopback only; ends what it started.
"""
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

binary = pathlib.Path(sys.argv[1]).resolve()
CHECKS = []


def check(what, holds):
    print(("ok      " if holds else "FAILED  ") + what, flush=True)
    CHECKS.append(bool(holds))


def post(address, picture, headers):
    form = b'--B\r\nContent-Disposition: form-data; name="threshold"\r\n\r\n0.5\r\n'
    form += b'--B\r\nContent-Disposition: form-data; name="selfie"; filename="selfie.png"\r\n'
    form += b"Content-Type: image/png\r\n\r\n" + picture + b"\r\n--B--\r\n"
    connection = http.client.HTTPConnection(*address, timeout=30)
    headers = {"Content-Type": "multipart/form-data; boundary=B", **headers}
    connection.request("POST", "/v0.2/liveness-verification", form, headers)
    answer = connection.getresponse()
    return answer, json.loads(answer.read(), object_pairs_hook=lambda pairs: dict(pairs))


with tempfile.TemporaryDirectory() as home:
    env = {name: value for name, value in os.environ.items() if not name.startswith("LIVEGATE_")}
    env["LIVEGATE_HOME"] = home
    run = lambda *words: subprocess.run([binary, *words], env=env, capture_output=True, text=True)

    done = run("setup")
    print(done.stderr, flush=True)
    check("setup from nothing", done.returncode == 0)
    again = run("setup", "--offline", "--pack", "starter")
    check("a second setup finds everything", again.returncode == 0 and "already there" in again.stderr)

    portrait = pathlib.Path(home, "sample/portrait.png")
    verified = run("verify", "--offline", "--json", str(portrait))
    report = json.loads(verified.stdout or "{}")
    print(verified.stdout, flush=True)
    check("verify calls the portrait live", verified.returncode == 0 and report.get("verdict") == "live")

    service = subprocess.Popen([binary, "serve", "--demo", "--offline", "--listen", "127.0.0.1:0"],
                               env={**env, "LIVEGATE_DEMO_APP_KEY": "the-key-of-the-smoke-test"}, stdout=subprocess.PIPE, text=True)
    try:
        line = service.stdout.readline()
        host, _, port = line.strip().removeprefix("listening on http://").rpartition(":")
        check("serve says where it listens", host == "127.0.0.1" and port.isdigit())
        credentials = {"app_id": "demo", "app_key": "the-key-of-the-smoke-test"}
        answer, body = post((host, int(port)), portrait.read_bytes(), credentials)
        print(json.dumps(body), flush=True)
        check("a selfie is answered", answer.status == 200 and body["response_code"] == 0)
        check("keys come in the documented order", list(body) == [
            "api_req_uid", "processed_at", "requested_at", "response_code", "response_data"])
        check("every answer carries its name", answer.getheader("X-Request-ID") == body["api_req_uid"])
        answer, body = post((host, int(port)), b"not a picture", credentials)
        check("what is no picture is refused", (answer.status, body["error"]["code"]) == (415, "unsupported_image"))
        answer, body = post((host, int(port)), portrait.read_bytes(), {"app_id": "demo", "app_key": "wrong"})
        check("a wrong key is refused", (answer.status, body["error"]["code"]) == (401, "invalid_credentials"))
        service.send_signal(signal.SIGTERM)
        check("it ends cleanly when asked", service.wait(timeout=30) == 0)
    finally:
        service.kill()

print(f"smoke: {sum(CHECKS)} passed, {CHECKS.count(False)} failed")
sys.exit(0 if all(CHECKS) else 1)
