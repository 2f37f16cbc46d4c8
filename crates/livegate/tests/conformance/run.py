"""Compares Livegate's answers with the contract, as real clients receive them: directly, behind nginx,
and with the examples of docs/API.md.

    python3 crates/livegate/tests/conformance/run.py target/release/livegate

Python's own library only; installs the clients' libraries into target/conformance. Loopback only; ends
every process that it started. A client that is missing is named and left out; with CI=true that is a
failure.
"""
import contextlib
import http.client
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
sys.path.insert(0, str(ROOT / "tests"))
import contract  # noqa: E402
from cases import cases, curl_cases  # noqa: E402
from harness import (  # noqa: E402
    APP_ID, APP_KEY, KAIROS_PATH as PATH, Livegate, check, clean_environment, credentials, exchange, finish,
    form, free_port, left_out, portrait, set_up, venv)
from services import ALLOWED_ORIGIN, Nginx, Relay  # noqa: E402

TOOLS = ROOT / "target/conformance"
VENV_PYTHON = TOOLS / "venv/bin/python"
NODE_MODULES = TOOLS / "npm/node_modules"
SITE = ROOT / "deploy/nginx/livegate.conf"
# The headers that nginx adds.
BEHIND = ("server",)
# Longest run of one client, seconds.
MAX_CLIENT_TIME = 90
# Statuses that are sent before the body has come whole. Through nginx 1.22, curl 7.88 over HTTP/2 loses
# many such answers, nginx's own 413 among them: nginx resets the stream without an error, which curl
# reports as one. Node's HTTP/2 client receives all of them. So curl's losses are printed, not counted.
EARLY_REFUSALS = (401, 413)

# ---- Clients -------------------------------------------------------------------------------------

def install():
    venv(TOOLS / "venv", ["requests==2.34.2"])
    if shutil.which("npm") and not (NODE_MODULES / "request").exists():
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", TOOLS / "npm"]
        subprocess.run([*npm, "request@2.88.2"], check=True, timeout=300)
    if shutil.which("javac"):
        # Compiled once: `java JavaClient.java` would compile it in each of its 20 runs.
        javac = ["javac", "-d", TOOLS / "java", HERE / "clients/JavaClient.java"]
        subprocess.run(javac, check=True, timeout=300)


def clients():
    """Name, command and whether it begins with HTTP/2, of each client that is installed."""
    program = HERE / "clients"
    java = ["java", "-cp", TOOLS / "java", "JavaClient"]
    every = [
        ("curl", "curl", [sys.executable, program / "curl.py"], False),
        ("curl over HTTP/2", "curl", [sys.executable, program / "curl.py", "http2"], True),
        ("requests", VENV_PYTHON, [VENV_PYTHON, program / "requests_client.py"], False),
        ("Node fetch", "node", ["node", program / "fetch.mjs"], False),
        ("Node http2", "node", ["node", program / "fetch.mjs", "http2"], True),
        ("Node request", "npm", ["node", program / "request_package.cjs"], False),
        ("Java over HTTP/1.1", "javac", [*java, "http1"], False),
        ("Java asking for HTTP/2", "javac", java, False),
    ]
    for name, needed, command, is_http2 in every:
        if shutil.which(needed):
            yield name, command, is_http2
        else:
            left_out(f"{name}: no {needed}")


def client_environment(port):
    return clean_environment(LIVENESS_URL=f"http://127.0.0.1:{port}", LIVENESS_APP_ID=APP_ID,
                             LIVENESS_APP_KEY=APP_KEY, NODE_PATH=str(NODE_MODULES))


