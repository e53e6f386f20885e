"""What people answered is done, and nothing else; where suspects gather is counted right."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from boxwright.artifacts import Suspects
from boxwright.errors import BoxwrightError, InputError
from boxwright.labels.audit.answers import answer_sheet, apply_answers, read_sheet, sheet_text
from boxwright.labels.audit.suspects import AuditedImages, suspects
from boxwright.labels.audit.systematic import Tally, groups
from tests.labels.audit_worlds import world

MADE = world(60)
NAMES = ("carton", "pouch", "tube")


def found() -> Suspects:
    n = len(MADE.annotations)
    return suspects(
        MADE.annotations, MADE.detections, class_names=NAMES,
        images=AuditedImages(np.arange(n) + 100, [f"a/{i}.jpg" for i in range(n)], MADE.sizes_hw,
                             {"site": ["north", "south"] * (n // 2)}),
    )  # fmt: skip


def tree() -> dict[str, Any]:
    a = MADE.annotations
    xywh = np.concatenate([a.boxes_xyxy[:, :2], a.boxes_xyxy[:, 2:] - a.boxes_xyxy[:, :2]], axis=1)
    return {
        "info": {"who": "us"},
        "images": [{"id": i + 100, "file_name": f"a/{i}.jpg", "extra": i} for i in range(len(a))],
        "categories": [{"id": 7 * k, "name": name} for k, name in enumerate(NAMES)],
        "annotations": [
            {
                "id": int(a.annotation_id[i]), "image_id": int(a.image_index[i]) + 100, "bbox": xywh[i].tolist(),
                "category_id": 7 * int(a.class_id[i]), "segmentation": [[1, 2, 3, 4, 5, 6]], "note": f"n{i}",
            }
            for i in range(len(a.class_id))
        ],
    }  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_sheet_without_answers_changes_nothing(tmp_path: Path, ending: str) -> None:
    sheet = answer_sheet(found(), least_score=0.01)
    path = tmp_path / f"sheet.{ending}"
    path.write_text(sheet_text(sheet, as_csv=ending == "csv"))
    rows = read_sheet(path)
    assert len(rows) == len(sheet) > 5
    assert apply_answers(tree(), rows).tree == tree()
    said_no = apply_answers(tree(), [{**row, "answer": "no"} for row in rows])
    assert said_no.tree == tree() and said_no.left == len(rows)


@pytest.mark.parametrize("as_csv", [True, False])
def test_yes_does_what_is_proposed_and_leaves_the_rest(tmp_path: Path, as_csv: bool) -> None:
    path = tmp_path / ("sheet.csv" if as_csv else "sheet.json")
    path.write_text(sheet_text(answer_sheet(found(), least_score=0.01), as_csv=as_csv))
    before, rows = tree(), read_sheet(path)
    untouched = copy.deepcopy(before)
    old = {entry["id"]: entry for entry in before["annotations"]}
    for kind in ("missing", "spurious", "class", "location"):
        row = next(r for r in rows if r["kind"] == kind)
        made = apply_answers(before, [{**row, "answer": "yes"}]).tree
        new = {entry["id"]: entry for entry in made["annotations"]}
        assert before == untouched
        assert made["images"] == before["images"] and made["info"] == before["info"]
        if kind == "missing":
            (key,) = new.keys() - old.keys()
            assert key == max(old) + 1 and new[key]["image_id"] == int(row["image"])
            assert all(new[i] == old[i] for i in old)
            continue
        key = int(row["annotation_id"])
        assert all(new[i] == old[i] for i in old if i != key)
        if kind == "spurious":
            assert key not in new
        elif kind == "class":
            wanted = next(c["id"] for c in before["categories"] if c["name"] == row["proposed_class_name"])
            assert new[key] == {**old[key], "category_id": wanted} and wanted != old[key]["category_id"]
        else:
            assert new[key]["bbox"] != old[key]["bbox"] and "segmentation" not in new[key]
            assert new[key]["note"] == old[key]["note"]


def test_a_box_and_a_class_can_be_answered() -> None:
    rows = json.loads(sheet_text(answer_sheet(found(), least_score=0.01), as_csv=False))
    row = next(r for r in rows if r["annotation_id"] is not None)
    for answer in ("tube 1 2 30 40", "tube [1, 2, 30, 40]"):
        made = apply_answers(tree(), [{**row, "answer": answer}]).tree
        entry = next(e for e in made["annotations"] if e["id"] == row["annotation_id"])
        assert entry["bbox"] == [1, 2, 29, 38] and entry["category_id"] == 14


@pytest.mark.parametrize(
    "change", [{"answer": "maybe"}, {"answer": "1 2 3"}, {"answer": "9 9 1 1"}, {"annotation_id": 99999}, {"image": 3}]
)
def test_what_cannot_be_understood_is_refused_whole(change: dict[str, Any]) -> None:
    row = next(r for r in answer_sheet(found(), least_score=0.01) if r["kind"] == "location")
    with pytest.raises(InputError, match="Answer 1"):
        apply_answers(tree(), [{**row, "answer": "yes", **change}])


@pytest.mark.parametrize(
    "change",
    [{"image": "abc"}, {"image": None}, {"kind": "Spurious"}, {"answer": "1 2 3000 40"}, {"annotation_id": "x"}],
)
def test_a_row_that_names_nothing_is_refused_not_dropped(change: dict[str, Any]) -> None:
    row = next(r for r in answer_sheet(found(), least_score=0.01) if r["kind"] == "spurious")
    made = tree()
    for image in made["images"]:
        image.update(width=200, height=200)
    with pytest.raises(InputError, match="Answer 1"):
        apply_answers(made, [{**row, "answer": "yes", **change}])


def test_a_class_that_is_unknown_is_refused_not_dropped() -> None:
    row = next(r for r in answer_sheet(found(), least_score=0.01) if r["kind"] == "class")
    with pytest.raises(InputError, match="Answer 1"):
        apply_answers(tree(), [{**row, "answer": "yes", "proposed_class_name": "lid"}])


@pytest.mark.parametrize("kind", ["missing", "spurious"])
def test_one_box_is_answered_once(kind: str) -> None:
    row = next(r for r in answer_sheet(found(), least_score=0.01) if r["kind"] == kind)
    with pytest.raises(InputError, match="Answer 2"):
        apply_answers(tree(), [{**row, "answer": "yes"}, {**row, "answer": "no"}])


def test_answers_are_not_applied_twice() -> None:
    row = {**next(r for r in answer_sheet(found(), least_score=0.01) if r["kind"] == "missing"), "answer": "yes"}
    once = apply_answers(tree(), [row]).tree
    with pytest.raises(InputError, match="there already"):
        apply_answers(once, [row])


def test_ids_may_come_back_from_a_spreadsheet_as_decimals() -> None:
    row = next(r for r in answer_sheet(found(), least_score=0.01) if r["kind"] == "spurious")
    decimal = {**row, "image": f"{row['image']}.0", "annotation_id": f"{row['annotation_id']}.0", "answer": "yes"}
    assert apply_answers(tree(), [decimal]).removed == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "{"), ("a.json", "[3]"), ("a.csv", "x,y\n1,2\n"), ("a.csv", ""),
        ("a.csv", "image,annotation_id,kind,box_xyxy,answer\n1,2,spurious,1,2,3,4,yes\n"),
    ],
)  # fmt: skip
def test_a_broken_sheet_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BoxwrightError):
        read_sheet(tmp_path / name)


def test_suspects_survive_saving(tmp_path: Path) -> None:
    made = found()
    made.save(tmp_path)
    again = Suspects.load(tmp_path)
    assert again == made and again.digest == made.digest
    assert again.rows.to_pylist() == made.rows.to_pylist()


def test_rows_agree_with_what_is_audited() -> None:
    for row in found().rows.to_pylist():
        assert (row["annotation_id"] is None) == (row["kind"] == "missing") == (row["class_id"] is None)
        assert (row["detection"] is None) == (row["kind"] == "spurious")
        assert (row["proposed_box"] is not None) == (row["kind"] in ("missing", "location"))
        assert (row["proposed_class_id"] is not None) == (row["kind"] in ("missing", "class"))
        assert 0 <= row["score"] <= 1


def test_errors_of_one_site_are_systematic_and_even_ones_are_not() -> None:
    labels = 1200
    site = ["north"] * 60 + ["south"] * 60
    image = np.repeat(np.arange(120), 10)
    class_id = np.tile([0, 1], labels // 2)

    def tally(of: np.ndarray) -> Tally:
        n = len(of)
        return Tally(np.full(n, "class", object), np.zeros(n, int), np.ones(n, int), of, class_id, image)

    one_site = groups(tally(np.arange(40) % 60), ["a", "b"], {"site": site})
    assert any(r.systematic and r.value == "north" for r in one_site)
    even = groups(tally(np.arange(0, 120, 3)), ["a", "b"], {"site": site})
    assert not any(r.systematic and r.condition for r in even)
