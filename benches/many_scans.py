"""Writes progressive JPEGs of many scans (ITU-T T.81, annex G). They are plainly valid. Each scan costs
a decoder a pass over all blocks, and a caller a few bytes.

A block has one colour. The scans of its other frequencies, which are all zero, begin at the highest
bit that the format has, so that each of the 14 bits takes a scan.
"""
import struct

import numpy as np

BLOCK_PX = 8
# Of all frequencies. A step of a block's mean is an eighth of it: 2 levels of colour.
QUANTIZATION = 16
# Zigzag bands of the other frequencies, by the number of components. They make at most 100 scans:
# Livegate reads no more. A picture reduced to a fourth depends on the lowest frequencies only.
BANDS = {1: [(1, 4), (5, 63)], 3: [(1, 4), (5, 63)], 4: [(1, 63)]}
# Low bits that the first scan of a band leaves out; 13 is the format's limit for 8-bit samples.
MOST_LOW_BITS = 13
# Blocks that one code for "nothing more in so many blocks" can have.
MOST_RUN = (1 << 15) - 1


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def table(number, lengths, symbols):
    """A Huffman table (DHT): how many codes have each length, from 1 bit on, and their symbols."""
    return segment(0xC4, bytes([number, *lengths, *[0] * (16 - len(lengths)), *symbols]))


def scan(components, tables, band, high, low, data):
    """A scan of these components, with `high` and `low` as T.81 has them (Ah, Al)."""
    chosen = b"".join(bytes([number, tables]) for number in components)
    head = segment(0xDA, bytes([len(components)]) + chosen + bytes([*band, high << 4 | low]))
    return head + data.replace(b"\xff", b"\xff\x00")


def packed(values, lengths):
    """The lowest `lengths` bits of each value, one after the other. Ones fill the last byte."""
    most = int(lengths.max())
    places = np.arange(most - 1, -1, -1)
    bits = (values[:, None] >> places & 1).astype(np.uint8)[places < lengths[:, None]]
    return np.packbits(np.concatenate([bits, np.ones(-len(bits) % 8, np.uint8)])).tobytes()


def means(components):
    """The data of the scan of the blocks' means. The code of a difference of n bits is n ones and a
    zero."""
    steps = ((components.astype(np.int64) - 128) * 8) // QUANTIZATION
    steps = steps.reshape(-1, components.shape[-1])
    differences = np.diff(steps, axis=0, prepend=0).ravel()
    sizes = np.ceil(np.log2(np.abs(differences) + 1)).astype(np.int64)
    codes = (1 << sizes + 1) - 2
    bits = np.where(differences < 0, differences + (1 << sizes) - 1, differences)
    return packed(codes << sizes | bits, 2 * sizes + 1)


def nothing(blocks):
    """The data of a scan in which all frequencies of all blocks are zero. A run's code has 4 bits."""
    values, lengths = [], []
    while blocks:
        run = min(blocks, MOST_RUN)
        size = run.bit_length() - 1
        values.append(size << size | run - (1 << size))
        lengths.append(4 + size)
        blocks -= run
    return packed(np.array(values), np.array(lengths))


def jpeg(components):
    """The bytes of the JPEG whose blocks have these colours: rows, columns, and one (grey), three
    (YCbCr) or four (inverted CMYK, as Adobe writes it) components."""
    rows, columns, count = components.shape
    numbers = list(range(1, count + 1))
    frame = struct.pack(">BHHB", 8, rows * BLOCK_PX, columns * BLOCK_PX, count)
    adobe = segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00\x00") if count == 4 else b""
    head = [b"\xff\xd8", adobe, segment(0xDB, bytes([0, *[QUANTIZATION] * 64])),
            segment(0xC2, frame + b"".join(bytes([number, 0x11, 0]) for number in numbers)),
            table(0x00, [1] * 12, range(12)), table(0x10, [0, 0, 0, 15], [size << 4 for size in range(15)])]
    scans = [scan(numbers, 0x00, (0, 0), 0, 0, means(components))]
    empty = nothing(rows * columns)
    for low in range(MOST_LOW_BITS, -1, -1):
        high = 0 if low == MOST_LOW_BITS else low + 1
        scans += [scan([number], 0x00, band, high, low, empty) for band in BANDS[count] for number in numbers]
    return b"".join([*head, *scans, b"\xff\xd9"])
