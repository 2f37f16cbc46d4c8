"""Builds the Dockerfile without a container registry, and runs the image as an orchestrator would: as its
user, with a read-only root, without capabilities and without a network.

    python3 deploy/exercise-dockerfile.py                       # builds Livegate in it: 10 to 20 minutes
    python3 deploy/exercise-dockerfile.py --binary target/release/livegate
    python3 deploy/exercise-dockerfile.py --build-arg DEVICES=cpu --build-arg DEVICE=cpu

`buildah` carries out every line of the Dockerfile. The base images are made here: from Debian's packages
by `mmdebstrap`, and for the image `rust` with this machine's Rust toolchain. So the installed packages
and the digests may differ from those of the published images. Needs root on Debian, and

    apt-get install --no-install-recommends buildah mmdebstrap
"""
import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from harness import PATIENCE, credentials, exchange, finish, holds, post  # noqa: E402

WORK = ROOT / "target/exercise-dockerfile"
MAIN, ADMIN = 8080, 9464


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, **options)


def output(*words):
    return run(*words, stdout=subprocess.PIPE, text=True).stdout.strip()


# ---- Images ---------------------------------------------------------------------------------------

def buildah(*words, **options):
    where = ["--root", WORK / "store", "--runroot", WORK / "run", "--storage-driver", "overlay"]
    return run("buildah", *where, *words, **options)


def output_of(*words):
    return buildah(*words, stdout=subprocess.PIPE, text=True).stdout.strip()


def is_there(image):
    return image in output_of("images", "--format", "{{.Name}}:{{.Tag}}").split()


def debian_image(suite):
    """Makes `debian:SUITE-slim` from Debian's packages, with this machine's own certificate authorities."""
    name = f"docker.io/library/debian:{suite}-slim"
    if is_there(name):
        return
    tar = WORK / f"{suite}.tar"
    # As in the published image: dpkg does not wait for the disk.
    quick = 'echo force-unsafe-io > "$1"/etc/dpkg/dpkg.cfg.d/docker-apt-speedup'
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--customize-hook={quick}", suite, tar)
    container = output_of("from", "scratch")
    buildah("add", "--quiet", container, tar, "/", stdout=subprocess.DEVNULL)
    own = sorted(pathlib.Path("/usr/local/share/ca-certificates").glob("*.crt"))
    if own:
        buildah("add", "--quiet", container, *own, "/usr/local/share/ca-certificates/", stdout=subprocess.DEVNULL)
    buildah("commit", "--quiet", "--rm", "--signature-policy", WORK / "policy.json", container, name)
    tar.unlink()


def rust_image(version, suite):
    """Makes `rust:VERSION-SUITE`: Debian's C compiler, and this machine's Rust toolchain."""
    name = f"docker.io/library/rust:{version}-{suite}"
    if is_there(name):
        return
    toolchain = pathlib.Path(output("rustc", f"+{version}", "--print", "sysroot"))
    container = output_of("from", "--pull-never", f"docker.io/library/debian:{suite}-slim")
    install = ("apt-get update -q && apt-get install -y -q --no-install-recommends "
               "ca-certificates gcc g++ libc6-dev make pkg-config && rm -rf /var/lib/apt/lists/*")
    buildah("run", "--isolation", "chroot", container, "sh", "-c", install)
    for part in ["bin", "lib"]:
        buildah("add", "--quiet", container, toolchain / part, f"/usr/local/{part}", stdout=subprocess.DEVNULL)
    buildah("config", "--env", "CARGO_HOME=/usr/local/cargo", container)
    buildah("commit", "--quiet", "--rm", "--signature-policy", WORK / "policy.json", container, name)


def arguments_of(text):
    """The `ARG`s above the first stage, which name the base images."""
    head = text.split("\nFROM ", 1)[0]
    return dict(re.findall(r"^ARG (\w+)=(\S+)$", head, re.MULTILINE))


