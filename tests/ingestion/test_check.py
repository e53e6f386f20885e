"""`check` on files and on stored versions, and that its columns say what the careful reader says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.cli.main import run
from tests.ingestion.worlds import jpeg


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
    assert "--pictures and --format are for files" in capsys.readouterr().err
    assert run(["check", "lime", "--store", store]) == 2
    assert "lime" in capsys.readouterr().err
