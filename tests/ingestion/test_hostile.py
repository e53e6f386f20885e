"""Files made to hurt are refused in one sentence, or lose only what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.cli.main import run
from boxwright.images import write_jpeg

GOOD = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}


def source(folder: Path, **changes: object) -> Path:
    import numpy as np

    (folder / "a.jpg").write_bytes(write_jpeg(np.zeros((20, 30, 3), np.uint8)))
    tree = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [GOOD],
        **changes,
    }
    (folder / "gt.json").write_text(json.dumps(tree))
    return folder / "gt.json"


@pytest.mark.parametrize(
    "changes",
    [
        {"annotations": 3},
        {"categories": 4},
        {"categories": [{"id": [1], "name": "x"}]},
        {"images": {"id": 1}},
        {"annotations": [{**GOOD, "image_id": [1]}]},
        {"annotations": [{**GOOD, "category_id": {"a": 1}}]},
        {"annotations": [{**GOOD, "id": 10**30}]},
        {"annotations": [{**GOOD, "bbox": [10**400, 1, 5, 5]}]},
        {"annotations": [{**GOOD, "area": 10**400}]},
        {"annotations": ["x", None, 3]},
        {"images": [{"id": 1e999, "file_name": "a.jpg"}]},
        {"images": [{"id": 1, "file_name": "../../../etc/hostname"}]},
        {"images": [{"id": 1, "file_name": "/etc/hostname"}]},
        {"images": [{"id": 1, "file_name": "a\u0000.jpg"}]},
        {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "a.jpg"}]},
    ],
)
def test_coco(changes: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = source(tmp_path, **changes)
    code = run(["check", str(path), "--json"])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    if code == 2:
        assert captured.err.strip().startswith("boxwright: ")
    else:
        assert json.loads(captured.out)["problems"]
    (tmp_path / "dt.json").write_text("[]")
    assert run(["evaluate", str(path), str(tmp_path / "dt.json"), "--json"]) in (0, 2)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "names: {0: a, x: b}",
        "names: [2020-99-99]",
        "names: [[a]]",
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nnames: [*c]",
        "names: !!python/object/apply:os.system ['true']",
    ],
)
def test_yolo(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data.yaml").write_text(text)
    assert run(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("boxwright: ")


def test_two_voc_files_with_one_file_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    for name in ("a", "b"):
        (tmp_path / f"{name}.jpg").write_bytes(write_jpeg(np.zeros((20, 30, 3), np.uint8)))
        box = "<object><name>x</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        (tmp_path / f"{name}.xml").write_text(f"<annotation><filename>a.jpg</filename>{box}</annotation>")
    run(["check", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["images"], found["annotations"]) == (2, 2)


def test_a_grown_folder_keeps_its_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    from boxwright.artifacts import Dataset
    from boxwright.store import Store

    rng = np.random.default_rng(0)

    def add(name: str) -> None:
        (tmp_path / "data" / f"{name}.jpg").write_bytes(write_jpeg(rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)))
        (tmp_path / "data" / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.2\n")

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "classes.txt").write_text("x\n")
    for name in ("k", "m", "z"):
        add(name)
    store = tmp_path / "store"
    assert run(["ingest", str(tmp_path / "data"), "--name", "d", "--store", str(store)]) == 0
    before = Store(store).get("dataset/d", Dataset)
    add("a")
    assert run(["ingest", str(tmp_path / "data"), "--name", "d", "--store", str(store)]) == 0
    after = Store(store).get("dataset/d", Dataset)
    old = dict(zip(before.file_names, before.image_ids.tolist(), strict=True))
    new = dict(zip(after.file_names, after.image_ids.tolist(), strict=True))
    assert {name: new[name] for name in old} == old
    assert new["a.jpg"] == 4
    capsys.readouterr()