def with_binary(text):
    """The Dockerfile, whose stage `program` copies a binary instead of building one."""
    stage = re.compile(r"^FROM [^\n]* AS program\n.*?(?=^# ---- )", re.MULTILINE | re.DOTALL)
    replaced, count = stage.subn("FROM scratch AS program\nCOPY livegate /out/livegate\n\n", text)
    if count != 1:
        raise SystemExit("the Dockerfile has no stage `program` that ends with a line `# ---- `")
    return replaced


def build(options):
    """Carries out the Dockerfile. Gives back the image's name and its configuration."""
    file = ROOT / options.file
    text = file.read_text()
    named = arguments_of(text)
    debian_image(named["DEBIAN"])
    context, ignore = ROOT, ROOT / ".dockerignore"
    if options.binary:
        context = WORK / "context"
        shutil.rmtree(context, ignore_errors=True)
        context.mkdir()
        shutil.copy(options.binary, context / "livegate")
        for path in ["LICENSE", "models"]:
            shutil.copytree(ROOT / path, context / path) if (ROOT / path).is_dir() else shutil.copy(ROOT / path, context)
        text = with_binary(text)
        ignore = context / ".dockerignore"
        ignore.write_text("")
    else:
        rust_image(named["RUST_VERSION"], named["DEBIAN"])
    ours = WORK / "Dockerfile"
    ours.write_text(text)
    # buildah keeps the cache of `--mount=type=cache` in TMPDIR.
    environment = {**os.environ, "TMPDIR": str(WORK / "tmp")}
    (WORK / "tmp").mkdir(exist_ok=True)
    name = "localhost/livegate-exercise"
    more = [word for argument in options.build_arg for word in ("--build-arg", argument)]
    started = time.monotonic()
    buildah("build", "--pull-never", "--isolation", "chroot", "--format", "docker", "--layers",
            "--signature-policy", WORK / "policy.json", "--ignorefile", ignore, "--file", ours,
            "--tag", name, *more, context, env=environment)
    print(f"built in {time.monotonic() - started:.0f} s", flush=True)
    return name, json.loads(output_of("inspect", "--type", "image", name))["Docker"]["config"]


# ---- A container ----------------------------------------------------------------------------------

class Container:
    """Runs commands in a root with the image's user and variables, without capabilities and unable to gain any."""

    def __init__(self, root, config):
        self.root, self.config = root, config
        user, _, group = config["User"].partition(":")
        self.user, self.group = int(user), int(group or user)

    def enter(self):
        os.chroot(self.root)
        os.chdir(self.config["WorkingDir"] or "/")
        os.setgroups([])
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in range(64):
            libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; those beyond the last are refused
        os.setgid(self.group)
        os.setuid(self.user)
        if libc.prctl(38, 1, 0, 0, 0):  # PR_SET_NO_NEW_PRIVS
            raise OSError("no_new_privs cannot be set")

    def start(self, *words, **options):
        environment = dict(line.split("=", 1) for line in self.config["Env"])
        return subprocess.Popen(words, preexec_fn=self.enter, env=environment, text=True, **options)

    def run(self, *words):
        process = self.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err


def get(port, path):
    answer = exchange(port, "GET", path)
    return answer["status"], answer["body"]


def becomes_ready(process):
    until = time.monotonic() + PATIENCE
    last = "no answer"
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            last = get(ADMIN, "/readyz")
            if last[0] == 200:
                return True, last
        time.sleep(0.1)
    return False, last


