"""The two servers that are compared, started and ended here, and what the system knows about their processes.
Linux only."""
import contextlib
import http.client
import os
import pathlib
import secrets
import select
import signal
import socket
import subprocess
import time

APP_ID, APP_KEY = "peer", secrets.token_hex(16)
KAIROS_PATH = "/v0.2/liveness-verification"
V1_PATH = "/v1/liveness"
BOUNDARY = "livegate-7MA4YWxk"
# Nobody waits longer than this for a process to start, to end or to finish what it was asked, seconds.
PATIENCE = 60
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def form(picture):
    parts = [("threshold", "", b"0.5"), ("selfie", '; filename="selfie.jpg"\r\nContent-Type: image/jpeg', picture)]
    body = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"
        for name, more, content in parts)
    return body + f"--{BOUNDARY}--\r\n".encode()


def headers():
    return {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "app_id": APP_ID, "app_key": APP_KEY}


def clean_environment(**more):
    """Ours without what would change what is measured: settings of Livegate, proxies."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("LIVEGATE_") and not name.lower().endswith("_proxy")}
    return {**kept, **more}


class Server:
    """A process of a session of its own, and all that it starts, for the time of a `with`."""

    def __init__(self, name, words, environment, log):
        self.name, self.words, self.environment, self.log = name, words, environment, log

    def __enter__(self):
        with open(self.log, "w") as errors:
            self.began = time.monotonic()
            self.process = subprocess.Popen(self.words, env=self.environment, stdout=subprocess.PIPE, stderr=errors,
                                            text=True, start_new_session=True, cwd=self.log.parent)
        try:
            self.port = self.listening_port()
        except BaseException:
            self.end()
            raise
        self.listening_after_s = time.monotonic() - self.began
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Asks once, then insists; whatever it started goes with it."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=PATIENCE / 3)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def fail(self, what):
        raise SystemExit(f"{self.name}: {what}\n{self.log.read_text()[-2000:]}")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def first_answer(self, picture):
        """Seconds from the start of the process to its first 200."""
        while time.monotonic() < self.began + PATIENCE:
            connection = self.connect()
            with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
                connection.request("POST", KAIROS_PATH, form(picture), headers())
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    return time.monotonic() - self.began
            time.sleep(0.005)
        self.fail("there is no 200")

    # ---- What the system knows ------------------------------------------------------------------

    def processes(self):
        """It and all that descends from it."""
        parents = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def memory_mib(self, field):
        """`VmRSS` or `VmHWM`, added up."""
        def of(pid):
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith(field + ":"):
                        return int(line.split()[1]) / 1024
            return 0.0
        return sum(map(of, self.processes()))

    def cpu_s(self):
        """Seconds of CPU by the name of the thread, as far as threads are still there."""
        times = {}
        for pid in self.processes():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
                with contextlib.suppress(OSError):
                    name = (task / "comm").read_text().strip()
                    times[name] = times.get(name, 0.0) + thread_cpu_s(task)
        return times

    def settle(self):
        """Waits until it has done all that callers who hung up had asked for."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            before = sum(self.cpu_s().values())
            time.sleep(0.1)
            if sum(self.cpu_s().values()) - before < 0.005:
                return
        self.fail(f"it is still busy after {PATIENCE} s")


def thread_cpu_s(task):
    """In nanoseconds where the system counts them, or else in ticks."""
    with contextlib.suppress(OSError):
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    fields = (task / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


class Livegate(Server):
    """The release binary with one pack."""

    def __init__(self, binary, home, pack, workers, device, scratch):
        words = [binary, "serve", "--demo", "--offline", "--pack", pack, "--listen", "127.0.0.1:0"]
        words += ["--workers", str(workers)] if workers else []
        words += ["--device", device] if device else []
        environment = clean_environment(LIVEGATE_HOME=str(home), LIVEGATE_DEMO_APP_ID=APP_ID,
                                        LIVEGATE_DEMO_APP_KEY=APP_KEY)
        super().__init__(pack, words, environment, scratch / f"{pack}.log")

    def listening_port(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        host, _, port = line.strip().removeprefix("listening on http://").rpartition(":")
        if host != "127.0.0.1":
            self.fail(f"it does not start: {line}")
        return int(port)


class Peer(Server):
    """The peer as it is, with one process."""

    def __init__(self, python, directory, models, scratch):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.free_port = listener.getsockname()[1]
        words = [python, "-m", "uvicorn", "app:app", "--app-dir", directory, "--host", "127.0.0.1",
                 "--port", str(self.free_port), "--workers", "1", "--log-level", "warning", "--no-access-log"]
        environment = clean_environment(MODELS=str(models), PYTHONDONTWRITEBYTECODE="1")
        super().__init__("peer", words, environment, scratch / "peer.log")

    def listening_port(self):
        while self.process.poll() is None and time.monotonic() < self.began + PATIENCE:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.free_port), timeout=1):
                return self.free_port
            time.sleep(0.01)
        self.fail("it does not start")
