"""What the scripts share: counted checks, tools from pip, requests, and servers that run for a `with`.

Python's own library only. A script in DIRECTORY of this repository imports it so:

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[N] / "tests"))
    import harness
"""
import contextlib
import hashlib
import http.client
import os
import pathlib
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
APP_ID, APP_KEY = f"tests-{secrets.token_hex(4)}", secrets.token_hex(16)
KAIROS_PATH, V1_PATH = "/v0.2/liveness-verification", "/v1/liveness"
BOUNDARY = "livegate-7MA4YWxk"
# Longest wait for a process to start, to end or to answer, seconds.
PATIENCE = 60


# ---- Checks ---------------------------------------------------------------------------------------

CHECKS = []


def check(what, faults):
    """Counts a check, which fails if there are faults, and prints them."""
    print(("FAILED  " if faults else "ok      ") + what, flush=True)
    for fault in faults:
        print("          " + str(fault).strip().replace("\n", "\n          "), flush=True)
    CHECKS.append(not faults)


def holds(what, condition, more="it does not hold"):
    """Counts a check that needs a condition, and prints `more` where that is false."""
    check(what, [] if condition else [more])


def left_out(what):
    """Says that a check is left out because something is not installed. With CI=true this is a failure."""
    print("LEFT OUT: " + what, flush=True)
    if os.environ.get("CI") == "true":
        CHECKS.append(False)


def has(program, what):
    """Whether a program is installed; `what` is left out where it is not."""
    if not shutil.which(program):
        left_out(f"{what}: {program} is not installed")
    return shutil.which(program)


def finish(name):
    """Prints the count of all checks, and gives back the script's exit code."""
    print(f"{name}: {sum(CHECKS)} passed, {CHECKS.count(False)} failed", flush=True)
    return 0 if all(CHECKS) else 1


# ---- Tools ----------------------------------------------------------------------------------------

PIP_INSTALL = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]


def once(directory, packages, install):
    """Calls `install` unless it has already filled `directory` for the same list of packages."""
    mark = directory / ("installed-" + hashlib.sha256("\n".join(packages).encode()).hexdigest()[:16])
    if not mark.exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        install()
        mark.touch()


def venv(directory, packages):
    """The directory of the programs of a virtual environment with these packages from pip."""
    programs = directory / "bin"

    def install():
        subprocess.run([sys.executable, "-m", "venv", directory], check=True, timeout=300)
        subprocess.run([programs / "python", *PIP_INSTALL, *packages], check=True, timeout=600)

    once(directory, packages, install)
    return programs


def importable(directory, packages):
    """Has this process find these packages from pip in `directory`."""
    def install():
        # pip warns of packages elsewhere on the machine, which `--target` does not touch.
        subprocess.run([sys.executable, *PIP_INSTALL, "--target", directory, *packages], check=True,
                       timeout=600, stderr=subprocess.DEVNULL)

    once(directory, packages, install)
    sys.path.insert(0, str(directory))


# ---- Livegate's home ------------------------------------------------------------------------------

def test_home():
    """The home that the tests share. An empty variable is an unset one."""
    return pathlib.Path(os.environ.get("LIVEGATE_TEST_HOME") or ROOT / "target/testbed").resolve()


def set_up(binary):
    """The same with runtime library, starter pack and portrait; `livegate setup` fetches what is missing."""
    home = test_home()
    needed = [home / "runtime", home / "packs/starter", home / "sample/portrait.png"]
    if not all(path.exists() for path in needed):
        environment = without_settings(LIVEGATE_HOME=str(home))
        subprocess.run([binary, "setup", "--pack", "starter"], env=environment, check=True, timeout=600)
    return home


def portrait(home):
    return (home / "sample/portrait.png").read_bytes()


def without_settings(**more):
    """This process's variables without settings of Livegate, and `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIVEGATE_")}
    return {**kept, **more}


def clean_environment(**more):
    """The same without proxies, for programs that must reach loopback only."""
    kept = without_settings(**more)
    return {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}


# ---- Requests -------------------------------------------------------------------------------------

def credentials(app_id=APP_ID, app_key=APP_KEY):
    return {"app_id": app_id, "app_key": app_key}


def form(picture, threshold=None):
    """The headers and the body of a form with a picture, as a Kairos client sends it."""
    parts = [("threshold", "", threshold.encode())] if threshold else []
    parts.append(("selfie", '; filename="selfie"\r\nContent-Type: image/png', picture))
    body = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"
        for name, more, content in parts)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return headers, body + f"--{BOUNDARY}--\r\n".encode()


def exchange(port, method, path, headers=None, body=None):
    """One request over a connection of its own. Gives back status, headers by lower-case name (a list
    where one comes more than once) and the body's text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read().decode()
    headers = {name: response.headers.get_all(name) for name in {name.lower() for name in response.headers}}
    headers = {name: held[0] if len(held) == 1 else held for name, held in headers.items()}
    return {"status": response.status, "headers": headers, "body": text}


def post(port, picture, headers, threshold=None):
    """[`exchange`] of a form at the Kairos endpoint."""
    form_headers, body = form(picture, threshold)
    return exchange(port, "POST", KAIROS_PATH, {**form_headers, **headers}, body)


# ---- Servers --------------------------------------------------------------------------------------

def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Server:
    """A process in a group of its own, with its log in a file, for the time of a `with`. All
    processes that it starts end with it. The session stays that of the script: Linux may share the
    CPUs between sessions, whatever the priorities are within them."""

    def __init__(self, name, words, log, environment=None, port=None):
        self.name, self.words, self.log, self.environment, self.port = name, words, log, environment, port

    def __enter__(self):
        with open(self.log, "w") as errors:
            self.began = time.monotonic()
            self.process = subprocess.Popen(self.words, env=self.environment, stdout=self.output(errors), stderr=errors,
                                            text=True, process_group=0, cwd=self.log.parent)
        try:
            self.port = self.listening_port()
        except BaseException:
            self.end()
            raise
        self.listening_after_s = time.monotonic() - self.began
        return self

    def __exit__(self, *_):
        self.end()

    def output(self, errors):
        """Where its standard output goes."""
        return errors

    def listening_port(self):
        """Waits until something listens on the port that it was given."""
        while self.process.poll() is None and time.monotonic() < self.began + PATIENCE:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return self.port
            time.sleep(0.01)
        self.fail("it does not start")

    def end(self):
        """Asks it to end, and kills it if it has not after [`PATIENCE`]. Gives back its exit code."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()

    def fail(self, what):
        raise RuntimeError(f"{self.name}: {what}\n{self.log.read_text()[-2000:]}")


class Livegate(Server):
    """`livegate serve --demo`, with the app and the key above, on a port of its own unless `words` name one."""

    def __init__(self, binary, home, scratch, words=(), pack="starter", **variables):
        command = [binary, "serve", "--demo", "--offline", *words]
        command += ["--pack", pack] if pack else []
        command += [] if "--listen" in words else ["--listen", "127.0.0.1:0"]
        environment = clean_environment(LIVEGATE_HOME=str(home), LIVEGATE_DEMO_APP_ID=APP_ID,
                                        LIVEGATE_DEMO_APP_KEY=APP_KEY, **variables)
        super().__init__(pack or "livegate", command, scratch / f"{pack or 'livegate'}.log", environment)

    def output(self, errors):
        return subprocess.PIPE

    def listening_port(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        host, _, port = line.strip().removeprefix("listening on http://").rpartition(":")
        if host != "127.0.0.1":
            self.fail(f"it does not start: {line}")
        return int(port)

    def end(self):
        code = super().end()
        self.process.stdout.close()
        return code
