"""Public reports on what is decoded: bad files in a folder, 12 bits in 16, frames beyond the first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from boxwright.cli.main import run
from boxwright.errors import PictureError
from boxwright.images import is_near_black, read_header, read_picture
from boxwright.inference import Detector
from boxwright.ingestion import check, ingest
from tests.worlds import answering_bundle

Report = Callable[[str], Path]


def test_a_folder_with_one_bad_image(report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = report("folder_with_one_bad_image")
    (tmp_path / "bundle").mkdir()
    answering_bundle(tmp_path / "made").save(tmp_path / "bundle")
    words = ["predict", str(tmp_path / "bundle"), str(folder), "--out", str(tmp_path / "out" / "dt.json"), "--json"]
    assert run([*words, "--strict"]) == 2
    assert "'b.jpg'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert run(words) == 1
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert result["images"] == 2
    assert [one["file_name"] for one in result["refused"]] == ["b.jpg"]
    assert result["skipped"]["._*"] == 1 and "._a.jpg" not in captured.err
    rows = json.loads((tmp_path / "out" / "dt.json").read_text())
    assert {row["file_name"] for row in rows} == {"a.jpg", "c.jpg"}


def test_twelve_bits_in_sixteen(report: Report) -> None:
    folder = report("gray16_with_12_bits")
    twelve, sixteen = ((folder / name).read_bytes() for name in ("twelve.png", "sixteen.png"))
    declared, whole = read_picture(twelve, bit_depth=12).astype(int), read_picture(sixteen, bit_depth=16).astype(int)
    assert np.abs(declared - whole).max() <= 1
    np.testing.assert_array_equal(whole, read_picture(sixteen))
    assert is_near_black(read_picture(twelve)) and not is_near_black(read_picture(sixteen))
    with pytest.raises(PictureError, match="12 bits hold 0 to 4095") as caught:
        read_picture(sixteen, bit_depth=12)
    assert caught.value.reason == "depth"


def one_image(folder: Path, name: str) -> Path:
    height, width = read_header((folder / name).read_bytes()).size_hw
    tree = {
        "images": [{"id": 1, "file_name": name, "width": width, "height": height}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 3, 3], "area": 9, "iscrowd": 0}],
        "categories": [{"id": 1, "name": "cell"}],
    }
    path = folder / "gt.json"
    path.write_text(json.dumps(tree))
    return path


def test_twelve_bits_are_told_where_undeclared_and_kept_where_declared(report: Report, tmp_path: Path) -> None:
    (tmp_path / "twelve.png").write_bytes((report("gray16_with_12_bits") / "twelve.png").read_bytes())
    gt = one_image(tmp_path, "twelve.png")
    found = {p.code: p.message for p in check(gt).reading.problems}
    assert "near-black" in found
    assert "--bit-depth 12" in found["bit-depth"]
    kept: list[bytes] = []

    def keep(images):
        kept.extend(images)
        return [f"{k:064x}" for k in range(len(kept))]

    dataset, reading = ingest(gt, name="cells", keep=keep, bit_depth=12)
    assert not reading.problems and dataset.bit_depth == 12
    assert dataset.conditions[0]["brightness"] > 20
    undeclared, _ = ingest(gt, name="cells", keep=lambda images: ["0" * 64 for _ in images])
    assert undeclared.bit_depth is None and "bit_depth" not in undeclared.provenance
    assert run(["check", str(gt), "--bit-depth", "12"]) == 0


FRAMES = {"moving.png": 3, "moving.webp": 3, "pages.tiff": 3}


def test_further_frames_are_told_in_check_and_ingest(report: Report) -> None:
    folder = report("images_with_more_frames")
    told = {p.where: p.message for p in check(folder / "gt.json").reading.problems if p.code == "more-frames"}
    assert set(told) == set(FRAMES)
    for name, frames in FRAMES.items():
        assert f"{frames} frames" in told[name]
    _, reading = ingest(folder / "gt.json", name="m", keep=lambda images: [f"{k:064x}" for k, _ in enumerate(images)])
    assert sum(p.code == "more-frames" for p in reading.problems) == len(FRAMES)


def test_further_frames_are_refused_in_predict_and_serve(report: Report, tmp_path: Path) -> None:
    from boxwright.images.read import FORMATS
    from boxwright.serving.app import Server
    from boxwright.serving.journal import Journal
    from boxwright.serving.limits import Limits
    from boxwright.serving.primary.slot import Slot
    from boxwright.serving.primary.wanted import Wanted

    folder = report("images_with_more_frames") / "images"
    detector = Detector(answering_bundle(tmp_path))
    for name, frames in FRAMES.items():
        data = (folder / name).read_bytes()
        assert detector.read(data, name=name).ndim == 3
        with pytest.raises(PictureError, match=f"{frames} frames") as caught:
            detector.read(data, name=name, one_frame=True)
        assert caught.value.reason == "frames"
    slot = Slot(lambda: Wanted(detector.bundle.digest, "fixed"), lambda _digest: detector.bundle)
    server = Server(slot, Journal(tmp_path / "journal"), Limits(follow_seconds=9, formats=FORMATS))
    with TestClient(server.app()) as client:
        for name in FRAMES:
            answer = client.post("/v1/detect", content=(folder / name).read_bytes())
            assert answer.status_code == 415 and "frames" in answer.json()["error"]
