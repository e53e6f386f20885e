"""A model that answers nonsense, or nothing, to one image: that image has no answer and no record, the next one has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from boxwright.artifacts import Bundle
from boxwright.images import write_jpeg
from boxwright.serving.limits import Limits
from tests.crafted_models import BOXES, SCORES, TRIGGER, triggered
from tests.serving.asgi import Answer, Line, run_async
from tests.tiny_bundles import jpeg, tiny_bundle

NONSENSE = write_jpeg(np.full((48, 64, 3), TRIGGER, np.uint8))


def bundle_of(folder: Path, data: bytes) -> Bundle:
    bundle = tiny_bundle(folder, golden=False)
    (folder / "crafted.onnx").write_bytes(data)
    return replace(bundle, model=folder / "crafted.onnx")


@pytest.mark.parametrize(
    "bad, kind",
    [
        ({"scores": SCORES * np.nan}, "not_finite"),
        ({"scores": SCORES * 10}, "score_range"),
        ({"boxes": BOXES * 1e6}, "box_range"),
    ],
)
def test_an_invalid_output_is_a_counted_500_without_a_record(tmp_path: Path, bad: dict, kind: str) -> None:
    line = Line(tmp_path, Limits(), bundle=bundle_of(tmp_path / "b", triggered(**bad)))

    async def ask() -> tuple[Answer, Answer, float]:
        found = await line.ask(NONSENSE), await line.ask(jpeg(20))
        return *found, await line.meter(f'boxwright_invalid_output_total{{kind="{kind}"}}')

    wrong, right, counted = run_async(ask())
    assert (wrong.status, right.status, counted) == (500, 200, 1)
    assert kind in wrong.body["error"]
    assert line.journaled() == 1


def test_a_run_without_end_ends_with_the_deadline(tmp_path: Path) -> None:
    line = Line(tmp_path, Limits(in_flight=1), bundle=bundle_of(tmp_path / "b", triggered(endless=True)))

    async def ask() -> tuple[Answer, Answer, float]:
        found = await line.ask(NONSENSE, X_Request_Timeout_Ms="500"), await line.ask(jpeg(20))
        return *found, await line.meter('boxwright_deadline_exceeded_total{stage="infer"}')

    late, right, counted = run_async(ask())
    assert (late.status, right.status, counted) == (504, 200, 1)
    assert line.journaled() == 1