def answers(command, port, requests):
    """One run of a client: an answer or a failure for each request."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    try:
        run = subprocess.run(command, env=client_environment(port), input=lines, capture_output=True, text=True,
                             timeout=MAX_CLIENT_TIME)
        received, complaint = [json.loads(line) for line in run.stdout.splitlines()], run.stderr[-500:]
    except subprocess.TimeoutExpired:
        received, complaint = [], f"not done after {MAX_CLIENT_TIME} s"
    return received + [{"failure": f"no output: {complaint}"}] * (len(requests) - len(received))


# ---- Checks -------------------------------------------------------------------------------------

def runs(all_cases, is_behind_nginx):
    """The requests, grouped by the run of a client that sends them. Through nginx an early refusal is the
    last of its run: see `check_early_refusal`."""
    gathered = [[]]
    for _, request, status, _ in all_cases:
        gathered[-1].append(request)
        if is_behind_nginx and status in EARLY_REFUSALS:
            gathered.append([])
    return [requests for requests in gathered if requests]


def check_clients(where, all_clients, all_cases, ports, texts, allowed=()):
    """Checks every client in every case. `texts` holds the first answer of each, which all others must equal."""
    is_behind_nginx = bool(where)
    for name, command, is_http2 in all_clients:
        own_cases = all_cases + (list(curl_cases(all_cases)) if name == "curl" else [])
        port = ports[is_http2]
        since = contract.now()
        received = [answer for run in runs(own_cases, is_behind_nginx) for answer in answers(command, port, run)]
        for (case, _, status, expected), answer in zip(own_cases, received):
            faults = contract.faults_of(answer, since, status, expected, allowed)
            may_be_lost = is_behind_nginx and name == "curl over HTTP/2" and status in EARLY_REFUSALS
            if may_be_lost and "failure" in answer:
                print(f"lost    {where}{name}: {case}: {faults[0]}", flush=True)
                continue
            if not faults:
                text = contract.without_stamp(answer["body"])
                # Apart from the stamp, an answer depends on the picture or on the error alone.
                key = (status, json.dumps(expected))
                if texts.setdefault(key, text) != text:
                    faults = [f"another text than the first client got: {text}", texts[key]]
            check(f"{where}{name}: {case}", faults)
        check(f"{where}{name}: every answer has its own request id", [] if contract.is_fresh(received) else ["one came twice"])
        if name == "curl over HTTP/2":
            continue
        with Relay(port) as relay:
            faults = []
            for answer in answers(command, relay.port, [all_cases[0][1]] * 2):
                faults += contract.faults_of(answer, since, *all_cases[0][2:], allowed)
            if relay.connections != 1:
                faults.append(f"{relay.connections} connections")
            check(f"{where}{name}: two requests on one connection", faults)


def lacks(answer, header, *words):
    """The `words` that are missing in the header's comma-separated list."""
    value = str(answer["headers"].get(header, ""))
    held = {word.strip().lower() for word in value.split(",")}
    return [f"{header} is `{value}`: no {word}" for word in words if word not in held]


def check_browser(where, home, port, allowed=()):
    """A browser's preflight, and the headers without which it withholds an answer from the page."""
    def preflight(origin):
        asked = {"Method": "POST", "Headers": "app_id,app_key"}
        asked = {f"Access-Control-Request-{name}": value for name, value in asked.items()}
        return exchange(port, "OPTIONS", PATH, {"Origin": origin, **asked})

    answer = preflight(ALLOWED_ORIGIN)
    headers = answer["headers"]
    faults = [] if answer["status"] == 200 else [f"status {answer['status']}"]
    faults += lacks(answer, "access-control-allow-origin", ALLOWED_ORIGIN)
    faults += lacks(answer, "access-control-allow-methods", "post")
    faults += lacks(answer, "access-control-allow-headers", "app_id", "app_key", "app-id", "app-key", "content-type")
    faults += [] if headers.get("access-control-max-age", "").isdigit() else ["no access-control-max-age"]
    faults += contract.header_faults(headers, answer["body"], allowed)
    faults += [] if re.fullmatch(contract.UUID4, headers.get("x-request-id", "")) else ["no x-request-id"]
    check(f"{where}browser: preflight", faults)

    def check_origin(case, answer):
        granted = answer["headers"].get("access-control-allow-origin")
        check(f"{where}browser: {case}", [f"granted to {granted}"] if granted else [])

    check_origin("preflight of another origin", preflight("https://evil.example"))

    form_headers, body = form(portrait(home))
    usual = {**form_headers, **credentials()}
    for case, key, status, expected in [
        ("a good selfie", APP_KEY, 200, {"response_code": "0"}),
        ("a wrong key", "wrong", 401, {"error.code": "invalid_credentials"}),
    ]:
        since = contract.now()
        answer = exchange(port, "POST", PATH, {**usual, "app_key": key, "Origin": ALLOWED_ORIGIN}, body)
        faults = contract.faults_of(answer, since, status, expected, allowed)
        faults += lacks(answer, "access-control-allow-origin", ALLOWED_ORIGIN)
        faults += lacks(answer, "access-control-expose-headers", "x-request-id") + lacks(answer, "vary", "origin")
        check(f"{where}browser: {case}", faults)
    evil = {**usual, "Origin": "https://evil.example"}
    check_origin("a good selfie from another origin", exchange(port, "POST", PATH, evil, body))


