"""A detector that needs no training: an ONNX graph that finds red and green blocks, cell by cell.

The input of 64 by 96 pixels has cells of 8 by 8. The score of a cell for the two classes is how red and how green it is on average;
its box is the cell, grown on every side by 4 pixels where it is entirely blue. So an answer depends on what is seen and where.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from boxwright.artifacts import Bundle, Contract
from boxwright.spec.spec import OutputClause, SuppressionClause

INPUT_HW = (64, 96)
CELL = 8
NAMES = ("red", "green")
PADDING_SCORE = 114 / 255  # of a cell in the band of the letterbox


def finder(folder: Path, *, score_floor: float = PADDING_SCORE + 0.005, **contract: Any) -> Bundle:
    """A bundle around the graph; by default a cell in the band is not quite a detection, and one with a trace of red in it is."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_model(), folder / "model.onnx")
    output = OutputClause(
        score_floor=score_floor, max_detections=1000, suppression=SuppressionClause(iou_threshold=0.9)
    )
    return Bundle(
        model=folder / "model.onnx",
        contract=Contract(class_names=NAMES, input_hw=INPUT_HW, output=output, spec_name="blocks", **contract),
        made_from={"checkpoint": "c" * 64},
    )


def noisy(height: int, width: int, *, seed: int) -> NDArray[np.uint8]:
    """Blocks of noise, some of them red and green enough to be found."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 9 + 1, width // 9 + 1, 3)).astype(np.uint8)
    return np.ascontiguousarray(coarse.repeat(9, axis=0).repeat(9, axis=1)[:height, :width])


def _model() -> onnx.ModelProto:
    rows, columns = (side // CELL for side in INPUT_HW)
    top, left = (side.ravel() * CELL for side in np.mgrid[:rows, :columns])
    cells = np.stack([left, top, left + CELL, top + CELL], axis=1)[None].astype(np.float32)
    constants = {
        "cells": cells, "grow": np.array([-4, -4, 4, 4], np.float32), "unit": np.float32(1 / 255),
        "flat": np.array([0, 3, rows * columns], np.int64), "scored": np.array([0, 1], np.int64), "sized": np.array([2], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Cast", ["pictures"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["pooled"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Reshape", ["pooled", "flat"], ["flattened"]),
        helper.make_node("Transpose", ["flattened"], ["levels"], perm=[0, 2, 1]),
        helper.make_node("Mul", ["levels", "unit"], ["shares"]),
        helper.make_node("Gather", ["shares", "scored"], ["scores"], axis=2),
        helper.make_node("Gather", ["shares", "sized"], ["blue"], axis=2),
        helper.make_node("Mul", ["blue", "grow"], ["grown"]),
        helper.make_node("Add", ["cells", "grown"], ["boxes"]),
    ]
    graph = helper.make_graph(
        nodes, "blocks",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", *INPUT_HW, 3])],
        [helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["n", rows * columns, 4]),
         helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", rows * columns, 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
