"""Detections from files on one side of a stored dataset give the figures of that side's own files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from boxwright.cli.main import run
from boxwright.images import write_jpeg

SPEC = """
name: line
classes: [{name: bolt}, {name: nut}]
split: {train: 0.4, val: 0.2, test: 0.4}
"""


@pytest.fixture
def stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, list[str]]:
    """A store with a split dataset, and results on all its images."""
    rng = np.random.default_rng(3)
    images, annotations, results = [], [], []
    (tmp_path / "images").mkdir()
    for i in range(30):
        pixels = rng.integers(0, 255, (60, 80, 3)).astype(np.uint8)
        (tmp_path / "images" / f"{i:03d}.jpg").write_bytes(write_jpeg(pixels))
        light = ("dim", "bright")[i % 2]
        images.append({"id": i + 1, "file_name": f"{i:03d}.jpg", "width": 80, "height": 60, "light": light})
        for _ in range(2):
            box = [*rng.uniform(0, 30, 2).round(1).tolist(), 20.0, 15.0]
            category = int(rng.integers(1, 3))
            annotations.append(
                {"id": len(annotations) + 1, "image_id": i + 1, "category_id": category, "bbox": box, "area": 300}
            )
            if rng.random() < 0.8:
                score = round(float(rng.uniform(0.3, 1)), 4)
                results.append(
                    {"image_id": i + 1, "category_id": category, "bbox": [box[0] + 2, *box[1:]], "score": score}
                )
    categories = [{"id": 1, "name": "bolt"}, {"id": 2, "name": "nut"}]
    (tmp_path / "truth.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    (tmp_path / "results.json").write_text(json.dumps(results))
    stems = [{**e, "image_id": e["image_id"] - 1, "category_id": e["category_id"] - 1} for e in results]
    (tmp_path / "predictions.json").write_text(json.dumps(stems))
    (tmp_path / "spec.yaml").write_text(SPEC)
    store = ["--store", str(tmp_path / "store")]
    spec = ["--spec", str(tmp_path / "spec.yaml")]
    source = [str(tmp_path / "truth.json"), "--pictures", str(tmp_path / "images")]
    assert run(["ingest", *source, "--name", "line", *spec, *store]) == 0
    assert run(["split", "dataset/line", *spec, *store]) == 0
    assert run(["convert", "dataset/line", str(tmp_path / "out"), "--to", "coco", "--split", "split/line", *store]) == 0
    capsys.readouterr()
    return tmp_path, store


def figures(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    assert run(["evaluate", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("side", ["test", "val"])
def test_a_side_of_the_store_equals_its_own_files(stored: tuple[Path, list[str]], side: str, capsys) -> None:
    folder, store = stored
    truth = folder / "out" / "annotations" / f"instances_{side}.json"
    ids = {image["id"] for image in json.loads(truth.read_text())["images"]}
    mine = [e for e in json.loads((folder / "results.json").read_text()) if e["image_id"] in ids]
    (folder / "mine.json").write_text(json.dumps(mine))
    of_files = figures(capsys, truth, folder / "mine.json")
    options = [] if side == "test" else ["--subset", side]
    found = figures(capsys, "dataset/line", folder / "results.json", "--split", "split/line", *options, *store)
    assert found["metrics"] == pytest.approx(of_files["metrics"], abs=1e-12)
    assert found["support"]["images"] == len(ids) and found["measured"]["side"] == side
    assert f"are on images outside '{side}'" in found["notes"][0]
    assert {s["condition"] for s in found["slices"]} >= {"light"}
    named = figures(
        capsys,
        "line",
        folder / "predictions.json",
        "--split",
        "split/line",
        "--side",
        side,
        "--match-by",
        "name",
        *store,
    )
    assert named["metrics"] == found["metrics"]


def test_without_a_split_all_images_are_judged(stored: tuple[Path, list[str]], capsys) -> None:
    folder, store = stored
    page = folder / "page.html"
    found = figures(capsys, "dataset/line", folder / "results.json", "--page", page, *store)
    whole = figures(capsys, folder / "truth.json", folder / "results.json")
    assert found["metrics"] == pytest.approx(whole["metrics"], abs=1e-12) and found["support"]["images"] == 30
    assert page.stat().st_size > 10_000


def test_what_does_not_go_together_is_refused(stored: tuple[Path, list[str]], capsys) -> None:
    folder, store = stored
    for words, part in (
        (["dataset/line", "results.json", "--split", "split/line", "--side", "nowhere"], "nowhere"),
        (["dataset/line", "results.json", "--groups", "x.csv"], "--groups would do nothing"),
        (["dataset/line", "none.json"], "none.json"),
        (["truth.json", "results.json", "--split", "split/line"], "--split would do nothing"),
    ):
        code = run(["evaluate", *(str(folder / w) if w.endswith(".json") else w for w in words), *store])
        err = capsys.readouterr().err
        assert code == 2 and part in err.splitlines()[-1]
