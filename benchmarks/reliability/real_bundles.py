"""Bundles with a network that takes real time and memory to load and to run, and answers by which they can be told apart.

A stack of convolutions with random weights sees the whole image, and its result is added with weight 0 to boxes and scores that are
always the same: the time is that of a network, the answer is known.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from boxwright.artifacts import Bundle, Contract
from boxwright.spec.spec import OutputClause
from tests.tiny_bundles import BOXES_XYXY, _with_golden

INPUT_HW = (192, 256)


def real_bundle(
    folder: Path, class_names: Sequence[str], *, scores: tuple[float, float], seed: int, widths: Sequence[int]
) -> Bundle:
    """A bundle whose k-th box has class k and the k-th score.

    Args:
        folder: where its files are written.
        class_names: two.
        scores: of the two boxes.
        seed: of the weights.
        widths: channels of the convolutions; each halves the image.
    """
    folder.mkdir(parents=True)
    onnx.save(_network(scores, seed, widths), folder / "model.onnx")
    contract = Contract(
        class_names=tuple(class_names), input_hw=INPUT_HW, output=OutputClause(), spec_name="line",
        score_thresholds=dict.fromkeys(class_names, 0.5),
    )  # fmt: skip
    return _with_golden(
        Bundle(model=folder / "model.onnx", contract=contract, made_from={"checkpoint": "c" * 64}), folder
    )


def damaged(bundle: Bundle, folder: Path) -> Bundle:
    """The same under another digest, with golden answers that it does not give."""
    folder.mkdir(parents=True)
    answers = folder / "answers.json"
    moved = json.loads(bundle.golden["golden/answers.json"].read_text())
    for answer in moved.values():
        answer["boxes_xyxy"] = [[value + 10 for value in box] for box in answer["boxes_xyxy"]]
    answers.write_text(json.dumps(moved))
    return replace(bundle, golden={**bundle.golden, "golden/answers.json": answers})


def _network(scores: tuple[float, float], seed: int, widths: Sequence[int]) -> onnx.ModelProto:
    rng = np.random.default_rng(seed)
    constants: dict[str, np.ndarray] = {
        "boxes_one": np.array([BOXES_XYXY], np.float32),
        "scores_one": np.array([[[scores[0], 0], [0, scores[1]]]], np.float32),
        "nothing": np.zeros((1, 1, 1), np.float32),
        "vector": np.array([-1, 1, 1], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["pictures"], ["as_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["as_float"], ["x0"], perm=[0, 3, 1, 2]),
    ]
    before = 3
    for k, width in enumerate(widths):
        constants[f"w{k}"] = (rng.standard_normal((width, before, 3, 3)) / (3 * before**0.5)).astype(np.float32)
        nodes += [
            helper.make_node("Conv", [f"x{k}", f"w{k}"], [f"c{k}"], strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{k}"], [f"x{k + 1}"]),
        ]
        before = width
    nodes += [
        helper.make_node("ReduceMean", [f"x{len(widths)}"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["mean", "vector"], ["mean_3"]),
        helper.make_node("Mul", ["mean_3", "nothing"], ["zero"]),
        helper.make_node("Add", ["zero", "boxes_one"], ["boxes"]),
        helper.make_node("Add", ["zero", "scores_one"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes, "real",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", *INPUT_HW, 3])],
        [helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["n", 2, 4]),
         helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2, 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
