"""Answers of reviewers become the next version of the data set.

A reviewed picture that the data set knows gets the reviewer's boxes, in every row that holds it; one it does not know
(it was seen in production) is added with them. A box that did not move by more than half a pixel keeps its annotation
id; new boxes get new ids.
"""

from __future__ import annotations

import json
from collections import defaultdict
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
    by_picture: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_picture[row["picture"]].append(row)
    next_image = max((row["image_id"] for row in rows), default=0) + 1
    next_id = max((i for row in rows for i in row["annotation_id"]), default=0) + 1
    for answer in sorted(corrections.answers.to_pylist(), key=lambda a: (a["file_name"], a["picture"])):
        if answer["picture"] not in by_picture:
            row = _new_row(answer, next_image)
            by_picture[answer["picture"]].append(row)
            rows.append(row)
            next_image += 1
        for row in by_picture[answer["picture"]]:
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
    free = list(range(len(row["class_id"])))
    ids = []
    for k in range(len(answer["class_id"])):
        same = next((i for i in free if _unchanged(row, i, answer, k)), None)
        if same is None:
            ids.append(next_id)
            next_id += 1
        else:
            free.remove(same)
            ids.append(row["annotation_id"][same])
    for name in ("class_id", "x1", "y1", "x2", "y2", "ignore"):
        row[name] = list(answer[name])
    count = len(ids)
    row["annotation_id"] = ids
    row["area"] = [(row["x2"][k] - row["x1"][k]) * (row["y2"][k] - row["y1"][k]) for k in range(count)]
    row["crowd"] = [False] * count
    row["attributes"] = [json.dumps({})] * count
    row["labelled"] = True
    return next_id


def _unchanged(row: dict[str, Any], i: int, answer: dict[str, Any], k: int) -> bool:
    """Whether box i of a row and box k of an answer are the same class in the same place."""
    moved = max(abs(row[corner][i] - answer[corner][k]) for corner in ("x1", "y1", "x2", "y2"))
    return row["class_id"][i] == answer["class_id"][k] and moved <= _SAME_PX
