"""Whether an ONNX file is self-contained and known, decided on its bytes before any runtime sees them.

    external data      nowhere: initializers, attributes, subgraphs of If, Loop and Scan, functions
    operators          of the list in operators.py, or functions that the file itself defines
    tensors            hold exactly the bytes that their shape and type need
    operands           of a few operators, which could make answers random or end the process: operands.py
    structure          graphs nested at most MAX_NESTING deep, functions that do not call themselves, no training graph

What a graph computes is not looked at here: an endless loop or a huge result shows when it runs (opening.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from boxwright.errors import ModelError
from boxwright.graphs.operands import check_operands
from boxwright.graphs.operators import CONTRIB, CONTRIB_OPERATORS, IMPORTED, RANDOM, STANDARD, TEXT, is_reserved
from boxwright.graphs.wire import Message, count, integers, read_message, text

MAX_NESTING = 12  # graphs inside graphs; exported detectors have two or three
MAX_RANK = 32
_ORT_FORMAT = b"ORTM"  # at byte 4 of onnxruntime's own format; a valid ONNX file can be made to have it there
_BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2,
}  # fmt: skip
_STRING = 8
_FIELD_OF = {
    1: "float_data",
    14: "float_data",
    7: "int64_data",
    11: "double_data",
    15: "double_data",
    12: "uint64_data",
    13: "uint64_data",
}
_COMPLEX = {14, 15}
_NUMBERS = {
    "float_data": "float",
    "int32_data": "int",
    "int64_data": "int",
    "double_data": "double",
    "uint64_data": "int",
}

Called = tuple[str, str, str]  # domain, name, overload of a function


def check_graph(data: bytes) -> None:
    """Refuse a model that is not self-contained, not known, or not what it declares.

    Raises:
        ModelError: why, as the rest of a sentence that begins with the model; `reason` is one of `format`, `external`,
            `operator`, `size`, `nesting`.
    """
    if data[4:8] == _ORT_FORMAT:
        raise ModelError("it is in onnxruntime's own format (ORT); expected ONNX", reason="format")
    model = read_message(memoryview(data), "ModelProto")
    if "graph" not in model:
        raise ModelError("it is no ONNX file: it has no graph", reason="format")
    if model.get("training_info"):
        raise ModelError("it has a training graph (training_info); export it for inference", reason="format")
    if any(text(entry, "key") == "ort_config" for entry in model.get("metadata_props", [])):
        raise ModelError("its metadata configure the runtime (ort_config)", reason="format")
    functions = _functions(model)
    _check_domains(model, {domain for domain, _, _ in functions})
    _check_nodes(model["graph"][0], set(functions))
    for function in functions.values():
        _check_domains(function, {domain for domain, _, _ in functions})
        _check_nodes(function, set(functions))
    _check_calls(functions)
    check_operands(model["graph"][0], list(functions.values()), set(functions))


def _functions(model: Message) -> dict[Called, Message]:
    functions: dict[Called, Message] = {}
    for function in model.get("functions", []):
        called = (text(function, "domain"), text(function, "name"), text(function, "overload"))
        if is_reserved(called[0]):
            raise ModelError(f"it defines a function in the reserved domain '{called[0]}'", reason="operator")
        if called in functions:
            raise ModelError(f"it defines the function '{called[1]}' twice", reason="format")
        functions[called] = function
    return functions


def _check_domains(part: Message, own: set[str]) -> None:
    domains = [text(entry, "domain") for entry in part.get("opset_import", [])]
    for domain in domains:
        if domain not in IMPORTED | own | {CONTRIB}:
            raise ModelError(
                f"it uses operators of the domain '{domain}', which is not supported; expected ONNX operators",
                reason="operator",
            )
    if len(set(domains)) < len(domains):
        raise ModelError("it names the version of one operator set twice", reason="format")


def _check_nodes(part: Message, functions: set[Called], nesting: int = 0) -> None:
    """Check a graph or a function, and the graphs in its nodes."""
    if nesting > MAX_NESTING:
        raise ModelError(f"its graphs are nested more than {MAX_NESTING} deep", reason="nesting")
    for tensor in part.get("initializer", []):
        _check_tensor(tensor)
    _check_no_sparse(part.get("sparse_initializer", []))
    for node in part.get("node", []):
        _check_operator(node, functions)
        _check_attributes(node.get("attribute", []), functions, nesting)
    _check_attributes(part.get("attribute_proto", []), functions, nesting)


def _check_attributes(attributes: list[Message], functions: set[Called], nesting: int) -> None:
    for attribute in attributes:
        for tensor in (*attribute.get("t", []), *attribute.get("tensors", [])):
            _check_tensor(tensor)
        _check_no_sparse([*attribute.get("sparse_tensor", []), *attribute.get("sparse_tensors", [])])
        for graph in (*attribute.get("g", []), *attribute.get("graphs", [])):
            _check_nodes(graph, functions, nesting + 1)


def _check_operator(node: Message, functions: set[Called]) -> None:
    domain, name = text(node, "domain"), text(node, "op_type")
    if (domain, name, text(node, "overload")) in functions:
        return
    if domain in STANDARD and name in RANDOM:
        raise ModelError(f"it uses the random operator {name}: one image would have many answers", reason="operator")
    if (domain in STANDARD and name not in TEXT) or (domain == CONTRIB and name in CONTRIB_OPERATORS):
        return
    raise ModelError(
        f"it uses the operator {name!r} of the domain '{domain}', which is not supported", reason="operator"
    )


def _check_tensor(tensor: Message) -> None:
    """A tensor must hold, in this file, what its shape and type need: no less and no more."""
    name = text(tensor, "name")
    if tensor.get("external_data") or any(tensor.get("data_location", [])):
        where = next((text(e, "value") for e in tensor.get("external_data", []) if text(e, "key") == "location"), "")
        raise ModelError(
            f"its tensor '{name}' lies outside of it ({where!r}); save the model as one file, weights included",
            reason="external",
        )
    if "segment" in tensor:
        raise ModelError(f"its tensor '{name}' is stored in segments", reason="format")
    dims = integers(tensor.get("dims", []))
    if len(dims) > MAX_RANK or any(dim < 0 for dim in dims):
        raise ModelError(f"its tensor '{name}' has the shape {dims[:MAX_RANK]}", reason="size")
    kind = tensor.get("data_type", [0])[0]
    if kind != _STRING and kind not in _BITS:
        raise ModelError(f"its tensor '{name}' is of an unknown type ({kind})", reason="format")
    found, needed = _stored(tensor, kind, name), _needed(tensor, kind, prod(dims))
    if found != needed:
        raise ModelError(
            f"its tensor '{name}' of shape {dims} needs {needed} values or bytes and has {found}", reason="size"
        )


def _stored(tensor: Message, kind: int, name: str) -> int:
    """Bytes of raw data, or numbers in the one list that belongs to the type."""
    filled = [field for field in (*_NUMBERS, "string_data") if tensor.get(field)]
    own = "string_data" if kind == _STRING else _FIELD_OF.get(kind, "int32_data")
    if set(filled) - {own} or (filled and "raw_data" in tensor) or (kind == _STRING and "raw_data" in tensor):
        raise ModelError(
            f"its tensor '{name}' holds its values in two ways, or in those of another type", reason="format"
        )
    if "raw_data" in tensor:
        return len(tensor["raw_data"][0])
    values: list[Any] = tensor.get(own, [])
    return len(values) if own == "string_data" else count(values, _NUMBERS[own])


def _needed(tensor: Message, kind: int, elements: int) -> int:
    if kind == _STRING:
        return elements
    if "raw_data" in tensor:
        return -(-elements * _BITS[kind] // 8)
    return -(-elements * _BITS[kind] // 8) if _BITS[kind] < 8 else elements * (2 if kind in _COMPLEX else 1)


def _check_no_sparse(tensors: list[Message]) -> None:
    if tensors:
        raise ModelError(
            "it has sparse tensors, which unfold to any size when loaded; save it with dense ones", reason="size"
        )


def _check_calls(functions: dict[Called, Message]) -> None:
    """Functions that call themselves, directly or through others, have no end."""
    finished: set[Called] = set()
    for start in functions:
        open_calls: list[tuple[Called, Iterator[Called]]] = [(start, _calls(functions[start], functions))]
        on_the_way = {start}
        while open_calls and start not in finished:
            called, remaining = open_calls[-1]
            following = next((each for each in remaining if each not in finished), None)
            if following is None:
                finished.add(called)
                on_the_way.discard(called)
                open_calls.pop()
            elif following in on_the_way:
                raise ModelError(f"its function '{following[1]}' calls itself", reason="nesting")
            else:
                on_the_way.add(following)
                open_calls.append((following, _calls(functions[following], functions)))


def _calls(part: Message, functions: dict[Called, Message]) -> Iterator[Called]:
    """The functions called by the nodes of a function or graph, and of the graphs within."""
    for node in part.get("node", []):
        called = (text(node, "domain"), text(node, "op_type"), text(node, "overload"))
        if called in functions:
            yield called
        for attribute in node.get("attribute", []):
            for graph in (*attribute.get("g", []), *attribute.get("graphs", [])):
                yield from _calls(graph, functions)
