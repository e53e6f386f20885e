"""Operands that would make answers random or end the process: refused where pixels choose them, and only there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from boxwright.errors import ModelError
from boxwright.graphs.check import check_graph
from boxwright.graphs.runtime import open_session
from tests.crafted_models import by_first_pixel, field, node

TORCH_NORM = [node("Cast", "pictures", "floats", to=TensorProto.FLOAT), node("Transpose", "floats", "x", perm=[0, 3, 1, 2]),
              node("Conv", "x w", "c"), node("Reshape", "c groups", "g"), node("InstanceNormalization", "g one1 zero1", "n"),
              node("Shape", "c", "s"), node("Reshape", "n s", "back"), node("Concat", "back c", "more", axis=1)]  # fmt: skip
NORM_CONSTANTS = {
    "w": np.ones((4, 3, 1, 1), np.float32),
    "groups": np.array([0, 1, -1]),
    "one1": np.ones(1, np.float32),
    "zero1": np.zeros(1, np.float32),
}
INT = {"three": np.array([3]), "one": np.array([1], np.float32), "eps": np.float32(1e-6)}

HONEST: dict[str, tuple[list[onnx.NodeProto], dict[str, Any]]] = {
    "integers_by_constant": ([node("Cast", "byte", "b", to=7), node("Div", "b three", "d"), node("Mod", "b three", "m"), node("Add", "d m", "more")], INT),
    "integers_by_constant_node": (
        [node("Cast", "byte", "b", to=7), node("Constant", "", "by", value=numpy_helper.from_array(np.array([8]))), node("Div", "b by", "more")], INT
    ),
    "integers_by_list_of_constant_node": ([node("Cast", "byte", "b", to=7), node("Constant", "", "by", value_ints=[8]), node("Div", "b by", "more")], INT),
    "floats_by_computed": ([node("Cast", "byte", "b", to=1), node("Mul", "b one", "c"), node("Div", "b c", "d"), node("Cast", "d", "more", to=7)], INT),
    "floats_by_norm": ([node("Cast", "byte", "b", to=1), node("ReduceL2", "b", "n", keepdims=1), node("Max", "n eps", "m"), node("Div", "b m", "more")], INT),
    "sizes_by_sizes": ([node("Shape", "pictures", "s"), node("Gather", "s first", "n"), node("Add", "n first", "k"), node("Div", "s k", "more")], INT),
    "pixels_by_sizes": (
        [node("Cast", "byte", "b", to=7), node("Shape", "pictures", "s"), node("Gather", "s three", "n"), node("Div", "n three", "k"), node("Mod", "b n", "r"),
         node("Div", "r n", "d"), node("Concat", "d k", "more", axis=0)], INT
    ),
    "group_norm_of_torch": (TORCH_NORM, NORM_CONSTANTS),
    "dropout_for_inference": (
        [node("Cast", "byte", "b", to=1), node("Dropout", "b eps off", "c"), node("Dropout", "c", "more")], {**INT, "off": np.array(False)}
    ),
    "dropout_off_by_constant_node": (
        [node("Cast", "byte", "b", to=1), node("Constant", "", "off", value=numpy_helper.from_array(np.array(False))),
         node("Dropout", "b eps off", "more")], INT
    ),
    "batch_norm": ([node("Cast", "pictures", "x", to=1), node("BatchNormalization", "x w48 w48 w48 w48", "more", training_mode=0)], {"w48": np.ones(48, np.float32)}),
    "spectrum": ([node("Cast", "pictures", "x", to=1), node("Reshape", "x long", "y"), helper.make_node("STFT", ["y", "step", "", "length"], ["more"])],
                 {"long": np.array([1, -1, 1]), "step": np.array(8), "length": np.array(16)}),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_operands_that_no_pixel_can_make_dangerous_pass_and_run(name: str) -> None:
    nodes, constants = HONEST[name]
    data = by_first_pixel(nodes, constants)
    check_graph(data)
    open_session(data).run(None, {"pictures": np.full((1, 48, 64, 3), 9, np.uint8)})


@pytest.mark.parametrize("stored", ["raw", "listed", "listed_without_sign"])
@pytest.mark.parametrize("by", [-1, 0])
def test_a_constant_divisor_is_read_however_it_is_stored(stored: str, by: int) -> None:
    tensor = numpy_helper.from_array(np.array([3, by], np.int32), "by")
    if stored != "raw":
        tensor = helper.make_tensor("by", TensorProto.INT32, [2], [3, by])
    nodes = [node("Cast", "byte", "b", to=TensorProto.INT32), node("Div", "b by", "more")]
    made = onnx.load_from_string(by_first_pixel(nodes, {}))
    made.graph.initializer.append(tensor)
    data = made.SerializeToString()
    if stored == "listed_without_sign" and by == -1:
        signed = b"\x2a\x0b\x03" + b"\xff" * 9 + b"\x01"
        assert data.count(signed) == 1 and len(tensor.SerializeToString()) < 100
        short = b"\x2a\x06\x03\xff\xff\xff\xff\x0f"
        part = tensor.SerializeToString()
        made.graph.initializer.pop()
        graph = made.graph.SerializeToString() + field(5, part.replace(signed, short))
        made.ClearField("graph")
        data = made.SerializeToString() + field(7, graph)
        assert list(onnx.load_from_string(data).graph.initializer[-1].int32_data) == [3, -1]
    with pytest.raises(ModelError, match="divide integers"):
        check_graph(data)


@pytest.mark.slow  # the export takes 20 s
def test_our_own_network_passes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from boxwright.export.onnx import write_onnx
    from boxwright.training.recipe import Recipe
    from boxwright.training.run import new_network

    write_onnx(new_network(2, Recipe()).eval(), tmp_path / "model.onnx", input_hw=(64, 64))
    check_graph((tmp_path / "model.onnx").read_bytes())


@pytest.mark.parametrize("training", ["initializer", "node"])
def test_dropout_in_training_mode_is_refused_however_it_is_switched_on(training: str) -> None:
    nodes = [node("Cast", "byte", "b", to=1), node("Dropout", "b eps on", "more")]
    constants: dict[str, Any] = {"eps": np.float32(0.1)}
    if training == "initializer":
        constants["on"] = np.array(True)
    else:
        nodes.insert(0, node("Constant", "", "on", value=numpy_helper.from_array(np.array(True))))
    with pytest.raises(ModelError, match="training mode") as refused:
        check_graph(by_first_pixel(nodes, constants))
    assert refused.value.reason == "operator"
