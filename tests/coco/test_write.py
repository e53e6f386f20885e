"""What is written is what was meant: numbers to the last bit, in any value JSON can hold, and the readers read it again."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.coco import (
    NO_ID,
    Entry,
    annotation_rows,
    categories,
    document,
    encoded,
    entry_of,
    image,
    result_rows,
    results,
)
from boxwright.ingestion.predicted import predicted_json

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(1 << 80), 1 << 80), st.floats(), st.text(st.characters(), max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=300)
@given(values)
def test_any_value_is_written_as_it_is(value: Any) -> None:
    text = encoded(value)
    assert repr(json.loads(text)) == repr(value)  # NaN stays NaN, and 1.0 is not 1


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [-math.inf]}, "\ud800", 1 << 70, "null"])
def test_what_json_lacks_does_not_become_null(value: Any) -> None:
    assert repr(json.loads(encoded(value))) == repr(value)


def test_an_entry_has_the_keys_that_are_given() -> None:
    entry = Entry(id=1, category_id=2, bbox=[1.0, 2.0, 3.0, 4.0], attributes={"wet": None})
    assert entry.tree() == {"id": 1, "category_id": 2, "bbox": [1.0, 2.0, 3.0, 4.0], "attributes": {"wet": None}}
    assert json.loads(encoded([entry])) == [entry.tree()]
    assert entry_of({**entry.tree(), "other": 1}) == entry


def test_a_document_is_read_as_it_was_written(tmp_path: Path) -> None:
    boxes = np.random.default_rng(0).random((50, 4)) * 100
    entries = [Entry(id=k, image_id=7, category_id=1, bbox=box, iscrowd=k % 2) for k, box in enumerate(boxes.tolist())]
    tree = document([image(7, "ü.jpg", (48, 64), conditions={"lamp": "on"})], entries, categories(["bolt"]))
    (tmp_path / "gt.json").write_bytes(encoded(tree))
    found = annotation_rows(tmp_path / "gt.json", once=True)
    assert found is not None
    members, rows = found
    assert members["images"] == [
        {"id": 7, "file_name": "ü.jpg", "width": 64, "height": 48, "conditions": {"lamp": "on"}}
    ]
    assert members["categories"] == [{"id": 1, "name": "bolt"}]
    assert rows.boxes_xywh.tobytes() == boxes.tobytes() and rows.id.tolist() == list(range(50))
    assert rows.crowd.tolist() == [False, True] * 25 and not rows.ignore.any() and NO_ID not in rows.id


def written(folder: Path, names: list[str], **changed: Any) -> Path:
    rng = np.random.default_rng(1)
    count = len(names)
    text = results(
        [names.index(name) + 5 for name in names], names, (1 + rng.integers(0, 3, count)).tolist(),
        boxes_xywh=rng.random((count, 4)) * 90, score=rng.random(count),
    )  # fmt: skip
    entries = json.loads(text)
    if changed:
        entries[3].update(changed)
    (folder / "dt.json").write_bytes(encoded(entries))
    return folder / "dt.json"


@pytest.mark.parametrize(
    "changed", [{}, {"file_name": ""}, {"image_id": "5"}, {"bbox": [0, 0, 10**18 - 1, 1]}, {"category_id": 1.0}]
)
def test_results_with_names_are_read_at_once_as_they_are_one_by_one(
    changed: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, ["b.jpg", "a.jpg", "b.jpg", "ü.jpg", "a.jpg", "c.jpg"] * 3, **changed)
    at_once = predicted_json(path)
    plain = result_rows(path, named=True)
    assert (plain is None) == ("image_id" in changed)
    monkeypatch.setattr("boxwright.ingestion.predicted.result_rows", lambda *_, **__: None)
    one_by_one = predicted_json(path)
    for name, value in vars(one_by_one).items():
        mine = getattr(at_once, name)
        if isinstance(value, np.ndarray):
            assert mine.dtype == value.dtype and mine.tobytes() == value.tobytes(), name
        else:
            assert mine == value, name
