"""What `diff` and `compare` print: summary first, a limit that is kept and said, every class."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.cli.main import run


def tree(boxes: list[tuple[int, int, list[float]]], *, images: int = 12, classes: int = 3) -> dict:
    return {
        "images": [{"id": i, "file_name": f"{i:03d}.png", "width": 100, "height": 100} for i in range(1, images + 1)],
        "categories": [{"id": k, "name": f"class-{k}"} for k in range(1, classes + 1)],
        "annotations": [
            {"id": n, "image_id": i, "category_id": k, "bbox": box, "area": box[2] * box[3]}
            for n, (i, k, box) in enumerate(boxes, start=1)
        ],
    }


def lines(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    assert run([str(word) for word in words]) == 0
    return capsys.readouterr().out.splitlines()


def test_diff_says_the_summary_first_and_keeps_its_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = [(i, 1, [10.0, 10.0, 20.0, 20.0]) for i in range(1, 13)]
    after = [(i, 2 if i <= 6 else 1, [10.0 + i, 10.0, 20.0, 20.0]) for i in range(1, 13)]
    (tmp_path / "a.json").write_text(json.dumps(tree(before)))
    (tmp_path / "b.json").write_text(json.dumps(tree(after)))
    files = tmp_path / "a.json", tmp_path / "b.json"
    found = lines(capsys, "diff", *files, "--limit", 5)
    assert found[0].startswith("before") and "12 images" in found[0] and "12 boxes" in found[0]
    assert "12 on both sides (12 by file name)" in found[2]
    assert found[3].startswith("boxes") and "6 relabelled, 12 moved" in found[3]
    assert sum(line.startswith("  0") for line in found) == 5
    assert any(line.startswith("relabelled (6") for line in found) and any(
        line.startswith("moved (12") for line in found
    )
    assert "13 more" in found[-1]
    whole = lines(capsys, "diff", *files, "--limit", 100)
    assert sum(line.startswith("  0") for line in whole) == 18 and "more" not in whole[-1]
    assert "nothing changed" in lines(capsys, "diff", files[0], files[0])[-1]


def test_compare_lists_every_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    boxes = [(i, k, [10.0 * k, 10.0, 9.0, 20.0]) for i in range(1, 13) for k in range(1, 8)]
    (tmp_path / "truth.json").write_text(json.dumps(tree(boxes, classes=8)))
    results = [{"image_id": i, "category_id": k, "bbox": box, "score": 0.9} for i, k, box in boxes]
    (tmp_path / "a.json").write_text(json.dumps(results))
    (tmp_path / "b.json").write_text(json.dumps(results[::2]))
    found = lines(capsys, "compare", tmp_path / "a.json", tmp_path / "b.json", "--truth", tmp_path / "truth.json")
    of_class = {line.split()[0]: line.split() for line in found if line.startswith("class-")}
    assert list(of_class) == [f"class-{k}" for k in range(1, 9)]
    assert of_class["class-1"][1:4] == ["12", "1.0000", "0.5050"] and of_class["class-8"][1:4] == ["0", "-", "-"]
    assert any(line.startswith("AP50") and "worse" in line for line in found)
