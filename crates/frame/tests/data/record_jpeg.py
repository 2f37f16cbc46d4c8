"""Writes JPEG files, and records checksums of the pixels that libjpeg-turbo decodes from them, in full
and reduced.

    pip install numpy pillow
    python record_jpeg.py > jpeg.txt
"""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image, features

HERE = Path(__file__).parent
# Neither side is a multiple of a block, so every edge is padded.
WIDTH, HEIGHT = 203, 149

y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
scene = np.stack(
    [
        127 + 120 * np.sin(x / 9) * np.cos(y / 14),
        255 * ((x // 13 + y // 11) % 2),
        255 * x / WIDTH * (y / HEIGHT),
    ],
    axis=-1,
).clip(0, 255).astype(np.uint8)

KINDS = {
    "h2v2": dict(subsampling=2),
    "h2v1": dict(subsampling=1),
    "h1v1": dict(subsampling=0),
    "progressive": dict(subsampling=2, progressive=True),
    "gray": dict(),
}
print(f"# Pillow {Image.__version__}, libjpeg-turbo {features.version_feature('libjpeg_turbo')}")
for name, options in KINDS.items():
    path = HERE / f"{name}.jpg"
    picture = Image.fromarray(scene)
    if name == "gray":
        picture = picture.convert("L")
    picture.save(path, quality=85, optimize=False, **options)
    for reduction in (1, 2, 4, 8):
        with Image.open(path) as file:
            mode = file.mode
            # Rounded down: Pillow takes the largest reduction whose result is not smaller than this
            # size.
            file.draft(mode, (WIDTH // reduction, HEIGHT // reduction))
            pixels = np.asarray(file.convert("RGB"))
        assert pixels.shape[:2] == (-(-HEIGHT // reduction), -(-WIDTH // reduction)), pixels.shape
        print(name, reduction, pixels.shape[1], pixels.shape[0], zlib.crc32(pixels.tobytes()))
