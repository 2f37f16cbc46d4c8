"""Makes the benches' pictures (pictures.rs) with OpenCV, for the comparison with the peer: the same sizes,
shapes and file sizes.

    python pictures.py PORTRAIT DIRECTORY 640x480 ...
"""
import pathlib
import sys

import cv2
import numpy as np

# As in pictures.rs.
KEPT_ROWS = 384
MOST_GRAIN = 10
GRAIN_SEED = 1
QUALITY = 90


def picture(portrait, width, height):
    columns = KEPT_ROWS * width // height
    left = (portrait.shape[1] - columns) // 2
    kept = portrait[:KEPT_ROWS, left:left + columns]
    enlarged = cv2.resize(kept, (width, height), interpolation=cv2.INTER_LANCZOS4).astype(np.int16)
    random = np.random.default_rng(GRAIN_SEED)
    halves = random.integers(0, MOST_GRAIN, (2, height, width, 1), dtype=np.int16, endpoint=True)
    return np.clip(enlarged + halves[0] - halves[1], 0, 255).astype(np.uint8)


if __name__ == "__main__":
    portrait = cv2.imread(sys.argv[1])
    for size in sys.argv[3:]:
        width, height = map(int, size.split("x"))
        file = pathlib.Path(sys.argv[2], f"{size}.jpg")
        cv2.imwrite(str(file), picture(portrait, width, height), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
