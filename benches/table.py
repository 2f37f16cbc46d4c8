"""Runs the benches and writes their table in docs/PERFORMANCE.md.

    python3 benches/table.py [--step decode] [--no-run] [--print]

The table has a row for each measured function and a column for each picture. A cell is the median in
milliseconds with its 95% confidence interval, both by criterion. A second table compares decoding with
libjpeg (mozjpeg) as two builds of the benches have it: with nasm, if that is installed, and without.
Python's own library only.
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

import targets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
from harness import ROOT, left_out, test_home  # noqa: E402

PAGE = ROOT / "docs/PERFORMANCE.md"
# A directory of its own: other runs of criterion must not add results.
RESULTS = ROOT / "target/bench-table"
# The results of each build of libjpeg, and the benches' feature for it.
BUILDS = {"without": (RESULTS / "without", []), "with nasm": (RESULTS / "nasm", ["--features", "nasm"])}
# The names of libjpeg's functions begin so.
LIBJPEG = "libjpeg "
# In the order of the walk. A step that others build on comes before them.
STEPS = ["decode", "resample", "detect", "score", "check", "answer"]
ANY_PICTURE = "any"


def run(words):
    return subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def measure(step):
    shutil.rmtree(RESULTS, ignore_errors=True)
    bench("without", f"^{step}/" if step else "")
    if step in (None, "decode"):
        # libjpeg's own build would leave its SIMD code out in silence.
        if shutil.which("nasm"):
            bench("with nasm", "^decode/")
        else:
            left_out("libjpeg with nasm: nasm is not installed")


def bench(build, name):
    results, features = BUILDS[build]
    words = ["cargo", "bench", "-p", "benches", "--locked", *features, "--", "--noplot", *filter(None, [name])]
    subprocess.run(words, cwd=ROOT, check=True, env={**os.environ, "CRITERION_HOME": str(results)})


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
            yield f"`{manifest.parent.name}` {hashlib.sha256(manifest.read_bytes()).hexdigest()[:16]}"


def conditions(measured):
    libraries = [path.name.removeprefix("libonnxruntime.so.") for path in test_home().glob("runtime/libonnxruntime.so.*")]
    day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    return (f"{cpu()}, {day}; Livegate {version()}, {run(['rustc', '--version'])}, "
            f"ONNX Runtime {', '.join(sorted(libraries)) or 'unknown'}. Packs, by the sha256 of `pack.toml`: "
            f"{', '.join(packs(measured))}.")


# ---- Results ------------------------------------------------------------------------------------

def results(build):
    """Step, function, picture and estimate, in the order of the measurements."""
    files = sorted(BUILDS[build][0].glob("**/new/estimates.json"), key=lambda path: path.stat().st_mtime_ns)
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


def decode_shares():
    """A row for each build of libjpeg: the share of its time that decoding takes here, and the limit."""
    compared = list(dict.fromkeys(place for limits in targets.MOST_DECODE.values() for place in limits))
    lines = []
    for build, limits in targets.MOST_DECODE.items():
        medians = {(what, picture): median["point_estimate"] for step, what, picture, median in results(build)
                   if step == "decode"}
        cells = [share(medians, what, picture, limits.get((what, picture))) for what, picture in compared]
        if any(cells):
            lines.append([build, *cells])
    if lines:
        yield ""
        yield "Decoding's share of libjpeg's time, by libjpeg's build; missed limits are bold."
        yield ""
        yield from targets.rows(["libjpeg", *(f"{picture} {what}" for what, picture in compared)], lines)


def share(medians, what, picture, limit):
    ours, theirs = medians.get((what, picture)), medians.get((LIBJPEG + what, picture))
    if ours is None or theirs is None:
        return ""
    return f"{ours / theirs:.2f}" if limit is None else targets.verdict(ours / theirs, limit, at_least=False)


def section():
    measured = [one for one in results("without") if not one[1].startswith(LIBJPEG)]
    if not measured:
        sys.exit(f"there are no results under {RESULTS}")
    names = " ".join(what for step, what, _, _ in measured if step == "check")
    yield from targets.prose(conditions(names.split()))
    yield ""
    yield "Milliseconds: the median and, in brackets, its 95% confidence interval. One thread."
    yield ""
    yield from table(measured)
    yield from decode_shares()


def rewrite(name, lines, page=PAGE):
    """Writes `lines` between the two comments called `name` of the page."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = page.read_text()
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"{page} must have `{begin}` and `{end}` once each")
    before, rest = text.split(begin)
    page.write_text(before + begin + "\n\n" + "\n".join(lines) + "\n\n" + end + rest.split(end)[1])
    print(f"rewrote `{name}` in {page.relative_to(ROOT)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--step", choices=STEPS, help="measure only this one, and print it")
    parser.add_argument("--no-run", action="store_true", help="use the results of the last run")
    parser.add_argument("--print", action="store_true", help="print the table, and do not change the page")
    words = parser.parse_args()
    if not words.no_run:
        measure(words.step)
    # A part of the table must not replace the whole.
    if words.print or words.step:
        print("\n".join(section()))
    else:
        rewrite("benches", list(section()))
