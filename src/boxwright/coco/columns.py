"""Annotations and results of plain COCO files as columns: no Python object outlives its piece of the file.

A file is plain where every number is a number, ids are whole and exact, and each record has what it must have. Of any other file
None is returned, and a careful reader takes it, so that a complaint names the record. Images and categories are handed on as JSON
gives them, attributes as text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from boxwright.coco.growing import AnnotationRows, GrowingAnnotations, GrowingResults, ResultRows
from boxwright.coco.members import Array, after_blanks, begin_of, read_members
from boxwright.coco.pieces import NotPlain, read_array
from boxwright.json_text import parse_strict


def result_rows(path: Path, *, named: bool = False) -> ResultRows | None:
    """A file that is a list of results; None where only a careful reader can judge it.

    Args:
        path: the file.
        named: each result must name its image's file.
    """
    try:
        with path.open("rb") as file:
            return results_in(file, named=named)
    except (NotPlain, OSError):
        return None


def annotation_rows(path: Path, *, once: bool) -> tuple[dict[str, Any], AnnotationRows] | None:
    """A file that is COCO ground truth, as its other members and its annotations.

    Args:
        path: the file.
        once: leave a file in which an annotation may give one of COCO's keys twice to the careful reader.

    Returns:
        None where only a careful reader can judge the file, or where it has no annotation.
    """
    try:
        with path.open("rb") as file:
            tree, rows = annotations_in(file, once=once)
    except (NotPlain, OSError):
        return None
    return (tree, rows) if len(rows.id) else None  # whether the list is empty or missing is seen by the careful reader


def results_in(file: BinaryIO, *, named: bool = False) -> ResultRows:
    """The same of an open file; NotPlain where only a careful reader can judge it."""
    found = GrowingResults(named=named)
    end = read_array(file, begin_of(file), decode=found.decode, take=found.take)
    file.seek(after_blanks(file, end))
    if file.read(1):
        raise NotPlain
    return found.rows()


def annotations_in(file: BinaryIO, *, once: bool) -> tuple[dict[str, Any], AnnotationRows]:
    """The same of an open file; NotPlain where only a careful reader can judge it."""
    found = GrowingAnnotations(once=once)
    lists: dict[str, list[Any]] = {}

    def listed(key: str) -> Array:
        def read(file: BinaryIO, at: int) -> int:
            entries = lists[key] = []
            return read_array(file, at, decode=_as_json, take=lambda records, _: entries.extend(records))

        return read

    def annotations(file: BinaryIO, at: int) -> int:
        return read_array(file, at, decode=found.decode, take=found.take)

    arrays = {"images": listed("images"), "categories": listed("categories"), "annotations": annotations}
    members = read_members(file, arrays)
    return {**lists, **members}, found.rows()


def _as_json(text: memoryview) -> list[Any]:
    """The entries of a list; ValueError where one gives a key twice."""
    return parse_strict(bytes(text))
