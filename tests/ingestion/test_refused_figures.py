"""Results and tables that would give a quietly wrong figure are refused with the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from boxwright.errors import FormatError
from boxwright.ingestion import read_conditions, read_results, read_truth

GOOD: dict[str, Any] = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"score": "0.9"}, "entry 1: bbox must be four numbers and score one, none of them as text; found .* and '0.9'"),
        ({"score": True}, "entry 1: bbox must be four numbers and score one"),
        ({"score": None}, "entry 1: bbox must be four numbers and score one"),
        ({"bbox": "1234"}, "entry 1: bbox must be four numbers"),
        ({"bbox": [1, 2, "3", 4]}, "entry 1: bbox must be four numbers"),
        ({"bbox": [1, 2, -3, 4]}, "entry 1: .* must not be negative; found -3 x 4 \\(1 such entries\\)"),
        ({"bbox": [1, 2, 3, -0.5]}, "entry 1: .* must not be negative; found 3 x -0.5"),
        ({"score": float("nan")}, "entry 1: a number is not finite"),
        ({"bbox": [float("inf"), 2, 3, 4]}, "entry 1: a number is not finite"),
    ],
)  # fmt: skip
def test_results(wrong: dict, said: str, tmp_path: Path) -> None:
    truth = {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "x"}], "annotations": []}
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    read = read_truth(tmp_path / "gt.json")
    (tmp_path / "dt.json").write_text(json.dumps([GOOD, {**GOOD, **wrong}]))
    with pytest.raises(FormatError, match=said):
        read_results(tmp_path / "dt.json", read)
    (tmp_path / "dt.json").write_text(json.dumps([GOOD, {**GOOD, "bbox": [1, 2, 0, 4]}]))
    assert len(read_results(tmp_path / "dt.json", read).score) == 2  # pycocotools takes boxes without a width


def test_a_file_name_that_is_given_twice(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("file,site\na.jpg,north\nb.jpg,south\na.jpg,north\n")
    assert read_conditions(path) == {"a.jpg": {"site": "north"}, "b.jpg": {"site": "south"}}
    path.write_text("file,site\na.jpg,north\nb.jpg,south\na.jpg,south\n")
    with pytest.raises(FormatError, match=r"gives 'a.jpg' twice with different values \(again in row 3: .*south"):
        read_conditions(path)
