"""Public bug reports about COCO files: ids, names, several files in a folder, boxes in disguise; check, ingest, convert alike."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from boxwright.artifacts import Dataset
from boxwright.cli.main import run
from boxwright.coco import pieces
from boxwright.ingestion import Reading, check, read_results, read_source, read_truth
from boxwright.store import Store
from tests.ingestion.carefully import read_carefully

Report = Callable[[str], Path]
Found = dict[str, tuple[bool, list[tuple[str, list[float]]]]]  # file name to labelled, and (class, corners) per box


def of_reading(reading: Reading) -> Found:
    """What a reading says of every image."""
    return {
        record.file_name: (
            record.labelled,
            [
                (reading.class_names[k], box)
                for k, box in zip(record.boxes.class_id, record.boxes.boxes_xyxy.tolist(), strict=True)
            ],
        )
        for record in reading.pictures
    }


def of_dataset(dataset: Dataset) -> Found:
    """What a dataset of the store says of every image."""
    columns, labelled = dataset.annotations, dataset.rows.column("labelled").to_pylist()
    found: Found = {}
    for i, name in enumerate(dataset.file_names):
        rows = slice(int(columns.offsets[i]), int(columns.offsets[i + 1]))
        classes = [dataset.class_names[k] for k in columns.class_id[rows]]
        found[name] = (labelled[i], list(zip(classes, columns.boxes_xyxy[rows].tolist(), strict=True)))
    return found


def read_all_ways(source: Path, tmp_path: Path) -> tuple[Found, Reading]:
    """What check, ingest and convert find, which must be the same."""
    seen = check(source)
    usable = {record.file_name for record in seen.reading.pictures if record.path.is_file()}
    found = {name: said for name, said in of_reading(seen.reading).items() if name in usable}
    store = tmp_path / "store"
    assert run(["ingest", str(source), "--name", "d", "--store", str(store)]) == 0
    assert sorted(of_dataset(Store(store).get("dataset/d", Dataset)).items()) == sorted(found.items())
    assert run(["convert", str(source), str(tmp_path / "out"), "--to", "coco"]) in (0, 1)
    again = of_reading(read_source(tmp_path / "out"))
    assert sorted(again.values()) == sorted(found.values())
    assert (seen.images, seen.annotations) == (len(found), sum(len(boxes) for _, boxes in found.values()))
    return found, seen.reading


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one sentence of a refusal."""
    capsys.readouterr()
    assert run([str(word) for word in words]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("boxwright: ")]
    assert len(lines) == 1
    return lines[0]


def refused_all_ways(capsys: pytest.CaptureFixture[str], source: Path, tmp_path: Path) -> str:
    """The sentence that check, ingest and convert refuse a source with."""
    said = {
        refused(capsys, "check", source),
        refused(capsys, "ingest", source, "--name", "d", "--store", tmp_path / "store"),
        refused(capsys, "convert", source, tmp_path / "out", "--to", "coco"),
    }
    assert len(said) == 1 and not (tmp_path / "out").exists()
    return said.pop()


def messages(reading: Reading, code: str) -> list[str]:
    return [p.message for p in reading.problems if p.code == code]


def codes(reading: Reading) -> set[str]:
    return {p.code for p in reading.problems}


BOX = [12.0, 10.0, 40.0, 34.0]


def test_files_that_number_their_classes_differently_are_joined_by_name(report: Report, tmp_path: Path) -> None:
    found, reading = read_all_ways(report("coco_files_number_classes_differently"), tmp_path)
    assert found == {"train/p.png": (True, [("spring", BOX)]), "val/q.png": (True, [("pin", BOX)])}
    assert codes(reading) == {"other-category-ids"}  # equal annotation ids in two files are not told
    assert "val.json" in messages(reading, "other-category-ids")[0]
    assert reading.category_ids is None


def test_a_category_id_with_two_names_is_refused_by_every_verb(report: Report, tmp_path: Path, capsys) -> None:
    folder = report("coco_category_id_reused")
    said = refused_all_ways(capsys, folder, tmp_path)
    assert "category id 3 has two names, 'spring' and 'pin'" in said
    (tmp_path / "dt.json").write_text("[]")
    assert "category id 3 has two names" in refused(capsys, "evaluate", folder / "gt.json", tmp_path / "dt.json")


def test_a_folder_like_coco_2017(report: Report, tmp_path: Path) -> None:
    found, reading = read_all_ways(report("coco_2017_folder"), tmp_path)
    assert found == {
        "p.png": (True, [("spring", BOX)]),
        "q.png": (True, [("pin", BOX)]),
        "r.png": (False, []),
    }
    aside = [p.where for p in reading.problems if p.code == "left-aside"]
    assert aside == ["captions_val2017.json", "person_keypoints_val2017.json"]
    assert reading.category_ids == [1, 2]


