"""Columns that grow piece by piece, whatever a file's size: of results, and of annotations."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec import json
from numpy.typing import NDArray

from boxwright.coco.packed import Packed, column
from boxwright.coco.pieces import NotPlain, records_of
from boxwright.coco.records import NO_TEXT, Annotation, Marked, NamedResult, Result

NO_ID = -(1 << 63)  # where the source gives an annotation no id
_EXACT = 1 << 53  # floats beyond may stand for several integers
_LARGEST = 1e300  # pixels: sums and products of such numbers may overflow
_NEEDED = ("image_id", "category_id", "bbox")
_OPTIONAL = ("id", "area", "iscrowd")
_MARKS = (b'"attributes"', b'"ignore"', b'"xyxy"')
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")  # may spell one of these keys; escapes of other letters cannot

_RESULTS = json.Decoder(list[Result]).decode
_NAMED = json.Decoder(list[NamedResult]).decode
_ANNOTATIONS = json.Decoder(list[Annotation]).decode
_MARKED = json.Decoder(list[Marked]).decode
_PACKED_RESULTS, _PACKED_NAMED = Packed(Result), Packed(NamedResult)
_PACKED_ANNOTATIONS, _PACKED_MARKED = Packed(Annotation), Packed(Marked)


@dataclass(frozen=True)
class ResultRows:
    """Results as a file gives them.

    Attributes:
        image_id, category_id: (n,) int64.
        boxes_xywh: (n, 4) float64.
        score: (n,) float64.
        name: (n,) int32 place of the image's name in `names`; of no length where names were not asked for.
        names: every different name of an image, in the order in which they come.
    """

    image_id: NDArray[np.int64]
    category_id: NDArray[np.int64]
    boxes_xywh: NDArray[np.float64]
    score: NDArray[np.float64]
    name: NDArray[np.int32]
    names: list[str]


@dataclass(frozen=True)
class AnnotationRows:
    """Annotations as a file gives them.

    Attributes:
        image_id, category_id: (n,) int64.
        id: (n,) int64; NO_ID where the file gives none.
        boxes_xywh: (n, 4) float64.
        area: (n,) float64; NaN where the file gives none.
        crowd, ignore: (n,) bool.
        exact: row to the corners of the key `xyxy`, where it gives what left + width should.
        attributes: (n,) int32 place in `texts`, -1 where there are none.
        texts: JSON of every different value of the key `attributes`.
    """

    image_id: NDArray[np.int64]
    category_id: NDArray[np.int64]
    id: NDArray[np.int64]
    boxes_xywh: NDArray[np.float64]
    area: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    ignore: NDArray[np.bool_]
    exact: dict[int, list[float]]
    attributes: NDArray[np.int32]
    texts: list[bytes]


class GrowingResults:
    """Results, a piece at a time.

    Args:
        named: each must have the name of its image.
    """

    def __init__(self, *, named: bool = False) -> None:
        self.decode: Callable[[memoryview], list[Any]] = _NAMED if named else _RESULTS
        self._packed = _PACKED_NAMED if named else _PACKED_RESULTS
        self._named = named
        self._names: dict[str, int] = {}
        self._columns = Columns()

    def take(self, records: list[Any], _: memoryview) -> None:
        """One more piece; NotPlain where an id is not whole and exact."""
        if self._named:
            self._take_names(records)
        table = self._packed.table(records)
        self._columns.add(
            image_id=_whole(column(table, "image_id")), category_id=_whole(column(table, "category_id")),
            bbox=column(table, "bbox"), score=column(table, "score"),
        )  # fmt: skip

    def _take_names(self, records: list[NamedResult]) -> None:
        known, codes = self._names, np.empty(len(records), np.int32)
        for row, record in enumerate(records):
            codes[row] = known.setdefault(record.file_name, len(known))
            record.file_name = ""
        self._columns.add(name=codes)

    def rows(self) -> ResultRows:
        """All pieces."""
        whole = self._columns.whole
        return ResultRows(
            whole("image_id", np.int64), whole("category_id", np.int64), whole("bbox", np.float64).reshape(-1, 4),
            whole("score", np.float64), whole("name", np.int32), list(self._names),
        )  # fmt: skip


class GrowingAnnotations:
    """Annotations, a piece at a time; as long as none has a key of `Marked`, they are read without those.

    Args:
        once: no record may give one of COCO's keys twice, of which the decoder would take the last.
    """

    def __init__(self, *, once: bool) -> None:
        self._once = once
        self._marked = False
        self._columns, self._count = Columns(), 0
        self._exact: dict[int, list[float]] = {}
        self._texts: dict[bytes, int] = {}

    def decode(self, text: memoryview) -> list[Any]:
        """The records of a piece."""
        return _MARKED(text) if self._marked else _ANNOTATIONS(text)

    def take(self, records: list[Any], text: memoryview) -> None:
        """One more piece; NotPlain where only a careful reader can judge it."""
        codes, inside = self._attributes(records) if self._marked else (np.full(len(records), -1, np.int32), 0)
        table = (_PACKED_MARKED if self._marked else _PACKED_ANNOTATIONS).table(records)
        names = (*_OPTIONAL, "ignore", "xyxy") if self._marked else _OPTIONAL
        numbers = {key: column(table, key) for key in (*_NEEDED, *names)}
        counts = {key: len(records) - int(np.isnan(values).sum()) // values[:1].size for key, values in numbers.items()}
        counts["attributes"] = int(np.count_nonzero(codes >= 0))
        colons = np.count_nonzero(np.frombuffer(text, np.uint8) == ord(":")) - inside
        if colons != sum(counts.values()):  # there are more keys, or one is given twice
            if not self._marked and _may_be_marked(bytes(text)):
                self._marked = True
                self.take(records_of(text, _MARKED) or [], text)
                return
            if self._once and not _every_key_once(bytes(text), counts):
                raise NotPlain
        self._keep(numbers, codes)

    def _keep(self, numbers: dict[str, NDArray[np.float64]], codes: NDArray[np.int32]) -> None:
        bbox, ids = numbers["bbox"], numbers["id"]
        if (np.abs(bbox) > _LARGEST).any():
            raise NotPlain
        missing = np.isnan(ids)
        flags = np.zeros((len(ids), 2), np.bool_)
        flags[:, 0] = np.nan_to_num(numbers["iscrowd"]) != 0
        if "xyxy" in numbers:
            flags[:, 1] = np.nan_to_num(numbers["ignore"]) != 0
            self._exact_corners(numbers["xyxy"], bbox)
        self._columns.add(
            image_id=_whole(numbers["image_id"]), category_id=_whole(numbers["category_id"]),
            id=np.where(missing, NO_ID, _whole(np.where(missing, 0, ids))), bbox=bbox, area=numbers["area"], flags=flags,
            codes=codes,
        )  # fmt: skip
        self._count += len(ids)

    def _attributes(self, records: list[Marked]) -> tuple[NDArray[np.int32], int]:
        """(n,) the number of each record's text, -1 where it has none; the texts are taken out of the records, with so many colons."""
        codes = np.full(len(records), -1, np.int32)
        known, colons = self._texts, 0
        for row, record in enumerate(records):
            if record.attributes is not NO_TEXT:
                text = bytes(record.attributes)
                colons += text.count(b":")
                codes[row] = known.setdefault(text, len(known))
                record.attributes = NO_TEXT
        return codes, colons

    def _exact_corners(self, corners: NDArray[np.float64], bbox: NDArray[np.float64]) -> None:
        """The key `xyxy`, where it gives what left + width should."""
        told = np.flatnonzero(~np.isnan(corners[:, 0]))
        if len(told):
            sums = np.concatenate([bbox[told, :2], bbox[told, :2] + bbox[told, 2:]], axis=1)
            near = (np.abs(corners[told] - sums) <= 1e-9 * np.maximum(1.0, np.abs(sums))).all(axis=1)
            self._exact.update({self._count + int(row): corners[row].tolist() for row in told[near]})

    def rows(self) -> AnnotationRows:
        """All pieces."""
        whole = self._columns.whole
        flags = whole("flags", np.bool_).reshape(-1, 2)
        return AnnotationRows(
            whole("image_id", np.int64), whole("category_id", np.int64), whole("id", np.int64),
            whole("bbox", np.float64).reshape(-1, 4), whole("area", np.float64), flags[:, 0], flags[:, 1], self._exact,
            whole("codes", np.int32), list(self._texts),
        )  # fmt: skip


