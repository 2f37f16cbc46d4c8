"""Measures how an app fares beside others that crowd the service, against the bounds of docs/CAPACITY.md.

    python3 benches/neighbours.py target/release/livegate [--before BINARY_OR_COMMIT] [--row NAME ...] [--page]

App B sends 10 selfies/s of 640x480 pixels while its neighbour, app A, does what a row says. B's times count
from the moment when a request was due; an answer after 5 s counts as none. Each row has a service of its own
with two workers. With `--before` each row is measured with that build first, for less time. Exits with 1
where a bound is missed.

Everything runs on the same cores. B has a process of its own with the usual priority. A's processes are nice
by 10 and send bytes made beforehand, so that B does not wait for a core that A's own sending takes.
`refusals` and `throughput` use target/release/examples/pace, as benches/operate.py does.

The large pictures are plainly valid, made in memory, and sent from there: none is written to a disk. Not
here: pictures that exhaust a third-party decoder (lossless WebP, TIFF of floats), whose guards are tested with
small pictures against low limits (crates/frame/tests); stores that fail or are replaced (crates/accounts/tests);
starts and signals (crates/livegate/tests). Linux, loopback only; ends every process that it started. OpenCV,
NumPy, Pillow and h2 come from pip into target/neighbours.
"""
import argparse
import contextlib
import datetime
import functools
import io
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

# Further threads of the libraries would run beside the service, and would not survive a fork.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

import before
import callers
import load
import operate
import table
import targets
from servers import Livegate, harness, version

