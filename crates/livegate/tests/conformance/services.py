"""What the clients talk to: Livegate, nginx before it, and a relay that counts connections."""
import contextlib
import os
import secrets
import select
import shutil
import socket
import subprocess
import threading
import time

APP_ID, APP_KEY = "conformance", secrets.token_hex(16)
ALLOWED_ORIGIN = "https://app.example"
# Nobody waits longer than this for a process to start or to end, seconds.
PATIENCE = 60


def clean_environment(**more):
    """Ours without what would change what is tested: settings of Livegate, proxies."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("LIVEGATE_") and not name.lower().endswith("_proxy")}
    return {**kept, **more}


def end(process):
    process.terminate()
    try:
        return process.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(timeout=PATIENCE)


def installed(binary, home):
    """`home` with everything in it; set up first where it has nothing."""
    needed = [home / "runtime", home / "packs/starter", home / "sample/portrait.png"]
    if not all(path.exists() for path in needed):
        environment = clean_environment(LIVEGATE_HOME=str(home))
        subprocess.run([binary, "setup", "--pack", "starter"], env=environment, check=True, timeout=600)
    return home


@contextlib.contextmanager
def livegate(binary, home, scratch):
    """A running service; gives its port."""
    environment = clean_environment(
        LIVEGATE_HOME=str(home), LIVEGATE_DEMO_APP_ID=APP_ID, LIVEGATE_DEMO_APP_KEY=APP_KEY,
        LIVEGATE_INGRESS_CORS_ALLOWED_ORIGINS=f'["{ALLOWED_ORIGIN}"]')
    words = ["serve", "--demo", "--offline", "--pack", "starter", "--listen", "127.0.0.1:0"]
    log = scratch / "livegate.log"
    with open(log, "w") as errors:
        process = subprocess.Popen([binary, *words], env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        line = process.stdout.readline() if ready else ""
        host, _, port = line.strip().removeprefix("listening on http://").rpartition(":")
        if host != "127.0.0.1":
            raise RuntimeError(f"livegate did not start: {line}{log.read_text()}")
        yield int(port)
    finally:
        end(process)
        process.stdout.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(port):
    until = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if time.monotonic() > until:
            raise RuntimeError(f"nothing listens on port {port}")
        time.sleep(0.02)


class Nginx:
    """nginx with the site file that we supply, for the time of a `with`."""

    TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]

    def __init__(self, site, directory, upstream_port):
        self.directory = directory
        directory.mkdir()
        # As root, nginx gives its workers to a user without rights, who must get in here.
        directory.parent.chmod(0o711)
        self.port, self.http2_port = free_port(), free_port()
        text = site.read_text()
        for place, ours in [
            ("server 127.0.0.1:8080 fail_timeout=1s;", f"server 127.0.0.1:{upstream_port};"),
            ("listen 80;", f"listen 127.0.0.1:{self.port}; listen 127.0.0.1:{self.http2_port} http2;"),
            ("/var/log/nginx/", f"{self.directory}/"),
        ]:
            if text.count(place) != 1:
                raise RuntimeError(f"{site.name} must have `{place}` once: it is replaced here")
            text = text.replace(place, ours)
        (self.directory / "site.conf").write_text(text)
        paths = "".join(f"  {name}_temp_path {self.temporary(name)};\n" for name in self.TEMPORARY)
        (self.directory / "nginx.conf").write_text(
            f"pid {self.directory}/pid;\nerror_log {self.directory}/error.log warn;\n"
            f"events {{}}\nhttp {{\n{paths}  include {self.directory}/site.conf;\n}}\n")

    def temporary(self, name):
        return self.directory / f"{name}_temp"

    def __enter__(self):
        words = ["-p", self.directory, "-c", self.directory / "nginx.conf", "-g", "daemon off;"]
        with open(self.directory / "output", "w") as output:
            self.process = subprocess.Popen(["nginx", *words], stdout=output, stderr=output)
        try:
            wait_for(self.port)
            # Where nginx would write bodies and answers there is now a file: whatever it tries to
            # write fails, with an error in its log and a 500.
            for name in self.TEMPORARY:
                shutil.rmtree(self.temporary(name))
                self.temporary(name).touch()
        except BaseException:
            end(self.process)
            raise RuntimeError((self.directory / "output").read_text())
        return self

    def __exit__(self, *_):
        end(self.process)

    def log(self, name):
        return (self.directory / name).read_text()


class Relay:
    """Passes connections on to a port and counts them, for the time of a `with`."""

    def __init__(self, port):
        self.target, self.connections = ("127.0.0.1", port), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self.listener.accept()
                self.connections += 1
                service = socket.create_connection(self.target, timeout=PATIENCE)
                for way in [(caller, service), (service, caller)]:
                    threading.Thread(target=self.copy, args=way, daemon=True).start()

    @staticmethod
    def copy(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
