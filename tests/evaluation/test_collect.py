"""Counts against the plan equal a plain count over rows; what to collect is ranked and follows the formula."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import Dataset, Split
from boxwright.cli.main import run
from boxwright.evaluation import cover
from boxwright.evaluation.collect import objects_needed, pictures_needed
from boxwright.statistics import clopper_pearson_lower
from boxwright.store import Store
from tests.worlds import dataset, row, spec

PLAN = {
    "conditions": [
        {"name": "lighting", "bins": ["bright", "dim"]},
        {"name": "camera"},
        {"name": "brightness", "source": "measured", "bins": [0, 50, 255]},
        {"name": "box_size", "source": "measured", "bins": [0, 10, 30, 1000]},
    ],
}
size = st.sampled_from([4, 10, 29, 30, 60, 2000])
picture = st.tuples(
    st.lists(st.tuples(size, st.integers(0, 1), st.booleans()), max_size=4),
    st.sampled_from(["bright", "dim", "night", ""]),
    st.sampled_from(["a", "b"]),
    st.sampled_from([0.0, 49.9, 50.0, 255.0, 300.0]),
)


def world(pictures: list) -> Dataset:
    rows = []
    for k, (boxes, lighting, camera, brightness) in enumerate(pictures, start=1):
        made = row(k, [(0, 0, s, s) for s, _, _ in boxes], classes=[c for _, c, _ in boxes],
                   lighting=lighting, camera=camera, brightness=brightness)  # fmt: skip
        rows.append({**made, "ignore": [i for _, _, i in boxes]})
    return dataset(rows)


@given(st.lists(picture, max_size=6))
def test_cells_equal_a_plain_count(pictures: list) -> None:
    found = cover(world(pictures), spec(**PLAN))
    bins = {"0-10": (0, 10), "10-30": (10, 30), "30-1000": (30, 1000.0001)}
    for cell in found.cells:
        objects, images = 0, 0
        for boxes, lighting, camera, brightness in pictures:
            values = {"": "", "lighting": lighting, "camera": camera,
                      "brightness": "0-50" if brightness < 50 else "50-255" if brightness <= 255 else "-"}  # fmt: skip
            mine = [
                s for s, c, ignored in boxes
                if not ignored and ("carton", "pouch")[c] == cell.class_name and values[cell.condition] == cell.value
                and (not cell.size or bins[cell.size][0] <= s < bins[cell.size][1])
            ]  # fmt: skip
            objects += len(mine)
            images += bool(mine)
        assert cell.objects == objects
        assert cell.size or cell.images == images
    assert found.objects == sum(not i for boxes, *_ in pictures for *_, i in boxes)
    assert {(c.class_name, c.condition, c.value) for c in found.empty} == {
        (c.class_name, c.condition, c.value) for c in found.cells if c.condition and not c.size and not c.objects
    }


def test_classes_are_counted_by_name() -> None:
    data = Dataset.from_rows(
        [row(1, [(0, 0, 5, 5)] * 3, classes=[0, 1, 2])],
        name="x",
        class_names=("pouch", "crate", "carton"),
        provenance={},
    )
    found = cover(
        data,
        spec(
            coverage=[
                {"where": {"class": "pouch"}, "least_objects": 1},
                {"where": {"class": "carton"}, "least_objects": 2},
            ]
        ),
    )
    assert [(c.found, c.met) for c in found.clauses] == [(1, True), (1, False)]
    assert found.objects == 2


def test_clauses_about_a_side_need_a_split() -> None:
    data = dataset([row(k, [(0, 0, 5, 5)]) for k in range(1, 5)])
    plan = spec(coverage=[{"split": "test", "least_objects": 2}])
    assert [c.met for c in cover(data, plan).clauses] == [None] and cover(data, plan).met
    split = Split(image_ids=np.arange(1, 5), side=("train", "train", "test", "val"), group=("a", "b", "c", "d"))
    found = cover(data, plan, split)
    assert [(c.found, c.missing, c.met) for c in found.clauses] == [(1, 1, False)] and not found.met
    wanted = found.collect[0]
    assert (wanted.what, wanted.side, wanted.more, wanted.to_collect) == ("clause", "test", 1, math.ceil(1 / 0.15))


@pytest.mark.parametrize("bound", [0.3, 0.5, 0.7, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_so_many_objects_are_enough_for_a_detector_without_errors(bound: float, confidence: float) -> None:
    """Clopper and Pearson's bound itself is the oracle."""
    needed = objects_needed(bound, confidence)
    assert clopper_pearson_lower(needed, needed, confidence=(1 + confidence) / 2) >= bound - 1e-9
    least = math.ceil(math.log((1 - confidence) / 2) / math.log(bound))
    assert clopper_pearson_lower(least - 1, least - 1, confidence=(1 + confidence) / 2) < bound


