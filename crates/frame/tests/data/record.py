"""Records OpenCV's resized pictures, with which ../resample.rs compares.

    pip install numpy opencv-python-headless==5.0.0.93
    python record.py > resample.txt
"""
import zlib
import cv2
import numpy as np


def picture(width, height):
    """A picture of edges in which all rows differ, by the same formula as in resample.rs."""
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    return (((x * 73 + y * 151 + c * 199) ^ (x * y)) & 255).astype(np.uint8)


# Smaller, larger, exactly half (for which OpenCV has another path), odd ratios, single pixels.
LINEAR = [((640, 480), (320, 240)), ((480, 640), (320, 240)), ((97, 61), (80, 80)), ((31, 47), (128, 128)),
          ((1000, 750), (640, 480)), ((5, 3), (7, 11)), ((1, 1), (4, 4)), ((300, 2), (13, 9)), ((64, 64), (64, 64))]
for (width, height), to in LINEAR:
    out = cv2.resize(picture(width, height), to)
    print("linear", width, height, *to, zlib.crc32(out.tobytes()))

AREA_OR_LANCZOS4 = [((23, 23), (16, 16)), ((48, 48), (16, 16)), ((40, 40), (9, 9)), ((9, 9), (16, 16)), ((15, 15), (16, 16))]
for (width, height), to in AREA_OR_LANCZOS4:
    interpolation = cv2.INTER_AREA if height > to[1] else cv2.INTER_LANCZOS4
    out = cv2.resize(picture(width, height), to, interpolation=interpolation)
    print("area-or-lanczos4", width, height, *to, out.tobytes().hex())