def inside(root, config):
    """Runs the checks in namespaces of their own: mounts that end with them, and only loopback."""
    run("ip", "link", "set", "lo", "up")
    volume = WORK / "volume"
    shutil.rmtree(volume, ignore_errors=True)
    # As an engine does: a new volume begins with the image's files, owners included.
    run("cp", "-a", f"{root}/var/lib/livegate", volume)
    run("mount", "--bind", root, root)
    run("mount", "--bind", volume, f"{root}/var/lib/livegate")
    for place in ["proc", "dev"]:
        run("mount", "--rbind", f"/{place}", f"{root}/{place}")
    run("mount", "-o", "remount,bind,ro", root)
    container = Container(root, config)
    command = [*config["Entrypoint"], *config["Cmd"]]

    code, _, errors = container.run("sh", "-c", "id -u; touch /opt/livegate/x /usr/x /tmp/x")
    holds("its root is read-only", code != 0 and errors.count("Read-only file system") == 3, errors)
    code, made, errors = container.run(*config["Entrypoint"], "keys", "create", "--id", "exercise", "--json")
    holds("`keys create` works as the image's user", code == 0, errors)
    key = re.search(r'"(?:app_)?key"\s*:\s*"([^"]+)"', made)
    log = open(WORK / "service.log", "w+")
    service = container.start(*command, stdout=log, stderr=log)
    try:
        ready, last = becomes_ready(service)
        log.seek(0)
        holds("ENTRYPOINT and CMD start it, and /readyz of the admin listener answers 200", ready, f"{last}\n{log.read()}")
        if ready:
            use(container, config, key, root)
        service.send_signal(getattr(signal, config.get("StopSignal") or "SIGTERM"))
        holds("it ends cleanly at STOPSIGNAL", service.wait(timeout=PATIENCE) == 0)
    finally:
        service.kill()
    code, _, _ = container.run(*config["Healthcheck"]["Test"][1:])
    holds("HEALTHCHECK fails when it is not running", code == 1, f"exit code {code}")
    written = sorted(path.name for path in volume.rglob("*"))
    holds("it wrote nothing but accounts", all(name.startswith("accounts.db") for name in written), written)


def use(container, config, key, root):
    holds("it runs as a numeric user that is not root", container.user > 0)
    test = config["Healthcheck"]["Test"]
    code, out, errors = container.run(*test[1:])
    holds("HEALTHCHECK succeeds", test[0] == "CMD" and code == 0, f"{test}: exit code {code}\n{out}{errors}")
    status, metrics = get(ADMIN, "/metrics")
    holds("/metrics is on the admin listener", status == 200 and "livegate_build_info" in metrics)
    status, version = get(ADMIN, "/version")
    holds("/version names pack and device", status == 200 and "pack" in version, version)
    print("        " + version, flush=True)
    portrait = pathlib.Path(root, "opt/livegate/sample/portrait.png").read_bytes()
    answer = post(MAIN, portrait, credentials("exercise", key.group(1) if key else ""))
    is_live = answer["status"] == 200 and json.loads(answer["body"])["response_code"] == 0
    holds("a selfie is answered", is_live, answer)
    answer = post(MAIN, portrait, credentials("exercise", "wrong"))
    holds("a wrong key is refused", answer["status"] == 401, answer)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--file", default="Dockerfile")
    words.add_argument("--binary", type=pathlib.Path, help="use this binary and build none")
    words.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    words.add_argument("--keep", action="store_true", help="keep images, for a quicker next time: 3 GB in target/")
    words.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    options = words.parse_args()
    if options.inside:
        inside(options.inside[0], json.loads(options.inside[1]))
        sys.exit(finish("exercise"))
    missing = [tool for tool in ["buildah", "mmdebstrap", "unshare", "ip"] if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        raise SystemExit(f"needs root, and {', '.join(missing) or 'nothing else'}: see the head of this file")
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    name, config = build(options)
    container = output_of("from", "--pull-never", name)
    try:
        root = output_of("mount", container)
        ours = [sys.executable, __file__, "--inside", root, json.dumps(config)]
        code = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", *ours]).returncode
    finally:
        buildah("rm", container, stdout=subprocess.DEVNULL)
        if not options.keep:
            buildah("rmi", "--all", "--force", stdout=subprocess.DEVNULL)
            # buildah leaves a mount of this directory on itself behind.
            subprocess.run(["umount", "--lazy", WORK / "store/overlay"], stderr=subprocess.DEVNULL)
            shutil.rmtree(WORK)
    sys.exit(code)


main()
