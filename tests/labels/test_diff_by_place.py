"""Diff of real files: the published clean-up of the nuclei, planted errors to the box, and the rule for whom to believe."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from defusedxml.ElementTree import parse
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import Dataset
from boxwright.cli.main import run
from boxwright.labels import diff
from tests.worlds import dataset, encoded, picture, row

Shared = Callable[[str], Path]
A, B, C = (1.0, 2.0, 30.0, 40.0), (50.0, 10.0, 60.0, 20.0), (5.5, 46.5, 17.5, 68.5)
corner = st.integers(0, 12)
box = st.tuples(corner, corner, st.integers(1, 9), st.integers(1, 9)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
side = st.lists(st.tuples(box, st.integers(0, 1)), max_size=6)


def numbered(pictures: list[list], *, first: int = 1) -> Dataset:
    """A dataset whose annotation ids are positions, as a format without ids gives them."""
    rows, following = [], first
    for k, boxes in enumerate(pictures, start=1):
        ids = range(following, following + len(boxes))
        following += len(boxes)
        rows.append(row(k, [b for b, _ in boxes], classes=[c for _, c in boxes], ids=list(ids)))
    return dataset(rows)


def test_the_clean_up_of_the_nuclei(shared: Shared, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    folder = shared("data/nuclei_dsb2018/annotations")
    page = tmp_path / "diff.html"
    files = [str(folder / name) for name in ("original.json", "fixed.json")]
    assert run(["diff", *files, "--json", "--page", str(page), "--pictures", str(folder.parent / "images")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["counts"]["removed"], found["counts"]["added"], found["counts"]["moved"]) == (19, 24, 15)
    assert found["paired_by"] == "place"
    assert (found["boxes_removed"], found["boxes_added"], found["boxes_moved"]) == (19, 24, 15)
    assert Counter(record["kind"] for record in found["boxes"]) == Counter(
        {kind: count for kind, count in found["counts"].items() if count}
    )
    moved = [record for record in found["boxes"] if record["kind"] == "moved"]
    assert all(0.5 <= record["iou"] < 1 for record in moved)
    changed = json.loads((folder / "changes.json").read_text())
    assert {r["file_name"] for r in found["boxes"]} <= {
        n for n, c in changed.items() if c["removed"] + c["added"] + c["edited"]
    }
    assert page.read_text().count("data:image/jpeg") >= 50


def test_planted_errors_are_found_to_the_box(shared: Shared) -> None:
    noisy = shared("data/planted_noise/dev/bccd/Annotations")
    clean = next(p.parent for p in shared("data/bccd").rglob("BloodImage_00000.xml"))
    names = sorted(path.name for path in noisy.glob("*.xml"))
    found = diff(_of_voc(clean, names), _of_voc(noisy, names), least_iou=0.2)
    assert not found.believed_ids
    with shared("data/planted_noise/dev/bccd_truth.csv").open() as file:
        truth = list(csv.DictReader(file))
    said = {"missing": "removed", "spurious": "added", "shift": "moved", "swap": "relabelled"}
    expected = Counter((t["file"], said[t["kind"]], t["true_box"] or t["noisy_box"]) for t in truth)
    changes = found.boxes.to_pylist()
    told = Counter((r["file_name"], r["kind"], _spelled(r["box_before"] or r["box_after"])) for r in changes)
    assert told == expected
    shifts = {(t["file"], t["noisy_box"]): float(t["iou"]) for t in truth if t["kind"] == "shift"}
    for r in changes:
        if r["kind"] == "moved":
            assert r["iou"] == pytest.approx(shifts[r["file_name"], _spelled(r["box_after"])], abs=1e-3)


def _of_voc(folder: Path, names: list[str]) -> Dataset:
    """A plain reading of VOC files, apart from the project's."""
    classes, pictures = ("RBC", "WBC", "Platelets"), []
    for name in names:
        objects = []
        for found in parse(folder / name).getroot().iter("object"):
            corners = tuple(float(found.find(f"bndbox/{c}").text) for c in ("xmin", "ymin", "xmax", "ymax"))
            objects.append((corners, classes.index(found.find("name").text)))
        pictures.append(objects)
    made = numbered(pictures)
    rows = [{**r, "file_name": name, "picture": ""} for r, name in zip(made.rows.to_pylist(), names, strict=True)]
    return Dataset.from_rows(rows, name="cells", class_names=classes, provenance={})


def _spelled(corners: list[float]) -> str:
    return " ".join(f"{v:g}" for v in corners)


def test_ids_that_prove_themselves_are_believed() -> None:
    far = (70.0, 60.0, 90.0, 75.0)
    found = diff(dataset([row(1, [A, B]), row(2, [C])]), dataset([row(1, [A, far]), row(2, [C])]))
    assert found.believed_ids
    assert [(r["kind"], r["iou"]) for r in found.boxes.to_pylist()] == [("moved", 0.0)]


def test_ids_that_are_positions_are_not() -> None:
    boxes = [((float(k * 8), 0.0, float(k * 8 + 6), 9.0), 0) for k in range(10)]
    found = diff(numbered([boxes, boxes]), numbered([boxes[1:], boxes]))
    assert not found.believed_ids
    assert [(r["kind"], r["box_before"]) for r in found.boxes.to_pylist()] == [("removed", [0.0, 0.0, 6.0, 9.0])]


