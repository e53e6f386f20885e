"""A spec and recipe from data: what is written reads as what was proposed, groups need pixels, guesses are told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.artifacts import Dataset, Split
from boxwright.cli.main import run
from boxwright.errors import InputError
from boxwright.images import write_jpeg
from boxwright.ingestion import read_source
from boxwright.lifecycle.proposal import Proposal, Survey, propose, render_recipe, render_spec, survey
from boxwright.plain_text import control_in
from boxwright.spec import load_spec, parse_spec
from boxwright.store import Store
from boxwright.training import load_recipe


def drawn(n: int, names: list[str], *, classes: tuple[str, ...] = ("a",), each: int = 3, **changes: Any) -> Survey:
    """n images of 640 x 480 with boxes of 20 to 60 px and no files."""
    rng = np.random.default_rng(0)
    image = np.repeat(np.arange(n), each)
    corner, side = rng.uniform(0, 400, (len(image), 2)), rng.uniform(20, 60, (len(image), 1))
    values: dict[str, Any] = {
        "class_names": classes, "file_names": names, "sides": [""] * n, "conditions": [{}] * n,
        "labelled": np.ones(n, np.bool_), "sizes_hw": np.tile([480.0, 640.0], (n, 1)), "image": image,
        "class_id": np.arange(len(image)) % len(classes), "boxes_xyxy": np.concatenate([corner, corner + side], axis=1),
        "read": [], "stored": False,
    }  # fmt: skip
    return Survey(**{**values, **changes})


def written(proposal: Proposal) -> None:
    """The law: what is rendered reads as what was proposed."""
    assert parse_spec(render_spec(proposal)) == proposal.spec
    assert render_recipe(proposal)
    assert {one.key for one in proposal.guessed} >= {"name", "classes", "acceptance.require", "model.input_hw"}


def tiles(folder: Path, *, photos: int = 6, of_each: int = 4) -> Path:
    """Overlapping tiles of textured photos, named by photo, as a COCO file and its images."""
    rng, images, annotations = np.random.default_rng(3), [], []
    for photo in range(photos):
        coarse = rng.integers(0, 255, (60, 60, 3), dtype=np.uint8)
        whole = np.kron(coarse, np.ones((12, 12, 1), np.uint8))
        for tile in range(of_each):
            name = f"DSC_{1000 + 17 * photo}_{tile}.jpg"
            part = whole[40 * tile : 40 * tile + 480, 60 * tile : 60 * tile + 480]
            (folder / "images").mkdir(parents=True, exist_ok=True)
            (folder / "images" / name).write_bytes(write_jpeg(np.ascontiguousarray(part)))
            images.append({"id": len(images) + 1, "file_name": name, "width": 480, "height": 480})
            annotations.append({"id": len(images), "image_id": len(images), "category_id": 1, "bbox": [50, 60, 40, 30], "area": 1200, "iscrowd": 0})  # fmt: skip
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "apple"}]}
    (folder / "annotations.json").write_text(json.dumps(document))
    return folder


@settings(max_examples=40)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100), min_size=1, max_size=5, unique=True
    )
)
def test_any_class_name_is_written_so_that_it_reads_as_itself(names: list[str]) -> None:
    found = drawn(6, [f"{k}.jpg" for k in range(6)], classes=tuple(names))
    if any(control_in(name) for name in names):
        with pytest.raises(InputError, match="control character"):
            propose(found, name="x")
    else:
        written(propose(found, name="x"))


@settings(max_examples=40)
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=120))
def test_any_name_of_data_metadata_and_values(name: str, key: str, value: str) -> None:
    conditions = [{key: value if k % 2 else "other", "id": str(k)} for k in range(20)]
    found = drawn(20, [f"{value}\n#/{k}" for k in range(20)], conditions=conditions)
    try:
        written(propose(found, name=name))
    except InputError as error:
        assert "control character" in str(error)


@pytest.mark.parametrize("n, each", [(1, 1), (1, 0), (2, 5), (5, 0), (20, 3), (300, 150)])
def test_tiny_empty_and_crowded_data(n: int, each: int) -> None:
    proposal = propose(drawn(n, [f"{k}.png" for k in range(n)], each=each), name="some data")
    written(proposal)
    assert proposal.spec.acceptance.judge_on == ("bound" if n == 300 else "value")
    assert proposal.spec.output.max_detections == (300 if each == 150 else 100)
    if n < 3:
        assert any("needs more images" in text for text in proposal.remarks["acceptance"])


def test_a_class_no_spec_can_have_is_refused_with_its_name() -> None:
    with pytest.raises(InputError, match="101 characters"):
        propose(drawn(3, ["a", "b", "c"], classes=("x" * 101,)), name="x")
    with pytest.raises(InputError, match="names no class"):
        propose(drawn(3, ["a", "b", "c"], each=0, classes=()), name="x")


def test_metadata_with_a_few_values_is_sliced_by_and_ids_are_not() -> None:
    conditions = [{"light": "dim" if k % 3 else "yes", "url": f"u{k}", "rare": "x" if k else "y"} for k in range(40)]
    proposal = propose(drawn(40, [f"{k}.png" for k in range(40)], conditions=conditions), name="x")
    light = next(c for c in proposal.spec.conditions if c.name == "light")
    assert set(light.bins) == {"dim", "yes"}
    assert not {"url", "rare"} & {c.name for c in proposal.spec.conditions}
    assert any("'url' has 40 values" in text for text in proposal.remarks["conditions"])
    written(proposal)


def test_groups_of_names_are_believed_only_where_pixels_agree(tmp_path: Path) -> None:
    proposal = propose(survey(read_source(tiles(tmp_path / "tiles"))), name="tiles")
    assert proposal.spec.split.group_by and proposal.spec.metadata[0].name == proposal.spec.split.group_by[0]
    assert proposal.spec.metadata[0].of_name("DSC_1017_3.jpg") == "DSC_1017"
    written(proposal)
    alone = propose(drawn(24, [f"DSC_{1000 + k // 4}_{k % 4}.jpg" for k in range(24)]), name="names")
    assert not alone.spec.split.group_by
    assert any("is not taken as a group: 0 pairs" in text for text in alone.remarks["split"])
    written(alone)


def filmed(folder: Path, clips: tuple[int, ...]) -> Path:
    """Frames of scenes that hardly change, named without a hint which scene they are of."""
    rng, images, annotations = np.random.default_rng(5), [], []
    scenes = [np.kron(rng.integers(0, 255, (15, 20, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8)) for _ in clips]
    (folder / "images").mkdir(parents=True)
    for scene in [k for k, frames in enumerate(clips) for _ in range(frames)]:
        name = f"{len(images) * 7919 % 10_007}.jpg"
        frame = np.clip(scenes[scene].astype(np.int16) + rng.integers(-4, 5, scenes[scene].shape), 0, 255)
        (folder / "images" / name).write_bytes(write_jpeg(frame.astype(np.uint8)))
        images.append({"id": len(images) + 1, "file_name": name, "width": 320, "height": 240})
        annotations.append({"id": len(images), "image_id": len(images), "category_id": 1, "bbox": [50, 60, 40, 30], "area": 1200, "iscrowd": 0})  # fmt: skip
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "car"}]}
    (folder / "annotations.json").write_text(json.dumps(document))
    return folder


def test_a_film_that_is_more_than_half_of_the_data_stays_on_one_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, store = filmed(tmp_path / "data", (14, 8, 1, 1, 1)), ["--store", str(tmp_path / "store")]
    assert run(["init", str(tmp_path / "o"), "--from", str(data), *store]) == 0
    assert load_spec(tmp_path / "o" / "spec.yaml").split.near_duplicates == "together"
    spec = ["--spec", str(tmp_path / "o" / "spec.yaml"), *store]
    assert run(["ingest", str(data), "--name", "film", *spec]) == 0
    capsys.readouterr()
    assert run(["split", "dataset/film", *spec, "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["images"]["train"] >= 14 and all(told["images"][side] for side in ("val", "test"))
    assert Store(tmp_path / "store").get("split/film", Split).summary.near_duplicates.on_two_sides == 0


def test_films_that_cannot_be_dealt_are_reported_and_said(tmp_path: Path) -> None:
    proposal = propose(survey(read_source(filmed(tmp_path / "data", (14, 8)))), name="films")
    written(proposal)
    assert proposal.spec.split.near_duplicates == "report"
    assert any("2 groups, the largest with 14 of 22 images" in text for text in proposal.remarks["split"])
    assert any("will flatter" in text for text in proposal.remarks["split"])


def test_objects_are_measured_as_the_input_shows_them() -> None:
    usual = propose(drawn(9, [f"{k}.png" for k in range(9)]), name="x")
    sizes = np.tile([480.0, 640.0], (9, 1))
    sizes[:4] = [2400.0, 3200.0]  # objects on these are as large a share of the image as on the others
    found = drawn(9, [f"{k}.png" for k in range(9)], sizes_hw=sizes)
    found.boxes_xyxy[found.image < 4] *= 5
    mixed = propose(found, name="x")
    assert (mixed.recipe.model, mixed.recipe.training) == (usual.recipe.model, usual.recipe.training)
    why = next(one.why for one in mixed.guessed if one.key == "model.input_hw")
    assert "640x480 to 3200x2400 px, usually 640x480 px" in why


def test_large_images_and_many_of_them_end_in_a_training_of_minutes() -> None:
    sizes = np.tile([3000.0, 4000.0], (12_000, 1))
    found = drawn(12_000, [f"{k}.png" for k in range(12_000)], each=2, sizes_hw=sizes)
    found.boxes_xyxy[:] *= 6
    proposal = propose(found, name="x")
    assert max(proposal.recipe.model.input_hw) <= 1280
    why = next(one.why for one in proposal.guessed if one.key == "training.steps")
    minutes = int(re.search(r"about (\d+) minutes on 2 cores", why)[1])  # type: ignore[index]
    assert 10 < minutes <= 60


def test_objects_of_one_size_are_parted_by_their_tails() -> None:
    found = drawn(40, [f"{k}.png" for k in range(40)], each=10)
    side = np.concatenate([np.full(60, 30.0), np.full(280, 100.0) + np.arange(280) % 9, np.full(60, 170.0)])
    found.boxes_xyxy[:, 2:] = found.boxes_xyxy[:, :2] + side[:, None]
    sizes = next(c for c in propose(found, name="x").spec.conditions if c.name == "box_size")
    assert len(sizes.bins) == 4 and sizes.bins[1] <= 100 and sizes.bins[2] >= 108


def test_what_is_proposed_is_ingested_and_split_by_photo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, store = tiles(tmp_path / "tiles"), ["--store", str(tmp_path / "store")]
    assert run(["init", str(tmp_path / "o"), "--from", str(data), "--json", *store]) == 0
    told = json.loads(capsys.readouterr().out)
    by_key = {one["key"]: one for one in told["guessed"]}
    assert by_key["split.group_by"]["support"] >= 10 and "lie in one group" in by_key["split.group_by"]["why"]
    spec = ["--spec", str(tmp_path / "o" / "spec.yaml")]
    assert load_recipe(tmp_path / "o" / "recipe.yaml").training.steps == 400
    assert run(["ingest", str(data), "--name", "tiles", *spec, *store]) == 0
    assert run(["split", "dataset/tiles", *spec, *store, "--json"]) == 0
    split = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert sum(split["groups"].values()) == 6
    stored = Store(tmp_path / "store").get("dataset/tiles", Dataset)
    key = load_spec(tmp_path / "o" / "spec.yaml").split.group_by[0]
    assert {c[key] for c in stored.conditions} == {f"DSC_{1000 + 17 * k}" for k in range(6)}
    assert run(["init", str(tmp_path / "again"), "--from", "dataset/tiles", "--json", *store]) == 0
    assert load_spec(tmp_path / "again" / "spec.yaml").split.group_by == (key,)


def test_problems_of_the_source_and_its_options_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tiles(tmp_path / "tiles")
    other = data / "more" / "z.jpg"
    other.parent.mkdir()
    other.write_bytes((data / "images" / "DSC_1000_0.jpg").read_bytes())
    other.with_suffix(".txt").write_text("0 0.5 0.5 0.1 0.1\n")
    assert run(["init", str(tmp_path / "o"), "--from", str(data)]) == 0
    assert "error other-labels" in (err := capsys.readouterr().err) and "1 image has YOLO labels only" in err
    assert run(["init", str(tmp_path / "y"), "--from", str(data), "--format", "yolo", "--classes", "apple"]) == 0
    out = capsys.readouterr().out
    assert (
        f"next: boxwright ingest {data} --name tiles --spec {tmp_path / 'y' / 'spec.yaml'} --format yolo --classes apple"
        in out
    )


def test_nothing_is_written_where_the_data_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "o"), "--from", str(tmp_path / "nowhere")]) == 2
    assert run(["init", str(tmp_path / "o"), "--pictures", str(tmp_path)]) == 2
    assert "give it with --from DATA" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_bccd_names_its_subsets_and_ties_what_looks_alike(shared: Callable[[str], Path]) -> None:
    proposal = propose(survey(read_source(shared("data/bccd"))), name="bccd")
    written(proposal)
    assert proposal.subsets == {"train": 154, "val": 76, "test": 64}
    assert (proposal.spec.split.near_duplicates, proposal.spec.split.overlaps) == ("together", "together")
    assert proposal.spec.split.straddling == "report"
    assert proposal.recipe.model.input_hw == (480, 640)


def test_the_long_tail_without_images_is_proposed_from_the_annotations(shared: Callable[[str], Path]) -> None:
    proposal = propose(survey(read_source(shared("data/litter_boxes"))), name="litter")
    written(proposal)
    assert len(proposal.spec.classes) == 60
    assert sum("nothing to learn from" in told for told in proposal.beside.values()) >= 1


@pytest.mark.slow
def test_nuclei_get_room_for_their_crowds(shared: Callable[[str], Path]) -> None:
    proposal = propose(survey(read_source(shared("data/nuclei_dsb2018/annotations/fixed.json"))), name="nuclei")
    written(proposal)
    assert proposal.spec.output.max_detections == 600
