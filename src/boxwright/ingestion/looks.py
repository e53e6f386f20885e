"""What the pixels of images say, remembered by the bytes of their files, so that an interrupted ingest does not decode twice.

The memory is a file of JSON lines, written as images are looked at and forgotten once the dataset is stored. A line is found by the
digest of the encoded file and the declared bit depth, so it is true wherever the file lies and whenever it is read; a torn last line is
skipped. Only decoding and measuring are saved: files are read, and their headers judged, every time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from boxwright.images import is_near_black, measure
from boxwright.store import digest_of_bytes

_FLUSH_EVERY = 64


@dataclass(frozen=True)
class PixelLook:
    """What is kept of an image that was decoded.

    Attributes:
        measures: of `measure`.
        brightest: highest level of any channel, 0 to 255.
        near_black: as `is_near_black`.
    """

    measures: dict[str, float]
    brightest: int
    near_black: bool

    @classmethod
    def of(cls, picture: NDArray[np.uint8]) -> PixelLook:
        """The look at a (h, w, 3) RGB image."""
        return cls(measure(picture), int(picture.max(initial=0)), is_near_black(picture))


class Looks:
    """Looks at images, each remembered in a file where there is one.

    Args:
        path: of the file; None remembers nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._file, self._new = path, None, 0
        self._known: dict[tuple[str, int | None], PixelLook] = dict(_read(path)) if path else {}

    def __len__(self) -> int:
        return len(self._known)

    def look(self, data: bytes, bit_depth: int | None, decode: Callable[[], NDArray[np.uint8]]) -> PixelLook:
        """The look at an encoded image; `decode` is called where it is not remembered, and may raise."""
        if self._path is None:
            return PixelLook.of(decode())
        key = (digest_of_bytes(data), bit_depth)
        if key not in self._known:
            self._known[key] = PixelLook.of(decode())
            self._write(self._path, {"image": key[0], "bit_depth": bit_depth, **asdict(self._known[key])})
        return self._known[key]

    def _write(self, path: Path, line: dict[str, object]) -> None:
        if self._file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] | None = path.open("a", encoding="utf-8")
            self._file.write("\n" if path.stat().st_size else "")  # a torn line ends here
        self._file.write(json.dumps(line) + "\n")
        self._new += 1
        if self._new % _FLUSH_EVERY == 0:
            self._file.flush()

    def close(self) -> None:
        """Write what is not yet written."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def forget(self) -> None:
        """The work is done: the file is removed, and its folder where nothing else is in it."""
        self.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            with suppress(OSError):
                self._path.parent.rmdir()


def _read(path: Path) -> list[tuple[tuple[str, int | None], PixelLook]]:
    """The lines that are whole."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            entry = json.loads(line)
            measures = {str(k): float(v) for k, v in entry["measures"].items()}
            look = PixelLook(measures, int(entry["brightest"]), bool(entry["near_black"]))
            found.append(((str(entry["image"]), entry["bit_depth"]), look))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            continue
    return found
