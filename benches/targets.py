"""The targets of benches/peer.py, their comparison with the measured figures, and the report."""
import statistics
import textwrap

PEER = "peer"


def before(pack):
    """The name of the earlier commit's server with that pack."""
    return f"{pack} before"


# Lowest ratio of the CPU time of a request: the first server's by the second's.
LEAST_CPU_RATIOS = {
    (before("silent-face"), "silent-face"): {"640x480": 1.75, "1280x960": 2.3, "3000x4000": 1.8},
    (PEER, "silent-face"): {"640x480": 2.6, "1280x960": 2.4, "3000x4000": 4.3},
    (PEER, "starter"): {"640x480": 1.7, "1280x960": 1.8, "3000x4000": 3.9},
}
# Highest 99th percentile, as a share of the peer's.
MOST_P99 = {"640x480": 0.5, "1280x960": 0.4, "3000x4000": 0.22}
# Highest CPU time of HTTP, queue and JSON: milliseconds a request, and the share of the stages'.
MOST_AROUND_MS = {"640x480": 0.25}
MOST_AROUND_SHARE = {"3000x4000": 0.05}
MOST_PEAK_MEMORY = 0.3
# With two workers. deploy/smoke.py holds it too.
MOST_IDLE_MIB = 240
MOST_START_S = 1.0
# At a steady pace, requests/s: the highest 99th percentile, as a multiple of the median.
PACE_PER_S = 10
MOST_P99_IN_P50 = 2.0
# Highest share of libjpeg's time (mozjpeg) that decoding takes, by its build, the bench and the picture.
MOST_DECODE = {
    "with nasm": {("in full", "640x480"): 0.65, ("in full", "1280x960"): 0.66, ("to 1/4", "3000x4000"): 0.58,
                  ("to 1/4", "3000x4000 progressive"): 0.75},
    "without": {("in full", "640x480"): 0.33, ("in full", "1280x960"): 0.33, ("to 1/4", "3000x4000"): 0.48},
}
# The names of Livegate's threads that decode, detect and score begin so.
WORKER = "worker-"


def of(result, size, server):
    return [one for one in result["rounds"] if one["picture"] == size and one["server"] == server]


def median(result, size, server, value):
    """The median of the rounds' values; None where a round has none."""
    values = [value(one) for one in of(result, size, server)]
    return None if None in values else statistics.median(values)


def ratio(result, size, server, other, value):
    """The median of the rounds' ratios of a server to another; None where one was not measured."""
    pairs = list(zip(of(result, size, server), of(result, size, other)))
    return statistics.median(value(one) / value(another) for one, another in pairs) if pairs else None


def cpu_ms(one):
    """CPU milliseconds of the whole process for each request."""
    return one["cpu_s"] / one["finished"] * 1e3


def p99_ms(one):
    return one["p99_ms"]


def stages_ms(one):
    """CPU milliseconds of the workers for each request; None where no thread has a worker's name."""
    spent = sum(spent for name, spent in one["threads_cpu_s"].items() if name.startswith(WORKER))
    return spent / one["finished"] * 1e3 or None


def around_ms(one):
    """CPU milliseconds of all other threads for each request."""
    stages = stages_ms(one)
    return stages and sum(one["threads_cpu_s"].values()) / one["finished"] * 1e3 - stages


def around_share(one):
    """CPU of all other threads as a share of the workers'."""
    stages = stages_ms(one)
    return stages and around_ms(one) / stages


