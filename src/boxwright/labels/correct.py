"""Answers of reviewers become the next version of the data set.

A reviewed picture that the data set knows gets the reviewer's boxes, in every row that holds it; one it does not know
(it was seen in production) is added with them. A box that did not move by more than half a pixel keeps its annotation
id and its attributes; so does one that was moved or given another class, with the reviewer as its attribute `annotator`; boxes
drawn anew get new ids. Rows of other pictures are
carried over as they lie, so that a correction costs what it changes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from boxwright.artifacts import Corrections, Dataset
from boxwright.artifacts.dataset import ROW_SCHEMA
from boxwright.boxes import recognised
from boxwright.errors import InputError

_SAME_PX = 0.5
_CORNERS = ("x1", "y1", "x2", "y2")


def correct(dataset: Dataset, corrections: Corrections) -> Dataset:
    """The next version of a dataset.

    Args:
        dataset: the version the corrections go into.
        corrections: of pictures it knows, or new ones.

    Raises:
        InputError: the classes differ, or there is nothing to correct with.
    """
    if corrections.class_names != dataset.class_names:
        raise InputError(
            f"Corrections are for the classes {', '.join(corrections.class_names)}; dataset '{dataset.name}' has "
            f"{', '.join(dataset.class_names)}. Review with the same spec."
        )
    if not len(corrections):
        raise InputError(f"There is no answer to correct dataset '{dataset.name}' with.")
    reviewed = dataset.rows.column("picture")
    at = pc.index_in(reviewed, value_set=corrections.answers.column("picture").combine_chunks())  # pyright: ignore
    known = np.flatnonzero(at.is_valid().to_numpy())
    rows = dataset.rows.take(pa.array(known)).to_pylist()
    by_picture: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_picture[row["picture"]].append(row)
    next_image = int(dataset.image_ids.max(initial=0)) + 1
    next_id = int(dataset.annotations.annotation_id.max(initial=0)) + 1
    for answer in sorted(corrections.answers.to_pylist(), key=lambda a: (a["file_name"], a["picture"])):
        if answer["picture"] not in by_picture:
            row = _new_row(answer, next_image)
            by_picture[answer["picture"]].append(row)
            rows.append(row)
            next_image += 1
        for row in by_picture[answer["picture"]]:
            next_id = _replace(row, answer, next_id)
    return Dataset(
        rows=_woven(dataset.rows, known, pa.Table.from_pylist(rows, schema=ROW_SCHEMA)),
        name=dataset.name,
        class_names=dataset.class_names,
        provenance={**dataset.provenance, "corrected_pictures": len(corrections)},
        made_from={"dataset": dataset.digest, "corrections": corrections.digest},
    )


def _woven(rows: pa.Table, known: NDArray[np.int64], changed: pa.Table) -> pa.Table:
    """The rows with those at `known` taken from the beginning of `changed`; what `changed` has more follows at the end."""
    pieces, begin = [], 0
    for k, row in enumerate(known.tolist()):
        pieces += [rows.slice(begin, row - begin), changed.slice(k, 1)]
        begin = row + 1
    pieces += [rows.slice(begin), changed.slice(len(known))]
    return pa.concat_tables([piece for piece in pieces if len(piece)] or [rows]).combine_chunks()


def _new_row(answer: dict[str, Any], image_id: int) -> dict[str, Any]:
    return {
        "image_id": image_id,
        "file_name": answer["file_name"] or f"{answer['picture'][:16]}.jpg",
        "picture": answer["picture"],
        "width": answer["width"],
        "height": answer["height"],
        "side": "",
        "conditions": answer["conditions"],
        **{
            name: []
            for name in ("annotation_id", "class_id", "x1", "y1", "x2", "y2", "area", "crowd", "ignore", "attributes")
        },
    }


def _replace(row: dict[str, Any], answer: dict[str, Any], next_id: int) -> int:
    """Put the answer's boxes into a row; the next free annotation id."""
    same_as = _recognised(row, answer)
    ids, attributes, crowd, area = [], [], [], []
    for k, (same, stayed) in enumerate(same_as):
        if same is None:
            ids.append(next_id)
            next_id += 1
        else:
            ids.append(row["annotation_id"][same])
        x1, y1, x2, y2 = (answer[corner][k] for corner in _CORNERS)
        as_it_was = same is not None and all(row[corner][same] == answer[corner][k] for corner in _CORNERS)
        area.append(row["area"][same] if as_it_was else (x2 - x1) * (y2 - y1))
        kept = same is not None and row["ignore"][same] == answer["ignore"][k]
        attributes.append(_attributes(row["attributes"][same] if kept else None, answer, k, touched=not stayed))
        crowd.append(bool(kept and row["crowd"][same]))
    for name in ("class_id", "x1", "y1", "x2", "y2", "ignore"):
        row[name] = list(answer[name])
    row["annotation_id"] = ids
    row["area"] = area
    row["crowd"] = crowd
    row["attributes"] = attributes
    row["labelled"] = True
    return next_id


def _recognised(row: dict[str, Any], answer: dict[str, Any]) -> list[tuple[int | None, bool]]:
    """For each box of an answer the box of the row that it is, None where it is new, and whether it stayed as it was."""
    was, now = (np.array([of[c] for c in _CORNERS], np.float64).reshape(4, -1).T for of in (row, answer))
    same_as, stayed = recognised(
        was, np.array(row["class_id"], np.int32), now, np.array(answer["class_id"], np.int32), same_px=_SAME_PX
    )
    return [(i if i >= 0 else None, kept) for i, kept in zip(same_as.tolist(), stayed.tolist(), strict=True)]


def _attributes(kept: str | None, answer: dict[str, Any], k: int, *, touched: bool) -> str:
    """Attributes of box k of an answer: what it had where it was kept, what the answer says, and who drew or changed it."""
    said = json.loads(answer["attributes"][k]) if answer.get("attributes") else {}
    by = {"annotator": answer["reviewer"]} if touched and answer["reviewer"] else {}
    if kept is None:
        return json.dumps({**said, **by}, sort_keys=True, ensure_ascii=False)
    had = json.loads(kept or "{}")
    both = {**had, **said, **by}
    return kept if both == had else json.dumps(both, sort_keys=True, ensure_ascii=False)
