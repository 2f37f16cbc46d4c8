"""curl, driven by a configuration on its standard input, so that keys show in no list of processes. One
run of curl sends all requests, but with the argument `http2` one: curl 7.88 cannot use an HTTP/2
connection that it began with prior knowledge a second time ("Error in the HTTP2 framing layer")."""
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

URL = os.environ["LIVENESS_URL"] + "/v0.2/liveness-verification"


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def options(case, scratch, number):
    """One request as lines of a curl configuration."""
    file = lambda kind: str(scratch / f"{number}.{kind}")
    key = case.get("key", os.environ["LIVENESS_APP_KEY"])
    yield from ["silent", f"url = {quoted(URL)}", "request = POST", "max-time = 30"]
    yield from [f"output = {quoted(file('body'))}", f"dump-header = {quoted(file('head'))}"]
    yield r'write-out = "%{exitcode}\t%{http_code}\t%{errormsg}\n"'
    if "http2" in sys.argv:
        yield "http2-prior-knowledge"
    yield f"header = {quoted('app' + case['spelling'] + 'id: ' + os.environ['LIVENESS_APP_ID'])}"
    yield f"header = {quoted('app' + case['spelling'] + 'key: ' + key)}"
    if "expect" in case:
        yield f"header = {quoted('Expect:' + case['expect'])}"
    if case["body"] == "chunked":
        yield 'header = "Transfer-Encoding: chunked"'
    if case["body"] in ("text", "json", "json-strings"):
        selfie = case["prefix"] + base64.b64encode(pathlib.Path(case["selfie"]).read_bytes()).decode()
    if case["body"] in ("json", "json-strings"):
        threshold = float(case["threshold"]) if case["body"] == "json" else case["threshold"]
        pathlib.Path(file("json")).write_text(json.dumps({"selfie": selfie, "threshold": threshold}))
        yield 'header = "Content-Type: application/json"'
        yield f"data-binary = {quoted('@' + file('json'))}"
        return
    if case["body"] == "text":
        pathlib.Path(file("text")).write_text(selfie)
        yield f"form = {quoted('selfie=<' + file('text'))}"
    elif "selfie" in case:
        yield f"form = {quoted('selfie=@{selfie};filename={name};type={type}'.format(**case))}"
    if "threshold" in case:
        yield f"form-string = {quoted('threshold=' + case['threshold'])}"


def answer(result, scratch, number):
    code, status, failure = result.split("\t")
    if code != "0":
        return {"failure": f"curl {code}, status {status}: {failure}"}
    # Of a `100 Continue` and an answer, the answer's head is the last.
    head = (scratch / f"{number}.head").read_text().strip().split("\n\n")[-1].splitlines()
    headers = {}
    for name, value in (line.split(": ", 1) for line in head[1:] if line):
        name = name.lower()
        headers[name] = [headers[name], value] if name in headers else value
    return {"status": int(status), "headers": headers, "body": (scratch / f"{number}.body").read_text()}


def run(configurations):
    config = "\nnext\n".join("\n".join(lines) for lines in configurations)
    return subprocess.run(["curl", "--config", "-"], input=config, capture_output=True, text=True).stdout.splitlines()


cases = [json.loads(line) for line in sys.stdin]
with tempfile.TemporaryDirectory() as scratch:
    scratch = pathlib.Path(scratch)
    requests = [options(case, scratch, number) for number, case in enumerate(cases)]
    runs = [[request] for request in requests] if "http2" in sys.argv else [requests]
    results = [result for configurations in runs for result in run(configurations)]
    for number, result in enumerate(results):
        print(json.dumps(answer(result, scratch, number)))
