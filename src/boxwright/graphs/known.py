"""What a graph's text says of its tensors: which hold floats, which are constant, what of them no pixel changes.

Less is known than could be: what is not certain is not said. Names are read as onnxruntime reads them (the innermost graph
that defines a name wins); a name that is defined more than once, or not yet, tells nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.graphs.operators import CONTRIB, STANDARD
from boxwright.graphs.wire import Message, count, integers, shown, text

_INTEGERS = {
    2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.uint8, 12: np.uint32, 13: np.uint64,
}  # fmt: skip
_FLOATS = {1, 10, 11, 14, 15, 16, 17, 18, 19, 20, 23, 24}  # of every width, and complex
_INT64 = 7
_MOST_LISTED = 10_000  # numbers stored one by one; exporters write longer lists as raw data


@dataclass(frozen=True)
class Known:
    """What is certain of one tensor.

    Attributes:
        floating: it holds floats or complex numbers.
        constant: its values, where they are integers or truth values (as 0 and 1) that stand in the file.
        steady: its shape follows from the file and the shape of the input; no pixel changes it.
        fixed: so do its values. What they do to the runtime on one image they do on every image of that shape.
        sizes: they are sizes of tensors, moved about or divided by a constant above 0: never below 0.
    """

    floating: bool = False
    constant: NDArray[np.integer] | None = None
    steady: bool = False
    fixed: bool = False
    sizes: bool = False


NOTHING = Known()
Scope = Mapping[str, Known]


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_FLOAT_ONLY = _words("""
    Acos Acosh Asin Asinh Atan Atanh AveragePool BatchNormalization Celu Ceil Conv ConvTranspose Cos Cosh DequantizeLinear Elu Exp
    Floor Gelu GlobalAveragePool GlobalLpPool GlobalMaxPool GroupNormalization HardSigmoid HardSwish Hardmax
    InstanceNormalization LRN LayerNormalization LeakyRelu Log LogSoftmax LpNormalization LpPool MeanVarianceNormalization Mish
    RMSNormalization Reciprocal RoiAlign Round Selu Sigmoid Sin Sinh Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu
""")
_ELEMENT_BY_ELEMENT = _words("""
    Abs Acos Acosh Add And Asin Asinh Atan Atanh BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Cos Cosh
    DequantizeLinear Div Dropout Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN
    LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow QuantizeLinear Reciprocal Relu Round Selu
    Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Tan Tanh ThresholdedRelu Where Xor
""")
_SHAPE_OF_SHAPES = _ELEMENT_BY_ELEMENT | _words("""
    ArgMax ArgMin AveragePool BatchNormalization Concat Conv ConvInteger ConvTranspose CumSum DepthToSpace DynamicQuantizeLinear
    Einsum Flatten Gather GatherElements GatherND Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample GroupNormalization
    Hardmax InstanceNormalization LRN LayerNormalization LogSoftmax LpNormalization LpPool MatMul MatMulInteger MaxPool
    MeanVarianceNormalization QLinearConv QLinearMatMul RMSNormalization RoiAlign ScatterElements ScatterND Shape Size Softmax
    SpaceToDepth Transpose Trilu
""")
_CONTRIB_SHAPE_OF_SHAPES = _words("""
    Attention BiasAdd BiasGelu BiasSplitGelu DequantizeLinear DynamicQuantizeMatMul FastGelu FusedConv FusedGemm FusedMatMul Gelu
    GroupNorm Inverse MatMulInteger16 MatMulIntegerToFloat MatMulNBits MultiHeadAttention NhwcConv NhwcFusedConv NhwcMaxPool QAttention
    QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean
    QLinearSigmoid QLinearSoftmax QLinearWhere QuantizeLinear QuickGelu SkipGroupNorm SkipLayerNormalization
    SkipSimplifiedLayerNormalization TransposeMatMul
