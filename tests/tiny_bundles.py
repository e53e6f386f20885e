"""A real bundle that costs nothing: its ONNX graph answers the same boxes to every image.

Serving, promoting and rolling back care about bytes, digests and answers, not about what a network learnt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from boxwright.artifacts import Bundle, Contract, Dataset, Report, Split, Verdict
from boxwright.artifacts.split import SplitSummary
from boxwright.images import read_picture, write_jpeg
from boxwright.inference import Detector
from boxwright.lifecycle import Stages
from boxwright.spec import Spec
from boxwright.spec.spec import OutputClause
from boxwright.store import Store
from tests.worlds import row

NAMES = ("carton", "pouch")
BOXES_XYXY = ((4.0, 4.0, 20.0, 20.0), (30.0, 10.0, 60.0, 40.0))


def jpeg(shade: int = 90) -> bytes:
    """A grey image of 64 by 48 pixels, the size of the model's input."""
    return write_jpeg(np.full((48, 64, 3), shade, np.uint8))


def tiny_bundle(
    folder: Path,
    *,
    scores: Sequence[float] = (0.9, 0.6),
    class_names: Sequence[str] = NAMES,
    golden: bool = True,
    **contract: Any,
) -> Bundle:
    """A bundle whose k-th box has class k and the k-th score.

    Args:
        folder: where its files are written.
        scores: (2,) of BOXES_XYXY.
        class_names: of its contract.
        golden: two golden images with the answers it gives itself.
        contract: more of the contract.
    """
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_model(scores, len(class_names)), folder / "model.onnx")
    made = Bundle(
        model=folder / "model.onnx",
        contract=Contract(
            class_names=tuple(class_names), input_hw=(48, 64), output=OutputClause(), spec_name="line",
            **{"score_thresholds": dict.fromkeys(class_names, 0.5), **contract},
        ),
        made_from={"checkpoint": "c" * 64},
    )  # fmt: skip
    return _with_golden(made, folder) if golden else made


PROMISE = {"acceptance": {"judge_on": "value", "require": ["ap50 >= 0.5"]}}


def keep_verdict(
    store: Store, bundle: Bundle, *, answered_by: Bundle | None = None, against: Bundle | None = None, **promise: Any
) -> Verdict:
    """Keep the bundle and a passing verdict about it, named `verdict/` and the digest's beginning; all it rests on is real.

    Args:
        store: keeps images, dataset, split, predictions, matches, report and verdict.
        bundle: what is judged.
        answered_by: whose answers are taken for the bundle's, where it cannot answer by itself.
        against: the baseline that it is compared with.
        promise: sections of the spec; PROMISE where nothing is given.
    """
    store.put(bundle)
    spec = Spec.model_validate(
        {"name": "line", "classes": [{"name": name} for name in bundle.contract.class_names], **(promise or PROMISE)}
    )
    data, parts = judged_data(store, bundle.contract.class_names)
    verdict = judge(store, spec, bundle, data, parts, answered_by=answered_by, against=against)
    store.point(f"verdict/{bundle.digest[:8]}", verdict.digest)
    return verdict


def judge(
    store: Store, spec: Spec, bundle: Bundle, data: Dataset, parts: Split, *, answered_by: Bundle | None = None,
    against: Bundle | None = None,
) -> Verdict:  # fmt: skip
    """A bundle predicted, evaluated and judged on the test side of a split, as `turn` does; everything is kept."""
    stages = Stages(store, spec, None, Path(), lambda *_: None)
    report = _report(store, stages, bundle, data, parts, answered_by=answered_by)
    before = _report(store, stages, against, data, parts) if against else None
    compared = [stages.compare(before, report)] if before else []
    for one in compared:
        store.put(one)
    verdict = stages.decide(report, before, (), compared)
    store.put(verdict)
    return verdict


def judged_data(store: Store, class_names: Sequence[str] = NAMES) -> tuple[Dataset, Split]:
    """Eight grey images with the two objects that a tiny bundle finds, all on the test side, in too few groups for intervals."""
    names = tuple(class_names)
    digests = store.pictures.add([jpeg(40 + 20 * k) for k in range(8)])
    boxes = [BOXES_XYXY[0], BOXES_XYXY[1]]
    rows = [
        {**row(k + 1, boxes, classes=[0, min(1, len(names) - 1)], picture=digest), "width": 64, "height": 48}
        for k, digest in enumerate(digests)
    ]
    data = Dataset.from_rows(rows, name="line", class_names=names, provenance={"format": "by hand"})
    parts = Split(
        image_ids=data.image_ids, side=("test",) * 8, group=tuple(f"g{k // 2}" for k in range(8)), summary=SplitSummary(seed=0),
        made_from={"dataset": data.digest},
    )  # fmt: skip
    store.put(data)
    store.put(parts)
    return data, parts


def _report(
    store: Store, stages: Stages, bundle: Bundle, data: Dataset, parts: Split, *, answered_by: Bundle | None = None
) -> Report:
    """A bundle predicted, matched and evaluated on the test side; everything is kept."""
    found = stages.predict(answered_by or bundle, data, parts, "test")
    found = replace(found, made_from={**found.made_from, "bundle": bundle.digest})
    matches = stages.match(found, data, parts, "test")
    report = stages.evaluate(matches, found, bundle, data, parts)
    for artifact in (bundle, found, matches, report):
        store.put(artifact)
    return report


def _model(scores: Sequence[float], classes: int) -> onnx.ModelProto:
    of_cells = np.zeros((1, 2, classes), np.float32)
    of_cells[0, [0, 1], [0, min(1, classes - 1)]] = scores
    constants = {
        "one_boxes": np.array([BOXES_XYXY], np.float32), "one_scores": of_cells, "zero": np.array([0], np.int64),
        "box_tail": np.array([2, 4], np.int64), "score_tail": np.array([2, classes], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Shape", ["pictures"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["n"], axis=0),
        helper.make_node("Concat", ["n", "box_tail"], ["box_shape"], axis=0),
        helper.make_node("Concat", ["n", "score_tail"], ["score_shape"], axis=0),
        helper.make_node("Expand", ["one_boxes", "box_shape"], ["boxes"]),
        helper.make_node("Expand", ["one_scores", "score_shape"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes, "tiny",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", 48, 64, 3])],
        [helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["n", 2, 4]),
         helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2, classes])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _with_golden(bundle: Bundle, folder: Path) -> Bundle:
    files, answers = {}, {}
    detector = Detector(bundle, raw_scores=True)
    for k in range(2):
        path = folder / f"{k}.jpg"
        path.write_bytes(jpeg(60 + 40 * k))
        found = detector.detect(read_picture(path.read_bytes()))
        files[f"golden/{k}.jpg"] = path
        answers[f"{k}.jpg"] = {
            "boxes_xyxy": found.boxes_xyxy.tolist(), "score": found.score.tolist(), "class_id": found.class_id.tolist(),
        }  # fmt: skip
    (folder / "answers.json").write_text(json.dumps(answers))
    return replace(bundle, golden={**files, "golden/answers.json": folder / "answers.json"})