@given(st.lists(side, max_size=3), st.lists(side, max_size=3))
def test_by_place_as_many_as_can_be_are_paired(one: list, other: list) -> None:
    """Against a brute force over all pairings of each picture."""
    size = max(len(one), len(other))
    one, other = (pictures + [[]] * (size - len(pictures)) for pictures in (one, other))
    found = diff(numbered(one), numbered(other, first=500), by="place", least_iou=0.3)
    removed = sum(len(a) - _most_pairs(a, b) for a, b in zip(one, other, strict=True))
    added = sum(len(b) - _most_pairs(a, b) for a, b in zip(one, other, strict=True))
    assert (found.counts["removed"], found.counts["added"]) == (removed, added)
    back = diff(numbered(other, first=500), numbered(one), by="place", least_iou=0.3)
    assert (back.counts["added"], back.counts["moved"]) == (removed, found.counts["moved"])


def _most_pairs(a: list, b: list) -> int:
    """The same boxes first, each with one like it; then the most pairs that overlap, by trying all."""
    left, right = list(a), list(b)
    exact = 0
    for item in a:
        if item in right:
            left.remove(item)
            right.remove(item)
            exact += 1
    near = np.array([[_iou(p[0], q[0]) >= 0.3 for q in right] for p in left]).reshape(len(left), len(right))

    def best(i: int, free: frozenset[int]) -> int:
        if i == len(left):
            return 0
        return max([best(i + 1, free), *(1 + best(i + 1, free - {j}) for j in free if near[i, j])])

    return exact + best(0, frozenset(range(len(right))))


def _iou(p: Any, q: Any) -> float:
    w, h = min(p[2], q[2]) - max(p[0], q[0]), min(p[3], q[3]) - max(p[1], q[1])
    both = max(w, 0) * max(h, 0)
    return both / ((p[2] - p[0]) * (p[3] - p[1]) + (q[2] - q[0]) * (q[3] - q[1]) - both)


def test_files_are_paired_by_name_when_a_side_has_no_bytes() -> None:
    stored = dataset([row(1, [A]), row(2, [B])])
    files = dataset(
        [
            {**row(7, [A, C]), "file_name": "train/001.jpg", "picture": ""},
            {**row(8, [B]), "file_name": "002.jpg", "picture": ""},
        ]
    )
    found = diff(stored, files, by="place")
    assert (found.pictures_added, found.pictures_removed) == ([], [])
    assert found.counts["added"] == 1 and sum(found.counts.values()) == 1
    assert list(found.pictures_edited) == ["train/001.jpg"]


def test_a_picture_under_its_name_with_other_bytes_was_replaced() -> None:
    found = diff(dataset([row(1, [A])]), dataset([row(1, [A, B], picture="f" * 64)]))
    assert (found.pictures_replaced, found.counts["added"]) == (["001.jpg"], 1)


def test_changes_are_counted_per_class_condition_and_annotator() -> None:
    before = dataset([row(1, [A, B], lighting="dim", brightness=3.5), row(2, [C], lighting="bright")])
    by = {**row(1, [A, C], ids=[10, 99], classes=[1, 0], lighting="dim", brightness=3.5)}
    by["attributes"] = ["{}", '{"annotator": "ann"}']
    found = diff(before, dataset([by, row(2, [], lighting="bright")]))
    assert found.per_class["carton"] == {
        "added": 1, "removed": 2, "moved": 0, "relabelled_from": 1, "relabelled_to": 0, "rejudged": 0, "details": 0
    }  # fmt: skip
    assert found.per_class["pouch"]["relabelled_to"] == 1
    assert set(found.per_condition) == {"lighting"}
    assert found.per_condition["lighting"]["bright"]["removed"] == 1
    assert found.per_annotator["ann"]["added"] == 1 and found.per_annotator[""]["removed"] == 2


def test_sides_conditions_and_other_details_are_differences_too() -> None:
    before = dataset([row(1, [A], side="train", lighting="dim")])
    after = {**row(1, [A], side="val", lighting="bright"), "area": [700.0], "attributes": ['{"occluded": 1}']}
    found = diff(before, dataset([after]))
    assert found.counts["details"] == 1 and not found.nothing
    assert found.pictures_edited == {
        "001.jpg": ["side: 'train' became 'val'", "condition lighting: 'dim' became 'bright'"]
    }


def test_classes_are_compared_by_name() -> None:
    one = Dataset.from_rows([row(1, [A, B], classes=[0, 1])], name="x", class_names=("a", "b"), provenance={})
    other = Dataset.from_rows([row(1, [A, B], classes=[1, 0])], name="x", class_names=("b", "a"), provenance={})
    assert sum(diff(one, other).counts.values()) == 0


@pytest.mark.parametrize("options", [["--iou", "0"], ["--iou", "1.5"], ["--by", "guess"]])
def test_options_that_cannot_be(options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["diff", "a", "b", *options]) == 2
    assert "found" in capsys.readouterr().err


def test_files_beside_the_store_do_not_lose_what_only_pixels_tell(tmp_path: Path, capsys) -> None:
    """Brightness, contrast and sharpness are measured at ingest; a file that is not opened cannot have them."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(encoded(picture(40, 50)))
    image = {"id": 1, "file_name": "a.png", "width": 50, "height": 40, "camera": "one"}
    file = tmp_path / "annotations.json"
    file.write_text(json.dumps({"images": [image], "categories": [{"id": 1, "name": "carton"}], "annotations": []}))
    store = ["--store", str(tmp_path / "store")]
    assert run(["ingest", str(file), "--name", "line", "--pictures", str(tmp_path / "images"), *store]) == 0
    digest = capsys.readouterr().out.split()[-1]
    file.write_text(file.read_text().replace('"one"', '"two"'))
    assert run(["diff", "dataset/line", str(file), "--json", *store]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pictures_edited"] == {"a.png": ["condition camera: 'one' became 'two'"]} and found["digests"] == [
        digest,
        None,
    ]
