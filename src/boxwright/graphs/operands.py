"""Operands that could make a model's answers random, or end the process that runs it, on some image that nobody tested.

The child process runs a model on a few images (confined.py). What an operator does with values that stand in the file, or
follow from the input's shape, shows there. What it does with values that pixels choose does not; so where onnxruntime
answers some value by ending the whole process, or by drawing random numbers, pixels must not choose it, nor whether the
operator runs at all:

    Dropout, BatchNormalization       not in training mode
    Div, Mod of integers              the least integer divided by -1 is a signal (SIGFPE)
    STFT, DFT, MelWeightMatrix        lengths of 0 are one
    InstanceNormalization, LSTM, ...  tensors without elements, or of other sizes, are one (SIGSEGV, SIGABRT, SIGFPE)
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from boxwright.errors import ModelError
from boxwright.graphs.known import NOTHING, Known, Scope, attribute, begin_scope, learn, of_inputs, outputs
from boxwright.graphs.operators import CONTRIB, STANDARD
from boxwright.graphs.wire import Message, integers, text

Called = tuple[str, str, str]

# Operator to the inputs whose shape no pixel may change, and those whose values none may change either.
_STEADY_AND_FIXED = {
    ("", "STFT"): ((0, 2), (1, 3)), ("", "DFT"): ((0,), (1, 2)), ("", "MelWeightMatrix"): ((), (0, 1, 2, 3, 4)),
    ("", "InstanceNormalization"): ((0, 1, 2), ()), ("", "LSTM"): ((0, 5, 6), (4,)), ("", "GRU"): ((0, 5), (4,)), ("", "RNN"): ((0, 5), (4,)),
    (CONTRIB, "DynamicQuantizeLSTM"): ((0, 5, 6), (4,)), (CONTRIB, "MultiHeadAttention"): ((0, 1, 2, 3, 4, 5, 6, 7), ()),
    (CONTRIB, "SkipLayerNormalization"): ((0, 1), ()), (CONTRIB, "SkipSimplifiedLayerNormalization"): ((0, 1), ()),
    (CONTRIB, "QLinearAveragePool"): ((0,), ()), (CONTRIB, "Inverse"): ((0,), ()),
}  # fmt: skip


def check_operands(graph: Message, functions: list[Message], defined: set[Called]) -> None:
    """Check a model's graph, its functions, and the graphs in their nodes.

    Args:
        graph: the model's GraphProto.
        functions: its FunctionProtos; what they are called with is taken to be anything.
        defined: domain, name and overload of the functions.

    Raises:
        ModelError: `reason` is `operator`.
    """
    _check(graph, begin_scope(graph, {}, outermost=True), defined, always_run=True)
    for function in functions:
        _check(function, begin_scope(function, {}, outermost=False), defined, always_run=False)
        for default in function.get("attribute_proto", []):
            _check_graphs(default, {}, defined)


def _check(part: Message, scope: dict[str, Known], defined: set[Called], *, always_run: bool) -> None:
    """Check a graph's or function's nodes; `always_run` where every image makes every one of them run."""
    nodes = part.get("node", [])
    times = Counter(name for node in nodes for name in outputs(node))
    twice = {name for name, often in times.items() if often > 1}
    for node in nodes:
        own = (text(node, "domain"), text(node, "op_type"), text(node, "overload")) in defined
        for each in node.get("attribute", []):
            _check_graphs(each, {} if own else scope, defined)  # the function decides what names mean in them
        if not own:
            _check_node(node, scope, always_run=always_run)
            learn(node, scope, twice)


def _check_graphs(attribute: Message, scope: Scope, defined: set[Called]) -> None:
    for graph in (*attribute.get("g", []), *attribute.get("graphs", [])):
        _check(graph, begin_scope(graph, scope, outermost=False), defined, always_run=False)


def _check_node(node: Message, scope: Scope, *, always_run: bool) -> None:
    domain, operator = text(node, "domain"), text(node, "op_type")
    given = of_inputs(node, scope)
    if domain in STANDARD:
        if operator == "Dropout":
            _check_dropout(node, given)
        elif operator == "BatchNormalization":
            _check_batch_normalisation(node)
        elif operator in ("Div", "Mod"):
            _check_division(node, given, always_run=always_run)
    careful = _STEADY_AND_FIXED.get(("" if domain in STANDARD else domain, operator))
    if careful is not None:
        _check_steady_and_fixed(node, given, *careful, always_run=always_run)


def _check_steady_and_fixed(
    node: Message, given: list[Known | None], steady: tuple[int, ...], fixed: tuple[int, ...], *, always_run: bool
) -> None:
    if not always_run:
        raise ModelError(
            f"its operator {_name(node)} stands in a function or in a graph of If, Loop or Scan, which test images need not "
            "reach, and some inputs of it would end the process; expected it in the model's own graph",
            reason="operator",
        )
    for k, known in enumerate(given):
        if known is not None and ((k in (*steady, *fixed) and not known.steady) or (k in fixed and not known.fixed)):
            what = "values" if known.steady else "shape"
            raise ModelError(
                f"the {what} of input {k} of its operator {_name(node)} may change with the image, and some would end "
                "the process; expected what is constant or follows from the shape of the images",
                reason="operator",
            )


def _check_dropout(node: Message, given: list[Known | None]) -> None:
    training = given[2] if len(given) > 2 else None
    if training is None or (training.constant is not None and not training.constant.any()):
        return
    raise ModelError(
        f"its operator {_name(node)} is, or can be set, in training mode, where it draws random numbers; "
        "export the model for inference",
        reason="operator",
    )


def _check_batch_normalisation(node: Message) -> None:
    named = [each for each in node.get("attribute", []) if text(each, "name") == "training_mode"]
    found = attribute(node, "training_mode")
    if named and (found is None or any(integers(found.get("i", [])))):
        raise ModelError(
            f"its operator {_name(node)} is in training mode, where an image's answer depends on the others of its batch; "
            "export the model for inference",
            reason="operator",
        )


def _check_division(node: Message, given: list[Known | None], *, always_run: bool) -> None:
    dividend, divisor = ([known or NOTHING for known in given] + [NOTHING, NOTHING])[:2]
    if dividend.floating or divisor.floating or (always_run and dividend.fixed and divisor.fixed):
        return
    if divisor.sizes:  # 0 among them is an error that onnxruntime reports
        return
    if divisor.constant is not None and divisor.constant.all() and not _has_minus_one(divisor.constant):
        return
    raise ModelError(
        f"its operator {_name(node)} may divide integers by 0 or -1, which can end the process on some image; "
        "divide by a constant that is neither, or cast to float first",
        reason="operator",
    )


def _has_minus_one(values: np.ndarray) -> bool:
    return np.issubdtype(values.dtype, np.signedinteger) and bool((values == -1).any())


def _name(node: Message) -> str:
    return f"{text(node, 'op_type')} '{text(node, 'name')}'" if "name" in node else text(node, "op_type")
