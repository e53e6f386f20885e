"""`boxwright convert` hands images on without where they were taken, unless asked; the source stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from boxwright.cli.main import run
from boxwright.images import has_position, read_header, read_picture
from boxwright.ingestion import check, ingest
from boxwright.store import Store
from tests.worlds import encoded, picture


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "images"
    folder.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112], exif[0x8825] = 6, {1: "N", 2: (48.0, 8.0, 13.75), 3: "E", 4: (11.0, 34.0, 31.5)}
    for name, form in (("a.jpg", "JPEG"), ("b.png", "PNG"), ("c.webp", "WEBP")):
        (folder / name).write_bytes(encoded(Image.fromarray(picture(24, 40)), form, exif=exif.tobytes()))
    (folder / "d.jpg").write_bytes(encoded(picture(40, 24), "JPEG"))
    names = ["a.jpg", "b.png", "c.webp", "d.jpg"]
    tree = {
        "images": [{"id": k, "file_name": name, "width": 24, "height": 40} for k, name in enumerate(names)],
        "annotations": [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [2, 2, 8, 8], "area": 64, "iscrowd": 0}],
        "categories": [{"id": 1, "name": "car"}],
    }
    path = tmp_path / "data" / "gt.json"
    path.write_text(json.dumps(tree))
    return path


def converted(source: object, out: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    capsys.readouterr()
    code = run(["convert", str(source), str(out), "--to", "coco", "--json", *words])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out)["positions"]


def held(folder: Path) -> dict[str, bool]:
    found = [p for p in folder.rglob("*") if p.suffix in (".jpg", ".png", ".webp")]
    return {path.name: has_position(path.read_bytes()) for path in found}


@pytest.mark.parametrize("how", ["--copy", "--link"])
def test_positions_are_removed_and_pixels_stay(
    how: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in (source.parent / "images").iterdir()}
    assert converted(source, tmp_path / "out", capsys, how) == {"removed": 3, "kept": 0, "stuck": 0}
    assert held(tmp_path / "out") == dict.fromkeys(before, False)
    for path in (tmp_path / "out").rglob("*.*"):
        if path.name in before:
            data = path.read_bytes()
            assert read_header(data) == read_header(before[path.name])
            np.testing.assert_array_equal(read_picture(data), read_picture(before[path.name]))
    assert before == {path.name: path.read_bytes() for path in (source.parent / "images").iterdir()}


def test_keep_gps_keeps_every_byte(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert converted(source, tmp_path / "out", capsys, "--keep-gps") == {"removed": 0, "kept": 3, "stuck": 0}
    assert held(tmp_path / "out") == {"a.jpg": True, "b.png": True, "c.webp": True, "d.jpg": False}


def test_check_counts_positions_and_the_store_keeps_the_bytes(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (told,) = [p for p in check(source).reading.problems if p.code == "position"]
    assert "3 images" in told.message and told.where == "a.jpg and 2 more"
    store = Store(tmp_path / "store")
    dataset, _ = ingest(source, name="cars", keep=store.pictures.add)
    assert store.pictures.read(dataset.picture_digests[0]) == (source.parent / "images" / "a.jpg").read_bytes()
    store.put(dataset, name="dataset/cars")
    assert converted("dataset/cars", tmp_path / "out", capsys, "--store", str(tmp_path / "store"))["removed"] == 3
    assert not any(held(tmp_path / "out").values())
