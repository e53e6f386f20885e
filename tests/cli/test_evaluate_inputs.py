"""Inputs of `evaluate` that would give a quietly wrong figure are refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.cli.main import run


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    images = [{"id": i, "file_name": f"{i}.jpg", "height": 100, "width": 100} for i in range(8)]
    boxes = [{"id": i, "image_id": i, "category_id": 1, "bbox": [10, 10, 20, 20], "area": 400} for i in range(8)]
    truth = {"images": images, "categories": [{"id": 1, "name": "cat"}], "annotations": boxes}
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(json.dumps([{**b, "score": 0.9} for b in boxes]))
    (tmp_path / "none.json").write_text(json.dumps({**truth, "images": [], "annotations": []}))
    (tmp_path / "empty.json").write_text("[]")
    (tmp_path / "unknown.csv").write_text("file_name,group\nnope.jpg,a\n")
    (tmp_path / "light.csv").write_text("file_name,light\nnope.jpg,a\n")
    (tmp_path / "crowding.csv").write_text("file_name,crowding\n0.jpg,a\n")
    return str(tmp_path / "gt.json"), str(tmp_path / "dt.json")


@pytest.mark.parametrize(
    "options, words",
    [
        (["--groups", "unknown.csv"], "none of the 8 pictures"),
        (["--conditions", "light.csv"], "none of the 8 pictures"),
        (["--conditions", "crowding.csv"], "cannot be called 'crowding'"),
        (["--iou", "nan"], "--iou takes thresholds"),
        (["--pictures", "nowhere"], "None of the 8 pictures"),
    ],
)
def test_refused_in_one_sentence(files: tuple[str, str], options: list[str], words: str, capsys) -> None:
    folder = Path(files[0]).parent
    given = [str(folder / o) if o.endswith((".csv", "nowhere")) else o for o in options]
    assert run(["evaluate", *files, *given]) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("boxwright: ")]
    assert len(told) == 1 and words in told[0]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["gt.json", "dt.json", "--split", "split/a"], "--split would do nothing with COCO files"),
        (
            ["dataset/a", "predictions/a", "--score-threshold", "0"],
            "--score-threshold would do nothing with data of the",
        ),
        (["nowhere.json", "dt.json"], "No file found at"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(files: tuple[str, str], arguments, words, capsys) -> None:
    folder = Path(files[0]).parent
    assert run(["evaluate", *(str(folder / a) if a.endswith(".json") else a for a in arguments)]) == 2
    assert words in capsys.readouterr().err


def test_nothing_to_judge_is_said(files: tuple[str, str], capsys) -> None:
    folder = Path(files[0]).parent
    assert run(["evaluate", str(folder / "none.json"), str(folder / "empty.json")]) == 2
    assert "lists no image" in capsys.readouterr().err


def test_a_column_called_group_is_the_group(files: tuple[str, str], capsys) -> None:
    folder = Path(files[0]).parent
    rows = "".join(f"{i}.jpg,one,g{i % 6}\n" for i in range(8))
    (folder / "two.csv").write_text("file_name,batch,group\n" + rows)
    assert run(["evaluate", *files, "--groups", str(folder / "two.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["resampling"]["groups"] == 6
