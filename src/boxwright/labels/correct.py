"""Answers of reviewers become the next version of the data set.

A reviewed picture that the data set knows gets the reviewer's boxes; one it does not know (it was seen in production)
is added with them. Annotation ids of unchanged boxes stay; new boxes get new ids.
"""

from __future__ import annotations

import json
from typing import Any

from boxwright.artifacts import Corrections, Dataset
from boxwright.errors import InputError

_SAME_PX = 0.5


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
    rows = dataset.rows.to_pylist()
    by_picture = {row["picture"]: row for row in rows}
    next_image = max((row["image_id"] for row in rows), default=0) + 1
    next_id = max((i for row in rows for i in row["annotation_id"]), default=0) + 1
    for answer in sorted(corrections.answers.to_pylist(), key=lambda a: (a["file_name"], a["picture"])):
        row = by_picture.get(answer["picture"])
        if row is None:
            row = _new_row(answer, next_image)
            by_picture[answer["picture"]] = row
            rows.append(row)
            next_image += 1
        next_id = _replace(row, answer, next_id)
    return Dataset.from_rows(
        rows,
        name=dataset.name,
        class_names=dataset.class_names,
        provenance={**dataset.provenance, "corrected_pictures": len(corrections)},
        made_from={"dataset": dataset.digest, "corrections": corrections.digest},
    )


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
    before = {
        (row["class_id"][k], *(round(row[c][k] / _SAME_PX) for c in ("x1", "y1", "x2", "y2"))): row["annotation_id"][k]
        for k in range(len(row["class_id"]))
    }
    ids = []
    for k in range(len(answer["class_id"])):
        key = (answer["class_id"][k], *(round(answer[c][k] / _SAME_PX) for c in ("x1", "y1", "x2", "y2")))
        known = before.pop(key, None)
        ids.append(next_id if known is None else known)
        next_id += known is None
    for name in ("class_id", "x1", "y1", "x2", "y2", "ignore"):
        row[name] = list(answer[name])
    count = len(ids)
    row["annotation_id"] = ids
    row["area"] = [(row["x2"][k] - row["x1"][k]) * (row["y2"][k] - row["y1"][k]) for k in range(count)]
    row["crowd"] = [False] * count
    row["attributes"] = [json.dumps({})] * count
    row["labelled"] = True
    return next_id