def test_an_image_list_is_not_a_set_of_negatives(report: Report, tmp_path: Path, capsys) -> None:
    folder = report("coco_image_info_only")
    found, reading = read_all_ways(folder, tmp_path)
    assert found == {"p.png": (False, []), "q.png": (False, [])}
    assert len(messages(reading, "unlabelled")) == 1
    (tmp_path / "dt.json").write_text("[]")
    assert "nobody has labelled them" in refused(capsys, "evaluate", folder / "image_info.json", tmp_path / "dt.json")


def test_corners_in_place_of_width_and_height_are_suspected(report: Report, tmp_path: Path, capsys) -> None:
    folder = report("coco_corners_in_disguise")
    _, reading = (check(folder), read_source(folder))
    (said,) = messages(reading, "suspected-corners")
    assert "the areas of 12 of 12 boxes" in said
    (tmp_path / "dt.json").write_text("[]")
    assert run(["evaluate", str(folder / "gt.json"), str(tmp_path / "dt.json")]) == 0
    assert said in capsys.readouterr().err


def test_fractions_in_place_of_pixels_are_suspected(report: Report, tmp_path: Path, capsys) -> None:
    folder = report("coco_fractions_in_disguise")
    (said,) = messages(read_source(folder), "suspected-fractions")
    assert "8 of 8 boxes lie inside one pixel" in said
    (tmp_path / "dt.json").write_text("[]")
    assert run(["evaluate", str(folder / "gt.json"), str(tmp_path / "dt.json")]) == 0
    assert said in capsys.readouterr().err


def test_names_with_composed_and_decomposed_accents_are_one_image(report: Report, tmp_path: Path) -> None:
    found, reading = read_all_ways(report("coco_names_composed_and_decomposed"), tmp_path)
    assert [len(boxes) for _, boxes in found.values()] == [1]
    assert "1 of 1 file names were found" in messages(reading, "other-file-names")[0]


def test_the_root_category_of_roboflow_is_not_a_class(report: Report, tmp_path: Path, capsys) -> None:
    folder = report("coco_roboflow_root_same_name")
    found, reading = read_all_ways(folder, tmp_path)
    assert reading.class_names == ["fish", "jelly"] and reading.category_ids == [1, 2]
    assert [[name for name, _ in boxes] for _, boxes in found.values()] == [["fish", "jelly"]] * 2
    assert {p.where for p in reading.problems} == {"train/_annotations.coco.json", "valid/_annotations.coco.json"}
    assert codes(reading) == {"unused-category"}
    assert read_truth(folder / "train" / "_annotations.coco.json").class_names == ["fish", "jelly"]


def test_an_image_of_another_folder_is_not_taken_for_a_missing_one(report: Report, tmp_path: Path) -> None:
    found, reading = read_all_ways(report("coco_same_name_other_folder"), tmp_path)
    assert sorted(found) == ["train/1.png", "train/2.png"]
    missing = [record.file_name for record in reading.pictures if not record.path.is_file()]
    assert missing == ["val/1.png", "val/3.png"]


def test_windows_paths_are_met_and_told(report: Report, tmp_path: Path) -> None:
    found, reading = read_all_ways(report("coco_windows_relative"), tmp_path)
    assert sorted(found) == ["images/a.png", "images/b.png"]
    assert [len(boxes) for _, boxes in found.values()] == [1, 1]
    said = messages(reading, "other-file-names")
    assert len(said) == 2 and "images\\a.png" in said[0] and "b.png" in said[1]


def test_original_and_fixed_are_never_merged(shared: Report, tmp_path: Path, capsys) -> None:
    folder = shared("data/nuclei_dsb2018")
    said = refused_all_ways(capsys, folder, tmp_path)
    assert "'fixed.json', 'original.json'" in said and str(folder / "annotations" / "fixed.json") in said
    assert check(folder / "annotations" / "fixed.json", without_pictures=True).annotations == 5732


def official(truth: dict, detections: list[dict]) -> list[float]:
    """pycocotools' 12 figures."""
    with contextlib.redirect_stdout(io.StringIO()):
        gt = COCO()
        gt.dataset = truth  # pyright: ignore[reportAttributeAccessIssue]
        gt.createIndex()
        found = COCOeval(gt, gt.loadRes(detections), "bbox")  # pyright: ignore[reportArgumentType]
        found.evaluate()
        found.accumulate()
        found.summarize()
    return found.stats.tolist()


def figures(truth: Path, detections: Path, capsys: pytest.CaptureFixture[str]) -> list[float]:
    capsys.readouterr()
    assert run(["evaluate", str(truth), str(detections), "--json"]) == 0
    return list(json.loads(capsys.readouterr().out)["metrics"].values())


def trees(folder: Path) -> tuple[dict, list[dict]]:
    return json.loads((folder / "truth.json").read_text()), json.loads((folder / "detections.json").read_text())


def test_ids_as_texts_give_the_official_figures(report: Report, capsys) -> None:
    folder = report("eval_string_ids")
    assert figures(folder / "truth.json", folder / "detections.json", capsys) == official(*trees(folder))


def test_ids_as_floats_give_the_official_figures(report: Report, capsys) -> None:
    folder = report("eval_float_ids")
    expected = official(trees(folder)[0], json.loads((folder / "detections_int.json").read_text()))
    assert figures(folder / "truth.json", folder / "detections.json", capsys) == expected


