"""Python's requests, one session for all requests."""
import base64
import json
import os
import pathlib
import sys

import requests

URL = os.environ["LIVENESS_URL"] + "/v0.2/liveness-verification"


def body(case):
    """The arguments of `post` that make the body."""
    threshold = {"threshold": case["threshold"]} if "threshold" in case else {}
    if case["body"] in ("text", "json", "json-strings"):
        picture = pathlib.Path(case["selfie"]).read_bytes()
        selfie = {"selfie": case["prefix"] + base64.b64encode(picture).decode()}
        if case["body"] == "text":
            return {"files": {name: (None, value) for name, value in {**selfie, **threshold}.items()}}
        if case["body"] == "json":
            threshold = {"threshold": float(case["threshold"])}
        return {"json": {**selfie, **threshold}}
    if "selfie" not in case:
        return {"files": {"threshold": (None, case["threshold"])}}
    return {"data": threshold, "files": {"selfie": (case["name"], open(case["selfie"], "rb"), case["type"])}}


def send(session, case):
    key = case.get("key", os.environ["LIVENESS_APP_KEY"])
    spelling = case["spelling"]
    headers = {f"app{spelling}id": os.environ["LIVENESS_APP_ID"], f"app{spelling}key": key}
    arguments = body(case)
    if case["body"] == "chunked":
        form = requests.Request("POST", URL, **arguments).prepare()
        headers["Content-Type"] = form.headers["Content-Type"]
        # Without a length to announce, requests sends chunks.
        arguments = {"data": (form.body[at:at + 65536] for at in range(0, len(form.body), 65536))}
    response = session.post(URL, headers=headers, timeout=30, **arguments)
    received = response.raw.headers
    lists = {name.lower(): received.getlist(name) for name in received}
    headers = {name: values[0] if len(values) == 1 else values for name, values in lists.items()}
    return {"status": response.status_code, "headers": headers, "body": response.text}


with requests.Session() as session:
    for line in sys.stdin:
        try:
            answer = send(session, json.loads(line))
        except requests.RequestException as error:
            answer = {"failure": repr(error)}
        print(json.dumps(answer), flush=True)
