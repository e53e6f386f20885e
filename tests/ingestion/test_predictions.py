"""Predictions as tools write them give the figures of plain COCO results, or are refused with the option that says what is meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.errors import FormatError, InputError
from boxwright.ingestion import How, read_ground_truth, read_predictions, read_truth
from boxwright.ingestion.coco_columns import ResultColumns, TruthColumns

CLASSES = ("bolt", "nut", "washer")
SIZE = 100


def world(
    folder: Path,
    *,
    names: Any = lambda i: f"{i + 1:04d}.png",
    ids: Any = lambda i: 7 * (i + 3),
    first: int = 1,
    seed: int = 0,
) -> tuple[Path, TruthColumns, list[dict]]:
    """Ground truth of 12 images, and detections that lie on it, with image and category as positions."""
    rng = np.random.default_rng(seed)
    images = [{"id": ids(i), "file_name": names(i), "width": SIZE, "height": SIZE} for i in range(12)]
    annotations, found = [], []
    for i in range(12):
        for _ in range(int(rng.integers(1, 4))):
            x, y = rng.uniform(0, 60, 2).round(1).tolist()
            category = int(rng.integers(len(CLASSES)))
            box = [x, y, 30.0, 20.0]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": ids(i),
                    "category_id": category + first,
                    "bbox": box,
                    "area": 600,
                }
            )
            found.append(
                {
                    "image": i,
                    "category": category,
                    "bbox": [x + 1, y, 30.0, 20.0],
                    "score": round(0.99 - 0.01 * len(found), 2),
                }
            )
    categories = [{"id": k + first, "name": name} for k, name in enumerate(CLASSES)]
    path = folder / "truth.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path, read_truth(path), found


def written(folder: Path, found: list[dict], *, image: Any, category: Any) -> Path:
    entries = [
        {"image_id": image(e["image"]), "category_id": category(e["category"]), "bbox": e["bbox"], "score": e["score"]}
        for e in found
    ]
    path = folder / "results.json"
    path.write_text(json.dumps(entries))
    return path


def same(columns: ResultColumns, found: list[dict]) -> bool:
    return (
        columns.image.tolist() == [e["image"] for e in found]
        and columns.class_id.tolist() == [e["category"] for e in found]
        and np.allclose(columns.boxes_xywh, [e["bbox"] for e in found])
        and columns.score.tolist() == [e["score"] for e in found]
    )


def test_ids_of_the_ground_truth_are_read_as_they_are(tmp_path: Path) -> None:
    _, truth, found = world(tmp_path)
    read = read_predictions(written(tmp_path, found, image=lambda i: 7 * (i + 3), category=lambda k: k + 1), truth)
    assert same(read.columns, found) and read.told == () and read.matched_by == "id"


@pytest.mark.parametrize("first", [0, 1, 5])
@pytest.mark.parametrize("base", [0, 1])
def test_ultralytics_stems_and_numbers_from_0_or_1(tmp_path: Path, first: int, base: int) -> None:
    """predictions.json of a validation: image_id is the stem, as a number where it is one; categories are numbered by position."""
    _, truth, found = world(tmp_path, first=first)
    read = read_predictions(written(tmp_path, found, image=lambda i: i + 1, category=lambda k: k + base), truth)
    assert same(read.columns, found)
    assert "number that is the file name (12)" in read.told[0]
    assert (len(read.told) == 2) == (base != first)
    (tmp_path / "text").mkdir()
    _, truth, found = world(tmp_path / "text", names=lambda i: f"cam/frame.{i}.png", first=first)
    read = read_predictions(written(tmp_path, found, image=lambda i: f"frame.{i}", category=lambda k: k + base), truth)
    assert same(read.columns, found) and "without its ending (12)" in read.told[0]


def test_a_numbering_that_fits_and_is_wrong_is_not_taken(tmp_path: Path) -> None:
    """Class 0 was never predicted, so 0-based numbers look like ids."""
    _, truth, found = world(tmp_path)
    found = [e for e in found if e["category"] > 0]
    path = written(tmp_path, found, image=lambda i: 7 * (i + 3), category=lambda k: k)
    with pytest.raises(FormatError, match="--category-ids from-0"):
        read_predictions(path, truth)
    assert same(read_predictions(path, truth, How(category_ids="from-0")).columns, found)
    as_given = read_predictions(path, truth, How(category_ids="as-given")).columns
    assert as_given.class_id.tolist() == [e["category"] - 1 for e in found]


def test_image_ids_that_fit_and_are_numbers_of_names_are_not_guessed(tmp_path: Path) -> None:
    """Ids run against the names: each number is an id, and the name of another image."""
    _, truth, found = world(tmp_path, names=lambda i: f"{i + 1}.jpg", ids=lambda i: 12 - i)
    found = [{**e, "image": 11 - e["image"]} for e in found]  # truth is in rising id
    path = written(tmp_path, found, image=lambda row: int(Path(truth.file_names[row]).stem), category=lambda k: k + 1)
    with pytest.raises(FormatError, match="--match-by name"):
        read_predictions(path, truth)
    assert same(read_predictions(path, truth, How(match_by="name")).columns, found)
    assert read_predictions(path, truth, How(match_by="id")).columns.image.tolist() == [11 - e["image"] for e in found]


def test_a_dataset_with_scores_goes_by_its_own_names_and_never_by_its_ids(tmp_path: Path) -> None:
    _, truth, found = world(tmp_path)
    names = ["spring", *CLASSES]
    tree = {
        "images": [{"id": 100 - i, "file_name": f"images\\{i + 1:04d}.png"} for i in range(12)],
        "categories": [{"id": k, "name": name} for k, name in enumerate(names)],
        "annotations": [
            {
                "id": n,
                "image_id": 100 - e["image"],
                "category_id": e["category"] + 1,
                "bbox": e["bbox"],
                "score": e["score"],
            }
            for n, e in enumerate(found)
        ],
    }
    path = tmp_path / "predicted.json"
    path.write_text(json.dumps(tree))
    read = read_predictions(path, truth)
    assert same(read.columns, found) and "end of the path (12)" in read.told[0]
    tree["annotations"].append({**tree["annotations"][0], "category_id": 0})
    path.write_text(json.dumps(tree))
    read = read_predictions(path, truth)
    assert same(read.columns, found) and "class spring" in read.told[1]


def test_entries_with_file_names_go_by_these(tmp_path: Path) -> None:
    """`image_id` is the writer's own count, which happens to be ids of the ground truth."""
    _, truth, found = world(tmp_path, ids=lambda i: i + 1)
    entries = [
        {"image_id": 12 - e["image"], "file_name": f"{e['image'] + 1:04d}.png", "category_id": e["category"] + 1, "bbox": e["bbox"],
         "score": e["score"]} for e in found
    ]  # fmt: skip
    path = tmp_path / "results.json"
    path.write_text(json.dumps(entries))
    assert same(read_predictions(path, truth).columns, found)
    assert not same(read_predictions(path, truth, How(match_by="id")).columns, found)