""")
_REDUCTIONS = _words("""
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
""")
# Operators whose results have shapes that the values of these inputs say.
_SHAPED_BY = {
    "Reshape": (1,), "Expand": (1,), "Tile": (1,), "Slice": (1, 2, 3, 4), "Pad": (1, 3), "Resize": (1, 2, 3), "Upsample": (1,),
    "Squeeze": (1,), "Unsqueeze": (1,), "TopK": (1,), "Split": (1,), "ConstantOfShape": (0,), **dict.fromkeys(_REDUCTIONS, (1,)),
}  # fmt: skip
# Operators whose first result has the type of these inputs, all of them of one type.
_TYPE_OF = {
    **dict.fromkeys(_words("Add Sub Mul Div Mod Max Min Mean Sum PRelu Clip MatMul Gemm Concat Einsum"), None),
    **dict.fromkeys(_words("""
        Abs CumSum DepthToSpace Dropout Erf Expand Flatten Gather GatherElements GatherND GridSample Identity MaxPool Neg Pad Pow Relu
        Reshape Resize ScatterElements ScatterND Shrink Sign Slice SpaceToDepth Split Squeeze Tile TopK Transpose Trilu Unsqueeze Upsample
    """) | _REDUCTIONS, (0,)),
    "Where": (1, 2), "CastLike": (1,),
}  # fmt: skip
_MOVES = _words("Cast Flatten Gather Reshape Slice Squeeze Transpose Unsqueeze")
_WITH_GRAPHS = frozenset({"If", "Loop", "Scan", "SequenceMap"})
_CONTRIB_FLOATS = _words("""
    Attention BiasAdd BiasGelu BiasSoftmax BiasSplitGelu DequantizeLinear FastGelu FusedConv FusedGemm FusedMatMul Gelu GroupNorm
    MatMulIntegerToFloat MatMulNBits MultiHeadAttention NhwcConv NhwcFusedConv QuickGelu SkipGroupNorm SkipLayerNormalization
    SkipSimplifiedLayerNormalization TransposeMatMul
""")


def begin_scope(part: Message, outer: Scope, *, outermost: bool) -> dict[str, Known]:
    """What is known in a graph or function before its first node.

    Args:
        part: GraphProto, or FunctionProto with an empty `outer`.
        outer: of the graph that it stands in.
        outermost: it is the model's own graph, whose input is the images, and whose initializers may be listed as inputs.
    """
    scope = dict(outer)
    inputs = [text(entry, "name") if isinstance(entry, dict) else shown(entry)
              for entry in part.get("input", [])]  # fmt: skip
    produced = {name for node in part.get("node", []) for name in outputs(node)}
    kept = [tensor for tensor in part.get("initializer", []) if text(tensor, "name") not in produced]
    times = Counter(text(tensor, "name") for tensor in kept)
    for name in (*inputs, *produced):
        scope[name] = NOTHING
    if outermost:
        scope |= {name: Known(steady=True) for name in inputs}
    for tensor in kept:
        name = text(tensor, "name")
        scope[name] = _of_tensor(tensor) if times[name] == 1 and (outermost or name not in inputs) else NOTHING
    return scope


def inputs(node: Message) -> list[str]:
    return [shown(name) for name in node.get("input", [])]


def outputs(node: Message) -> list[str]:
    return [shown(name) for name in node.get("output", [])]


def of_inputs(node: Message, scope: Scope) -> list[Known | None]:
    """What is known of a node's inputs in order; None where one is left out."""
    return [scope.get(name, NOTHING) if name else None for name in inputs(node)]


def learn(node: Message, scope: dict[str, Known], twice: Iterable[str]) -> None:
    """Add what a node's outputs are; its operator is ONNX's or onnxruntime's, not a function of the model.

    Args:
        node: NodeProto.
        scope: what is known before it; changed.
        twice: names that more than one node defines.
    """
    found = _of_outputs(node, of_inputs(node, scope))
    for k, name in enumerate(outputs(node)):
        if name and name not in twice:
            scope[name] = found if k == 0 or text(node, "op_type") == "Split" else Known(steady=found.steady)


def attribute(node: Message, name: str) -> Message | None:
    """The one attribute of that name; None where there is none, two, or one that a function's caller sets."""
    named = [each for each in node.get("attribute", []) if text(each, "name") == name]
    return named[0] if len(named) == 1 and "ref_attr_name" not in named[0] else None


