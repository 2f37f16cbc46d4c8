"""The servers that are compared, with the memory and the CPU time of their processes. Linux only."""
import contextlib
import http.client
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
import harness  # noqa: E402
from harness import KAIROS_PATH, PATIENCE, clean_environment, credentials, form, free_port  # noqa: E402

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def request_of(picture):
    """The headers and the body of a request with a picture and a threshold."""
    headers, body = form(picture, threshold="0.5")
    return {**headers, **credentials()}, body


def version(binary):
    return subprocess.run([binary.resolve(), "--version"], check=True, capture_output=True, text=True).stdout.strip()


class Measured:
    """What a server that is compared has beside being started and ended."""

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def first_answer(self, picture):
        """Seconds from the start of the process to its first 200."""
        headers, body = request_of(picture)
        while time.monotonic() < self.began + PATIENCE:
            connection = self.connect()
            with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
                connection.request("POST", KAIROS_PATH, body, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    return time.monotonic() - self.began
            time.sleep(0.005)
        self.fail("there is no 200")

    def processes(self):
        """Its process and all descendants."""
        parents = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def memory_mib(self, field):
        """The sum of `VmRSS` or `VmHWM` over its processes."""
        def of(pid):
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith(field + ":"):
                        return int(line.split()[1]) / 1024
            return 0.0
        return sum(map(of, self.processes()))

    def cpu_s(self):
        """CPU seconds by the name of the thread, of threads that still run."""
        times = {}
        for pid in self.processes():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
                with contextlib.suppress(OSError):
                    name = (task / "comm").read_text().strip()
                    times[name] = times.get(name, 0.0) + thread_cpu_s(task)
        return times

    def process_cpu_s(self):
        """CPU seconds of its processes, also those of threads that have ended."""
        def of(pid):
            with contextlib.suppress(OSError):
                return ticks_s(pathlib.Path(f"/proc/{pid}/stat"))
            return 0.0
        return sum(map(of, self.processes()))

    def settle(self):
        """Waits until it has finished the requests of callers that hung up."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            before = sum(self.cpu_s().values())
            time.sleep(0.1)
            if sum(self.cpu_s().values()) - before < 0.005:
                return
        self.fail(f"it is still busy after {PATIENCE} s")


def thread_cpu_s(task):
    """CPU seconds of one thread; the system counts nanoseconds, or else ticks."""
    with contextlib.suppress(OSError):
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    return ticks_s(task / "stat")


def ticks_s(stat):
    """The CPU seconds in a file `stat` of `/proc`, in the system's and in the program's code."""
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


class Livegate(Measured, harness.Livegate):
    """A release binary with one pack."""

    def __init__(self, binary, home, pack, workers, device, scratch, settings=(), name=None):
        words = ["--workers", str(workers)] if workers else []
        words += ["--device", device] if device else []
        words += [word for setting in settings for word in ("--set", setting)]
        super().__init__(binary, home, scratch, words, pack)
        self.name = name or pack
        self.log = scratch / f"{self.name.replace(' ', '-')}.log"
        self.workers = workers or len(os.sched_getaffinity(0))

    def finished_unheard(self, connections):
        """Requests of callers that hung up which are finished all the same: a worker drops those in the
        queue, and ends the one that it has begun."""
        return min(self.workers, connections)


class Peer(Measured, harness.Server):
    """The unchanged peer, with one process."""

    def __init__(self, python, directory, models, scratch):
        port = free_port()
        words = [python, "-m", "uvicorn", "app:app", "--app-dir", directory, "--host", "127.0.0.1",
                 "--port", str(port), "--workers", "1", "--log-level", "warning", "--no-access-log"]
        environment = clean_environment(MODELS=str(models), PYTHONDONTWRITEBYTECODE="1")
        super().__init__("peer", words, scratch / "peer.log", environment, port)

    def finished_unheard(self, connections):
        """It does not notice that a caller hangs up, and finishes every request."""
        return connections