def test_hashes_of_64_bits_give_the_figures_of_small_ids(report: Report, capsys) -> None:
    folder = report("eval_uint64_hash_ids")
    truth, detections = (json.loads((folder / f"{what}_small.json").read_text()) for what in ("truth", "detections"))
    assert figures(folder / "truth.json", folder / "detections.json", capsys) == official(truth, detections)


def with_fields(truth: dict) -> dict:
    """The file with the area and iscrowd that pycocotools needs."""
    for entry in truth["annotations"]:
        entry["area"] = entry.get("area") or entry["bbox"][2] * entry["bbox"][3]
        entry["iscrowd"] = int(entry.get("iscrowd") or 0)
    return truth


def test_null_fields_are_read_as_missing(report: Report, capsys) -> None:
    folder = report("eval_null_fields")
    truth, detections = trees(folder)
    assert figures(folder / "truth.json", folder / "detections.json", capsys) == official(
        with_fields(truth), detections
    )


def test_areas_and_crowds_may_be_missing(report: Report, capsys) -> None:
    folder = report("eval_no_area_no_iscrowd")
    truth, detections = trees(folder)
    assert figures(folder / "truth.json", folder / "detections.json", capsys) == official(
        with_fields(truth), detections
    )


def test_an_annotation_id_may_be_zero(report: Report, capsys) -> None:
    folder = report("eval_annotation_id_zero")
    assert figures(folder / "truth.json", folder / "detections.json", capsys)[:3] == [1.0, 1.0, 1.0]


def test_annotation_ids_may_restart_with_every_image(report: Report, capsys) -> None:
    folder = report("eval_annotation_ids_restart")
    assert figures(folder / "truth.json", folder / "detections.json", capsys)[:3] == [1.0, 1.0, 1.0]


ID_CASES = (
    "eval_string_ids",
    "eval_float_ids",
    "eval_uint64_hash_ids",
    "eval_null_fields",
    "eval_no_area_no_iscrowd",
    "eval_annotation_id_zero",
    "eval_annotation_ids_restart",
)


@pytest.mark.parametrize("case", ID_CASES)
def test_ingestion_reads_the_boxes_that_evaluate_judges(case: str, report: Report) -> None:
    folder = report(case)
    truth = read_truth(folder / "truth.json")
    reading = read_source(folder / "truth.json")
    assert codes(reading) <= {"other-image-ids", "duplicate-id"}
    found = of_reading(reading)
    for row, name in enumerate(truth.file_names):
        mine = truth.image == row
        x, y, w, h = truth.boxes_xywh[mine].T
        boxes = np.stack([x, y, x + w, y + h], axis=1).tolist()
        classes = [truth.class_names[k] for k in truth.class_id[mine]]
        assert found[name] == (True, list(zip(classes, boxes, strict=True)))
    assert read_source(folder / "truth.json").class_names == truth.class_names


@pytest.mark.parametrize("case", ID_CASES)
def test_a_plain_file_and_the_careful_reader_agree(case: str, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = report(case)
    monkeypatch.setattr(pieces, "PIECE", 700)
    found = []
    for carefully in (False, True):
        if carefully:
            read_carefully(monkeypatch)
        truth = read_truth(folder / "truth.json")
        results = read_results(folder / "detections.json", truth)
        found.append(
            [
                *(
                    getattr(truth, n).tolist()
                    for n in ("image", "class_id", "boxes_xywh", "area", "crowd", "annotation_id")
                ),
                *(getattr(results, n).tolist() for n in ("image", "class_id", "boxes_xywh", "score")),
                of_reading(read_source(folder / "truth.json")),
            ]
        )
    assert found[0] == found[1]


@pytest.mark.parametrize("names", [False, True])
def test_ids_that_are_texts_are_never_matched_by_the_numbers_we_give(names: bool, tmp_path: Path, capsys) -> None:
    images = [
        {"id": i, "file_name": name, "width": 80, "height": 60} for i, name in zip("abc", ("3.png", "1.png", "2.png"))
    ]
    boxes = [
        {"id": n, "image_id": i, "category_id": str(1 + n % 2), "bbox": [n, 2, 20, 10 + n]}
        for n, i in enumerate("abc", 1)
    ]
    classes = [{"id": "1", "name": "pin"}, {"id": "2", "name": "spring"}]
    truth, results = tmp_path / "truth.json", tmp_path / "detections.json"
    truth.write_text(json.dumps({"images": images, "annotations": boxes, "categories": classes}))
    files = {image["id"]: {"file_name": image["file_name"]} if names else {} for image in images}
    results.write_text(json.dumps([{**b, "score": 0.9, **files[b["image_id"]]} for b in boxes]))
    assert figures(truth, results, capsys)[:3] == [1.0, 1.0, 1.0]
    results.write_text(json.dumps([{**boxes[0], "image_id": 1, "score": 0.9}]))
    refused(capsys, "evaluate", truth, results, "--match-by", "id")
