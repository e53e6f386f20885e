"""COCO's annotations from the compiled scanner: blocks of a file become columns that grow, whatever the file's size.

Attributes are kept as the text they are, each different text once; they are parsed once, to be judged, and again when asked for.
"""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.ingestion.attributes import cleaned, is_good
from boxwright.ingestion.json_columns import Key
from boxwright.ingestion.json_text import parse_strict
from boxwright.ingestion.reading import NO_ID, Interned, Numbered, Reading

_WHOLE, _NOT_NEEDED = {"whole": True}, {"whole": True, "needed": False}
SCANNED_KEYS = (
    Key("image_id", **_WHOLE), Key("category_id", **_WHOLE), Key("bbox", many=True), Key("id", **_NOT_NEEDED),
    Key("area", needed=False), Key("iscrowd", needed=False), Key("ignore", needed=False), Key("xyxy", many=True, needed=False),
    Key("attributes", needed=False, raw=True),
)  # fmt: skip
_EXACT = 1 << 53
_IMAGE, _CATEGORY, _BBOX, _ID, _AREA, _CROWD, _IGNORE, _CORNERS, _TEXT = (
    0,
    1,
    slice(2, 6),
    6,
    7,
    8,
    9,
    slice(10, 14),
    14,
)


class ScannedBlocks:
    """Columns that grow block by block."""

    def __init__(self) -> None:
        self.exact: dict[int, list[float]] = {}
        self._image, self._category, self._id = array("q"), array("q"), array("q")
        self._bbox, self._area, self._flags = array("d"), array("d"), array("b")
        self._codes = array("i")
        self._texts: dict[bytes, int] = {}
        self._empty: list[int] = []
        self._bad: dict[int, Any] = {}

    def take(self, table: NDArray, text: bytes) -> bool:
        """One more block; False where a number is too large to be exact."""
        ids = table[:, _ID]
        whole = (table[:, _IMAGE], table[:, _CATEGORY], np.nan_to_num(ids))
        if any(np.abs(column).max() >= _EXACT for column in whole) or (np.abs(table[:, _BBOX]) > 1e300).any():
            return False
        if np.isinf(table[:, _AREA]).any():
            return False
        for column, values in ((self._image, whole[0]), (self._category, whole[1])):
            column.frombytes(values.astype(np.int64).tobytes())
        self._id.frombytes(np.where(np.isnan(ids), NO_ID, whole[2].astype(np.int64)).tobytes())
        before = len(self._area)
        self._bbox.frombytes(table[:, _BBOX].tobytes())
        self._area.frombytes(table[:, _AREA].tobytes())
        self._flags.frombytes((np.nan_to_num(table[:, _CROWD : _IGNORE + 1]) != 0).tobytes())
        self._keep_corners(table, before)
        self._codes.frombytes(self._coded(table[:, _TEXT : _TEXT + 2], text).tobytes())
        return True

    def _keep_corners(self, table: NDArray, before: int) -> None:
        """The key `xyxy`, where it gives what left + width should."""
        corners, bbox = table[:, _CORNERS], table[:, _BBOX]
        told = np.flatnonzero(np.isfinite(corners).all(axis=1))
        if len(told):
            sums = np.concatenate([bbox[told, :2], bbox[told, :2] + bbox[told, 2:]], axis=1)
            near = (np.abs(corners[told] - sums) <= 1e-9 * np.maximum(1.0, np.abs(sums))).all(axis=1)
            self.exact.update({before + int(row): corners[row].tolist() for row in told[near]})

    def _coded(self, places: NDArray, text: bytes) -> NDArray[np.int32]:
        """The number of each row's text; -1 where it has none."""
        codes = np.full(len(places), -1, np.int32)
        rows = np.flatnonzero(~np.isnan(places[:, 0]))
        known = self._texts
        codes[rows] = [known.setdefault(text[a:b], len(known)) for a, b in places[rows].astype(np.int64).tolist()]
        return codes

    def parse(self) -> bool:
        """Parse every text once; False where one gives a key twice."""
        try:
            for text, code in self._texts.items():
                value = parse_strict(text)
                if not value:
                    self._empty.append(code)
                elif not is_good(value):
                    self._bad[code] = value
        except (ValueError, RecursionError):
            return False
        return True

    def attributes(self, reading: Reading, file: str) -> Interned:
        """Attributes per row, after `parse`; what is wrong with them is told of every row."""
        codes = np.frombuffer(self._codes, np.int32).copy()
        codes[np.isin(codes, self._empty)] = -1
        places = Numbered(file, np.frombuffer(self._id, np.int64), np.arange(len(codes)))
        for row in np.flatnonzero(np.isin(codes, list(self._bad))):
            cleaned(self._bad[int(codes[row])], reading, str(places[int(row)])[:200])
            codes[row] = -1
        return Interned(codes, list(self._texts))

    def columns(self) -> tuple[NDArray, ...]:
        """image_id, category_id, bbox, id, area, crowd, ignore, position."""
        flags = np.frombuffer(self._flags, np.bool_).reshape(-1, 2)
        return (
            np.frombuffer(self._image, np.int64), np.frombuffer(self._category, np.int64),
            np.frombuffer(self._bbox, np.float64).reshape(-1, 4), np.frombuffer(self._id, np.int64),
            np.frombuffer(self._area, np.float64), flags[:, 0], flags[:, 1], np.arange(len(self._id)),
        )  # fmt: skip