def check_early_refusal(where, home, port, pause_s, expect=None):
    """A caller that is refused while it sends goes on sending, and then makes its next request. Either
    the connection serves that request, or the refusal says `Connection: close`; otherwise the request is
    lost. nginx, where it does not collect bodies, keeps such a connection by its headers and closes it,
    where the rest comes later than half a second, for which Livegate reads on."""
    form_headers, body = form(portrait(home))
    usual = {**form_headers, "Content-Length": str(len(body)), "app_id": APP_ID}
    # curl too sends the body after a while when its `Expect` gets no answer.
    first = 0 if expect else len(body) // 2
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def request(headers, pause):
        connection.putrequest("POST", PATH)
        for name, value in {**usual, **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body[:first] or None)
        time.sleep(pause)
        with contextlib.suppress(BrokenPipeError):
            connection.send(body[first:])
        response = connection.getresponse()
        response.read()
        return response.status

    try:
        statuses = request({"app_key": "wrong", **(expect or {})}, pause_s), request({"app_key": APP_KEY}, 0)
        faults = [] if statuses == (401, 200) else [f"answered {statuses}"]
    except (OSError, http.client.HTTPException) as error:
        faults = [f"an answer was lost on a connection that is kept by its headers: {error!r}"]
    connection.close()
    case = f"a request after an early refusal, {pause_s} s{', Expect' if expect else ''}"
    check(where + case, faults)


def check_slow_upload(home, port):
    """A large body that comes slowly, of which nginx must not write anything to a file."""
    form_headers, body = form(portrait(home))
    boundary = body[:body.index(b"\r\n")]
    padding = boundary + b'\r\nContent-Disposition: form-data; name="ignored"; filename="a"\r\n\r\n'
    body = padding + bytes(8 << 20) + b"\r\n" + body

    def pieces():
        for at in range(0, len(body), 1 << 20):
            time.sleep(0.2)
            yield body[at:at + (1 << 20)]

    headers = {**form_headers, "Content-Length": str(len(body)), **credentials()}
    since = contract.now()
    answer = exchange(port, "POST", PATH, headers, pieces())
    faults = contract.faults_of(answer, since, 200, {"response_code": "0"}, BEHIND)
    check("behind nginx: a large body sent slowly", faults)


def check_nginx(nginx, home):
    check_early_refusal("behind nginx: ", home, nginx.port, 0.1)
    check_slow_upload(home, nginx.port)
    check_unforwardable_requests(nginx.port)
    errors = [line for line in nginx.log_file("error.log").splitlines() if "temporary" in line or "_temp" in line]
    check("behind nginx: nothing is written to temporary files", errors[:5])
    log = nginx.log_file("livegate.log")
    check("behind nginx: the access log has requests and no keys",
          [] if PATH in log and APP_KEY not in log and APP_ID not in log else [log[:200]])


def check_unforwardable_requests(port):
    """Requests that nginx answers itself, in the contract's form: unreadable ones, and TRACE."""
    for case, request, status, code in [
        ("no HTTP", b"nonsense\r\n\r\n", 400, "malformed_body"),
        ("no host", b"POST / HTTP/1.1\r\n\r\n", 400, "malformed_body"),
        ("too long a header", b"POST / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 400, "malformed_body"),
        ("too long a path", b"POST /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_body"),
        ("TRACE", b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
        ("both kinds of length",
         b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
         "malformed_body"),
        ("an unknown transfer coding", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501,
         "malformed_body"),
    ]:
        since = contract.now()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(request)
            response = http.client.HTTPResponse(connection)
            response.begin()
            text = response.read().decode()
        headers = {name.lower(): value for name, value in response.getheaders()}
        answer = {"status": response.status, "headers": headers, "body": text}
        faults = contract.faults_of(answer, since, status, {"error.code": code}, BEHIND)
        check(f"behind nginx: {case}", faults + (lacks(answer, "allow", "post") if status == 405 else []))


def check_connections_of_an_address(scratch):
    """One request more than nginx lets an address have under way."""
    limit = int(re.search(r"^    limit_conn livegate_address (\d+);$", SITE.read_text(), re.MULTILINE)[1])
    with contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2 * limit))
        silent.settimeout(30)
        nginx = stack.enter_context(Nginx(SITE, scratch / "address", silent.getsockname()[1]))
        head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n".encode()
        for _ in range(limit):
            stack.enter_context(socket.create_connection(("127.0.0.1", nginx.port), timeout=30)).sendall(head)
        # nginx has sent each of them on.
        for _ in range(limit):
            stack.enter_context(silent.accept()[0])
        since = contract.now()
        answer = exchange(nginx.port, "POST", PATH, credentials(), b"any")
    faults = contract.faults_of(answer, since, 503, {"error.code": "overloaded"}, BEHIND)
    check(f"behind nginx: request {limit + 1} of one address", faults + lacks(answer, "retry-after", "1"))


