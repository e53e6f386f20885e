"""Damaged JPEGs: how many of them are decoded without a word, and what strict decoding costs, beside OpenCV and Pillow.

    python benchmarks/damaged_jpegs.py <folder of JPEGs> [--images 60] [--tries 10]

A hole (bytes removed) or an insertion (random bytes added) lands at a random place behind the header. A damaged file goes unnoticed
when it is decoded although its pixels differ from the whole file's. Time is the best of five, of one thread, pixels to RGB.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from boxwright.errors import PictureError
from boxwright.images import read_picture

SIZES = (1, 16, 512, 4096)


def by_opencv(data: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ValueError("not decoded")
    return pixels


def by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


DECODERS: dict[str, Callable[[bytes], np.ndarray]] = {
    "boxwright": read_picture, "OpenCV": by_opencv, "Pillow": by_pillow,
}  # fmt: skip


def damaged(data: bytes, size: int, kind: str, rng: np.random.Generator) -> bytes:
    """The file with a hole or an insertion behind its start-of-scan marker."""
    begin = data.rindex(b"\xff\xda") + 16
    at = int(rng.integers(begin, max(begin + 1, len(data) - size - 2)))
    if kind == "hole":
        return data[:at] + data[at + size :]
    return data[:at] + rng.integers(0, 256, size, dtype=np.uint8).tobytes() + data[at:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--tries", type=int, default=10)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    paths = sorted(p for p in arguments.folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    paths = paths[:: max(1, len(paths) // arguments.images)][: arguments.images]
    files = [path.read_bytes() for path in paths]
    rng = np.random.default_rng(0)
    print(
        f"{len(files)} JPEGs of {arguments.folder.name}; unnoticed of {len(files) * arguments.tries} damaged files each"
    )
    for kind in ("hole", "insertion"):
        for size in SIZES:
            unnoticed = dict.fromkeys(DECODERS, 0)
            for data in files:
                whole = {name: decode(data) for name, decode in DECODERS.items()}
                for _ in range(arguments.tries):
                    bad = damaged(data, size, kind, rng)
                    for name, decode in DECODERS.items():
                        try:
                            found = decode(bad)
                        except (PictureError, ValueError, OSError, SyntaxError, cv2.error):
                            continue
                        unnoticed[name] += not np.array_equal(found, whole[name])
            print(f"{kind} of {size:5} bytes: " + ", ".join(f"{name} {n}" for name, n in unnoticed.items()), flush=True)
    times = {}
    for name, decode in DECODERS.items():
        best = []
        for data in files:
            runs = []
            for _ in range(5):
                begin = time.process_time()
                decode(data)
                runs.append(time.process_time() - begin)
            best.append(min(runs))
        times[name] = 1000 * float(np.mean(best))
    print("CPU ms an image: " + ", ".join(f"{n} {t:.2f} ({t / times['OpenCV']:.2f}x OpenCV)" for n, t in times.items()))


if __name__ == "__main__":
    main()