ROOT = harness.ROOT
PAGE = ROOT / "docs/CAPACITY.md"
PACKAGES = ["opencv-python-headless==4.12.0.88", "numpy==2.2.6", "pillow==12.0.0", "h2==4.3.0"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WORKERS = 2
PER_SECOND = 10
V1_BATCH_PATH = harness.V1_PATH + "/batch"

# Least share of B's requests that get a 200, in percent.
LEAST_SERVED = 99
# Highest 99th percentile of B's times, ms: with A at 640x480, or slow, or silent; with A at 12 megapixels; and
# with A's worst pictures.
MOST_P99_MS, MOST_P99_LARGE_MS, MOST_P99_WORST_MS = 60, 200, 800
# Longest time that a worker goes on after the answer, or after the caller left, ms.
MOST_AFTER_MS = 100
# The default CPU budget of a picture, ms, and how much later it may end.
MOST_CPU_MS = 500 + 100
# Highest 99th percentile of a refusal's time at 4 times the load, ms.
MOST_REFUSAL_MS = 10
# Least throughput of one app alone, as a share of that before.
LEAST_THROUGHPUT = 0.97
# The memory of the container, and the highest share of it that is resident.
CONTAINER_MIB, MOST_MEMORY = 1024, 0.9

# Seconds of a row with the build before. It needs fewer, because no bound holds for it.
BEFORE_S = 3
# A begins so long before B.
LEAD_S = 1
# A slow body gets so many bytes a second: 7 KB in 31 s.
SLOW_BYTES_PER_S = 230
# Length of the bodies that A announces and never sends whole: 13 of these are all bytes that may be held
# (`ingress.max_bytes_in_flight`), and 64 of those are few enough.
LONG_BYTES, SHORT_BYTES = (256 << 20) // 13, 1 << 20
CONNECTIONS = 16
THROUGHPUT_ROUNDS, THROUGHPUT_S = 3, 4
TRIES = 3
# Longest wait for the end of a service.
END_S = 5
# Pause between two looks at the metrics.
POLL_S = 0.005
# Refusals that fill a pipe of 64 KiB with their log lines, and the seconds that they may take.
REFUSALS_TO_FILL, FILL_S = 3000, 4
# Size of the large pictures, in blocks of 8 px, and of the portrait in their middle: a face so small is
# decoded a second time, with all pixels.
LARGE_BLOCKS, PORTRAIT_BLOCKS = 625, 200


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("binary", type=pathlib.Path, help="Livegate's release binary")
    parser.add_argument("--before", metavar="BINARY_OR_COMMIT", help="measure this one too")
    parser.add_argument("--row", nargs="+", choices=ROWS, metavar="NAME", help=f"only these: {', '.join(ROWS)}")
    parser.add_argument("--home", type=pathlib.Path, default=harness.test_home(), help="with the packs and the portrait")
    parser.add_argument("--pack", default="silent-face")
    parser.add_argument("--seconds", type=float, default=10, help="that B sends in a row")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures")
    parser.add_argument("--page", action="store_true", help="rewrite the table in docs/CAPACITY.md")
    return parser.parse_args()


# ---- The service and what is sent to it ---------------------------------------------------------

class Service(Livegate):
    """A release binary with the apps B and A, an admin listener, and accounts in a file of its own. `group` is
    the control group that it starts in. Without `log_is_read`, its log goes into a pipe that nothing reads."""

    NEIGHBOUR, LIMITED = "neighbour", "neighbour-with-a-rate"

    def __init__(self, words, binary, scratch, pictures, *settings, group=None, log_is_read=True):
        scratch = pathlib.Path(tempfile.mkdtemp(dir=scratch))
        self.pictures, self.admin_port = pictures, harness.free_port()
        accounts = f"accounts.database={scratch}/accounts.db"
        super().__init__(binary, words.home.resolve(), words.pack, WORKERS, None, scratch, [
            accounts, f"admin.listen=127.0.0.1:{self.admin_port}", "ingress.shutdown_delay_ms=0", *settings])
        # A demo has one app.
        self.words.remove("--demo")
        if group:
            self.words = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', group, *self.words]
        if not log_is_read:
            os.mkfifo(self.log)
            self.reader = os.open(self.log, os.O_RDONLY | os.O_NONBLOCK)
        for app, rate in [(harness.APP_ID, []), (self.NEIGHBOUR, []),
                          (self.LIMITED, ["--rate-per-minute", "60", "--burst", "13"])]:
            subprocess.run([binary, "keys", "create", "--id", app, "--key-file", "-", "--set", accounts, *rate],
                           input=harness.APP_KEY, text=True, check=True, env=self.environment, capture_output=True)

    def __enter__(self):
        super().__enter__()
        # The first pictures of a process take longer.
        for _ in range(2 * WORKERS):
            self.judged(self.pictures.small)
        return self

    def end(self):
        """As for every server, but a service that cannot end, because its log is not read, is soon killed."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=END_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def judged(self, picture):
        """The status of a request of B with this picture."""
        return harness.post(self.port, picture, harness.credentials())["status"]

    def busy_after_ms(self, moment):
        """Milliseconds from this moment until no worker is busy."""
        while self.busy_workers():
            if time.monotonic() > moment + harness.PATIENCE:
                self.fail("a worker does not end")
            time.sleep(POLL_S)
        return (time.monotonic() - moment) * 1e3

    def busy_workers(self):
        text = harness.exchange(self.admin_port, "GET", "/metrics")["body"]
        line = next(line for line in text.splitlines() if line.startswith('livegate_workers{state="busy"}'))
        return float(line.rpartition(" ")[2])


class Pictures:
    """What is sent, made in memory."""

    def __init__(self, portrait):
        import cv2
        import numpy as np
        from PIL import Image

        import many_scans
        import pictures

        cv2.setNumThreads(1)
        pixels = cv2.imdecode(np.frombuffer(portrait, np.uint8), cv2.IMREAD_COLOR)

        def selfie(width, height):
            quality = [cv2.IMWRITE_JPEG_QUALITY, pictures.QUALITY]
            return cv2.imencode(".jpg", pictures.picture(pixels, width, height), quality)[1].tobytes()

        self.small, self.large = selfie(640, 480), selfie(4000, 3000)
        face = Image.open(io.BytesIO(portrait)).convert("RGB").resize((PORTRAIT_BLOCKS, PORTRAIT_BLOCKS))
        blocks = Image.new("RGB", (LARGE_BLOCKS, LARGE_BLOCKS), (120, 130, 140))
        blocks.paste(face, ((LARGE_BLOCKS - PORTRAIT_BLOCKS) // 2,) * 2)
        self.progressive = many_scans.jpeg(np.asarray(blocks.convert("YCbCr")))
        self.four_colours = many_scans.jpeg(255 - np.asarray(blocks.convert("CMYK")))
        png = blocks.resize((LARGE_BLOCKS * many_scans.BLOCK_PX,) * 2, Image.NEAREST)
        encoded = io.BytesIO()
        png.save(encoded, "PNG", compress_level=1)
        self.png = encoded.getvalue()


def request(picture, app=Service.NEIGHBOUR, path=harness.KAIROS_PATH, count=1, padding=0):
    """The bytes of a request with a picture, or with `count` of them. A body of `padding` bytes is filled up
    with a field that is not read."""
    headers, body = harness.form(picture)
    one, end = body[:-len(f"--{harness.BOUNDARY}--\r\n")], f"--{harness.BOUNDARY}--\r\n".encode()
    more = b""
    if padding > len(body):
        field = f'--{harness.BOUNDARY}\r\nContent-Disposition: form-data; name="ignored"\r\n\r\n'.encode()
        more = field + bytes(padding - len(body) - len(field) - 2) + b"\r\n"
    credentials = harness.credentials(app) if app else {}
    return callers.request(path, {**headers, **credentials}, one * count + more + end)


def begun(picture, app, length):
    """The beginning of a request whose body does not come whole."""
    headers, body = harness.form(picture)
    credentials = harness.credentials(app) if app else {}
    return callers.request(harness.KAIROS_PATH, {**headers, **credentials}, body[:200], length)


# ---- Figures ------------------------------------------------------------------------------------

def figure(what, number, unit="", most=None, least=None):
    is_met = number is not None and (most is None or number <= most) and (least is None or number >= least)
    return {"what": what, "number": number, "unit": unit, "most": most, "least": least,
            "is_met": is_met or (most is None and least is None)}


def fares(service, seconds, most_p99_ms, *neighbours):
    """B's figures, while each of the neighbours, a function of the time at which it ends, does its work."""
    begin = time.monotonic() + LEAD_S
    until = begin + seconds
    sent = request(service.pictures.small, harness.APP_ID)
    with contextlib.ExitStack() as stack:
        b = callers.Load(callers.paced, service.port, sent, PER_SECOND, begin, seconds)
        crowd = [callers.Load(*work(until), nice=callers.NEIGHBOUR_NICE) for work in neighbours]
        for one in [*crowd, b]:
            stack.enter_context(one)
        outcomes = b.result(until + 2 * callers.PATIENCE_S)
        results = [one.result(time.monotonic() + 1) for one in crowd]
    if outcomes is None:
        raise RuntimeError("B's sender did not end")
    times_ms = [took_ms for status, took_ms in outcomes if status == "200"]
    figures = [
        figure("served", round(100 * len(times_ms) / len(outcomes), 1), " %", least=LEAST_SERVED),
        figure("p50", times_ms and round(load.percentile(times_ms, 50), 1) or None, " ms"),
        figure("p99", times_ms and round(load.percentile(times_ms, 99), 1) or None, " ms", most=most_p99_ms)]
    return figures, [dict(one) if one else one for one in results]


def crowded(settings, most_p99_ms, *neighbours):
    """A row: B's figures while the neighbours, functions of the service and of the end, do their work."""
    def measure(start, seconds):
        with start(*settings) as service:
            works = [lambda until, work=work: work(service, until) for work in neighbours]
            figures, outcomes = fares(service, seconds, most_p99_ms, *works)
        return figures, {"A": outcomes}
    return measure


def loop(picture, connections, path=harness.KAIROS_PATH, count=1, padding=0):
    """A with ordinary connections."""
    def work(service, until):
        sent = request(getattr(service.pictures, picture), path=path, count=count, padding=padding)
        return callers.closed_loop, service.port, sent, connections, until
    return work


def slow(app, connections, length=SHORT_BYTES):
    """A with slow bodies."""
    def work(service, until):
        return callers.slow_bodies, service.port, begun(service.pictures.small, app, length), connections, until, SLOW_BYTES_PER_S
    return work


def slow_streams(streams):
    """A with slow bodies over one HTTP/2 connection."""
    def work(service, until):
        headers = {**harness.form(b"")[0], **harness.credentials(Service.NEIGHBOUR)}
        return (callers.slow_streams, service.port, harness.KAIROS_PATH, headers, SHORT_BYTES, streams, until, SLOW_BYTES_PER_S)
    return work


def silent(connections):
    def work(service, until):
        return callers.silent, service.port, connections, until
    return work


# ---- Rows ---------------------------------------------------------------------------------------

def unverified(start, seconds):
    """Slow bodies without credentials. Callers whose body is too long must see their 413 all the same."""
    def too_long(until):
        return callers.closed_loop, service.port, request(service.pictures.small, padding=22 << 20), 2, until, 0.25

    with start() as service:
        figures, (_, refused) = fares(service, seconds, MOST_P99_MS, lambda until: slow(None, 80)(service, until), too_long)
    refused = refused or {}
    seen = 100 * refused.get("413", 0) / max(sum(refused.values()), 1)
    return [*figures, figure("callers that see their 413", round(seen, 1), " %", least=LEAST_SERVED)], {"refused": refused}


def unread_log(start, seconds):
    """The log goes into a pipe that nothing reads. Refusals fill the pipe before B begins."""
    with start(log_is_read=False) as service:
        sent = request(b"", app=None)
        until = time.monotonic() + FILL_S
        with callers.Load(callers.closed_loop, service.port, sent, CONNECTIONS, until, 0, REFUSALS_TO_FILL) as fill:
            refused = fill.result(until + 1)
        figures, _ = fares(service, seconds, MOST_P99_MS)
    return figures, {"refused": refused}


def late(start, seconds):
    """The deadline passes in the midst of a picture."""
    with start("ingress.deadline_ms=500") as service:
        answers = [(service.judged(service.pictures.progressive), service.busy_after_ms(time.monotonic()))
                   for _ in range(TRIES)]
    statuses = "/".join(sorted({str(status) for status, _ in answers}))
    after_ms = max(after_ms for _, after_ms in answers)
    return [figure(f"worker free after the {statuses}", round(after_ms), " ms", most=MOST_AFTER_MS)], {"answers": answers}


def gone(start, seconds):
    """The caller leaves in the midst of a picture."""
    after_ms = []
    with start() as service:
        sent = request(service.pictures.progressive)
        for _ in range(TRIES):
            with socket.create_connection(("127.0.0.1", service.port), timeout=harness.PATIENCE) as connection:
                connection.sendall(sent)
                time.sleep(0.2)
            after_ms.append(service.busy_after_ms(time.monotonic()))
    return [figure("worker free after the caller left", round(max(after_ms)), " ms", most=MOST_AFTER_MS)], {"after_ms": after_ms}


def single(start, seconds):
    """CPU time of one picture: an ordinary one, and the costliest of those here."""
    def cpu_ms(picture, times=1):
        spent_s = service.process_cpu_s()
        status = [service.judged(picture) for _ in range(times)][-1]
        service.busy_after_ms(time.monotonic())
        return (service.process_cpu_s() - spent_s) * 1e3 / times, status

    with start() as service:
        usual_ms, _ = cpu_ms(service.pictures.small, 50)
        costs = {name: cpu_ms(getattr(service.pictures, name)) for name in ("progressive", "four_colours", "png")}
    name, (worst_ms, status) = max(costs.items(), key=lambda cost: cost[1][0])
    return [figure("ordinary", round(usual_ms, 1), " ms"),
            figure(f"worst ({name.replace('_', ' ')}, {status})", round(worst_ms), " ms", most=MOST_CPU_MS)], {"costs_ms": costs}


@contextlib.contextmanager
def container(mib):
    """A control group with so much memory; None where none can be made. Version 1 or 2."""
    version_1 = pathlib.Path("/sys/fs/cgroup/memory")
    root, limit = (version_1, "memory.limit_in_bytes") if version_1.is_dir() else (version_1.parent, "memory.max")
    group = root / f"livegate-neighbours-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        try:
            group.mkdir()
            stack.callback(group.rmdir)
            (group / limit).write_text(str(mib << 20))
        except OSError as error:
            print(f"the service runs without a memory limit: {error}", file=sys.stderr)
            group = None
        yield group


def memory(start, seconds):
    """The largest pictures in bodies at their limit, in a container's memory."""
    with container(CONTAINER_MIB) as group, start(group=group) as service:
        works = [loop("four_colours", 6, padding=19 << 20), loop("progressive", 6, padding=19 << 20), loop("png", 4),
                 loop("large", 8)]
        figures, outcomes = fares(service, seconds, MOST_P99_WORST_MS, *(lambda until, work=work: work(service, until) for work in works))
        is_alive = service.process.poll() is None
        peak_mib = service.memory_mib("VmHWM")
    peak = figure("peak" if is_alive else "killed; peak", round(peak_mib) or None, " MiB", most=MOST_MEMORY * CONTAINER_MIB)
    peak["is_met"] &= is_alive
    return [*figures, peak], {"A": outcomes, "limited": group is not None}


def refusals(start, seconds):
    """One app at 4 times what the service can do."""
    args = argparse.Namespace(size="640x480")
    with start() as service:
        operate.outcomes_of(operate.load(service, args, "--at-once", CONNECTIONS, "--seconds", 1))
        peak = operate.outcomes_of(operate.load(service, args, "--at-once", CONNECTIONS, "--seconds", 3))
        can = peak["outcomes"]["200"]["per_s"]
        outcomes = operate.outcomes_of(operate.load(service, args, "--rate", 4 * can, "--seconds", seconds))["outcomes"]
    refused = outcomes.get("503", {"p99_ms": None, "count": 0})
    figures = [figure("asked", round(4 * can), "/s"), figure("p99 of the 503s", refused["p99_ms"], " ms", most=MOST_REFUSAL_MS)]
    cut = sum(outcome["count"] for name, outcome in outcomes.items() if name not in ("200", "503"))
    return [*figures, figure("anything but 200 and 503", cut, most=0)], {"outcomes": outcomes}


BOTH = "throughput"
ROWS = {
    "alone": ("B alone", crowded([], MOST_P99_MS)),
    "slow-13": ("A, rate-limited: 13 connections announce 20 MB each and send 230 bytes/s", crowded([], MOST_P99_MS, slow(Service.LIMITED, 13, LONG_BYTES))),
    "slow-64": ("A: 64 slow bodies", crowded([], MOST_P99_MS, slow(Service.NEIGHBOUR, 64))),
    "h2-64": ("A: one HTTP/2 connection with 64 slow streams", crowded([], MOST_P99_MS, slow_streams(64))),
    "a-64": ("A: 64 connections, 640x480", crowded([], MOST_P99_MS, loop("small", 64))),
    "a-256": ("A: 256 connections, 640x480", crowded([], MOST_P99_MS, loop("small", 256))),
    "large-64": ("A: 64 connections, 12 megapixels", crowded([], MOST_P99_LARGE_MS, loop("large", 64))),
    "progressive-70": ("A: 70 connections, a progressive JPEG of 25 megapixels and 85 scans", crowded([], MOST_P99_WORST_MS, loop("progressive", 70))),
    "batch": ("A: 8 connections, batches of 16 such JPEGs", crowded([], MOST_P99_WORST_MS, loop("progressive", 8, V1_BATCH_PATH, 16))),
    "silent-1100": ("1,100 silent connections without credentials", crowded([], MOST_P99_MS, silent(1100))),
    "unverified-80": ("80 slow bodies without credentials, and callers with 22 MiB", unverified),
    "log": ("the log's pipe is not read", unread_log),
    "memory": ("A: the largest pictures, bodies at their limit, in 1 GiB", memory),
    "deadline": ("the deadline of 500 ms passes in a long picture", late),
    "gone": ("the caller leaves a long picture after 0.2 s", gone),
    "single": ("CPU time of a single picture", single),
    "refusals": ("one app, 4 times its load", refusals),
    BOTH: ("one app alone, 16 connections", None),
}


def throughput(before_start, start):
    """Requests/s of one app with both builds, in turn, and the share that is left."""
    args = argparse.Namespace(size="640x480")

    def per_s(service, seconds):
        return operate.outcomes_of(operate.load(service, args, "--at-once", CONNECTIONS, "--seconds", seconds))["outcomes"]["200"]["per_s"]

    with before_start() as old, start() as new:
        rates = [[], []]
        for service in (old, new):
            per_s(service, 1)
        for number in range(THROUGHPUT_ROUNDS):
            for which in ((0, 1) if number % 2 == 0 else (1, 0)):
                rates[which].append(per_s((old, new)[which], THROUGHPUT_S))
    share = statistics.median(after / earlier for earlier, after in zip(*rates))
    of = [figure("requests/s", round(statistics.median(rate), 1)) for rate in rates]
    return [of[0]], [of[1], figure("share", round(share, 3), least=LEAST_THROUGHPUT)], {"rates": rates}


# ---- All of it ----------------------------------------------------------------------------------

def measure(words, scratch):
    """Every row: what it is, and for each build its figures and whatever explains them."""
    binary, earlier = words.binary.resolve(), None
    if words.before:
        is_file = pathlib.Path(words.before).is_file()
        earlier = pathlib.Path(words.before).resolve() if is_file else before.built(words.before)
    names = words.row or list(ROWS)
    if {"refusals", BOTH} & set(names):
        operate.need_pace()
    pictures = Pictures(harness.portrait(words.home))
    starts = {"now": functools.partial(Service, words, binary, scratch, pictures)}
    if earlier:
        starts = {"before": functools.partial(Service, words, earlier, scratch, pictures), **starts}
    result = {"cpu": table.cpu(), "livegate": version(binary), "before": earlier and version(earlier), "pack": words.pack,
              "seconds": words.seconds, "rows": {}}
    for name in names:
        what, row = ROWS[name]
        builds = {}
        if row:
            for build, start in starts.items():
                figures, more = row(start, words.seconds if build == "now" else min(words.seconds, BEFORE_S))
                builds[build] = {"figures": figures, **more}
        elif earlier:
            old, new, more = throughput(*starts.values())
            builds = {"before": {"figures": old}, "now": {"figures": new, **more}}
        else:
            print(f"{name} needs --before: left out", file=sys.stderr)
            continue
        result["rows"][name] = {"what": what, **builds}
        for build, one in builds.items():
            print(f"{name:<15} {build:<7} {cell(one['figures'])}", flush=True)
    return result


def cell(figures):
    return ", ".join(text(one) for one in figures)


def text(one):
    number = "none" if one["number"] is None else f"{one['number']}{one['unit']}"
    return f"{one['what']} {number}" if one["is_met"] else f"**{one['what']} {number}**"


def bound(figures):
    limited = [(one, word, limit) for one in figures for word, limit in [("at least", one["least"]), ("at most", one["most"])]
               if limit is not None]
    return ", ".join(f"{one['what'].partition(' (')[0]} {word} {limit:.4g}{one['unit']}" for one, word, limit in limited)


def page(result):
    earlier = f" Before: {result['before']}." if result["before"] else ""
    day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    yield from targets.prose(
        f"{result['cpu']}, {day}. {result['livegate']}, pack `{result['pack']}`, two workers.{earlier} B sends {PER_SECOND} "
        f"selfies/s of 640x480 for {result['seconds']:g} s. Missed bounds are bold.")
    yield ""
    yield from targets.rows(
        ["row", "what happens", "bound", "before", "now"],
        [[f"`{name}`", row["what"], bound(row["now"]["figures"]), cell(row.get("before", {"figures": []})["figures"]),
          cell(row["now"]["figures"])] for name, row in result["rows"].items()])


def end_once(*_):
    """Leaves through every `with`, which end the processes. Further signals must not cut that short."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit("ended")


if __name__ == "__main__":
    words = arguments()
    if words.page and words.row:
        sys.exit("--page needs every row: a part of the table must not replace the whole")
    for number in SIGNALS:
        signal.signal(number, end_once)
    harness.importable(ROOT / "target/neighbours/python", PACKAGES)
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(words, pathlib.Path(scratch))
    if words.json:
        words.json.write_text(json.dumps(result, indent=1) + "\n")
    if words.page:
        table.rewrite("neighbours", list(page(result)), PAGE)
    missed = [name for name, row in result["rows"].items() if not all(one["is_met"] for one in row["now"]["figures"])]
    print(f"neighbours: {len(result['rows']) - len(missed)} rows within their bounds, {len(missed)} not"
          f"{': ' if missed else ''}{', '.join(missed)}")
    sys.exit(1 if missed else 0)