def as_texts(folder: Path, found: list[dict], *, number: Any = lambda k: k) -> Path:
    folder.mkdir()
    for i in range(12):
        lines = [
            f"{number(e['category'])} {(e['bbox'][0] + 15) / SIZE:.8f} {(e['bbox'][1] + 10) / SIZE:.8f} 0.3 0.2 {e['score']}"
            for e in found
            if e["image"] == i
        ]
        (folder / f"{i + 1:04d}.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_a_folder_of_texts(tmp_path: Path) -> None:
    _, truth, found = world(tmp_path)
    folder = as_texts(tmp_path / "labels", found)
    read = read_predictions(folder, truth)
    assert same(read.columns, found) and "without its ending (12)" in read.told[0]
    assert same(read_predictions(tmp_path, truth).columns, found)  # labels/ below
    (folder / "0003.txt").unlink()
    left = [e for e in found if e["image"] != 2]
    assert same(read_predictions(folder, truth).columns, left)
    (folder / "0001.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(FormatError, match="save_conf"):
        read_predictions(folder, truth)


def test_names_of_the_classes_may_be_given(tmp_path: Path) -> None:
    _, truth, found = world(tmp_path)
    folder = as_texts(tmp_path / "labels", found, number=lambda k: 2 - k)
    with pytest.raises(FormatError, match=r"another order.*--classes FILE"):
        read_predictions(folder, truth)
    assert same(read_predictions(folder, truth, How(class_names=CLASSES[::-1])).columns, found)


def test_classes_that_changed_places_are_judged_as_given_and_told(tmp_path: Path) -> None:
    _, truth, found = world(tmp_path)
    path = written(tmp_path, found, image=lambda i: 7 * (i + 3), category=lambda k: (k + 1) % 3 + 1)
    read = read_predictions(path, truth)
    assert read.columns.class_id.tolist() == [(e["category"] + 1) % 3 for e in found]
    assert "another order" in read.told[0] and "2 on 'bolt'" in read.told[0]


def test_what_cannot_be_known_is_refused(tmp_path: Path) -> None:
    _, truth, found = world(tmp_path)
    off = [{**e, "bbox": [0.0, 0.0, 1.0, 1.0]} for e in found]  # on no annotation
    with pytest.raises(FormatError, match="category 0 is not in the ground truth"):
        read_predictions(written(tmp_path, off, image=lambda i: 7 * (i + 3), category=lambda k: k), truth)
    with pytest.raises(FormatError, match="1 of 12 images are not in the ground truth"):
        read_predictions(
            written(tmp_path, found, image=lambda i: 7 * (i + 3) if i else 5, category=lambda k: k + 1), truth
        )
    with pytest.raises(InputError, match="does not exist"):
        read_predictions(tmp_path / "nowhere", truth)
    with pytest.raises(InputError, match="--match-by takes"):
        How(match_by="guess")
    (tmp_path / "results.json").write_text(json.dumps([{"image_id": 21, "category_id": 1, "bbox": None, "score": 0.5}]))
    with pytest.raises(FormatError, match="entry 0: bbox must be four numbers"):
        read_predictions(tmp_path / "results.json", truth)


def test_no_detection_is_an_answer(tmp_path: Path) -> None:
    _, truth, _ = world(tmp_path)
    for text in ("[]", '{"images": [], "categories": [], "annotations": []}'):
        (tmp_path / "results.json").write_text(text)
        assert len(read_predictions(tmp_path / "results.json", truth).columns.score) == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), extra=st.integers(1, 5))
