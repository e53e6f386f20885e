"""A small world that really went through the loop once: trained, exported, judged, promoted. Made once per test run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from boxwright.artifacts import Bundle, Dataset
from boxwright.cli.packing_line import write_frames
from boxwright.ingestion import ingest
from boxwright.lifecycle import Turned, turn
from boxwright.spec import Spec, parse_spec
from boxwright.store import Store
from boxwright.synthesis import packing_line
from tests.once import once

SPEC = """
name: small
classes: [{name: carton}, {name: pouch}, {name: bottle}, {name: can}]
conditions: [{name: lighting, bins: [bright, warm, dim]}, {name: box_size, source: measured, bins: [0, 32, 1000]}]
split: {group_by: [clip], train: 0.6, val: 0.2, test: 0.2}
constraints: {input_hw: [192, 256]}
acceptance: {judge_on: value, require: [ap50 >= 0.02, recall >= 0.01, parity_iou >= 0.99, ap50 >= baseline - 1]}
monitoring: {window: 40, least_effect: 0.4, false_alarm: 0.3}
review: {budget: 12}
"""
RECIPE = {
    "model": {"input_hw": [192, 256], "width": 0.5},
    "training": {
        "steps": 160,
        "batch": 8,
        "crop": 160,
        "warmup_steps": 20,
        "validate_every": 80,
        "learning_rate": 0.003,
    },
    "augment": {"mosaic": 0.0, "scale": [0.6, 0.8]},
}


@dataclass(frozen=True)
class World:
    """Where the small world lies."""

    root: Path
    spec: Spec

    @property
    def store(self) -> Store:
        return Store(self.root / "store")

    @property
    def candidate(self) -> Bundle:
        return self.store.get("candidate/small", Bundle)

    @property
    def dataset(self) -> Dataset:
        return self.store.get("dataset/small", Dataset)

    def turn(self, said: list[str], **more) -> Turned:
        from boxwright.training import Recipe

        return turn(
            self.store, self.spec, Recipe.model_validate(RECIPE), self.dataset, work_folder=self.root / "work",
            say=said.append, progress=lambda *_: None, **more,
        )  # fmt: skip


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> World:
    with once(tmp_path_factory, worker_id, "small-world") as (root, empty):
        made = World(root, parse_spec(SPEC))
        if empty:
            (root / "spec.yaml").write_text(SPEC)
            (root / "recipe.yaml").write_text(json.dumps(RECIPE))
            write_frames(root / "data", list(packing_line(90, season="summer", seed=5, frames_per_clip=2)))
            dataset, reading = ingest(
                root / "data" / "annotations.json", name="small", keep=made.store.pictures.add, spec=made.spec
            )
            assert reading.problems == []
            made.store.put(dataset, name="dataset/small")
            turned = made.turn([])
            for name, artifact in (("candidate", turned.candidate), ("verdict", turned.verdict), ("split", turned.split),
                                   ("checkpoint", turned.checkpoint), ("report", turned.report)):  # fmt: skip
                made.store.point(f"{name}/small", artifact.digest)
    return made
