"""Servers between the clients and Livegate: nginx, and a relay that counts connections."""
import contextlib
import shutil
import socket
import threading

from harness import PATIENCE, Server, free_port

ALLOWED_ORIGIN = "https://app.example"


class Nginx(Server):
    """nginx with the site file that we supply."""

    TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]

    def __init__(self, site, directory, upstream_port):
        self.directory = directory
        directory.mkdir()
        # As root, nginx gives its workers to a user without rights, who must get in here.
        directory.parent.chmod(0o711)
        port, self.http2_port = free_port(), free_port()
        text = site.read_text()
        for place, ours in [
            ("server 127.0.0.1:8080 fail_timeout=1s;", f"server 127.0.0.1:{upstream_port};"),
            ("listen 80;", f"listen 127.0.0.1:{port}; listen 127.0.0.1:{self.http2_port} http2;"),
            ("/var/log/nginx/", f"{directory}/"),
        ]:
            if text.count(place) != 1:
                raise RuntimeError(f"{site.name} must have `{place}` once: it is replaced here")
            text = text.replace(place, ours)
        (directory / "site.conf").write_text(text)
        paths = "".join(f"  {name}_temp_path {self.temporary(name)};\n" for name in self.TEMPORARY)
        (directory / "nginx.conf").write_text(
            f"pid {directory}/pid;\nerror_log {directory}/error.log warn;\n"
            f"events {{}}\nhttp {{\n{paths}  include {directory}/site.conf;\n}}\n")
        words = ["nginx", "-p", directory, "-c", directory / "nginx.conf", "-g", "daemon off;"]
        super().__init__("nginx", words, directory / "output", port=port)

    def temporary(self, name):
        return self.directory / f"{name}_temp"

    def listening_port(self):
        port = super().listening_port()
        # A file in the place of each directory for bodies and answers: nginx cannot write to it, so
        # that an attempt leaves an error in its log and is answered with 500.
        for name in self.TEMPORARY:
            shutil.rmtree(self.temporary(name))
            self.temporary(name).touch()
        return port

    def log_file(self, name):
        return (self.directory / name).read_text()


class Relay:
    """Forwards connections to a port and counts them, for the time of a `with`."""

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