def _of_outputs(node: Message, given: list[Known | None]) -> Known:
    operator, present = text(node, "op_type"), [each for each in given if each is not None]
    if text(node, "domain") not in STANDARD | {CONTRIB} or operator in _WITH_GRAPHS:
        return NOTHING
    if operator == "Constant":
        return _of_constant(node)
    fixed = bool(present) and all(each.fixed and each.steady for each in present)
    if text(node, "domain") == CONTRIB:
        steady = fixed or (operator in _CONTRIB_SHAPE_OF_SHAPES and all(each.steady for each in present))
        return Known(floating=operator in _CONTRIB_FLOATS, steady=steady, fixed=fixed)
    if operator == "Identity" and len(present) == 1:
        return present[0]
    steady = fixed or _is_steady(operator, given)
    if operator in ("Shape", "Size"):
        return Known(steady=steady, fixed=steady, sizes=True)
    return Known(floating=_is_floating(node, given), steady=steady, fixed=fixed, sizes=_are_sizes(node, given))


def _are_sizes(node: Message, given: list[Known | None]) -> bool:
    operator, known = text(node, "op_type"), [each for each in given if each is not None]
    if operator == "Concat":
        return bool(known) and all(each.sizes or _all_from(each, 0) for each in known)
    if operator == "Div":
        return len(known) == 2 and known[0].sizes and _all_from(known[1], 1)
    if operator == "Cast" and (attribute(node, "to") or {}).get("i", [0])[0] != _INT64:
        return False
    return operator in _MOVES and bool(known) and known[0].sizes


def _all_from(known: Known, least: int) -> bool:
    return known.constant is not None and bool((known.constant >= least).all())


def _is_floating(node: Message, given: list[Known | None]) -> bool:
    operator = text(node, "op_type")
    if operator == "Cast":
        return (attribute(node, "to") or {}).get("i", [0])[0] in _FLOATS
    if operator in _TYPE_OF:
        places = _TYPE_OF[operator]
        return any(each.floating for each in _at(given, range(len(given)) if places is None else places))
    return operator in _FLOAT_ONLY


def _is_steady(operator: str, given: list[Known | None]) -> bool:
    if operator not in _SHAPE_OF_SHAPES and operator not in _SHAPED_BY:
        return False
    all_steady = all(each.steady for each in given if each is not None)
    return all_steady and all(each.fixed for each in _at(given, _SHAPED_BY.get(operator, ())))


def _at(given: list[Known | None], places: Iterable[int]) -> list[Known]:
    return [each for k, each in enumerate(given) if k in places and each is not None]


def _of_constant(node: Message) -> Known:
    attributes = node.get("attribute", [])
    if len(attributes) != 1 or "ref_attr_name" in attributes[0]:
        return NOTHING
    only = attributes[0]
    name = text(only, "name")
    if name == "value" and "t" in only:
        return _of_tensor(only["t"][0])
    if name in ("value_int", "value_ints"):
        values = integers([*only.get("i", []), *only.get("ints", [])])
        return Known(constant=np.array(values, np.int64), steady=True, fixed=True)
    return Known(floating=name in ("value_float", "value_floats"), steady=True, fixed=True)


def _of_tensor(tensor: Message) -> Known:
    """Of a tensor that `check_graph` found to hold what its type and shape need."""
    kind = tensor.get("data_type", [0])[0]
    if kind not in _INTEGERS:
        return Known(floating=kind in _FLOATS, steady=True, fixed=True)
    if "raw_data" in tensor:
        values = np.frombuffer(tensor["raw_data"][0], np.dtype(_INTEGERS[kind]).newbyteorder("<"))
        return Known(constant=values, steady=True, fixed=True)
    listed = [*tensor.get("int32_data", []), *tensor.get("int64_data", []), *tensor.get("uint64_data", [])]
    if count(listed, "int") > _MOST_LISTED:
        return Known(steady=True, fixed=True)
    values = np.array(integers(listed), np.int64).astype(_INTEGERS[kind])  # cut to its width, as protobuf does
    return Known(constant=values, steady=True, fixed=True)
