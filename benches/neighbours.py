"""Measures how an app fares beside others that crowd the service, and holds the bounds below.

    python3 benches/neighbours.py target/release/livegate [--before BINARY_OR_COMMIT]
                                  [--row NAME ...] [--seconds N] [--page] [--json FILE]

App B sends 10 selfies/s of 640x480 pixels while its neighbour, app A, does what a row says. B's
times count from the moment when a request was due; an answer after 5 s counts as none. Each row has
a service of its own with two workers. With `--before`, each row is measured with that build too,
for less time. Exits with 1 where a bound is missed. `--page` fills the table in docs/CAPACITY.md.

Everything runs on the same cores. B has a process of its own with the usual priority. A's processes
are nice by 10 and send bytes that were made beforehand, so that B's times hold no wait for A's
sender. `refusals` and `throughput` use the example `pace`, as benches/operate.py does.

A shared host may stop all of a machine for a tenth of a second. Times during which it withheld
MOST_STOLEN_MS or more of the CPUs, as Linux counts them, are left out of B's percentiles and of
those of refusals, and their number is printed. They still count as served or not.

The large pictures are plainly valid, made in memory, and sent from there. Left out, because tests
hold them: pictures that exhaust a third-party decoder (lossless WebP, TIFF of floats), whose guards
are tested with small pictures against low limits; stores that fail, fill up or are replaced; starts
and signals.

Linux, loopback only; ends every process that it started. OpenCV, NumPy, Pillow and h2 come from pip
into target/neighbours. The memory limit needs the right to make a control group.
"""
import argparse
import collections
import contextlib
import datetime
import functools
import json
import os
import pathlib
import signal
import socket
import statistics
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
from neighbourhood import LIMITED, NEIGHBOUR, Pictures, Service, begun, container, headers_of, request
from servers import harness, version