def judged(result):
    """Every target: its name, the picture or None, the number, the limit and whether it is met."""
    found = []

    def hold(what, size, number, limit, at_least=False, unit=""):
        if number is not None and limit is not None:
            is_met = number >= limit if at_least else number <= limit
            found.append({"what": what, "picture": size, "number": number, "limit": limit, "at_least": at_least,
                          "unit": unit, "met": is_met})

    for (other, server), limits in LEAST_CPU_RATIOS.items():
        for size in result["pictures"]:
            hold(f"CPU a request, {other} : {server}", size, ratio(result, size, other, server, cpu_ms),
                 limits.get(size), at_least=True)
    for pack in result["packs"]:
        for size in result["pictures"]:
            hold(f"{pack}: p99, share of the peer's", size, ratio(result, size, pack, PEER, p99_ms), MOST_P99.get(size))
        for size in result["pictures"]:
            hold(f"{pack}: CPU around the stages", size, median(result, size, pack, around_ms),
                 MOST_AROUND_MS.get(size), unit=" ms")
            hold(f"{pack}: CPU around the stages", size, median(result, size, pack, around_share),
                 MOST_AROUND_SHARE.get(size))
        peak, start, pace = result["peak_mib"], result["starts"][pack], result["pace"][pack]
        hold(f"{pack}: peak", None, peak[pack] / peak[PEER], MOST_PEAK_MEMORY)
        hold(f"{pack}: idle", None, start["idle_mib"], MOST_IDLE_MIB)
        hold(f"{pack}: first 200", None, start["first_200_s"], MOST_START_S)
        hold(f"{pack}: pace", None, pace["p99_ms"] / pace["p50_ms"], MOST_P99_IN_P50)
    return found


# ---- In words -----------------------------------------------------------------------------------

def rows(heads, lines):
    """A Markdown table whose columns are aligned."""
    lines = [[str(cell) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(heads, *lines)]
    for line in [heads, ["-" * width for width in widths], *lines]:
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"


def prose(text):
    return textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)


def target_text(target):
    return verdict(target["number"], target["limit"], target["at_least"], target["unit"])


def verdict(number, limit, at_least, unit=""):
    """A number beside its limit. A missed one stands out."""
    is_met = number >= limit if at_least else number <= limit
    text = f"{number:.3g}{unit}, {'at least' if at_least else 'at most'} {limit:.3g}"
    return text if is_met else f"**{text}**"


def page(result):
    sizes, servers = list(result["pictures"]), result["servers"]
    versions = ", ".join(f"{name} {number}" for name, number in result["peer_packages"].items())
    count = len(of(result, sizes[0], PEER))
    earlier = f" Before: {result['before']}." if result["before"] else ""
    yield from prose(
        f"{result['cpu']}. {result['livegate']} with its own setup, device {result['device']}, "
        f"{result['workers'] or 'its own number of'} workers.{earlier} The peer: {versions}, one process. "
        f"{result['connections']} connections, {count} rounds of at least {result['rounds'][0]['seconds']} s, in turn. "
        "Figures are medians of the rounds; ratios are medians of the ratios within a round. Targets stand beside "
        "the figures; missed ones are bold.")
    yield ""

    def line(size, server):
        rounds = of(result, size, server)
        cells = [statistics.median(one[key] for one in rounds) for key in ("rps", "p50_ms", "p99_ms")]
        around, share = median(result, size, server, around_ms), median(result, size, server, around_share)
        return [f"{size}, {result['pictures'][size]['bytes'] / 1e6:.2f} MB", server, *(f"{cell:.1f}" for cell in cells),
                f"{median(result, size, server, cpu_ms):.2f}", "" if around is None else f"{around:.2f} ({share:.1%})"]

    yield from rows(
        ["picture", "server", "requests/s", "p50 ms", "p99 ms", "CPU ms a request", "around the stages"],
        [line(size, server) for size in sizes for server in servers])
    yield ""
    whole = {target["what"]: target for target in result["targets"] if target["picture"] is None}

    def cell(server, what, text=""):
        target = whole.get(f"{server}: {what}")
        return f"{text}{', ' if text and target else ''}{target_text(target) if target else ''}"

    yield from rows(
        ["server", "peak MiB, share of the peer's", "idle MiB", "listens after s", "first 200 after s",
         f"p99 : p50 at {PACE_PER_S} requests/s"],
        [[server, cell(server, "peak", f"{result['peak_mib'][server]:.0f}"), cell(server, "idle") or f"{start['idle_mib']:.0f}",
          f"{start['listening_s']:.2f}", cell(server, "first 200") or f"{start['first_200_s']:.2f}", cell(server, "pace")]
         for server, start in result["starts"].items()])
    yield ""
    by_name = {}
    for target in result["targets"]:
        if target["picture"]:
            by_name.setdefault(target["what"], {})[target["picture"]] = target_text(target)
    yield from rows(["target", *sizes],
                    [[what, *(cells.get(size, "") for size in sizes)] for what, cells in by_name.items()])