class Columns:
    """Columns in parts, one for each piece."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = {}

    def add(self, **parts: NDArray[Any]) -> None:
        """The columns of one more piece."""
        for key, part in parts.items():
            self._parts.setdefault(key, []).append(part)

    def whole(self, key: str, dtype: type[np.generic]) -> NDArray[Any]:
        """A column, whose parts are given up; of no length where there was no piece."""
        parts = self._parts.pop(key, [])
        return np.concatenate(parts) if parts else np.zeros(0, dtype)


def _whole(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    """Ids as integers; NotPlain where one is none, or too large to be exact."""
    if len(numbers) and not np.abs(numbers).max() < _EXACT:
        raise NotPlain
    whole = numbers.astype(np.int64)
    if (whole != numbers).any():
        raise NotPlain
    return whole


def _every_key_once(text: bytes, counts: dict[str, int]) -> bool:
    """Whether each of these keys is spelled as often as records have it."""
    if _ESCAPED_LETTER.search(text):
        return False
    return all(text.count(f'"{key}"'.encode()) == count for key, count in counts.items())


def _may_be_marked(text: bytes) -> bool:
    """Whether a key of `Marked` may stand in a text."""
    return any(mark in text for mark in _MARKS) or _ESCAPED_LETTER.search(text) is not None
