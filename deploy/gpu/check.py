"""Compares a GPU's scores with the CPU's, then measures. check.sh runs this; `check.sh --help` says how.

Needs livegate, home/ and pictures/ beside it, or at the paths of --livegate, --home and --pictures.
"""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
# Largest difference between a score on the device and on the CPU in 32-bit floats.
MOST_APART = 0.005
# Targets for an H100-class card with 16 cores and the pack `starter` (docs/GPU.md).
TARGETS = {"nets_alone_selfies_per_s": 5000, "share_of_what_the_cores_can_decode": 0.9, "p99_ms_at_half_load": 20}


class Unknown(Exception):
    """The check could not be made; the text says why."""


def arguments():
    parser = argparse.ArgumentParser(prog="check.sh", description="Parity with the CPU, and figures, on a GPU host.")
    parser.add_argument("--device", default="cuda", help="cuda, tensorrt; or cpu, to try this script")
    parser.add_argument("--seconds", default="10", help="length of each measurement")
    parser.add_argument("--batch", help="pictures in a run group, as in 1,8,32 [default: up to batching.max_pictures]")
    parser.add_argument("--concurrency", help="concurrent requests, as in 1,16,64 [default: bench's own]")
    parser.add_argument("--pack", action="append", help="a pack to check [default: all that are installed]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting for every command")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path.cwd(), help="directory for the two files")
    parser.add_argument("--livegate", type=pathlib.Path, default=HERE / "livegate")
    parser.add_argument("--home", type=pathlib.Path, default=HERE / "home")
    parser.add_argument("--pictures", type=pathlib.Path, default=HERE / "pictures")
    return parser.parse_args()


