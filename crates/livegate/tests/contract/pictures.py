"""Pictures for schemathesis, which knows none: without them, hardly a request would get as far as an answer."""
import base64
import os
import pathlib
import struct
import zlib

import schemathesis
from hypothesis import strategies as st


def blank_png(width, height):
    """White pixels, one bit each."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xff" * ((width + 7) // 8)) * height
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


PICTURES = st.one_of(
    st.just(pathlib.Path(os.environ["PORTRAIT"]).read_bytes()),
    # Large enough to be looked at, and too small.
    st.builds(blank_png, st.integers(1, 400), st.integers(1, 400)),
)


def in_base64(picture, is_url_safe, is_padded, prefix, line):
    text = (base64.urlsafe_b64encode if is_url_safe else base64.b64encode)(picture).decode()
    text = text if is_padded else text.rstrip("=")
    lines = [text[at:at + line] for at in range(0, len(text), line)] if line else [text]
    return prefix + "\r\n".join(lines)


TEXTS = st.builds(
    in_base64, PICTURES, st.booleans(), st.booleans(),
    st.sampled_from(["", "data:image/png;base64,", "data:;base64,"]), st.sampled_from([0, 76]))

schemathesis.openapi.media_type("image/*", PICTURES)
schemathesis.openapi.format("picture-in-base64", TEXTS)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """JSON Schema says that a string holds base64, and of what; schemathesis goes by `format`."""
    def mark(value):
        if isinstance(value, dict):
            if value.get("contentEncoding") == "base64":
                value["format"] = "picture-in-base64"
            for inner in value.values():
                mark(inner)
        elif isinstance(value, list):
            for inner in value:
                mark(inner)

    mark(raw_schema)
