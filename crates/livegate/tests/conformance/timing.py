"""Measures whether the time of a refusal tells a caller which app ids exist: over loopback HTTP, on one
kept connection, in random order.

    python3 crates/livegate/tests/conformance/timing.py target/release/livegate

Prints medians and Welch's t of each kind of refusal against an unknown id. Two kinds of unknown ids show
the method's noise.
"""
import http.client
import pathlib
import random
import secrets
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "tests"))
from harness import APP_ID, KAIROS_PATH, Livegate, set_up  # noqa: E402

SAMPLES_EACH = 10_000


def refuse(connection, headers):
    began = time.perf_counter_ns()
    connection.request("POST", KAIROS_PATH, b"", headers)
    response = connection.getresponse()
    response.read()
    took_us = (time.perf_counter_ns() - began) / 1000
    if response.status != 401:
        raise SystemExit(f"answered {response.status}")
    return took_us


def welch(a, b):
    means = statistics.fmean(a) - statistics.fmean(b)
    return means / (statistics.variance(a) / len(a) + statistics.variance(b) / len(b)) ** 0.5


def measure(port):
    unknown = lambda first: first + secrets.token_hex(len(APP_ID) // 2)[:len(APP_ID) - 1]
    kinds = {
        "an unknown id": lambda: {"app_id": unknown("u"), "app_key": secrets.token_hex(16)},
        "another unknown id": lambda: {"app_id": unknown("v"), "app_key": secrets.token_hex(16)},
        "a known id, a wrong key": lambda: {"app_id": APP_ID, "app_key": secrets.token_hex(16)},
        "no credentials": lambda: {},
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    times = {kind: [] for kind in kinds}
    order = list(kinds) * SAMPLES_EACH
    random.shuffle(order)
    for kind in order:
        times[kind].append(refuse(connection, kinds[kind]()))
    # The slowest tenth was interrupted.
    times = {kind: sorted(some)[:len(some) * 9 // 10] for kind, some in times.items()}
    for kind, some in times.items():
        t = welch(some, times["an unknown id"])
        print(f"{kind:<24} median {statistics.median(some):7.2f} us   Welch's t {t:6.2f}")


if __name__ == "__main__":
    binary = pathlib.Path(sys.argv[1]).resolve()
    home = set_up(binary)
    with tempfile.TemporaryDirectory() as scratch, Livegate(binary, home, pathlib.Path(scratch)) as service:
        measure(service.port)
