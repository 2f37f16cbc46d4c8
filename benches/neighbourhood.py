"""The service, its apps and the requests that benches/neighbours.py measures with. Pictures are made
in memory, and none is written to a disk."""
import contextlib
import io
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import callers
from servers import Livegate, harness

WORKERS = 2
# The apps beside B, which is the harness' own.
NEIGHBOUR, LIMITED = "neighbour", "neighbour-with-a-rate"
# Longest wait for the end of a service, seconds.
END_S = 1
# Pause between two looks at the metrics, seconds.
POLL_S = 0.005
# Size of the large pictures, in blocks of 8 px, and of the portrait in their middle: a face so
# small is decoded a second time, with all pixels.
LARGE_BLOCKS, PORTRAIT_BLOCKS = 625, 200
BACKGROUND = (120, 130, 140)


class Service(Livegate):
    """A release binary with the apps B and A, an admin listener, and accounts in a file of its own.
    `group` is the control group that it starts in. Without `log_is_read`, its log goes into a pipe
    that nothing reads."""

    def __init__(self, binary, home, pack, scratch, pictures, *settings, group=None, log_is_read=True):
        scratch, self.reader = pathlib.Path(tempfile.mkdtemp(dir=scratch)), None
        self.pictures, self.admin_port = pictures, harness.free_port()
        accounts = f"accounts.database={scratch}/accounts.db"
        admin = f"admin.listen=127.0.0.1:{self.admin_port}"
        settings = [accounts, admin, "ingress.shutdown_delay_ms=0", *settings]
        super().__init__(binary, home, pack, WORKERS, None, scratch, settings)
        # A demo has one app.
        self.words.remove("--demo")
        if group:
            self.words = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', group, *self.words]
        if not log_is_read:
            os.mkfifo(self.log)
            self.reader = os.open(self.log, os.O_RDONLY | os.O_NONBLOCK)
        for app, rate in [(harness.APP_ID, []), (NEIGHBOUR, []),
                          (LIMITED, ["--rate-per-minute", "60", "--burst", "13"])]:
            create = [binary, "keys", "create", "--id", app, "--key-file", "-", "--set", accounts, *rate]
            subprocess.run(create, input=harness.APP_KEY, text=True, check=True, env=self.environment,
                           capture_output=True)

    def __enter__(self):
        super().__enter__()
        try:
            # The first pictures of a process take longer.
            for _ in range(2 * WORKERS):
                self.judged(self.pictures.small)
        except BaseException:
            self.end()
            raise
        return self

    def end(self):
        """As for every server, but a service that cannot end is soon killed: its log may not be
        read."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=END_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        if self.reader:
            os.close(self.reader)

    def judged(self, picture):
        """The status of a request of B with this picture."""
        return harness.post(self.port, picture, harness.credentials())["status"]

    def busy_after_ms(self, moment):
        """Milliseconds from this moment until no worker is busy."""
        while self.busy_workers():
            if time.monotonic() > moment + harness.PATIENCE:
                self.fail("a worker does not end")
            time.sleep(POLL_S)
        return (time.monotonic() - moment) * 1e3

    def busy_workers(self):
        lines = harness.exchange(self.admin_port, "GET", "/metrics")["body"].splitlines()
        line = next(line for line in lines if line.startswith('livegate_workers{state="busy"}'))
        return float(line.rpartition(" ")[2])


class Pictures:
    """What is sent: a `small` selfie of 640x480, a `large` one of 12 megapixels, and of 25
    megapixels a progressive JPEG of three and one of four colours, and a PNG."""

    def __init__(self, portrait):
        # From `harness.importable`, after this module.
        import cv2
        import numpy as np
        from PIL import Image

        import many_scans
        import pictures

        cv2.setNumThreads(1)
        pixels = cv2.imdecode(np.frombuffer(portrait, np.uint8), cv2.IMREAD_COLOR)

        def selfie(width, height):
            quality = [cv2.IMWRITE_JPEG_QUALITY, pictures.QUALITY]
            return cv2.imencode(".jpg", pictures.picture(pixels, width, height), quality)[1].tobytes()

        self.small, self.large = selfie(640, 480), selfie(4000, 3000)
        face = Image.open(io.BytesIO(portrait)).convert("RGB").resize((PORTRAIT_BLOCKS,) * 2)
        blocks = Image.new("RGB", (LARGE_BLOCKS,) * 2, BACKGROUND)
        blocks.paste(face, ((LARGE_BLOCKS - PORTRAIT_BLOCKS) // 2,) * 2)
        self.progressive = many_scans.jpeg(np.asarray(blocks.convert("YCbCr")))
        self.four_colours = many_scans.jpeg(255 - np.asarray(blocks.convert("CMYK")))
        png = io.BytesIO()
        side = (LARGE_BLOCKS * many_scans.BLOCK_PX,) * 2
        blocks.resize(side, Image.NEAREST).save(png, "PNG", compress_level=1)
        self.png = png.getvalue()


def request(picture, app=NEIGHBOUR, path=harness.KAIROS_PATH, count=1, padding=0):
    """The bytes of a request with a picture, `count` times. A body under `padding` bytes is filled
    up to them with a field that is not read."""
    headers, body = headers_of(app), harness.form(picture)[1]
    end = f"--{harness.BOUNDARY}--\r\n".encode()
    body = body.removesuffix(end) * count
    field = f'--{harness.BOUNDARY}\r\nContent-Disposition: form-data; name="ignored"\r\n\r\n'.encode()
    missing = padding - len(body) - len(field) - len(end) - 2
    return callers.request(path, headers, body + (field + bytes(missing) + b"\r\n" if missing > 0 else b"") + end)


def begun(picture, app, length):
    """The beginning of a request whose body of so many bytes does not come whole."""
    body = harness.form(picture)[1]
    return callers.request(harness.KAIROS_PATH, headers_of(app), body[:200], length)


def headers_of(app):
    """The headers of a form of this app, or of a caller without credentials."""
    return {**harness.form(b"")[0], **(harness.credentials(app) if app else {})}


@contextlib.contextmanager
def container(mib):
    """A control group (version 1 or 2) with so much memory; None where none can be made."""
    version_1 = pathlib.Path("/sys/fs/cgroup/memory")
    root, limit = (version_1, "memory.limit_in_bytes") if version_1.is_dir() else (version_1.parent, "memory.max")
    group = root / f"livegate-neighbours-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        try:
            group.mkdir()
            stack.callback(group.rmdir)
            (group / limit).write_text(str(mib << 20))
        except OSError as error:
            print(f"the service runs without a memory limit: {error}", flush=True)
            group = None
        yield group
