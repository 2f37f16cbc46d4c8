"""Runs the recipes that CI needs, in lanes: the lanes at the same time, a lane's recipes one after the other.

    just ci

The output of a recipe is printed whole when the recipe ends, under its name, so that no two mix. A
recipe that fails ends its lane; the other lanes go on, so that one run shows every failure. Recipes of
two lanes share no ports, and no files but the home of the tests, which Livegate locks while it is set up.
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]

# The recipes of each lane. Those that compile yield to those that run tests, because some tests
# have limits in seconds.
LANES = {
    "tests": ["build-tests", "test", "example"],
    "scripts": ["binary", "smoke", "deploy-check", "conformance", "contract", "browser"],
    "lints": ["format-check", "lint", "docs"],
}
YIELDS = {"build-tests", "binary", "lint", "docs"}
# The recipe after which a lane begins: lints are compiled while tests run and wait.
BEGINS_AFTER = {"lints": "build-tests"}
# The build directory of a lane. Only one cargo can build in a directory at a time, so that without
# one of their own the lints would hold up tests and scripts.
BUILDS_IN = {"lints": "target/lints"}


class Recipe:
    def __init__(self, lane, name):
        self.lane, self.name = lane, name
        self.ended, self.process, self.code = threading.Event(), None, None

    def run(self):
        print(f"---- {self.lane}: {self.name} begins", flush=True)
        began = time.monotonic()
        with tempfile.TemporaryFile() as output:
            words = ["nice", "-n", "10"] if self.name in YIELDS else []
            builds_in = {"CARGO_TARGET_DIR": str(ROOT / BUILDS_IN[self.lane])} if self.lane in BUILDS_IN else {}
            # A process group, not a session: the kernel compares niceness within a session only.
            self.process = subprocess.Popen(
                [*words, "just", self.name], cwd=ROOT, env={**os.environ, **builds_in}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, process_group=0)
            _, status, used = os.wait4(self.process.pid, 0)
            self.code = self.process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            text = output.read().decode(errors="replace")
        self.wall_s, self.cpu_s = time.monotonic() - began, used.ru_utime + used.ru_stime
        with PRINTING:
            print(f"==== {self}", flush=True)
            print(text, end="" if text.endswith("\n") else "\n", flush=True)
            print(f"==== {self}", flush=True)

    def __str__(self):
        if self.code is None:
            return f"{self.lane}: {self.name} NOT RUN"
        result = "passed" if self.code == 0 else f"FAILED with exit code {self.code}"
        return f"{self.lane}: {self.name} {result} in {self.wall_s:.0f} s ({self.cpu_s:.0f} s of CPU)"


PRINTING = threading.Lock()
RECIPES = {lane: [Recipe(lane, name) for name in names] for lane, names in LANES.items()}
ALL = {recipe.name: recipe for recipes in RECIPES.values() for recipe in recipes}


def run_lane(lane):
    if lane in BEGINS_AFTER:
        ALL[BEGINS_AFTER[lane]].ended.wait()
    try:
        for recipe in RECIPES[lane]:
            recipe.run()
            recipe.ended.set()
            if recipe.code != 0:
                return
    finally:
        # A lane that waits for one of these must not wait for ever.
        for recipe in RECIPES[lane]:
            recipe.ended.set()


def end_all(*_):
    """Ends every recipe with all processes that it started."""
    for recipe in ALL.values():
        if recipe.process and recipe.code is None:
            os.killpg(recipe.process.pid, signal.SIGTERM)
    os._exit(130)


def main():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end_all)
    began = time.monotonic()
    threads = [threading.Thread(target=run_lane, args=[lane]) for lane in LANES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for recipe in ALL.values():
        print(recipe)
    failed = [recipe for recipe in ALL.values() if recipe.code != 0]
    print(f"ci: {len(ALL) - len(failed)} passed, {len(failed)} failed, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
