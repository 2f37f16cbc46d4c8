"""What every client sends, and what must come back."""
import struct
import zlib


def tiny_png(path):
    """The size of the documented sample: 95x71, all grey."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 95, 71, 8, 2, 0, 0, 0))
    rows = zlib.compress((b"\0" + b"\x80" * 3 * 95) * 71)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def cases(home, scratch):
    """Name, request, status and what the answer must hold, for every client."""
    portrait, tiny, text = home / "sample/portrait.png", scratch / "tiny.png", scratch / "text.txt"
    large, larger = scratch / "large.bin", scratch / "larger.bin"
    tiny_png(tiny)
    text.write_text("This is not a picture!\n")
    # Over Livegate's 20 MiB, with the rest of the form just under the 21 MiB that nginx lets through...
    large.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes((21 << 20) - 4096))
    # ...and over both.
    larger.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(22 << 20))

    live = {"response_code": "0", "response_data.img": {"height": "512", "width": "512"}}
    unassessed = {"response_code": "2", "response_data.faces_liveness": "0.0",
                  "response_data.img": {"height": "71", "width": "95"}}
    error = lambda code: {"error.code": code}
    usual = {"body": "form", "spelling": "_", "name": "selfie.png", "type": "image/png", "prefix": ""}

    def case(title, status, expected, selfie=portrait, threshold="0.6", **more):
        fields = {**usual, "selfie": selfie and str(selfie), "threshold": threshold, **more}
        return title, {field: value for field, value in fields.items() if value is not None}, status, expected

    return [
        case("a good selfie", 200, live),
        case("other file name, text/plain", 200, live, name="notes.txt", type="text/plain"),
        case("other file name, application/octet-stream", 200, live, name="selfie.jpg",
             type="application/octet-stream"),
        case("no threshold", 200, live, threshold=None),
        case("app-id and app-key", 200, live, spelling="-"),
        case("chunks", 200, live, body="chunked"),
        case("base64 in a text part", 200, live, body="text"),
        case("a data: URL in a text part", 200, live, body="text", prefix="data:image/png;base64,"),
        case("JSON, base64, number", 200, live, body="json"),
        case("JSON, data: URL, string", 200, live, body="json-strings", prefix="data:image/png;base64,"),
        case("a tiny picture", 200, unassessed, selfie=tiny),
        case("a tiny picture in chunks", 200, unassessed, selfie=tiny, body="chunked"),
        case("a wrong key", 401, error("invalid_credentials"), key="wrong"),
        case("no selfie", 400, error("missing_selfie"), selfie=None),
        case("threshold abc", 400, error("invalid_threshold"), threshold="abc"),
        case("text for a picture", 415, error("unsupported_image"), selfie=text),
        case("21 MiB", 413, error("body_too_large"), selfie=large),
        case("21 MiB in chunks", 413, error("body_too_large"), selfie=large, body="chunked"),
        case("21 MiB and a wrong key", 401, error("invalid_credentials"), selfie=large, key="wrong"),
        case("22 MiB", 413, error("body_too_large"), selfie=larger),
        case("22 MiB in chunks", 413, error("body_too_large"), selfie=larger, body="chunked"),
        case("a good selfie after all that", 200, live),
    ]


def curl_cases(all_cases):
    """Only curl lets one choose whether to wait for `100 Continue`."""
    named = {name: (request, status, expected) for name, request, status, expected in all_cases}
    for name, expect, title in [("a good selfie", " 100-continue", "Expect: 100-continue"),
                                ("21 MiB", " 100-continue", "21 MiB, Expect: 100-continue"),
                                ("21 MiB", "", "21 MiB, no Expect")]:
        request, status, expected = named[name]
        yield title, {**request, "expect": expect}, status, expected