def livegate(asked, *words, codes=(0,), also=()):
    """Standard output of a command. An exit code that is not among `codes` ends the check."""
    settings = [word for setting in [*asked.set, *also] for word in ("--set", setting)]
    command = [str(asked.livegate), "--home", str(asked.home), *words, *settings]
    env = {name: value for name, value in os.environ.items() if not name.startswith("LIVEGATE_")}
    env["LIVEGATE_OFFLINE"] = "1"
    try:
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    except OSError as error:
        raise Unknown(f"{asked.livegate}: {error}")
    if done.returncode not in codes:
        raise Unknown(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def judged(asked, device, pack, pictures, also=()):
    """The report of each picture, by its file."""
    words = ["verify", "--json", "--device", device, "--pack", pack, *pictures]
    # 1: not all are live. 2: some could not be assessed or read; the reports say which.
    lines = livegate(asked, *words, codes=(0, 1, 2), also=also).splitlines()
    answers = [json.loads(line) for line in lines]
    if len(answers) != len(pictures):
        raise Unknown(f"{len(answers)} answers for {len(pictures)} pictures on {device}")
    return {answer["file"]: answer for answer in answers}


def parity(asked, pack, pictures):
    """Compares the device's scores and reasons with the CPU's."""
    # One picture in each run, also where `asked.set` says otherwise.
    cpu = judged(asked, "cpu", pack, pictures, also=["batching.devices=[]"])
    device = judged(asked, asked.device, pack, pictures)
    furthest, differences = 0.0, []
    for file, alone in cpu.items():
        other = device[file]
        scores = [answer.get("score") for answer in (alone, other)]
        kinds = [answer.get("error") or [reason["code"] for reason in answer.get("reasons", [])] for answer in (alone, other)]
        if None in scores:
            if scores != [None, None] or kinds[0] != kinds[1]:
                differences.append(f"{file}: {scores[0]} {kinds[0]} on cpu, {scores[1]} {kinds[1]} on {asked.device}")
            continue
        furthest = max(furthest, abs(scores[0] - scores[1]))
        if abs(scores[0] - scores[1]) > MOST_APART or len(alone["faces"]) != len(other["faces"]):
            differences.append(f"{file}: {scores[0]:.4f} on cpu, {scores[1]:.4f} on {asked.device}")
    return {"pictures": len(pictures), "furthest_apart": furthest, "limit": MOST_APART, "differences": differences}


def measured(asked, pack):
    """A run of `livegate bench`, and its figures for the targets."""
    words = ["bench", "--device", asked.device, "--pack", pack, "--size", "640x480", "--seconds", asked.seconds, "--json"]
    for flag in ("batch", "concurrency"):
        if getattr(asked, flag):
            words[1:1] = [f"--{flag}", getattr(asked, flag)]
    run = json.loads(livegate(asked, *words))
    cores = run["setup"]["cores_usable"]
    points = {mode: [point for point in run["points"] if point["mode"] == mode] for mode in ("in-process", "http")}
    best = {mode: max(point["requests_per_s"] for point in of_mode) for mode, of_mode in points.items()}
    # One request at a time has a core to itself; all cores together decode at most that many times more.
    alone = min(points["in-process"], key=lambda point: point["concurrency"])
    decodable = cores / (alone["stages"]["decode"]["p50_ms"] / 1e3)
    half = [point for point in points["http"] if point["requests_per_s"] <= best["http"] / 2]
    half = max(half, key=lambda point: point["requests_per_s"]) if half else None
    figures = {
        "nets_alone_selfies_per_s": max([point["selfies_per_s"] for point in run.get("nets", [])], default=None),
        "from_jpeg_selfies_per_s": best["in-process"],
        "over_http_selfies_per_s": best["http"],
        "decodable_per_s": decodable,
        "share_of_what_the_cores_can_decode": best["in-process"] / decodable,
        "p99_ms_at_half_load": half and half["latency"]["p99_ms"],
        "load_of_that": half and half["requests_per_s"] / best["http"],
        "bound": run.get("bound"),
    }
    return {"figures": figures, "run": run}


def card():
    """Names, drivers and memory of the cards, by the driver's own tool."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        return subprocess.run(query, stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout.strip().splitlines()
    except (OSError, subprocess.CalledProcessError) as error:
        return [f"unknown: {error}"]


def table(result):
    """The result as text."""
    shown = lambda value: "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    lines = [f"Livegate on {result['device']}: {', '.join(result['cards'])}; {result['host']}", ""]
    for pack, found in result["packs"].items():
        of_parity = found["parity"]
        lines.append(f"{pack}: golden vectors met; {of_parity['pictures']} pictures, scores at most "
                     f"{of_parity['furthest_apart']:.6f} from the CPU's (limit {of_parity['limit']})")
        lines += [f"  DIFFERS {difference}" for difference in of_parity["differences"]]
        for model in found["models"]:
            lines.append(f"  {model['id']}: " + ", ".join(f"{name} {nodes}" for name, nodes in model["providers"].items()))
        for name, value in found["bench"]["figures"].items():
            if name != "bound":
                target = f"   (target on an H100 with 16 cores, starter: {TARGETS[name]})" if name in TARGETS else ""
                lines.append(f"  {name:<36} {shown(value):>10}{target}")
        bound = found["bench"]["figures"]["bound"]
        lines += [f"  bound: {bound['by']}", ""] if bound else [""]
    return "\n".join(lines)


def main():
    asked = arguments()
    asked.out.mkdir(parents=True, exist_ok=True)
    pictures = sorted(str(file) for file in asked.pictures.glob("*") if file.is_file()) if asked.pictures.is_dir() else []
    pictures = [str(asked.home / "sample/portrait.png")] + pictures
    names = asked.pack or sorted(path.parent.name for path in asked.home.glob("packs/*/pack.toml"))
    if not names:
        raise Unknown(f"no pack is installed in {asked.home}; prepare.sh fills a directory")
    result = {"device": asked.device, "cards": card(), "host": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores", "packs": {}}
    for pack in names:
        print(f"{pack}: golden vectors and providers", flush=True)
        # Fails unless every net ran on the device.
        livegate(asked, "packs", "verify", pack, "--device", asked.device)
        report = json.loads(livegate(asked, "doctor", "--json", "--device", asked.device, "--pack", pack, codes=(0, 69)))
        version = report.get("version") or {}
        if version.get("device") != asked.device:
            raise Unknown(f"{pack} does not run on {asked.device}: {json.dumps(report)[:4000]}")
        print(f"{pack}: {len(pictures)} pictures on the CPU and on {asked.device}", flush=True)
        found = {"models": version["models"], "parity": parity(asked, pack, pictures)}
        print(f"{pack}: bench", flush=True)
        found["bench"] = measured(asked, pack)
        result["packs"][pack] = found
    differs = any(found["parity"]["differences"] for found in result["packs"].values())
    failed = any(point["errors"] for found in result["packs"].values() for point in found["bench"]["run"]["points"])
    result["agrees"], result["failed_requests"] = not differs, failed
    (asked.out / "gpu-check.json").write_text(json.dumps(result, indent=1) + "\n")
    (asked.out / "gpu-check.txt").write_text(table(result) + "\n")
    print(table(result))
    return 1 if differs or failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unknown as why:
        print(f"check.sh: {why}", file=sys.stderr)
        sys.exit(2)
