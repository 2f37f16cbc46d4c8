"""How the service behaves under more than it can do, over a long time, and at its end.

    python3 benches/operate.py target/release/livegate overload   # 4 times what it can do, for a minute
    python3 benches/operate.py target/release/livegate endurance  # 80% of what it can do, for half an hour
    python3 benches/operate.py target/release/livegate end        # asked to end under load, ten times

Who asks is target/release/examples/pace (`cargo build --release -p benches --example pace`), on the same cores. Loopback
only; ends what it started. Linux. Exits with 1 where a promise was broken: a cut answer, goodput under 90% of the
peak, memory that drifts by 5% or more.
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

import table
from servers import APP_ID, APP_KEY, KAIROS_PATH, Livegate

ROOT = table.ROOT
PACE = ROOT / "target/release/examples/pace"
PEAK_CONNECTIONS, PEAK_S = 16, 15


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("binary", type=pathlib.Path, help="Livegate's release binary")
    parser.add_argument("what", choices=["overload", "endurance", "end"])
    parser.add_argument("--home", type=pathlib.Path, default=table.test_home(), help="has the packs and the portrait")
    parser.add_argument("--pack", default="silent-face")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=int, help="[default: 60 of overload, 1800 of endurance]")
    parser.add_argument("--size", default="640x480", help="of the picture")
    parser.add_argument("--times", type=int, default=10, help="how often it is asked to end")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the service")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all that was measured")
    return parser.parse_args()


def server(args, scratch):
    started = Livegate(args.binary.resolve(), args.home, args.pack, args.workers, None, pathlib.Path(scratch))
    for setting in args.set:
        started.words += ["--set", setting]
    return started


def ask(running, args, *words):
    """Begins to ask; what came of it is on its standard output at the end."""
    url = f"http://127.0.0.1:{running.port}{KAIROS_PATH}"
    environment = {**os.environ, "APP_ID": APP_ID, "APP_KEY": APP_KEY}
    asking = subprocess.Popen([PACE, url, "--size", args.size, *map(str, words)], env=environment, text=True,
                              stdout=subprocess.PIPE)
    asking.cpu_s_before = cpu_s_of_children()
    return asking


def cpu_s_of_children():
    """Of those that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def told(asking):
    """What came of it, with how many cores the asking itself took; waits for its end."""
    out, _ = asking.communicate(timeout=7200)
    result = json.loads(out)
    cpu_s = cpu_s_of_children() - asking.cpu_s_before
    return {**result, "asker_cores": round(cpu_s / result["took_s"], 3)}


def peak(running, args):
    """Requests/s at most, and how many cores asking for them took."""
    told(ask(running, args, "--at-once", PEAK_CONNECTIONS, "--seconds", 3))
    result = told(ask(running, args, "--at-once", PEAK_CONNECTIONS, "--seconds", PEAK_S))
    outcomes = result["outcomes"]
    if set(outcomes) != {"200"}:
        raise SystemExit(f"at {PEAK_CONNECTIONS} at once not all is answered: {outcomes}")
    return outcomes["200"]["per_s"], result["asker_cores"]


def watch(asking, running, every_s):
    """Resident memory in MiB over the time of the load."""
    seen = []
    while asking.poll() is None:
        seen.append((round(time.monotonic() - running.began, 1), round(running.memory_mib("VmRSS"), 1)))
        time.sleep(every_s)
    return seen


def overload(args, scratch):
    with server(args, scratch) as running:
        can, asker_cores = peak(running, args)
        before = running.memory_mib("VmRSS")
        asking = ask(running, args, "--rate", 4 * can, "--seconds", args.seconds or 60)
        memory = watch(asking, running, 1)
        result = told(asking)
        outcomes = result["outcomes"]
        again, _ = peak(running, args)
        kept = outcomes["200"]["per_s"] / max(can, again)
        halves = [[mib for _, mib in half] for half in (memory[len(memory) // 4:len(memory) // 2], memory[-len(memory) // 4:])]
        result = {"peak_per_s": can, "peak_again_per_s": again, "asked_per_s": 4 * can, "goodput_share": round(kept, 3),
                  "asker_cores": {"peak": asker_cores, "overload": result["asker_cores"]},
                  "outcomes": outcomes, "memory_mib": {"before": before, "second_quarter": statistics.median(halves[0]),
                                                       "last_quarter": statistics.median(halves[1]),
                                                       "most": max(mib for _, mib in memory)}}
    flat = statistics.median(halves[1]) < 1.05 * statistics.median(halves[0])
    return result, set(outcomes) <= {"200", "503"} and kept >= 0.9 and flat


def endurance(args, scratch):
    seconds = args.seconds or 1800
    with server(args, scratch) as running:
        can, _ = peak(running, args)
        asking = ask(running, args, "--rate", 0.8 * can, "--seconds", seconds)
        memory = watch(asking, running, max(seconds / 180, 1))
        outcomes = told(asking)["outcomes"]
    # The first tenth fills what is filled once.
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
            told(ask(running, args, "--at-once", PEAK_CONNECTIONS, "--seconds", 1))
            asking = ask(running, args, "--at-once", PEAK_CONNECTIONS, "--seconds", 4)
            time.sleep(1.5)
            running.process.send_signal(signal.SIGTERM)
            asked = time.monotonic()
            code = running.process.wait(timeout=60)
            took = time.monotonic() - asked
            outcomes = {name: outcome["count"] for name, outcome in told(asking)["outcomes"].items()}
        rounds.append({"exit_code": code, "took_s": round(took, 2), "outcomes": outcomes})
        is_kept &= code == 0 and set(outcomes) <= {"200", "503", "refused"}
    return {"rounds": rounds}, is_kept


if __name__ == "__main__":
    args = arguments()
    if not PACE.exists():
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "benches", "--example", "pace"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as scratch:
        result, is_kept = {"overload": overload, "endurance": endurance, "end": end}[args.what](args, scratch)
    print(json.dumps(result, indent=2))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    sys.exit(0 if is_kept else 1)
