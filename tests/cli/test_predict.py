"""`boxwright predict` on files: what is answered, what is refused and said, and that output is whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from boxwright.artifacts import Dataset
from boxwright.cli.main import run
from boxwright.images import read_picture
from boxwright.ingestion import ingest, read_results, read_truth
from boxwright.store import Store
from tests.worlds import answering_bundle, encoded, picture

THRESHOLDS = {"carton": 0.5, "pouch": 0.5}


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    folder = tmp_path / "bundle"
    folder.mkdir()
    answering_bundle(tmp_path / "made", thresholds=THRESHOLDS).save(folder)
    return str(folder)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three good images, one cut, one of two frames; a text and what macOS leaves."""
    folder = tmp_path / "images"
    (folder / "cam-2").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(encoded(picture(64, 64), "JPEG"))
    (folder / "c.png").write_bytes(encoded(picture(48, 64), "PNG"))
    (folder / "cam-2" / "a.jpg").write_bytes(encoded(picture(64, 32), "JPEG"))
    whole = encoded(picture(64, 64), "JPEG")
    (folder / "b.jpg").write_bytes(whole[: len(whole) // 2] + b"\xff\xd9")
    frames = [Image.fromarray(picture(32, 32)) for _ in range(2)]
    frames[0].save(folder / "d.tiff", save_all=True, append_images=frames[1:])
    (folder / "._a.jpg").write_bytes(b"\0\5\x16\7")
    (folder / "notes.txt").write_text("!")
    (folder / "e.jpg").symlink_to(folder / "gone.jpg")
    return folder


Ask = Callable[..., dict]


@pytest.fixture
def ask(bundle: str, capsys: pytest.CaptureFixture[str]) -> Ask:
    def verb(*arguments: object, code: int = 0) -> dict:
        found = run(["predict", bundle, *map(str, arguments), "--json"])
        captured = capsys.readouterr()
        assert found == code, captured.err
        return {**(json.loads(captured.out) if captured.out else {}), "said": captured.err}

    return verb


def test_a_folder_answers_the_good_images_and_names_the_bad_ones(images: Path, tmp_path: Path, ask: Ask) -> None:
    out = tmp_path / "out.json"
    result = ask(images, "--out", out, code=1)
    assert result["images"] == 3
    assert {(r["file_name"], r["reason"]) for r in result["refused"]} == {
        ("b.jpg", "damaged"), ("d.tiff", "frames"), ("e.jpg", "missing"),
    }  # fmt: skip
    assert all(r["file_name"] in result["said"] for r in result["refused"])
    assert result["skipped"] == {".txt": 1, "._*": 1}
    assert "._a.jpg" not in result["said"]
    rows = json.loads(out.read_text())
    assert [row["file_name"] for row in rows] == ["a.jpg", "c.png", "cam-2/a.jpg"]
    listed = json.loads(Path(result["images_out"]).read_text())
    assert {i["id"]: i["file_name"] for i in listed["images"]} == {r["image_id"]: r["file_name"] for r in rows}
    assert [(i["width"], i["height"]) for i in listed["images"]] == [(64, 64), (64, 48), (32, 64)]
    assert listed["refused"] == result["refused"]


def test_strict_names_every_bad_image_and_writes_nothing(images: Path, tmp_path: Path, ask: Ask) -> None:
    before = sorted(tmp_path.rglob("*"))
    said = ask(images, "--out", tmp_path / "o.json", "--annotated", tmp_path / "drawn", "--strict", code=2)["said"]
    assert "'b.jpg'" in said and "'d.tiff'" in said and "nothing was written" in said
    assert sorted(tmp_path.rglob("*")) == before


def test_where_no_image_can_be_read_nothing_is_written(images: Path, tmp_path: Path, ask: Ask) -> None:
    before = sorted(tmp_path.rglob("*"))
    ask(images / "b.jpg", "--out", tmp_path / "o.json", "--annotated", tmp_path / "drawn", code=2)
    assert sorted(tmp_path.rglob("*")) == before


def test_answers_are_written_at_the_thresholds_and_all_on_request(images: Path, tmp_path: Path, ask: Ask) -> None:
    one = ask(images / "a.jpg", "--out", tmp_path / "one.json")
    assert (one["detections"], one["answered"]) == (3, 1)
    assert [r["score"] for r in json.loads((tmp_path / "one.json").read_text())] == [pytest.approx(0.9)]
    ask(images / "a.jpg", "--out", tmp_path / "all.json", "--all")
    assert len(json.loads((tmp_path / "all.json").read_text())) == 3


def test_sources_are_one_image_several_a_pattern_or_a_coco_file(images: Path, tmp_path: Path, ask: Ask) -> None:
    out = tmp_path / "out.json"

    def names(*sources: object, code: int = 0) -> list[str]:
        ask(*sources, "--out", out, code=code)
        return [i["file_name"] for i in json.loads((tmp_path / "out.images.json").read_text())["images"]]

    assert names(images / "c.png") == ["c.png"]
    assert names(images / "a.jpg", images / "cam-2" / "a.jpg") == ["a.jpg", "cam-2/a.jpg"]
    assert names(f"{images}/*.png") == ["c.png"]
    assert names(f"{images}/**/a.jpg") == ["a.jpg", "cam-2/a.jpg"]
    coco = tmp_path / "gt.json"
    listed = [
        {"id": 70, "file_name": "c.png", "width": 64, "height": 48},
        {"id": 9, "file_name": "gone.png", "width": 4, "height": 4},
    ]
    categories = [{"id": 11, "name": "pouch"}, {"id": 12, "name": "carton"}]
    coco.write_text(json.dumps({"images": listed, "annotations": [], "categories": categories}))
    assert names(coco, "--pictures", images, code=1) == ["c.png"]
    assert [(r["image_id"], r["category_id"]) for r in json.loads(out.read_text())] == [(70, 12)]
    assert "no image" in ask(f"{images}/*.txt", "--out", out, code=2)["said"]
    assert "matches no image" in ask(f"{images}/*.gif", "--out", out, code=2)["said"]


def test_results_with_file_names_are_results_to_others_and_to_evaluate(images: Path, tmp_path: Path, ask: Ask) -> None:
    from pycocotools.coco import COCO

    out = tmp_path / "out.json"
    ask(images / "a.jpg", images / "c.png", "--out", out, "--all")
    theirs = COCO(str(tmp_path / "out.images.json")).loadRes(str(out))
    assert len(theirs.getAnnIds()) == 6
    tree = json.loads((tmp_path / "out.images.json").read_text())
    (tmp_path / "gt.json").write_text(json.dumps({**tree, "annotations": []}))
    assert len(read_results(out, read_truth(tmp_path / "gt.json")).score) == 6


def test_many_results_with_file_names_go_the_fast_way_too(tmp_path: Path) -> None:
    rows = [
        {
            "image_id": 1,
            "file_name": f"a {'x' * 90}.jpg",
            "category_id": 1,
            "bbox": [1.0, 1.0, 5.0, 5.0],
            "score": k / 20000,
        }
        for k in range(20000)
    ]
    (tmp_path / "dt.json").write_text(json.dumps(rows))
    image = {"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}
    (tmp_path / "gt.json").write_text(
        json.dumps({"images": [image], "annotations": [], "categories": [{"id": 1, "name": "c"}]})
    )
    assert len(read_results(tmp_path / "dt.json", read_truth(tmp_path / "gt.json")).score) == 20000


@pytest.mark.parametrize("size", [(40, 40), (1500, 2000)])
def test_annotated_images_show_the_boxes_at_any_size(size: tuple[int, int], tmp_path: Path, ask: Ask) -> None:
    height, width = size
    grey = np.full((height, width, 3), 90, np.uint8)
    (tmp_path / "in").mkdir()
    for name, form in (("a.png", "PNG"), ("a.bmp", "BMP")):
        (tmp_path / "in" / name).write_bytes(encoded(Image.fromarray(grey), form))
    ask(tmp_path / "in", "--annotated", tmp_path / "drawn")
    drawn = sorted(p.name for p in (tmp_path / "drawn").iterdir())
    assert drawn == ["a.jpg", "a.png.jpg"]
    found = read_picture((tmp_path / "drawn" / "a.jpg").read_bytes())
    assert found.shape == grey.shape
    marked = (np.abs(found.astype(int) - 90).max(axis=2) > 60).mean()
    assert 0.002 < marked < 0.5
    ask(tmp_path / "in", "--annotated", tmp_path / "drawn", code=2)


def test_a_stored_dataset_keeps_every_detection(images: Path, tmp_path: Path, ask: Ask) -> None:
    (images / "b.jpg").unlink()
    (images / "e.jpg").unlink()
    gt = tmp_path / "gt.json"
    listed = [
        {"id": k, "file_name": n, "width": w, "height": h}
        for k, n, w, h in ((1, "a.jpg", 64, 64), (2, "d.tiff", 32, 32))
    ]
    gt.write_text(
        json.dumps(
            {
                "images": listed,
                "annotations": [],
                "categories": [{"id": 1, "name": "carton"}, {"id": 2, "name": "pouch"}],
            }
        )
    )
    store = Store(tmp_path / "store")
    dataset, reading = ingest(gt, name="line", keep=store.pictures.add, pictures=images)
    assert isinstance(dataset, Dataset) and [p.code for p in reading.problems if p.code == "more-frames"] == [
        "more-frames"
    ]
    store.put(dataset, name="dataset/line")
    result = ask("dataset/line", "--store", tmp_path / "store", "--out", tmp_path / "o.json")
    assert (result["images"], result["detections"], result["answered"]) == (2, 6, 2)
    assert len(json.loads((tmp_path / "o.json").read_text())) == 2
    assert result["predictions"]


def test_wrong_words_are_refused_before_any_work(images: Path, tmp_path: Path, ask: Ask) -> None:
    assert "--out FILE" in ask(images, code=2)["said"]
    assert "is a folder" in ask(images, "--out", tmp_path, code=2)["said"]
    assert "--pictures would do nothing" in ask(images, "--out", tmp_path / "o", "--pictures", images, code=2)["said"]


def test_no_input_is_written_over(images: Path, tmp_path: Path, ask: Ask) -> None:
    before = (images / "a.jpg").read_bytes()
    assert "named like an image" in ask(images, "--out", images / "a.jpg", code=2)["said"]
    assert (images / "a.jpg").read_bytes() == before
    listed = tmp_path / "t.json"
    listed.write_text("{}")
    assert "which is a source" in ask(listed, "--out", listed, code=2)["said"]
    assert "which is a source" in ask(tmp_path / "t.images.json", "--out", listed, code=2)["said"]
    assert listed.read_text() == "{}"