def check_without_livegate(scratch):
    """Answers that nginx makes while Livegate does not: in the contract's form, which clients can read."""
    def check_answer(case, upstream_port, status, code):
        with Nginx(SITE, scratch / code, upstream_port) as nginx:
            since = contract.now()
            answer = exchange(nginx.port, "POST", PATH, credentials(), b"any")
        faults = contract.faults_of(answer, since, status, {"error.code": code}, BEHIND)
        check(f"behind nginx: {case}", faults + (lacks(answer, "retry-after", "1") if status == 503 else []))

    check_answer("Livegate is not running", free_port(), 503, "shutting_down")
    # Takes as long as nginx waits for an answer: 12 s.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        check_answer("Livegate does not answer", silent.getsockname()[1], 504, "deadline_exceeded")


def compiled_example(code):
    """Builds the workspace's example, whose text below its head must be `code`. The whole workspace is
    named, as for the tests: with other features cargo would build the dependencies again."""
    if not (ROOT / "crates/livegate/examples/client.rs").read_text().endswith("\n\n" + code):
        return ["it differs"]
    cargo = ["cargo", "build", "--quiet", "--locked", "--workspace", "--example", "client"]
    run = subprocess.run(cargo, cwd=ROOT, capture_output=True, text=True)
    return [] if run.returncode == 0 else [run.stderr[-2000:]]


def check_documentation(home, scratch, port):
    """Runs the examples of docs/API.md as they are."""
    shutil.copy(home / "sample/portrait.png", scratch / "selfie.jpg")
    runners = {
        "sh": ("example.sh", "curl", ["bash"]), "python": ("example.py", VENV_PYTHON, [VENV_PYTHON]),
        "mjs": ("example.mjs", "node", ["node"]), "cjs": ("example.cjs", "node", ["node"]),
        "java": ("Liveness.java", "java", ["java"]),
        # Compiled by `compiled_example`.
        "rust": ("client.rs", "cargo", [ROOT / "target/debug/examples/client"]),
    }
    section = (ROOT / "docs/API.md").read_text().split("\n## Clients\n")[1].split("\n## ")[0]
    blocks = [block for block in re.findall(r"^```(\w+)\n(.*?)^```", section, re.M | re.S) if block[0] in runners]
    for language, code in blocks:
        file, needed, command = runners[language]
        if not shutil.which(needed):
            left_out(f"docs/API.md: {language}: no {needed}")
            continue
        (scratch / file).write_text(code)
        if language == "rust":
            check("docs/API.md: the rust example is crates/livegate/examples/client.rs", compiled_example(code))
        try:
            run = subprocess.run([*command, file], cwd=scratch, env=client_environment(port), capture_output=True,
                                 text=True, timeout=MAX_CLIENT_TIME)
            is_live = run.returncode == 0 and re.search(r"response_code\W+0\b", run.stdout)
            faults = [] if is_live else [f"exit {run.returncode}: {run.stdout}{run.stderr}"]
        except subprocess.TimeoutExpired:
            faults = [f"not done after {MAX_CLIENT_TIME} s"]
        check(f"docs/API.md: the {language} example", faults)
    missing = [f"none in {language}" for language in runners if language not in dict(blocks)]
    check("docs/API.md: an example for every client", missing)


def main(binary):
    install()
    home = set_up(binary)
    all_clients, texts = list(clients()), {}
    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        all_cases = cases(home, scratch)
        origins = f'["{ALLOWED_ORIGIN}"]'
        with Livegate(binary, home, scratch, LIVEGATE_INGRESS_CORS_ALLOWED_ORIGINS=origins) as service:
            port = service.port
            check_clients("", all_clients, all_cases, (port, port), texts)
            check_browser("", home, port)
            for pause_s in (0.1, 0.5, 1):
                check_early_refusal("", home, port, pause_s)
            check_early_refusal("", home, port, 0.5, {"Expect": "100-continue"})
            check_documentation(home, scratch, port)
            if shutil.which("nginx"):
                with Nginx(SITE, scratch / "nginx", port) as nginx:
                    ports = (nginx.port, nginx.http2_port)
                    check_clients("behind nginx: ", all_clients, all_cases, ports, texts, BEHIND)
                    check_browser("behind nginx: ", home, nginx.port, BEHIND)
                    check_nginx(nginx, home)
                check_connections_of_an_address(scratch)
                check_without_livegate(scratch)
            else:
                left_out("everything behind nginx: no nginx")
    return finish("conformance")


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
