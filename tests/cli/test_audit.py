"""`boxwright audit` from the command line: files, answers, a page, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from boxwright.cli.main import run
from tests.labels.audit_worlds import world

MADE = world(30)
NAMES = ("carton", "pouch", "tube")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    a, d = MADE.annotations, MADE.detections

    def xywh(box: Any) -> list[float]:
        return [box[0], box[1], box[2] - box[0], box[3] - box[1]]

    truth = {
        "images": [{"id": i + 5, "file_name": f"{i}.png", "height": 400, "width": 400} for i in range(len(a))],
        "categories": [{"id": k + 1, "name": name} for k, name in enumerate(NAMES)],
        "annotations": [
            {"id": int(a.annotation_id[i]), "image_id": int(a.image_index[i]) + 5, "category_id": int(a.class_id[i]) + 1,
             "bbox": xywh(a.boxes_xyxy[i].tolist())}
            for i in range(len(a.class_id))
        ],
    }  # fmt: skip
    results = [
        {"image_id": int(d.image_index[i]) + 5, "category_id": int(d.class_id[i]) + 1, "score": float(d.score[i]),
         "bbox": xywh(d.boxes_xyxy[i].tolist())}
        for i in reversed(range(len(d.score)))
    ]  # fmt: skip
    paths = tmp_path / "gt.json", tmp_path / "dt.json"
    for path, content in zip(paths, (truth, results), strict=True):
        path.write_text(json.dumps(content))
    return paths


def test_the_list_is_what_it_promises(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", *map(str, files), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["suspects"]
    results = json.loads(files[1].read_text())
    assert [s["score"] for s in found] == sorted((s["score"] for s in found), reverse=True)
    for suspect in found:
        assert {"image", "annotation_id", "detection", "kind", "score", "box_xyxy"} <= suspect.keys()
        assert suspect["kind"] in ("missing", "spurious", "class", "location")
        if suspect["kind"] == "missing":  # the index is that of the results file
            entry = results[suspect["detection"]]
            assert entry["image_id"] == suspect["image"]
            assert entry["bbox"][:2] == pytest.approx(suspect["box_xyxy"][:2])
            assert NAMES[entry["category_id"] - 1] == suspect["proposed_class_name"]


def test_page_answers_and_corrected_copy(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet, page, out = tmp_path / "sheet.json", tmp_path / "page.html", tmp_path / "out.json"
    words = ["audit", *map(str, files), "--answers-to", str(sheet), "--least-score", "0.2", "--page", str(page)]
    assert run(words) == 0
    assert "suspects at" in capsys.readouterr().out
    assert "Suspected label errors" in page.read_text()
    rows = json.loads(sheet.read_text())
    row = next(r for r in rows if r["annotation_id"] is not None)
    row["answer"] = "10 20 30 50"
    sheet.write_text(json.dumps(rows))
    words = ["audit", *map(str, files), "--answers", str(sheet), "--corrected", str(out), "--json"]
    assert run(words) == 0
    assert json.loads(capsys.readouterr().out)["moved"] == 1
    before, after = (json.loads(path.read_text()) for path in (files[0], out))
    changed = [a["id"] for a, b in zip(before["annotations"], after["annotations"], strict=True) if a != b]
    assert changed == [row["annotation_id"]] and after["images"] == before["images"]


def test_refusals_say_what_to_do(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, results = map(str, files)
    for words in (
        [truth], [truth, results, "--queue"], [truth, results, "--answers", results],
        [truth, results, "--answers", results, "--corrected", truth], ["dataset/none", "b", "--store", str(tmp_path / "no")],
    ):  # fmt: skip
        assert run(["audit", *words]) == 2
        assert capsys.readouterr().err.startswith("boxwright: ")


def test_options_that_would_do_nothing_are_refused(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, results = map(str, files)
    sheet, copy = tmp_path / "sheet.csv", str(tmp_path / "copy.json")
    sheet.write_text("image,annotation_id,kind,box_xyxy,answer\n")
    for words, said in (
        ([truth, results, "--folds", "4"], "do nothing"),
        ([truth, results, "--recipe", "recipe.yaml"], "do nothing"),
        ([truth, "--answers", str(sheet), "--corrected", copy, "--page", str(tmp_path / "p.html")], "audit nothing"),
        (["dataset/line", "bundle", "--folds", "4"], "leave them out"),
        ([str(tmp_path / "typo.json"), results], "does not exist"),
        ([str(tmp_path), results], "is a folder"),
    ):
        assert run(["audit", *words]) == 2
        assert said in capsys.readouterr().err


def test_a_filled_sheet_is_not_written_over(files: tuple[Path, Path], tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    assert run(["audit", *map(str, files), "--answers-to", str(sheet)]) == 0
    sheet.write_text(sheet.read_text().replace(",\n", ",no\n"))
    filled = sheet.read_text()
    assert run(["audit", *map(str, files), "--answers-to", str(sheet)]) == 2
    assert run(["audit", str(files[0]), "--answers", str(sheet), "--corrected", str(sheet)]) == 2
    assert run(["audit", *map(str, files), "--answers-to", str(files[0])]) == 2
    assert sheet.read_text() == filled
