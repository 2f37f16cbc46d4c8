"""The targets of benches/peer.py, their comparison with the measured figures, and the report."""
import statistics
import textwrap

# Lowest rate in requests/s, as a multiple of the peer's.
LEAST_REQUESTS = {
    "silent-face": {"640x480": 2.5, "1280x960": 2.8, "3000x4000": 5.0},
    "starter": {"640x480": 1.8, "1280x960": 2.2, "3000x4000": 4.5},
}
# Highest 99th percentile, as a share of the peer's.
MOST_P99 = {"640x480": 0.5, "1280x960": 0.4, "3000x4000": 0.22}
MOST_PEAK_MEMORY = 0.3
# With two workers. deploy/smoke.py holds it too.
MOST_IDLE_MIB = 240
MOST_START_S = 1.0
# At a steady pace: the highest 99th percentile, as a multiple of the median.
MOST_P99_IN_P50 = 2.0
# Highest CPU time of HTTP, queue and JSON, as a share of the stages'.
MOST_AROUND = 0.05
# The names of Livegate's threads that decode, detect and score begin so.
WORKER = "worker-"


def of(result, size, server):
    return [one for one in result["rounds"] if one["picture"] == size and one["server"] == server]


def median(result, size, server, key):
    return statistics.median(one[key] for one in of(result, size, server))


def ratio(result, size, server, key):
    """The median of the rounds' ratios to the peer."""
    pairs = zip(of(result, size, server), of(result, size, "peer"))
    return statistics.median(ours[key] / theirs[key] for ours, theirs in pairs)


def cpu_ms(alone, is_worker):
    """CPU milliseconds for each request, of the workers or of all other threads."""
    spent = sum(spent for name, spent in alone["cpu_s"].items() if name.startswith(WORKER) == is_worker)
    return spent / alone["requests"] * 1e3


def around(alone):
    """CPU of all other threads as a share of the workers'; None where no thread has a worker's name."""
    inside = cpu_ms(alone, True)
    return cpu_ms(alone, False) / inside if inside else None


def under_load(result, size, pack):
    """The same under load, the median of the rounds."""
    return statistics.median(around(one) or 0 for one in of(result, size, pack)) or None


def judged(result):
    """Every target: its name, the number, the limit and whether it is met."""
    found = []

    def hold(what, number, limit, at_least=False, unit=""):
        if number is not None and limit is not None:
            is_met = number >= limit if at_least else number <= limit
            found.append({"what": what, "number": number, "limit": limit, "at_least": at_least, "unit": unit,
                          "met": is_met})

    for pack in result["packs"]:
        for size in result["pictures"]:
            name = f"{pack}, {size}: "
            hold(name + "requests/s, times the peer's", ratio(result, size, pack, "rps"),
                 LEAST_REQUESTS.get(pack, {}).get(size), at_least=True)
            hold(name + "p99, times the peer's", ratio(result, size, pack, "p99_ms"), MOST_P99.get(size))
            hold(name + "CPU of HTTP, queue and JSON as a share of the stages'", under_load(result, size, pack),
                 MOST_AROUND)
        peak = result["peak_mib"]
        hold(f"{pack}: peak memory, times the peer's", peak[pack] / peak["peer"], MOST_PEAK_MEMORY)
        start, pace = result["starts"][pack], result["pace"][pack]
        hold(f"{pack}: memory once it listens", start["idle_mib"], MOST_IDLE_MIB, unit=" MiB")
        hold(f"{pack}: start to first 200", start["first_200_s"], MOST_START_S, unit=" s")
        hold(f"{pack}: p99 / p50 at {pace['per_second']} requests/s", pace["p99_ms"] / pace["p50_ms"],
             MOST_P99_IN_P50)
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


def page(result):
    packs, sizes = result["packs"], list(result["pictures"])
    versions = ", ".join(f"{name} {number}" for name, number in result["peer_packages"].items())
    one = result["rounds"][0]
    count = len(of(result, sizes[0], "peer"))
    yield from prose(
        f"{result['cpu']}; {result['livegate']}, features: {result['features'] or 'none'}, {result['device']}, {result['workers'] or 'its own number of'} "
        f"workers; the peer with {versions}, one process.")
    yield from prose(
        f"{result['connections']} connections, {count} rounds of {one['seconds']} s and more, in turn. Ratios are the "
        "median of the ratios within a round.")
    yield ""
    yield from rows(
        ["picture", "server", "requests/s", "p50 ms", "p99 ms", "requests/s : peer", "p99 : peer", "around : stages"],
        [[f"{size}, {result['pictures'][size]['bytes'] / 1e6:.2f} MB", server]
         + [f"{median(result, size, server, key):.1f}" for key in ("rps", "p50_ms", "p99_ms")]
         + (["1", "1", ""] if server == "peer" else
            [f"{ratio(result, size, server, key):.2f}" for key in ("rps", "p99_ms")]
            + [share(under_load(result, size, server))])
         for size in sizes for server in ["peer", *packs]])
    yield ""
    yield from prose(
        "Memory is the sum over a server's processes (peak: `VmHWM` after all of the above; idle: `VmRSS` once it "
        "listens). Start-up times are medians, from the start of the process.")
    yield ""
    yield from rows(
        ["server", "peak MiB", "idle MiB", "listens after s", "first 200 after s"],
        [[server, f"{result['peak_mib'][server]:.0f}", f"{start['idle_mib']:.0f}", f"{start['listening_s']:.2f}",
          f"{start['first_200_s']:.2f}"] for server, start in result["starts"].items()])
    yield ""
    yield from prose(
        "Around the stages is the CPU time of the threads that read, queue and answer, as a share of the worker "
        "threads' CPU time; workers run the stages and nothing else. Above, it is measured in those rounds; here, with "
        "one request after the other, when every thread sleeps in between. Beside it are medians of wall-clock times: "
        "the stages' times by the answers (`timings_ms`), and the time that the caller waited.")
    yield ""
    yield from rows(
        ["server", "picture", "around : stages", "around, CPU ms", "stages, CPU ms", "stages ms", "caller waited ms"],
        [[pack, size, share(around(alone)), f"{cpu_ms(alone, False):.2f}", f"{cpu_ms(alone, True):.2f}",
          f"{alone['stages_ms']:.2f}", f"{alone['seen_ms']:.2f}"]
         for pack in packs for size, alone in result["one_by_one"][pack].items()])
    yield ""
    for pack, pace in result["pace"].items():
        yield from prose(
            f"`{pack}` at {pace['per_second']} requests/s of the smallest picture: p50 {pace['p50_ms']:.1f} ms, "
            f"p99 {pace['p99_ms']:.1f} ms, of {pace['requests']} requests.")
    yield ""
    yield from rows(
        ["target", "measured", "limit", ""],
        [[target["what"], f"{target['number']:.3g}{target['unit']}",
          f"{'at least' if target['at_least'] else 'at most'} {target['limit']:.3g}{target['unit']}",
          "met" if target["met"] else "MISSED"] for target in result["targets"]])


def share(number):
    return "unknown" if number is None else f"{number * 100:.1f}%"
