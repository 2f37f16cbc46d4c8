"""Compares Livegate with the peer (FastAPI, OpenCV and onnxruntime on the starter models) and with an earlier
commit, on one machine, and the ratios with the targets.

    python3 benches/peer.py target/release/livegate [--before COMMIT] [--rounds 5] [--json FILE] [--page]

Livegate is set up and run with its defaults, in a home of its own (target/peer/home). With `--before`, that
commit is built beside the tree, set up in another home, and measured in the same rounds.
All servers run at the same time and get load in turn, round by round, so that a machine that slows down
slows all of them. Figures are medians of the rounds, and of the ratios within a round. Loopback only;
ends every process that it started. Needs Linux, wrk, and pip for the peer's packages (into target/peer).
Exits with 1 if a request failed, but not if a target was missed.
"""
import argparse
import contextlib
import json
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile

import before
import load
import table
import targets
from servers import Livegate, Peer, harness, version

ROOT = harness.ROOT
TOOLS = ROOT / "target/peer"
PYTHON = TOOLS / "venv/bin/python"
PACKAGES = ["fastapi", "uvicorn", "python-multipart", "opencv-python-headless", "onnxruntime", "numpy"]
SIZES = ["640x480", "1280x960", "3000x4000"]
CONNECTIONS = 16
WARM_UP_S = 2
# Pictures above this get rounds of twice the length: the requests that the end cuts off took longer.
LARGE_PX = 4_000_000
STARTS = 5
PACE_S = 20
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("binary", type=pathlib.Path, help="Livegate's release binary")
    parser.add_argument("--before", metavar="COMMIT", help="measure this commit too")
    parser.add_argument("--home", type=pathlib.Path, help="with packs and portrait [default: a new one, set up]")
    parser.add_argument("--peer", type=pathlib.Path, default=ROOT.parent / "shared/reference/peer",
                        help="directory with the peer's app.py, load.sh and upload.lua")
    parser.add_argument("--packs", default="silent-face,starter", help="compared if they are installed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6, help="of a round; twice that above 4 megapixels")
    parser.add_argument("--picture", action="append", default=[], metavar="WxH=FILE",
                        help="measure with this file; may be repeated, and then these are all")
    parser.add_argument("--workers", type=int, help="of Livegate [default: its own]")
    parser.add_argument("--device", help="on which this tree's Livegate runs models [default: its own]")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures")
    parser.add_argument("--page", action="store_true", help="rewrite the figures in docs/PERFORMANCE.md")
    return parser.parse_args()


def install():
    """The versions of the peer's packages."""
    harness.venv(TOOLS / "venv", PACKAGES)
    listed = subprocess.run([PYTHON, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
                            check=True, capture_output=True, text=True).stdout
    versions = {package["name"]: package["version"] for package in json.loads(listed)}
    return {name: versions[name] for name in PACKAGES}


def pictures(given, home):
    """Files by size."""
    if given:
        return {size: pathlib.Path(file).resolve() for size, _, file in (one.partition("=") for one in given)}
    directory = TOOLS / "pictures"
    directory.mkdir(parents=True, exist_ok=True)
    maker = pathlib.Path(__file__).with_name("pictures.py")
    subprocess.run([PYTHON, maker, home / "sample/portrait.png", directory, *SIZES], check=True)
    return {size: directory / f"{size}.jpg" for size in SIZES}


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- Measuring ----------------------------------------------------------------------------------

def start(server, picture):
    """Medians of several starts of a server: its start-up times, and its memory before and after a request."""
    times = []
    for _ in range(STARTS):
        with server() as running:
            idle_mib = running.memory_mib("VmRSS")
            first_s = running.first_answer(picture)
            times.append({"listening_s": running.listening_after_s, "first_200_s": first_s, "idle_mib": idle_mib,
                          "after_one_mib": running.memory_mib("VmRSS")})
    return {key: statistics.median(one[key] for one in times) for key in times[0]}


def rounds(words, script, running, size, file):
    """Every server once in each round; each round begins with another one."""
    width, height = map(int, size.split("x"))
    seconds = words.seconds * (2 if width * height > LARGE_PX else 1)
    for server in running:
        load.at_once(script, server, file, CONNECTIONS, WARM_UP_S)
    for number in range(words.rounds):
        first = number % len(running)
        for server in running[first:] + running[:first]:
            one = load.at_once(script, server, file, CONNECTIONS, seconds)
            one = {"picture": size, "round": number, "server": server.name, **one}
            say(f"{size}, round {number + 1}: {server.name:<18} {one['rps']:7.1f} requests/s, p99 {one['p99_ms']:.0f} ms, "
                f"CPU {targets.cpu_ms(one):.2f} ms a request")
            yield one


def measure(words, scratch):
    binary = words.binary.resolve()
    home = words.home.resolve() if words.home else before.set_up(binary, TOOLS / "home")
    packs = [pack for pack in words.packs.split(",") if (home / "packs" / pack).is_dir()]
    if not packs:
        raise SystemExit(f"none of the packs {words.packs} is under {home}")
    servers = {targets.PEER: lambda: Peer(PYTHON, words.peer, home / "packs/starter", scratch)}
    servers |= {pack: lambda pack=pack: Livegate(binary, home, pack, words.workers, words.device, scratch)
                for pack in packs}
    earlier = None
    if words.before:
        earlier = before.built(words.before)
        earlier_home = before.set_up(earlier, earlier.parent / "home")
        servers |= {targets.before(pack): lambda pack=pack: Livegate(
            earlier, earlier_home, pack, words.workers, None, scratch, name=targets.before(pack)) for pack in packs}
    load.need_wrk()
    versions = install()
    files = pictures(words.picture, home)
    small = min(files.values(), key=lambda file: file.stat().st_size).read_bytes()
    result = {"cpu": table.cpu(), "peer_packages": versions, "livegate": version(binary),
              "before": earlier and f"{version(earlier)}, {earlier.parent.name}",
              "packs": packs, "servers": list(servers), "device": device(binary, home, words.device, packs[0]), "workers": words.workers,
              "connections": CONNECTIONS, "pictures": {size: {"bytes": file.stat().st_size} for size, file in files.items()},
              "starts": {}, "rounds": [], "pace": {}, "peak_mib": {}}
    for name, server in servers.items():
        say(f"starting {name} {STARTS} times")
        result["starts"][name] = start(server, small)
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(server()) for server in servers.values()]
        for server in running:
            server.first_answer(small)
        for server in running:
            if server.name in packs:
                say(f"{server.name}: {targets.PACE_PER_S} requests/s for {PACE_S} s")
                result["pace"][server.name] = load.at_a_pace(server, small, targets.PACE_PER_S, PACE_S)
        for size, file in files.items():
            result["rounds"] += rounds(words, words.peer.resolve() / "load.sh", running, size, file)
        # The highest since the start, over all sizes and loads.
        result["peak_mib"] = {server.name: server.memory_mib("VmHWM") for server in running}
    return result


def device(binary, home, chosen, pack):
    """The device that Livegate runs this pack on."""
    command = [binary, "verify", "--json", "--offline", "--home", home, "--pack", pack]
    command += ["--device", chosen] if chosen else []
    checked = subprocess.run([*command, home / "sample/portrait.png"], check=True, capture_output=True, text=True,
                             env=harness.without_settings())
    return json.loads(checked.stdout)["device"]


def end_once(*_):
    """Leaves through every `with`, which end the servers. Further signals must not cut that short."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit("ended")


if __name__ == "__main__":
    words = arguments()
    for number in SIGNALS:
        signal.signal(number, end_once)
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(words, pathlib.Path(scratch))
    result["targets"] = targets.judged(result)
    if words.json:
        words.json.write_text(json.dumps(result, indent=1) + "\n")
    lines = list(targets.page(result))
    print("\n".join(lines))
    if words.page:
        table.rewrite("peer", lines)
    failures = [one for one in result["rounds"] if one["errors"] or one["not_2xx"]]
    failures += [one for one in result["pace"].values() if one["errors"]]
    for failure in failures:
        say(f"FAILED requests: {failure}")
    sys.exit(1 if failures else 0)
