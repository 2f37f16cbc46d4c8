"""Measures the service under overload, over a long time, and at a shutdown under load.

    python3 benches/operate.py target/release/livegate overload   # 4 times its capacity, for a minute
    python3 benches/operate.py target/release/livegate endurance  # 80% of its capacity, for half an hour
    python3 benches/operate.py target/release/livegate end        # SIGTERM under load, ten times

target/release/examples/pace sends the requests (`cargo build --release -p benches --example pace`), on the
same cores. Loopback only; ends every process that it started. Linux. Exits with 1 when a promise is
broken: a cut answer, goodput under 90% of the peak, memory that drifts by 5% or more.
"""
import argparse
import json
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from servers import Livegate, harness

ROOT = harness.ROOT
PACE = ROOT / "target/release/examples/pace"
PEAK_CONNECTIONS, PEAK_S = 16, 15


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("binary", type=pathlib.Path, help="Livegate's release binary")
    parser.add_argument("what", choices=["overload", "endurance", "end"])
    parser.add_argument("--home", type=pathlib.Path, default=harness.test_home(), help="with the packs and the portrait")
    parser.add_argument("--pack", default="silent-face")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=int, help="[default: 60 of overload, 1800 of endurance]")
    parser.add_argument("--size", default="640x480", help="of the picture")
    parser.add_argument("--times", type=int, default=10, help="number of shutdowns")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the service")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures")
    return parser.parse_args()


def need_pace():
    if not PACE.exists():
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "benches", "--example", "pace"], cwd=ROOT, check=True)


def server(args, scratch):
    return Livegate(args.binary.resolve(), args.home, args.pack, args.workers, None, pathlib.Path(scratch), args.set)


def load(running, args, *words):
    """Starts `pace`, which prints the outcomes when it ends."""
    url = f"http://127.0.0.1:{running.port}{harness.KAIROS_PATH}"
    environment = {**os.environ, "APP_ID": harness.APP_ID, "APP_KEY": harness.APP_KEY}
    pace = subprocess.Popen([PACE, url, "--size", args.size, *map(str, words)], env=environment, text=True,
                              stdout=subprocess.PIPE)
    pace.cpu_s_before = cpu_s_of_children()
    return pace


def cpu_s_of_children():
    """CPU seconds of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def outcomes_of(pace):
    """Waits for the end of `pace`. Gives back its outcomes, and how many cores it kept busy itself."""
    out, _ = pace.communicate(timeout=7200)
    result = json.loads(out)
    cpu_s = cpu_s_of_children() - pace.cpu_s_before
    return {**result, "client_cores": round(cpu_s / result["took_s"], 3)}


def peak(running, args):
    """The highest rate in requests/s, and how many cores `pace` kept busy."""
    outcomes_of(load(running, args, "--at-once", PEAK_CONNECTIONS, "--seconds", 3))
    result = outcomes_of(load(running, args, "--at-once", PEAK_CONNECTIONS, "--seconds", PEAK_S))
    outcomes = result["outcomes"]
    if set(outcomes) != {"200"}:
        raise SystemExit(f"of {PEAK_CONNECTIONS} concurrent requests not all get 200: {outcomes}")
    return outcomes["200"]["per_s"], result["client_cores"]


def watch(pace, running, every_s):
    """Seconds since the start, and resident memory in MiB, while `pace` runs."""
    seen = []
    while pace.poll() is None:
        seen.append((round(time.monotonic() - running.began, 1), round(running.memory_mib("VmRSS"), 1)))
        time.sleep(every_s)
    return seen


def overload(args, scratch):
    with server(args, scratch) as running:
        can, client_cores = peak(running, args)
        before = running.memory_mib("VmRSS")
        pace = load(running, args, "--rate", 4 * can, "--seconds", args.seconds or 60)
        memory = watch(pace, running, 1)
        result = outcomes_of(pace)
        outcomes = result["outcomes"]
        later, _ = peak(running, args)
        kept = outcomes["200"]["per_s"] / max(can, later)
        halves = [[mib for _, mib in half] for half in (memory[len(memory) // 4:len(memory) // 2], memory[-len(memory) // 4:])]
        result = {"peak_per_s": can, "peak_again_per_s": later, "asked_per_s": 4 * can, "goodput_share": round(kept, 3),
                  "client_cores": {"peak": client_cores, "overload": result["client_cores"]},
                  "outcomes": outcomes, "memory_mib": {"before": before, "second_quarter": statistics.median(halves[0]),
                                                       "last_quarter": statistics.median(halves[1]),
                                                       "most": max(mib for _, mib in memory)}}
    flat = statistics.median(halves[1]) < 1.05 * statistics.median(halves[0])
    return result, set(outcomes) <= {"200", "503"} and kept >= 0.9 and flat


def endurance(args, scratch):
    seconds = args.seconds or 1800
    with server(args, scratch) as running:
        can, _ = peak(running, args)
        pace = load(running, args, "--rate", 0.8 * can, "--seconds", seconds)
        memory = watch(pace, running, max(seconds / 180, 1))
        outcomes = outcomes_of(pace)["outcomes"]
    # Buffers grow during the first tenth.
    settled = [mib for _, mib in memory[len(memory) // 10:]]
    fifth = max(len(settled) // 5, 1)
    first, last = statistics.median(settled[:fifth]), statistics.median(settled[-fifth:])
    result = {"peak_per_s": can, "asked_per_s": round(0.8 * can, 1), "seconds": seconds, "outcomes": outcomes,
              "memory_mib": {"first_fifth": first, "last_fifth": last, "least": min(settled), "most": max(settled)},
              "drift": round(last / first - 1, 4)}
    return result, set(outcomes) == {"200"} and abs(last / first - 1) < 0.05


def end(args, scratch):
    rounds, is_kept = [], True
    for _ in range(args.times):
        with server(args, scratch) as running:
            outcomes_of(load(running, args, "--at-once", PEAK_CONNECTIONS, "--seconds", 1))
            pace = load(running, args, "--at-once", PEAK_CONNECTIONS, "--seconds", 4)
            time.sleep(1.5)
            running.process.send_signal(signal.SIGTERM)
            asked = time.monotonic()
            code = running.process.wait(timeout=60)
            took = time.monotonic() - asked
            outcomes = {name: outcome["count"] for name, outcome in outcomes_of(pace)["outcomes"].items()}
        rounds.append({"exit_code": code, "took_s": round(took, 2), "outcomes": outcomes})
        is_kept &= code == 0 and set(outcomes) <= {"200", "503", "refused"}
    return {"rounds": rounds}, is_kept


if __name__ == "__main__":
    args = arguments()
    need_pace()
    with tempfile.TemporaryDirectory() as scratch:
        result, is_kept = {"overload": overload, "endurance": endurance, "end": end}[args.what](args, scratch)
    print(json.dumps(result, indent=2))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    sys.exit(0 if is_kept else 1)
