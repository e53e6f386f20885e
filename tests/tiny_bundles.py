"""A real bundle that costs nothing: its ONNX graph answers the same boxes to every image.

Serving, promoting and rolling back care about bytes, digests and answers, not about what a network learnt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from boxwright.artifacts import Bundle, Check, Contract, Verdict
from boxwright.images import read_picture, write_jpeg
from boxwright.inference import Detector
from boxwright.spec.spec import OutputClause
from boxwright.store import Store

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


def keep_verdict(store: Store, bundle: Bundle) -> Verdict:
    """Keep the bundle and a passing verdict about it, named `verdict/` and the digest's beginning."""
    store.put(bundle)
    verdict = Verdict(
        spec_name="line", bundle=bundle.digest, checks=(Check("ap50 >= 0.5", 0.5, 0.8, 0.75, 0.85, "met"),)
    )
    store.put(verdict, name=f"verdict/{bundle.digest[:8]}")
    return verdict


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
    from dataclasses import replace

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
