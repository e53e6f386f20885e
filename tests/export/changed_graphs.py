"""The exported graph with one thing wrong in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from boxwright.artifacts import Bundle

Change = Callable[[onnx.GraphProto], None]


def changed(bundle: Bundle, folder: Path, change: Change) -> Bundle:
    """The bundle around the changed graph."""
    model = onnx.load(bundle.model)
    change(model.graph)
    onnx.save(model, folder / "changed.onnx")
    return replace(bundle, model=folder / "changed.onnx")


def after(output: str, op: str, constant: NDArray, **attributes: int) -> Change:
    """An output goes through one more operator."""

    def change(graph: onnx.GraphProto) -> None:
        for node in graph.node:
            for names in (node.output, node.input):
                for k, name in enumerate(names):
                    names[k] = f"{name}_before" if name == output else name
        graph.initializer.append(numpy_helper.from_array(np.asarray(constant), "one_more"))
        graph.node.append(helper.make_node(op, [f"{output}_before", "one_more"], [output], **attributes))

    return change


def before(op: str, constant: NDArray, **attributes: int) -> Change:
    """The pictures go through one more operator."""

    def change(graph: onnx.GraphProto) -> None:
        name = graph.input[0].name
        for node in graph.node:
            for k, used in enumerate(node.input):
                node.input[k] = f"{name}_after" if used == name else used
        graph.initializer.append(numpy_helper.from_array(np.asarray(constant), "one_more"))
        graph.node.insert(0, helper.make_node(op, [name, "one_more"], [f"{name}_after"], **attributes))

    return change


def first_of_batch(output: str) -> Change:
    """Every picture gets the answer of the first one of its batch."""

    def change(graph: onnx.GraphProto) -> None:
        after(output, "Gather", np.array([0]), axis=0)(graph)
        graph.node[-1].output[0] = "first"
        graph.node.append(helper.make_node("Shape", [f"{output}_before"], ["whole_shape"]))
        graph.node.append(helper.make_node("Expand", ["first", "whole_shape"], [output]))

    return change


def weights(times: float) -> Change:
    """The largest kernel is another one."""

    def change(graph: onnx.GraphProto) -> None:
        kernels = [tensor for tensor in graph.initializer if len(tensor.dims) == 4]
        largest = max(kernels, key=lambda tensor: int(np.prod(tensor.dims)))
        values = numpy_helper.to_array(largest)
        largest.CopyFrom(numpy_helper.from_array((values * times).astype(values.dtype), largest.name))

    return change
