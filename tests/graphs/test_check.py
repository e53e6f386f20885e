"""What is refused by its bytes alone, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from boxwright.errors import ModelError
from boxwright.graphs.check import check_graph
from boxwright.graphs.messages import MESSAGES
from boxwright.graphs.wire import count, integers, read_message
from tests.crafted_models import CRAFTED, model, node
from tests.tiny_bundles import tiny_bundle

BY_BYTES = {"external", "operator", "size", "nesting", "format"}


@pytest.mark.parametrize("name", [name for name, case in CRAFTED.items() if case.reasons <= BY_BYTES])
def test_a_model_that_is_not_self_contained_or_known_is_refused_by_its_bytes(trap: Path, name: str) -> None:
    with pytest.raises(ModelError) as refused:
        check_graph(CRAFTED[name].make(str(trap)))
    assert refused.value.reason in CRAFTED[name].reasons


def test_the_table_of_fields_is_that_of_the_onnx_package() -> None:
    kinds = {1: "double", 2: "float", 3: "int", 4: "int", 5: "int", 9: "text", 12: "text", 14: "enum"}
    seen: dict[str, set[tuple[int, str, str, bool]]] = {}

    def walk(message) -> None:  # type: ignore[no-untyped-def]
        if message.name in seen:
            return
        seen[message.name] = set()
        for field in message.fields:
            kind = field.message_type.name if field.message_type else kinds[field.type]
            seen[message.name].add((field.number, field.name, kind, field.is_repeated))
            if field.message_type:
                walk(field.message_type)

    walk(onnx.ModelProto.DESCRIPTOR)
    ours = {name: {(f.number, f.name, f.kind, f.repeated) for f in fields} for name, fields in MESSAGES.items()}
    assert ours == seen


def test_a_whole_model_is_read_as_onnx_reads_it(tmp_path: Path) -> None:
    data = tiny_bundle(tmp_path, golden=False).model.read_bytes()
    ours, theirs = read_message(memoryview(data), "ModelProto"), onnx.load_from_string(data)
    assert [bytes(n["op_type"][0]).decode() for n in ours["graph"][0]["node"]] == [n.op_type for n in theirs.graph.node]
    for mine, other in zip(ours["graph"][0]["initializer"], theirs.graph.initializer, strict=True):
        assert integers(mine.get("dims", [])) == list(other.dims)
        assert bytes(mine["raw_data"][0]) == other.raw_data


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30), st.lists(st.floats(width=32), max_size=30))
def test_lists_of_numbers_are_read_and_counted(ints: list[int], floats: list[float]) -> None:
    made = onnx.TensorProto(dims=ints, int64_data=ints, float_data=floats)
    read = read_message(memoryview(made.SerializeToString()), "TensorProto")
    assert integers(read.get("dims", [])) == ints  # one field each
    assert integers(read.get("int64_data", [])) == ints  # packed
    assert count(read.get("dims", []), "int") == count(read.get("int64_data", []), "int") == len(ints)
    assert count(read.get("float_data", []), "float") == len(floats)


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_end_in_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(ModelError):
        check_graph(data)


@settings(max_examples=200)
@given(st.data())
def test_a_changed_byte_ends_in_a_model_or_in_one_kind_of_error(data: st.DataObject) -> None:
    whole = bytearray(model(functions=[], opsets={}).SerializeToString())
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_graph(bytes(whole))
    except ModelError as error:
        assert error.reason in BY_BYTES


@pytest.mark.parametrize(
    "array",
    [np.zeros(()), np.zeros((0, 4)), np.zeros((3, 4), np.float16), np.zeros(5, bool), np.arange(7, dtype=np.int8), np.array(["a", "b"], object),
     np.zeros(2, np.complex64)],
    ids=lambda array: f"{array.dtype}{array.shape}",
)  # fmt: skip
@pytest.mark.parametrize("raw", [True, False])
def test_every_honest_way_to_store_a_tensor_passes(array: np.ndarray, raw: bool) -> None:
    if raw or array.dtype == object:
        tensor = numpy_helper.from_array(array, "t")
    else:
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        tensor = helper.make_tensor("t", kind, array.shape, array.ravel().tolist())
    check_graph(model(tensors=[tensor]).SerializeToString())


@pytest.mark.parametrize(
    "kind", [onnx.TensorProto.INT4, onnx.TensorProto.UINT4, onnx.TensorProto.BFLOAT16, onnx.TensorProto.FLOAT8E4M3FN]
)
def test_small_types_pass_as_onnx_stores_them(kind: int) -> None:
    tensor = helper.make_tensor("t", kind, [5], [0, 1, 1, 0, 1])
    check_graph(model(tensors=[tensor]).SerializeToString())


def test_functions_of_the_model_itself_and_quantised_operators_pass() -> None:
    function = helper.make_function(
        "pkg.torch", "Twice", ["x"], ["y"], [node("Add", "x x", "y")], [helper.make_opsetid("", 17)]
    )
    nodes = [helper.make_node("Twice", ["one_boxes"], ["more"], domain="pkg.torch"),
             helper.make_node("QLinearSigmoid", ["a"] * 5, ["b"], domain="com.microsoft")]  # fmt: skip
    check_graph(model(nodes, functions=[function], opsets={"pkg.torch": 1, "com.microsoft": 1}).SerializeToString())


def test_detectors_of_other_trainers_pass_unless_their_weights_lie_in_another_file(
    shared: Callable[[str], Path],
) -> None:
    refused, found = {}, sorted(shared("cases/models").glob("*/model.onnx"))
    assert found
    for path in found:
        try:
            check_graph(path.read_bytes())
        except ModelError as error:
            refused[path.parent.name] = error.reason
    assert refused == {"yolov8-external": "external"}