def test_a_category_of_its_own_is_left_out_and_told(
    tmp_path_factory: pytest.TempPathFactory, seed: int, extra: int
) -> None:
    folder = tmp_path_factory.mktemp("world")
    _, truth, found = world(folder, seed=seed)
    path = written(folder, found, image=lambda i: 7 * (i + 3), category=lambda k: k + 1)
    entries = json.loads(path.read_text())
    path.write_text(json.dumps(entries + [{**entries[0], "category_id": 80}] * extra))
    read = read_predictions(path, truth)
    assert (
        same(read.columns, found) and f"{extra} of {len(found) + extra} detections are of category 80" in read.told[0]
    )


def test_ground_truth_of_another_format_goes_by_name(tmp_path: Path) -> None:
    _, _, found = world(tmp_path)
    truth = json.loads((tmp_path / "truth.json").read_text())
    folder = tmp_path / "voc"
    folder.mkdir()
    for image in truth["images"]:
        objects = "".join(
            f"<object><name>{CLASSES[a['category_id'] - 1]}</name><bndbox><xmin>{a['bbox'][0]}</xmin><ymin>{a['bbox'][1]}</ymin>"
            f"<xmax>{a['bbox'][0] + 30}</xmax><ymax>{a['bbox'][1] + 20}</ymax></bndbox></object>"
            for a in truth["annotations"]
            if a["image_id"] == image["id"]
        )
        (folder / f"{Path(image['file_name']).stem}.xml").write_text(
            f"<annotation><filename>{image['file_name']}</filename><size><width>{SIZE}</width><height>{SIZE}</height><depth>3</depth>"
            f"</size>{objects}</annotation>"
        )
    columns = read_ground_truth(folder)
    assert not columns.has_ids and columns.class_names == sorted(CLASSES)
    for base in (0, 1):
        path = written(tmp_path, found, image=lambda i: f"{i + 1:04d}", category=lambda k, base=base: k + base)
        assert same(read_predictions(path, columns).columns, found)
    assert same(read_predictions(as_texts(tmp_path / "labels", found), columns).columns, found)


@pytest.mark.parametrize("odd", ["[1]", "{}", "null", "1" + "0" * 400, "1e999"])
@pytest.mark.parametrize("part", ["images", "categories"])
def test_an_id_that_is_no_id_or_a_number_beyond_all_columns_is_told_in_a_sentence(
    tmp_path: Path, odd: str, part: str
) -> None:
    truth = tmp_path / "truth.json"
    images, categories = [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}], [{"id": 1, "name": "carton"}]
    truth.write_text(json.dumps({"images": images, "categories": categories, "annotations": []}))
    tree = {"images": images, "categories": categories,
            "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2], "score": 0.5}]}  # fmt: skip
    tree[part] = [*tree[part], {"id": "@", "name": "x", "file_name": "x"}]
    found = tmp_path / "found.json"
    found.write_text(json.dumps(tree).replace('"@"', odd))
    assert len(read_predictions(found, read_truth(truth)).columns.score) == 1
    found.write_text(json.dumps(tree).replace("[1, 1, 2, 2]", f"[1, 1, 2, {odd}]").replace('"@"', "7"))
    with pytest.raises(FormatError, match="entry 0"):
        read_predictions(found, read_truth(truth))