ROOT = harness.ROOT
PAGE = ROOT / "docs/CAPACITY.md"
PACKAGES = ["opencv-python-headless==4.12.0.88", "numpy==2.2.6", "pillow==12.0.0", "h2==4.3.0"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PER_SECOND = 10
SIZE = "640x480"

# Least share of B's requests that get a 200, in percent.
LEAST_SERVED = 99
# Highest 99th percentile of B's times, ms: with A at 640x480, or slow, or silent; with A at 12
# megapixels; and with A's worst pictures.
MOST_P99_MS, MOST_P99_LARGE_MS, MOST_P99_WORST_MS = 60, 200, 800
# Longest time that a worker goes on after the answer, or after the caller left, ms.
MOST_AFTER_MS = 100
# The default CPU budget of a picture, ms, and how much later it may end.
MOST_CPU_MS = 500 + 100
# CPU time withheld by the host from which on a time says nothing about the service, ms.
MOST_STOLEN_MS = 20
# Highest 99th percentile of a refusal's time at 4 times the load, ms.
MOST_REFUSAL_MS = 10
# Least throughput of one app alone, as a share of that before.
LEAST_THROUGHPUT = 0.97
# The memory of the container, and the highest share of it that is resident.
CONTAINER_MIB, MOST_MEMORY = 1024, 0.9

# Seconds of a row with the build before. No bound holds for it.
BEFORE_S = 2
# A begins so long before B, seconds.
LEAD_S = 1
# 7 KB in 31 s.
SLOW_BYTES_PER_S = 230
# Lengths of the bodies that A announces and never sends whole. 13 of the long ones leave less of the
# bytes that may be held (`ingress.max_bytes_in_flight`) than a selfie has; 64 of the short ones
# leave enough.
LONG_BYTES, SHORT_BYTES = (256 << 20) // 13 // 65536 * 65536, 1 << 20
# Over Livegate's limit, and just below it.
TOO_LONG_BYTES, LONGEST_BYTES = 22 << 20, 19 << 20
# Connections with bodies that are too long, and the pause of each between two, seconds.
TOO_LONG_CONNECTIONS, TOO_LONG_PAUSE_S = 2, 0.25
CONNECTIONS = 16
THROUGHPUT_ROUNDS, THROUGHPUT_S = 3, 3
TRIES = 3
# Seconds of a round of refusals, and how many times a row's time the rounds may take.
REFUSALS_S, REFUSALS_PATIENCE = 2, 2
# Refusals whose log lines fill a pipe of 64 KiB, and the seconds that they may take.
REFUSALS_TO_FILL, FILL_S = 3000, 4


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("binary", type=pathlib.Path, help="Livegate's release binary")
    parser.add_argument("--before", metavar="BINARY_OR_COMMIT", help="measure this one too")
    parser.add_argument("--row", nargs="+", choices=ROWS, metavar="NAME", help=f"only these of {', '.join(ROWS)}")
    parser.add_argument("--home", type=pathlib.Path, default=harness.test_home(), help="with packs and portrait")
    parser.add_argument("--pack", default="silent-face")
    parser.add_argument("--seconds", type=float, default=30, help="that B sends in a row")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures")
    parser.add_argument("--page", action="store_true", help="rewrite the table in docs/CAPACITY.md")
    return parser.parse_args()


# ---- Figures ------------------------------------------------------------------------------------

def figure(what, number, unit="", most=None, least=None):
    """A number with its bound. No number misses every bound."""
    is_met = (most is None or (number is not None and number <= most)) and (
        least is None or (number is not None and number >= least))
    return {"what": what, "number": number, "unit": unit, "most": most, "least": least, "is_met": is_met}


def fares(service, seconds, most_p99_ms, works):
    """B's figures while its neighbours do their works, and the outcomes of all. A work is a function
    of the service and of its end, which gives the coroutine function and its arguments."""
    begin = time.monotonic() + LEAD_S
    until = begin + seconds
    sent = request(service.pictures.small, harness.APP_ID)
    b = callers.Load(callers.paced, service.port, sent, PER_SECOND, begin, seconds)
    crowd = [callers.Load(*work(service, until), nice=callers.NEIGHBOUR_NICE) for work in works]
    with contextlib.ExitStack() as stack:
        for one in [*crowd, b]:
            stack.enter_context(one)
        outcomes = b.result(until + 2 * callers.PATIENCE_S)
        neighbours = [one.result(time.monotonic() + 1) for one in crowd]
    if outcomes is None:
        raise RuntimeError("B's sender did not end")
    served = [(took_ms, stolen_ms) for outcome, took_ms, stolen_ms in outcomes if outcome == "200"]
    times_ms = [took_ms for took_ms, stolen_ms in served if stolen_ms < MOST_STOLEN_MS]
    p50_ms, p99_ms = (round(load.percentile(times_ms, percent), 1) if times_ms else None for percent in (50, 99))
    figures = [figure("served", round(100 * len(served) / len(outcomes), 1), "%", least=LEAST_SERVED),
               figure("p50", p50_ms, " ms"), figure("p99", p99_ms, " ms", most=most_p99_ms)]
    counts = collections.Counter(outcome for outcome, *_ in outcomes)
    return figures, {"B": counts, "A": neighbours, "left_out": len(served) - len(times_ms)}


# ---- Works of neighbours ------------------------------------------------------------------------

def loop(picture, connections, **more):
    """Ordinary connections."""
    def work(service, until):
        sent = request(getattr(service.pictures, picture), **more)
        return callers.closed_loop, service.port, sent, connections, until
    return work


def slow(app, connections, length=SHORT_BYTES):
    """Slow bodies."""
    def work(service, until):
        sent = begun(service.pictures.small, app, length)
        return callers.slow_bodies, service.port, sent, connections, until, SLOW_BYTES_PER_S
    return work


def slow_streams(streams):
    """Slow bodies over one HTTP/2 connection."""
    def work(service, until):
        return (callers.slow_streams, service.port, harness.KAIROS_PATH, headers_of(NEIGHBOUR), SHORT_BYTES,
                streams, until, SLOW_BYTES_PER_S)
    return work


def silent(connections):
    def work(service, until):
        return callers.silent, service.port, connections, until
    return work


def too_long(service, until):
    """Bodies over the limit, which are refused."""
    sent = request(service.pictures.small, padding=TOO_LONG_BYTES)
    return callers.closed_loop, service.port, sent, TOO_LONG_CONNECTIONS, until, TOO_LONG_PAUSE_S


# ---- Rows ---------------------------------------------------------------------------------------
# Each starts services, and gives back its figures and what explains them.

def crowded(most_p99_ms, *works):
    """A row of B's figures alone."""
    def row(start, seconds):
        with start() as service:
            return fares(service, seconds, most_p99_ms, works)
    return row


def unverified(start, seconds):
    """Callers whose body is too long must see their 413 beside slow bodies without credentials."""
    with start() as service:
        figures, outcomes = fares(service, seconds, MOST_P99_MS, [slow(None, 80), too_long])
    refused = outcomes["A"][1] or {}
    seen = 100 * refused.get("413", 0) / max(sum(refused.values()), 1)
    return [*figures, figure("413 seen by those it is for", round(seen, 1), "%", least=LEAST_SERVED)], outcomes


def unread_log(start, seconds):
    """Refusals fill the log's pipe before B begins."""
    with start(log_is_read=False) as service:
        sent, until = request(b"", app=None), time.monotonic() + FILL_S
        words = (service.port, sent, CONNECTIONS, until, 0, REFUSALS_TO_FILL)
        with callers.Load(callers.closed_loop, *words) as refusals:
            filled = refusals.result(until + 1)
        figures, outcomes = fares(service, seconds, MOST_P99_MS, [])
    return figures, {**outcomes, "filled": filled}


def memory(start, seconds):
    """The largest pictures, also in bodies at their limit, in a container's memory."""
    works = [loop("four_colours", 4), loop("four_colours", 6, padding=LONGEST_BYTES),
             loop("progressive", 6, padding=LONGEST_BYTES), loop("png", 4), loop("large", 4)]
    with container(CONTAINER_MIB) as group, start(group=group) as service:
        figures, outcomes = fares(service, seconds, MOST_P99_WORST_MS, works)
        is_killed, peak_mib = service.process.poll() is not None, service.memory_mib("VmHWM")
    peak = figure("killed" if is_killed else "peak", None if is_killed else round(peak_mib), " MiB",
                  most=MOST_MEMORY * CONTAINER_MIB)
    return [*figures, peak], {**outcomes, "is_limited": group is not None}


def late(start, seconds):
    """The deadline passes in the midst of a picture."""
    with start("ingress.deadline_ms=500") as service:
        answers = [(service.judged(service.pictures.progressive), service.busy_after_ms(time.monotonic()))
                   for _ in range(TRIES)]
    statuses = "/".join(sorted({str(status) for status, _ in answers}))
    longest_ms = round(max(after_ms for _, after_ms in answers))
    return [figure(f"worker free after the {statuses}", longest_ms, " ms", most=MOST_AFTER_MS)], {"answers": answers}


def gone(start, seconds):
    """The caller leaves in the midst of a picture."""
    after_ms = []
    with start() as service:
        sent = request(service.pictures.progressive)
        for _ in range(TRIES):
            address = ("127.0.0.1", service.port)
            with socket.create_connection(address, timeout=harness.PATIENCE) as connection:
                connection.sendall(sent)
                time.sleep(0.2)
            after_ms.append(service.busy_after_ms(time.monotonic()))
    return [figure("worker free", round(max(after_ms)), " ms", most=MOST_AFTER_MS)], {"after_ms": after_ms}


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
    worst = figure(f"worst ({name.replace('_', ' ')}, {status})", round(worst_ms), " ms", most=MOST_CPU_MS)
    return [figure("ordinary", round(usual_ms, 1), " ms"), worst], {"costs_ms": costs}


def at_once_per_s(service, seconds):
    """Requests/s that one app gets answered."""
    words = ["--at-once", CONNECTIONS, "--seconds", seconds]
    return operate.outcomes_of(operate.load(service, argparse.Namespace(size=SIZE), *words))["outcomes"]["200"]["per_s"]


def refusals(start, seconds):
    """One app at 4 times what the service can do: the median of rounds in which the host withheld
    nothing."""
    def ask():
        before_ms = callers.stolen_ms()
        words = ["--rate", asked_per_s, "--seconds", REFUSALS_S]
        outcomes = operate.outcomes_of(operate.load(service, argparse.Namespace(size=SIZE), *words))["outcomes"]
        return outcomes, callers.stolen_ms() - before_ms

    with start() as service:
        at_once_per_s(service, 1)
        asked_per_s = 4 * at_once_per_s(service, 3)
        rounds, until = [], time.monotonic() + REFUSALS_PATIENCE * seconds
        while len(rounds) < TRIES or time.monotonic() < until and sum(map(is_quiet, rounds)) < TRIES:
            rounds.append(ask())
    of_quiet = [outcomes for outcomes, _ in filter(is_quiet, rounds)] or [outcomes for outcomes, _ in rounds]
    others = sum(outcome["count"] for outcomes, _ in rounds for name, outcome in outcomes.items()
                 if name not in ("200", "503"))
    p99s_ms = [outcomes["503"]["p99_ms"] for outcomes in of_quiet if "503" in outcomes]
    p99_ms = round(statistics.median(p99s_ms), 1) if p99s_ms else None
    return [figure("asked", round(asked_per_s), "/s"), figure("p99 of the 503s", p99_ms, " ms", most=MOST_REFUSAL_MS),
            figure("neither 200 nor 503", others, most=0)], {"rounds": rounds, "left_out": len(rounds) - len(of_quiet)}


def is_quiet(measured):
    """True for a round in which the host withheld next to nothing."""
    _, stolen_ms = measured
    return stolen_ms < MOST_STOLEN_MS


def throughput(start_before, start_now):
    """Requests/s of one app with both builds, in turn: figures before, figures now, and the rounds."""
    with start_before() as earlier, start_now() as service:
        for one in (earlier, service):
            at_once_per_s(one, 1)
        rounds = []
        for number in range(THROUGHPUT_ROUNDS):
            order = (earlier, service) if number % 2 == 0 else (service, earlier)
            per_s = {one: at_once_per_s(one, THROUGHPUT_S) for one in order}
            rounds.append((per_s[earlier], per_s[service]))
    old, new = (figure("requests/s", round(statistics.median(rates), 1)) for rates in zip(*rounds))
    share = round(statistics.median(after / at_first for at_first, after in rounds), 3)
    return [old], [new, figure("share", share, least=LEAST_THROUGHPUT)], {"rounds": rounds}


BOTH = "throughput"
BATCHES = {"path": harness.V1_PATH + "/batch", "count": 16}
ROWS = {
    "alone": ("B alone", crowded(MOST_P99_MS)),
    "slow-13": ("A, rate-limited: 13 connections announce 20 MB each and send 230 bytes/s",
                crowded(MOST_P99_MS, slow(LIMITED, 13, LONG_BYTES))),
    "slow-64": ("A: 64 slow bodies", crowded(MOST_P99_MS, slow(NEIGHBOUR, 64))),
    "h2-64": ("A: one HTTP/2 connection with 64 slow streams", crowded(MOST_P99_MS, slow_streams(64))),
    "a-64": ("A: 64 connections, 640x480", crowded(MOST_P99_MS, loop("small", 64))),
    "a-256": ("A: 256 connections, 640x480", crowded(MOST_P99_MS, loop("small", 256))),
    "large-64": ("A: 64 connections, 12 megapixels", crowded(MOST_P99_LARGE_MS, loop("large", 64))),
    "progressive-70": ("A: 70 connections, a progressive JPEG of 25 megapixels and 85 scans (0.19 MB)",
                       crowded(MOST_P99_WORST_MS, loop("progressive", 70))),
    "batch": ("A: 8 connections, batches of 16 JPEGs of `progressive-70`",
              crowded(MOST_P99_WORST_MS, loop("progressive", 8, **BATCHES))),
    "silent-1100": ("1,100 silent connections without credentials", crowded(MOST_P99_MS, silent(1100))),
    "unverified-80": ("80 slow bodies without credentials, and bodies of 22 MiB", unverified),
    "log": ("the log's pipe is full, and nothing reads it", unread_log),
    "memory": ("A: the largest pictures, bodies at their limit, in 1 GiB", memory),
    "deadline": ("the JPEG of `progressive-70`, with a deadline of 500 ms", late),
    "gone": ("the JPEG of `progressive-70`, and the caller leaves after 0.2 s", gone),
    "single": ("CPU time of a single picture", single),
    "refusals": ("one app, 4 times the load", refusals),
    BOTH: ("one app alone, 16 connections", None),
}


# ---- All of it ----------------------------------------------------------------------------------

def earlier_build(name):
    """The binary and what it is called; `name` is a file or a commit."""
    if pathlib.Path(name).is_file():
        binary = pathlib.Path(name).resolve()
        return binary, version(binary)
    binary = before.built(name)
    return binary, f"{version(binary)}, {binary.parent.name}"


def measure(words, scratch):
    began, names = time.monotonic(), words.row or list(ROWS)
    if {"refusals", BOTH} & set(names):
        operate.need_pace()
    pictures = Pictures(harness.portrait(words.home))
    binaries = {"now": words.binary.resolve()}
    result = {"cpu": table.cpu(), "livegate": version(words.binary), "before": None, "pack": words.pack,
              "seconds": words.seconds, "rows": {}}
    if words.before:
        earlier, result["before"] = earlier_build(words.before)
        binaries = {"before": earlier, **binaries}
    starts = {build: functools.partial(Service, binary, words.home.resolve(), words.pack, scratch, pictures)
              for build, binary in binaries.items()}
    seconds = {"before": min(words.seconds, BEFORE_S), "now": words.seconds}
    for name in names:
        what, row = ROWS[name]
        if name == BOTH and not words.before:
            print(f"{name} is left out: it needs --before", flush=True)
            continue
        if name == BOTH:
            old, new, more = throughput(starts["before"], starts["now"])
            builds = {"before": {"figures": old}, "now": {"figures": new, **more}}
        else:
            measured = {build: row(start, seconds[build]) for build, start in starts.items()}
            builds = {build: {"figures": figures, **more} for build, (figures, more) in measured.items()}
        result["rows"][name] = {"what": what, **builds}
        for build, one in builds.items():
            left_out = f" ({one['left_out']} left out)" if one.get("left_out") else ""
            print(f"{time.monotonic() - began:4.0f} s  {name:<15} {build:<7} {cell(one['figures'])}{left_out}", flush=True)
    return result


def cell(figures, emphasis="**"):
    """The figures in a line. Those that miss their bound stand out."""
    def text(one):
        number = "none" if one["number"] is None else f"{one['number']}{one['unit']}"
        return f"{one['what']} {number}" if one["is_met"] else f"{emphasis}{one['what']} {number}{emphasis}"
    return ", ".join(map(text, figures))


def bounds(figures):
    limits = [(one, word, one[key]) for one in figures for word, key in [("at least", "least"), ("at most", "most")]
              if one[key] is not None]
    return ", ".join(f"{one['what'].partition(' (')[0]} {word} {limit:.4g}{one['unit']}" for one, word, limit in limits)


def left_out(result):
    """What was left out of the percentiles now, in words."""
    counts = {name: row["now"].get("left_out", 0) for name, row in result["rows"].items()}
    return ", ".join(f"{count} in `{name}`" for name, count in counts.items() if count) or "none"


def page(result):
    day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    earlier = f" Before: {result['before']}." if result["before"] else ""
    yield from targets.prose(
        f"{result['cpu']}, {day}. {result['livegate']}, pack `{result['pack']}`, two workers.{earlier} B sends "
        f"{PER_SECOND} selfies/s of {SIZE} for {result['seconds']:g} s. Missed bounds are bold. Percentiles leave out "
        f"the times during which the host withheld {MOST_STOLEN_MS} ms or more of CPU from the machine: of this build "
        f"{left_out(result)}.")
    yield ""

    def line(name, row):
        now = row["now"]["figures"]
        earlier = cell(row["before"]["figures"], "") if "before" in row else ""
        return [f"`{name}`", row["what"], bounds(now), earlier, cell(now)]

    yield from targets.rows(["row", "what happens", "bound", "before", "now"],
                            [line(name, row) for name, row in result["rows"].items()])


def end_once(*_):
    """Leaves through every `with`, which end the processes. Further signals must not cut that
    short."""
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