def test_figures_of_the_formula() -> None:
    assert objects_needed(0.9, 0.95) == 73  # 1.96^2 * 0.95 * 0.05 / 0.05^2
    assert objects_needed(0.99, 0.95) == math.ceil(1.959964**2 * 0.995 * 0.005 / 0.005**2)
    assert pictures_needed(0.05, 0.95) == 74  # ln(40) / 0.05


def test_what_to_collect_is_ranked() -> None:
    data = dataset([row(k, [(0, 0, 5, 5)], lighting="bright", camera="a") for k in range(1, 401)])
    plan = spec(
        **PLAN,
        coverage=[{"where": {"lighting": "dim"}, "least_objects": 10}, {"least_objects": 410}],
        acceptance={
            "require": [
                "recall[*] >= 0.9",
                "recall[carton, lighting=dim] >= 0.9",
                "ap50 >= baseline - 0.01",
                "latency_p95_ms <= 5",
            ]
        },
    )
    found = cover(data, plan).collect
    assert [w.what for w in found] == sorted((w.what for w in found), key=["clause", "requirement", "empty"].index)
    assert [(dict(w.where), w.more) for w in found[:2]] == [({"lighting": "dim"}, 10), ({}, 10)]
    needs = [(dict(w.where), w.found, w.more, w.to_collect) for w in found if w.what == "requirement"]
    assert ({"class": "carton", "lighting": "dim"}, 0, 73, 487) in needs  # 73 / 0.15
    assert ({"class": "pouch"}, 0, 73, 487) in needs
    assert ({"class": "carton"}, 60, 13, 87) in needs
    assert {"class": "carton", "lighting": "dim"} not in [dict(w.where) for w in found if w.what == "empty"]
    assert {"class": "pouch", "lighting": "dim"} in [dict(w.where) for w in found if w.what == "empty"]


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    store = Store(tmp_path / "store")
    store.put(dataset([row(1, [(0, 0, 5, 5)], lighting="dim")]), name="dataset/line")
    (tmp_path / "spec.yaml").write_text(
        "name: line\nclasses: [{name: carton}, {name: pouch}]\nconditions: [{name: lighting, bins: [bright, dim]}]\n"
        "coverage: [{where: {lighting: bright}, least_images: 3}]\n"
    )
    page = tmp_path / "coverage.html"
    words = ["coverage", "dataset/line", "--spec", str(tmp_path / "spec.yaml"), "--store", str(tmp_path / "store")]
    assert run([*words, "--json", "--page", str(page)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["clauses"] == [
        {"key": "images[lighting=bright, split=any]", "least": 3, "found": 0, "missing": 3, "met": False}
    ]
    assert "not met" in page.read_text()
    assert run(words) == 1
    assert "collect next" in capsys.readouterr().out
    (tmp_path / "other.yaml").write_text("name: line\nclasses: [{name: crate}]\n")
    assert run([*words[:3], str(tmp_path / "other.yaml"), *words[4:]]) == 2
    assert "nothing to count" in capsys.readouterr().err
