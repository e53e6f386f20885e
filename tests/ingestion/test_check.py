"""`check` on files and on stored versions, and that its columns say what the careful reader says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from boxwright.cli.main import run
from boxwright.coco import pieces
from boxwright.ingestion import pictures, read_source
from boxwright.ingestion.formats import coco, coco_annotations
from boxwright.ingestion.reading import Interned
from tests.ingestion.worlds import jpeg, told


def data_set(folder: Path) -> Path:
    folder.mkdir()
    images = []
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(jpeg(80, 60, seed=number))
        images.append({"id": number, "file_name": f"{number}.jpg", "width": 80, "height": 60})
    boxes = [(0, [1, 2, 30, 40]), (0, [1, 2, 30, 40.5]), (1, [5, 5, 10, 10])]
    annotations = [
        {"id": k + 1, "image_id": image, "category_id": 1, "bbox": box, "attributes": {"wet": True}}
        for k, (image, box) in enumerate(boxes)
    ]
    tree = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "bolt"}]}
    (folder / "gt.json").write_text(json.dumps(tree))
    return folder


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert run(["check", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_stored_version_is_checked_as_its_files_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, store = data_set(tmp_path / "line"), str(tmp_path / "store")
    of_files = checked(capsys, str(source))
    assert run(["ingest", str(source), "--name", "line", "--store", store, "--json"]) == 0
    digest = json.loads(capsys.readouterr().out)["dataset"]
    for reference in ("line", "dataset/line", digest, digest[:12]):
        found = checked(capsys, reference, "--store", store)
        assert (found["images"], found["annotations"], found["classes"]) == (3, 3, ["bolt"])
        assert found["counts"] == of_files["counts"] == {"duplicate-box": 1}
    assert checked(capsys, "line", "--store", store, "--no-pictures")["counts"] == {"duplicate-box": 1}


def test_what_is_neither_file_nor_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(tmp_path / "typo.json"), "--store", str(tmp_path)]) == 2
    assert "does not exist; give an annotation file or a folder" in capsys.readouterr().err
    source, store = data_set(tmp_path / "line"), str(tmp_path / "store")
    assert run(["ingest", str(source), "--name", "line", "--store", store]) == 0
    capsys.readouterr()
    assert run(["check", "line", "--store", store, "--pictures", str(source)]) == 2
    assert "--pictures, --format and --classes are for files" in capsys.readouterr().err
    assert run(["check", "lime", "--store", store]) == 2
    assert "lime" in capsys.readouterr().err


def wild(seed: int) -> dict:
    """A COCO tree with what the reader of plain files must read as the careful reader does, or leave to it."""
    rng = np.random.default_rng(seed)
    names = ["bolt", "零件", "Schraube ü", 'q"\\u']
    images: list[dict] = [
        {"id": int(i), "file_name": f"{name}{i}.jpg", "width": 100, "height": 80}
        for i, name in zip(rng.permutation(40)[:6], ["a", "ü", "零", "b c", "d", "e"], strict=True)
    ]
    attributes: list = [
        {"wet": True}, {"wet": False}, {"shade": "dunkel ü", "n": 3}, {}, None, "no dictionary", {"long": "x" * 20_000},
        {"nested": [1, {"a": None}], "half": 0.5}, {"odd\ud800": 1},
    ]  # fmt: skip
    annotations = []
    for number in range(int(rng.integers(0, 60))):
        x, y, w, h = (rng.random(4) * [90, 70, 40, 40]).round(int(rng.integers(0, 9))).tolist()
        image = images[int(rng.integers(len(images)))]["id"] if rng.random() < 0.95 else 999
        entry: dict = {
            "image_id": image, "category_id": int(rng.integers(1, 5 + (rng.random() < 0.02))), "bbox": [x, y, w, h]
        }  # fmt: skip
        if annotations and rng.random() < 0.1:
            entry = {**annotations[-1], "bbox": annotations[-1]["bbox"]}
        if rng.random() < 0.9:
            entry["id"] = number if rng.random() < 0.97 else 3
        for key, value in (("area", w * h / 2), ("iscrowd", 1), ("ignore", 1)):
            if rng.random() < 0.3:
                entry[key] = value
        if rng.random() < 0.5:
            entry["attributes"] = attributes[int(rng.integers(len(attributes)))]
        if rng.random() < 0.2:
            entry["xyxy"] = [x, y, float(np.nextafter(x + w, 1e9)), y + h + (5 if rng.random() < 0.3 else 0)]
        if rng.random() < 0.2:
            entry["segmentation"] = [[1.5, 2]]
            entry["note"] = "ü\n"
        annotations.append(entry)
    tree = {"images": images, "annotations": annotations, "info": {"year": 2026, "by": "ü"}}
    tree["categories"] = [{"id": i + 1, "name": name} for i, name in enumerate(names)]
    return {key: tree[key] for key in rng.permutation(list(tree)).tolist()}


@pytest.mark.parametrize("seed", range(40))
def test_a_plain_file_says_what_the_careful_reader_says(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    path = tmp_path / "gt.json"
    plain = bool(rng.random() < 0.5)
    text = json.dumps(wild(seed), ensure_ascii=plain, indent=None if rng.random() < 0.7 else 1)
    path.write_text(text, encoding="utf-8", errors="replace" if not plain else "strict")
    monkeypatch.setattr(pieces, "PIECE", int(rng.choice([50, 700, 1 << 17])))
    outcomes = []
    taken = 0

    def counted(*arguments: object) -> object:
        nonlocal taken
        found = plain_file(*arguments)
        taken += found is not None
        return found

    plain_file = coco_annotations._plain
    for way in (counted, lambda *_: None):
        monkeypatch.setattr(coco_annotations, "_plain", way)
        reading = coco.read_coco([path])
        said = [list(reading.problems), told(reading)]
        for most in (200, -1):  # all at once, and picture by picture
            monkeypatch.setattr(pictures, "_MOST_BRUTE", most)
            reading = coco.read_coco([path])
            seen = [s.record for s in pictures.look(reading, depth="nothing")]
            said.append([sorted(map(str, reading.problems)), [r.boxes.boxes_xyxy.tolist() for r in seen]])
        assert said[2] == said[3]
        outcomes.append(said)
    half = "\\ud800" in text  # of a surrogate pair, which is no text for the reader of plain files
    assert taken > 0 or not wild(seed)["annotations"] or half, "the file was not plain, so nothing was compared"
    assert sorted(map(str, outcomes[0][0])) == sorted(map(str, outcomes[1][0]))
    assert outcomes[0][1:] == outcomes[1][1:]


def test_texts_are_kept_once_and_given_as_they_were(tmp_path: Path) -> None:
    boxes = read_source(data_set(tmp_path / "line")).pictures[0].boxes
    assert isinstance(boxes.attributes, Interned)
    assert (boxes.attributes == [{"wet": True}] * 2) and len(boxes.attributes.texts) == 1
