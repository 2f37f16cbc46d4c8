"""What must hold of every answer: status, headers, keys and their order, numbers, times, names."""
import datetime
import json
import re
import uuid

# What every answer carries, word for word.
FIXED_HEADERS = {
    "content-type": "application/json",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "strict-transport-security": "max-age=86400; includeSubDomains",
}
# What else may come. Anything beyond is news, and fails.
OTHER_HEADERS = {"content-length", "x-request-id", "date", "retry-after", "allow", "connection", "vary"}

PAIR = {"x": "float", "y": "float"}
FACE = {"confidence": "float", "delta": PAIR, "top_left": PAIR}
IMG = {"height": "int", "width": "int"}
STAMP = {"api_req_uid": "uuid4", "processed_at": "time", "requested_at": "time"}
DATA = {"faces_liveness": "float", "faces_predicted": [FACE], "img": IMG}
SUCCESS = {**STAMP, "response_code": "int", "response_data": DATA}
ERROR = {**STAMP, "error": {"code": "text", "message": "text"}}

UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
# Times are written in whole seconds, rounded down.
CLOCK = datetime.timedelta(seconds=1)


class Number(str):
    """A number as it was written."""


def parse(text):
    """The body with its keys in order (as pairs) and its numbers as they were written."""
    number = {"parse_float": Number, "parse_int": Number, "parse_constant": Number}
    return json.loads(text, object_pairs_hook=list_of_pairs, **number)


def list_of_pairs(pairs):
    return ("object", pairs)


def plain(value):
    """A parsed value as dictionaries and lists, numbers still as they were written."""
    if isinstance(value, tuple):
        return {key: plain(inner) for key, inner in value[1]}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def departures(value, shape, where="body"):
    """Every place where `value` departs from `shape`, the order of keys included."""
    if isinstance(shape, dict):
        keys = [key for key, _ in value[1]] if isinstance(value, tuple) else value
        if keys != list(shape):
            return [f"{where}: keys {keys}, not {list(shape)}"]
        inner = [departures(held, shape[key], f"{where}.{key}") for key, held in value[1]]
        return sum(inner, [])
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: no list"]
        return sum((departures(held, shape[0], f"{where}[]") for held in value), [])
    pattern = {"float": r"-?\d+\.\d{1,4}", "int": r"\d+", "uuid4": UUID4, "time": TIME, "text": r".+"}[shape]
    is_number = shape in ("float", "int")
    right = isinstance(value, str) and isinstance(value, Number) == is_number
    return [] if right and re.fullmatch(pattern, value) else [f"{where}: {value!r} is no {shape}"]


def header_faults(headers, body, allowed):
    faults = [f"{name}: {value}" for name, value in headers.items() if isinstance(value, list)]
    for name, value in FIXED_HEADERS.items():
        if headers.get(name) != value:
            faults.append(f"{name}: {headers.get(name)}")
    if headers.get("content-length") != str(len(body.encode())):
        faults.append(f"content-length {headers.get('content-length')} of {len(body.encode())} bytes")
    unexpected = set(headers) - set(FIXED_HEADERS) - OTHER_HEADERS - set(allowed)
    unexpected = [name for name in sorted(unexpected) if not name.startswith("access-control-")]
    return faults + [f"unexpected header {name}: {headers[name]}" for name in unexpected]


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def time_faults(body, since):
    read = lambda text: datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc)
    requested, processed = read(body["requested_at"]), read(body["processed_at"])
    if since - CLOCK <= requested <= processed <= now():
        return []
    return [f"requested {requested}, processed {processed}, in a run from {since} to now"]


def faults_of(answer, since, status, expected, allowed=()):
    """Everything wrong with an answer that was asked for after `since`. `expected` maps dotted keys to
    values as they are written; `allowed` names headers that may come besides the contract's."""
    if "failure" in answer:
        return ["the client got no answer: " + answer["failure"]]
    headers, text = answer["headers"], answer["body"]
    faults = [] if answer["status"] == status else [f"status {answer['status']}, not {status}"]
    faults += header_faults(headers, text, allowed)
    try:
        body = parse(text)
    except ValueError:
        return faults + [f"the body is no JSON: {text[:80]!r}"]
    shape_faults = departures(body, SUCCESS if status == 200 else ERROR)
    if shape_faults:
        return faults + shape_faults
    body = plain(body)
    if headers.get("x-request-id") != body["api_req_uid"]:
        faults.append(f"x-request-id {headers.get('x-request-id')}, api_req_uid {body['api_req_uid']}")
    for path, value in expected.items():
        held = body
        for key in path.split("."):
            held = held[key]
        if held != value:
            faults.append(f"{path} is {held}, not {value}")
    return faults + time_faults(body, since)


def without_stamp(text):
    """The body's text without what differs from request to request."""
    return re.sub(TIME, "TIME", re.sub(UUID4, "UUID", text))


def is_fresh(answers):
    """Whether every answer has a name of its own."""
    names = [answer["headers"].get("x-request-id") for answer in answers if "failure" not in answer]
    return len(set(names)) == len(names) and all(uuid.UUID(name) for name in names if name)
