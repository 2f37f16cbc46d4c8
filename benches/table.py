"""Runs the benches and writes their table in docs/PERFORMANCE.md.

    python3 benches/table.py [--features jpeg-simd] [--step decode] [--no-run] [--print]

The table has a row for each measured function and a column for each picture. A cell is the median in
milliseconds with its 95% confidence interval, both by criterion. Python's own library only.
"""
import argparse
import datetime
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
from harness import ROOT, test_home  # noqa: E402

PAGE = ROOT / "docs/PERFORMANCE.md"
# A directory of its own: other runs of criterion must not add results.
RESULTS = ROOT / "target/bench-table"
# In the order of the walk. A step that others build on comes before them.
STEPS = ["decode", "resample", "detect", "score", "check", "answer"]
ANY_PICTURE = "any"


def run(words):
    return subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def measure(features, step):
    shutil.rmtree(RESULTS, ignore_errors=True)
    words = ["cargo", "bench", "-p", "benches", "--locked"]
    words += ["--features", features] if features else []
    words += ["--", "--noplot"] + ([f"^{step}/"] if step else [])
    subprocess.run(words, cwd=ROOT, check=True, env={**os.environ, "CRITERION_HOME": str(RESULTS)})


# ---- Conditions ---------------------------------------------------------------------------------

def cpu():
    text = pathlib.Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else ""
    names = re.findall(r"^model name\s*: (.*)$", text, re.MULTILINE)
    name = names[0] if names else platform.processor() or platform.machine()
    # Cores that this process may use: a container may have fewer than its host.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    wide = next((name for name in ("avx512f", "avx2", "asimd") if re.search(rf"\b{name}\b", text)), None)
    return f"{name}, {cores} cores" + (f", {wide}" if wide else "")


def version():
    number = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    commit = run(["git", "rev-parse", "--short", "HEAD"])
    # Without the page, which this script changes.
    changed = run(["git", "status", "--porcelain", "--untracked-files=no", "--", ".", f":!{PAGE.relative_to(ROOT)}"])
    return f"{number} ({commit}{', changed' if changed else ''})"


def packs(measured):
    for manifest in sorted(test_home().glob("packs/*/pack.toml")):
        if manifest.parent.name in measured:
            yield f"`{manifest.parent.name}` {hashlib.sha256(manifest.read_bytes()).hexdigest()}"


def conditions(features, measured):
    libraries = [path.name.removeprefix("libonnxruntime.so.") for path in test_home().glob("runtime/libonnxruntime.so.*")]
    return [
        ("CPU", cpu()),
        ("day", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")),
        ("Livegate", version()),
        ("features", features or "default"),
        ("compiler", run(["rustc", "--version"])),
        ("ONNX Runtime", ", ".join(sorted(libraries)) or "unknown"),
        ("packs, by sha256 of `pack.toml`", "<br>".join(packs(measured))),
    ]


# ---- Results ------------------------------------------------------------------------------------

def results():
    """Step, function, picture and estimate, in the order of the measurements."""
    files = sorted(RESULTS.glob("**/new/estimates.json"), key=lambda path: path.stat().st_mtime_ns)
    for file in files:
        bench = json.loads((file.parent / "benchmark.json").read_text())
        median = json.loads(file.read_text())["median"]
        yield bench["group_id"], bench["function_id"], bench["value_str"] or ANY_PICTURE, median


def cell(median):
    if median is None:
        return ""
    interval = median["confidence_interval"]
    values = [median["point_estimate"], interval["lower_bound"], interval["upper_bound"]]
    middle, least, most = (written(value / 1e6) for value in values)
    return f"{middle} ({least} to {most})"


def written(number):
    """The number with three digits, without an exponent."""
    digits = 3 - len(str(int(number))) if number >= 1 else 3
    return f"{number:.{max(digits, 0)}f}" if number >= 0.01 else f"{number:.4f}"


def table(measured):
    rows, pictures = {}, []
    for step, what, picture, median in measured:
        rows.setdefault((step, what), {})[picture] = median
        if picture not in pictures:
            pictures.append(picture)
    # `any` last.
    pictures.sort(key=lambda picture: picture == ANY_PICTURE)
    order = sorted(rows, key=lambda row: STEPS.index(row[0]) if row[0] in STEPS else len(STEPS))
    yield f"| step | of | {' | '.join(pictures)} |"
    yield "|---|---|" + "---|" * len(pictures)
    for step, what in order:
        yield f"| {step} | {what} | {' | '.join(cell(rows[step, what].get(picture)) for picture in pictures)} |"


def section(features):
    measured = list(results())
    if not measured:
        sys.exit(f"there are no results under {RESULTS}")
    names = " ".join(f"{what}" for step, what, _, _ in measured if step == "check")
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {value} |" for name, value in conditions(features, names.split()))
    yield ""
    yield "Milliseconds: the median and, in brackets, its 95% confidence interval. One thread."
    yield ""
    yield from table(measured)


def rewrite(name, lines):
    """Writes `lines` between the two comments called `name` of the page."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = PAGE.read_text()
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"{PAGE} must have `{begin}` and `{end}` once each")
    before, rest = text.split(begin)
    PAGE.write_text(before + begin + "\n\n" + "\n".join(lines) + "\n\n" + end + rest.split(end)[1])
    print(f"rewrote `{name}` in {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--features", default="", help="build with these, as cargo takes them")
    parser.add_argument("--step", choices=STEPS, help="measure only this one, and print it")
    parser.add_argument("--no-run", action="store_true", help="use the results of the last run")
    parser.add_argument("--print", action="store_true", help="print the table, and do not change the page")
    words = parser.parse_args()
    if not words.no_run:
        measure(words.features, words.step)
    # A part of the table must not replace the whole.
    if words.print or words.step:
        print("\n".join(section(words.features)))
    else:
        rewrite("benches", list(section(words.features)))
