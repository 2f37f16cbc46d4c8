"""Writes the WebP files of libwebp that ../made.rs reads: those that the `image` crate cannot write.

    pip install numpy opencv-python-headless==5.0.0.93
    python record_webp.py
"""

import cv2
import numpy as np

HEIGHT, WIDTH = 96, 128
y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
noise = np.random.default_rng(7).integers(0, 40, (HEIGHT, WIDTH, 3))
# Parts that differ in kind, so that the encoder gives them tables of their own.
smooth = np.stack([255 * x // WIDTH, 255 * y // HEIGHT, (x + y) % 256], axis=-1)
picture = np.where((x < 64)[..., None], smooth, noise + 100)
picture[60:, :40] = (30, 200, 90)
picture = picture.astype(np.uint8)
alpha = np.where((x - 64) ** 2 + (y - 48) ** 2 < 1600, 255, (x * 2) % 256).astype(np.uint8)
transparent = np.dstack([picture, alpha])

LOSSLESS, LOSSY = [cv2.IMWRITE_WEBP_QUALITY, 101], [cv2.IMWRITE_WEBP_QUALITY, 60]
for name, pixels, quality in [
    ("lossless", picture, LOSSLESS),
    ("lossless_alpha", transparent, LOSSLESS),
    ("lossy", picture, LOSSY),
    ("lossy_alpha", transparent, LOSSY),
]:
    cv2.imwrite(f"{name}.webp", pixels, quality)
