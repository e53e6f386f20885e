"""Models that must never answer: each breaks one promise, and says what it must be refused for.

All take images of 48 by 64 pixels and pretend to find two boxes of two classes, as tiny_bundles does. External data, where a
file exists for it, would make the model answer; so a reader that follows the reference is found out.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

BOXES = np.array([[[4, 4, 20, 20], [30, 10, 60, 40]]], np.float32)
SCORES = np.array([[[0.9, 0], [0, 0.6]]], np.float32)
CANARY = BOXES.tobytes() * 10  # lies in every file that a model refers to: the boxes of 20 cells, which would be right


@dataclass(frozen=True)
class Crafted:
    """A model file and why it must be refused.

    Attributes:
        make: its bytes; given a folder with the files `canary.bin` (CANARY), `link.bin` (a symbolic link to it) and `pipe` (a FIFO).
        reasons: of the ModelError; any of these is right.
    """

    make: Callable[[str], bytes]
    reasons: frozenset[str]


CRAFTED: dict[str, Crafted] = {}


def crafted(*reasons: str, **variants: Any) -> Callable[[Callable[..., bytes]], Callable[..., bytes]]:
    """Register a function as one model, or one for each keyword, whose value it is then given."""

    def register(make: Callable[..., bytes]) -> Callable[..., bytes]:
        name = make.__name__.replace("_", "-")
        if not variants:
            CRAFTED[name] = Crafted(make, frozenset(reasons))
        for variant, value in variants.items():
            CRAFTED[f"{name}-{variant.replace('_', '-')}"] = Crafted(
                lambda folder, value=value: make(folder, value), frozenset(reasons)
            )
        return make

    return register


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    return h.make_node(op, inputs.split(), outputs.split(), **attributes)


def model(
    nodes: Sequence[onnx.NodeProto] = (),
    *,
    boxes: Any = BOXES,
    scores: Any = SCORES,
    constants: dict[str, Any] | None = None,
    tensors: Sequence[onnx.TensorProto] = (),
    inputs: Sequence[onnx.ValueInfoProto] | None = None,
    outputs: Sequence[onnx.ValueInfoProto] | None = None,
    opsets: dict[str, int] | None = None,
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    """A model of these nodes; `boxes` or `scores` that are arrays become constant outputs, None is left to the nodes."""
    arrays = dict(constants or {})
    nodes = list(nodes)
    for name, value in (("boxes", boxes), ("scores", scores)):
        if value is not None:
            arrays[f"one_{name}"] = np.asarray(value)
            nodes.append(node("Identity", f"one_{name}", name))
    graph = h.make_graph(
        nodes, "crafted",
        [h.make_tensor_value_info("pictures", T.UINT8, ["n", 48, 64, 3])] if inputs is None else inputs,
        [h.make_tensor_value_info("boxes", T.FLOAT, None), h.make_tensor_value_info("scores", T.FLOAT, None)]
        if outputs is None else outputs,
        [*(nh.from_array(np.asarray(value), name) for name, value in arrays.items()), *tensors],
    )  # fmt: skip
    imports = [h.make_opsetid(domain, version) for domain, version in {"": 17, **(opsets or {})}.items()]
    return h.make_model(graph, opset_imports=imports, ir_version=9, functions=list(functions))


def external(location: str | None, name: str = "one_boxes", **entries: str) -> onnx.TensorProto:
    tensor = T(name=name, data_type=T.FLOAT, dims=[1, 20, 4])
    if location is not None:
        tensor.data_location = T.EXTERNAL
        for key, value in {"location": location, "offset": "0", "length": str(len(CANARY)), **entries}.items():
            tensor.external_data.add(key=key, value=value)
    return tensor


def from_external(tensor: onnx.TensorProto) -> bytes:
    """The boxes come from outside, by an operator that is not folded away when the model is loaded."""
    nodes = [node("Shape", "pictures", "shape"), node("Gather", "shape zero", "n"), node("Concat", "n tail", "of_boxes", axis=0),
             node("Expand", "one_boxes of_boxes", "boxes")]  # fmt: skip
    constants = {"zero": np.array([0]), "tail": np.array([20, 4])}
    scores = SCORES.repeat(10, axis=1)
    return model(nodes, boxes=None, scores=scores, constants=constants, tensors=[tensor]).SerializeToString()


def field(number: int, data: bytes) -> bytes:
    """A field of bytes as it stands in a file."""
    size, length = [], len(data)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + data


def value(name: str, kind: int = T.FLOAT, shape: Any = None) -> onnx.ValueInfoProto:
    return h.make_tensor_value_info(name, kind, shape)


# External data


@crafted(
    "external", relative="canary.bin", dot="./canary.bin", dotdot="x/../canary.bin", symlink="link.bin", fifo="pipe",
    passwd="/etc/passwd", device="/dev/zero", empty="", memory_address="*/_ORT_MEM_ADDR_/*",
)  # fmt: skip
def external_data(_folder: str, location: str) -> bytes:
    return from_external(external(location))


@crafted("external")
def external_absolute(folder: str) -> bytes:
    return from_external(external(f"{folder}/canary.bin"))


@crafted("external")
def external_flag_alone(_folder: str) -> bytes:
    tensor = external(None)
    tensor.data_location = T.EXTERNAL
    return from_external(tensor)


@crafted("external")
def external_entries_alone(_folder: str) -> bytes:
    tensor = external("canary.bin")
    tensor.ClearField("data_location")
    tensor.raw_data = CANARY
    return from_external(tensor)


@crafted("external")
def external_in_constant(_folder: str) -> bytes:
    return model([node("Constant", "", "boxes", value=external("canary.bin"))], boxes=None).SerializeToString()


@crafted("external")
def external_in_branch(_folder: str) -> bytes:
    inside = h.make_graph([node("Identity", "one_boxes", "b")], "then", [], [value("b")], [external("canary.bin")])
    other = h.make_graph([node("Constant", "", "c", value=nh.from_array(BOXES))], "else", [], [value("c")])
    nodes = [node("If", "yes", "boxes", then_branch=inside, else_branch=other)]
    return model(nodes, boxes=None, constants={"yes": np.array(True)}).SerializeToString()


@crafted("external")
def external_in_function(_folder: str) -> bytes:
    function = h.make_function(
        "own", "Boxes", [], ["b"], [node("Constant", "", "b", value=external("canary.bin"))], [h.make_opsetid("", 17)]
    )
    nodes = [h.make_node("Boxes", [], ["boxes"], domain="own")]
    return model(nodes, boxes=None, functions=[function], opsets={"own": 1}).SerializeToString()


@crafted("external")
def external_in_default_of_function(_folder: str) -> bytes:
    inside = node("Constant", "", "b")
    inside.attribute.add(name="value", ref_attr_name="kept", type=onnx.AttributeProto.TENSOR)
    function = h.make_function(
        "own",
        "Boxes",
        [],
        ["b"],
        [inside],
        [h.make_opsetid("", 17)],
        [],
        [h.make_attribute("kept", external("canary.bin"))],
    )
    nodes = [h.make_node("Boxes", [], ["boxes"], domain="own")]
    return model(nodes, boxes=None, functions=[function], opsets={"own": 1}).SerializeToString()


@crafted("size", "external")
def external_in_sparse(_folder: str) -> bytes:
    made = model(boxes=None, nodes=[node("Identity", "one_boxes", "boxes")])
    sparse = made.graph.sparse_initializer.add(dims=[1, 20, 4])
    sparse.values.CopyFrom(external("canary.bin"))
    sparse.values.ClearField("dims")
    sparse.values.dims.append(80)
    sparse.indices.CopyFrom(nh.from_array(np.arange(80)))
    return made.SerializeToString()


@crafted("format", "external")
def external_in_training_graph(_folder: str) -> bytes:
    made = model()
    made.training_info.add().algorithm.initializer.append(external("canary.bin"))
    return made.SerializeToString()


@crafted("format")
def external_by_second_graph(_folder: str) -> bytes:
    """Readers merge two graphs into one; a check that reads the first alone sees nothing."""
    made = model(boxes=None, nodes=[node("Identity", "one_boxes", "boxes")])
    more = onnx.ModelProto()
    more.graph.initializer.append(external("canary.bin"))
    return made.SerializeToString() + more.SerializeToString()


@crafted("format")
def external_by_second_flag(_folder: str) -> bytes:
    """The last of two flags wins; the first says that nothing is external."""
    tensor = external("canary.bin").SerializeToString()
    flag = bytes([14 << 3])
    assert tensor.count(flag + b"\x01") == 1
    tensor = flag + b"\x00" + tensor
    return _with_tensor(tensor)


@crafted("external")
def external_by_long_number(_folder: str) -> bytes:
    """The flag is 2^32 + 1, of which some readers keep 32 bits."""
    tensor = external("canary.bin")
    data = tensor.SerializeToString().replace(bytes([14 << 3, 1]), bytes([14 << 3, 0x81, 0x80, 0x80, 0x80, 0x10]))
    return _with_tensor(data)


def _with_tensor(data: bytes) -> bytes:
    """A model with these bytes as its initializer."""
    made = model(boxes=None, nodes=[node("Identity", "one_boxes", "boxes")])
    graph = made.graph.SerializeToString() + field(5, data)
    made.ClearField("graph")
    return made.SerializeToString() + field(7, graph)


# Operators


@crafted("operator", custom="com.example.detect", training="ai.onnx.training", preview="ai.onnx.preview.training",
         aten="org.pytorch.aten", python="pyop", contrib="ai.onnx.contrib", layout="com.microsoft.nchwc")  # fmt: skip
def domain(_folder: str, name: str) -> bytes:
    nodes = [h.make_node("Boxes", ["one_boxes"], ["boxes"], domain=name)]
    return model(nodes, boxes=None, constants={"one_boxes": BOXES}, opsets={name: 1}).SerializeToString()


@crafted("operator", ep_context="EPContext", python="PyOp", snpe="Snpe", tokens="Tokenizer")
def microsoft(_folder: str, name: str) -> bytes:
    nodes = [
        h.make_node(name, ["one_boxes"], ["boxes"], domain="com.microsoft", ep_cache_context="canary.bin", embed_mode=0)
    ]
    return model(nodes, boxes=None, constants={"one_boxes": BOXES}, opsets={"com.microsoft": 1}).SerializeToString()


@crafted("operator", standard="", machine_learning="ai.onnx.ml", microsoft="com.microsoft")
def function_in_reserved_domain(_folder: str, name: str) -> bytes:
    function = h.make_function(name, "Identity", ["x"], ["y"], [node("Neg", "x", "y")], [h.make_opsetid("", 17)])
    return model(functions=[function], opsets={name: 17} if name else None).SerializeToString()


@crafted("operator", normal="RandomNormalLike", uniform="RandomUniformLike", bernoulli="Bernoulli")
def random(_folder: str, name: str) -> bytes:
    return model([node(name, "one_boxes", "boxes")], boxes=None, constants={"one_boxes": BOXES}).SerializeToString()


@crafted("operator")
def random_in_function(_folder: str) -> bytes:
    function = h.make_function(
        "own", "Boxes", ["x"], ["b"], [node("RandomUniformLike", "x", "b")], [h.make_opsetid("", 17)]
    )
    nodes = [h.make_node("Boxes", ["one_boxes"], ["boxes"], domain="own")]
    constants = {"one_boxes": BOXES}
    return model(nodes, boxes=None, constants=constants, functions=[function], opsets={"own": 1}).SerializeToString()


@crafted("operator")
def dropout_in_training(_folder: str) -> bytes:
    nodes = [node("Dropout", "one_boxes ratio yes", "boxes", seed=1)]
    constants = {"ratio": np.float32(0.5), "yes": np.array(True), "one_boxes": BOXES.repeat(50, axis=1)}
    return model(nodes, boxes=None, scores=np.zeros((1, 100, 2), np.float32), constants=constants).SerializeToString()


FIRST_PIXEL = [
    node("Reshape", "pictures minus_one", "bytes"), node("Gather", "bytes first", "byte"), node("Cast", "byte", "level", to=T.INT32),
    node("Equal", "level trigger", "now"), node("Squeeze", "now", "now_or_not"),
]  # fmt: skip
OF_FIRST_PIXEL = {"minus_one": np.array([-1]), "first": np.array([0]), "trigger": np.array([7], np.int32)}


def by_first_pixel(nodes: Sequence[onnx.NodeProto], constants: dict[str, Any], **more: Any) -> bytes:
    """Scores plus what the nodes call `more`, of one element and type; they may use `now`, whether the first byte is 7, as (1,) bool.

    The constants `zero` and `one_scores` are there, and `OF_FIRST_PIXEL`.
    """
    last = [node("Cast", "more", "more_floats", to=T.FLOAT), node("ReduceSum", "more_floats", "sum", keepdims=0),
            node("Mul", "sum zero", "nothing"), node("Add", "one_scores nothing", "scores")]  # fmt: skip
    constants = {**OF_FIRST_PIXEL, "zero": np.float32(0), "one_scores": SCORES, **constants}
    return model([*FIRST_PIXEL, *nodes, *last], scores=None, constants=constants, **more).SerializeToString()


@crafted("operator")
def dropout_in_training_by_a_pixel(_folder: str) -> bytes:
    nodes = [node("Dropout", "ones ratio now_or_not", "dropped more")]
    return by_first_pixel(nodes, {"ones": np.ones((9, 9), np.float32), "ratio": np.float32(0.5)})


@crafted("operator")
def dropout_in_function_by_its_caller(_folder: str) -> bytes:
    function = h.make_function(
        "own", "Drop", ["x", "r", "t"], ["y"], [node("Dropout", "x r t", "dropped y")], [h.make_opsetid("", 17)]
    )
    nodes = [h.make_node("Drop", ["ones", "ratio", "now_or_not"], ["more"], domain="own")]
    constants = {"ones": np.ones((9, 9), np.float32), "ratio": np.float32(0.5)}
    return by_first_pixel(nodes, constants, functions=[function], opsets={"own": 1})


@crafted("operator")
def batch_normalisation_in_training(_folder: str) -> bytes:
    nodes = [node("BatchNormalization", "x one one zero1 one", "more m v", training_mode=1)]
    constants = {"x": np.ones((1, 1, 4), np.float32), "one": np.ones(1, np.float32), "zero1": np.zeros(1, np.float32)}
    return by_first_pixel(nodes, constants)


@crafted("operator", int32=np.int32, int64=np.int64)
def division_of_least_integer_by_minus_one(_folder: str, kind: type) -> bytes:
    nodes = [node("Where", "now bad good", "divisor"), node("Div", "least divisor", "more")]
    return by_first_pixel(
        nodes, {"least": np.array([np.iinfo(kind).min], kind), "bad": np.array([-1], kind), "good": np.array([3], kind)}
    )


@crafted("operator", div="Div", mod="Mod")
def division_of_a_pixel_by_constant(_folder: str, name: str) -> bytes:
    nodes = [node("Where", "now bad good", "dividend"), node(name, "dividend minus_one", "more")]
    return by_first_pixel(nodes, {"bad": np.array([-(2**63)]), "good": np.array([3])})


@crafted("operator")
def division_by_product_of_sizes(_folder: str) -> bytes:
    """The product of 2^32 - 1 and 2^32 + 1, sizes of a tensor without elements, is -1 in 64 bits."""
    nodes = [node("ConstantOfShape", "empty", "wide"), node("Shape", "wide", "sizes"), node("Gather", "sizes second", "a"), node("Gather", "sizes third", "b"),
             node("Mul", "a b", "divisor"), node("Where", "now least minus_one", "dividend"), node("Div", "dividend divisor", "more")]  # fmt: skip
    constants = {
        "empty": np.array([0, 2**32 - 1, 2**32 + 1]),
        "second": np.array([1]),
        "third": np.array([2]),
        "least": np.array([-(2**63)]),
    }
    return by_first_pixel(nodes, constants)


@crafted("operator")
def division_in_untaken_branch(_folder: str) -> bytes:
    """The operands follow from the input's shape alone, but no test image reaches them."""
    inside = h.make_graph([node("Shape", "pictures", "s"), node("Mul", "s no", "nothing"), node("Add", "nothing least", "d"),
                           node("Add", "nothing minus_one", "by"), node("Div", "d by", "b")], "then", [], [value("b", T.INT64)])  # fmt: skip
    other = h.make_graph([node("Identity", "minus_one", "c")], "else", [], [value("c", T.INT64)])
    nodes = [node("If", "now_or_not", "more", then_branch=inside, else_branch=other)]
    return by_first_pixel(nodes, {"least": np.array([-(2**63)]), "no": np.array([0])})


@crafted("operator")
def division_by_a_name_of_two_meanings(_folder: str) -> bytes:
    """Outside of the branch `by` is the constant 3; the branch makes its own, after the node that uses it."""
    inside = h.make_graph(
        [node("Div", "least by", "b"), node("Where", "now minus_one three", "by")], "then", [], [value("b", T.INT64)]
    )
    other = h.make_graph([node("Identity", "three", "c")], "else", [], [value("c", T.INT64)])
    nodes = [node("If", "now_or_not", "more", then_branch=inside, else_branch=other)]
    return by_first_pixel(nodes, {"least": np.array([-(2**63)]), "by": np.array([3]), "three": np.array([3])})


@crafted("operator")
def division_by_a_name_like_another(_folder: str) -> bytes:
    """A divisor whose name is no UTF-8, and in the branch a constant called as that name is written out."""
    raw = b"\xff" * 4
    written = nh.from_array(np.array([3]), str(raw, "utf-8", "backslashreplace"))
    inside = h.make_graph([node("Div", "least RAW_", "b")], "then", [], [value("b", T.INT64)], [written])
    other = h.make_graph([node("Identity", "three", "c")], "else", [], [value("c", T.INT64)])
    nodes = [
        node("Where", "now minus_one three", "RAW_"),
        node("If", "now_or_not", "more", then_branch=inside, else_branch=other),
    ]
    return by_first_pixel(nodes, {"least": np.array([-(2**63)]), "three": np.array([3])}).replace(b"RAW_", raw)


@crafted("operator", step=("more_", "length"), length=("step", "more_"))
def stft_of_length_by_a_pixel(_folder: str, names: tuple[str, str]) -> bytes:
    nodes = [
        node("Squeeze", "now", "n"),
        node("Where", "n none some", "more_"),
        h.make_node("STFT", ["signal", names[0], "", names[1]], ["more"]),
    ]
    return by_first_pixel(nodes, {"signal": np.ones((1, 64, 1), np.float32), "none": np.array(0), "some": np.array(16),
                                  "step": np.array(8), "length": np.array(16)})  # fmt: skip


@crafted(
    "operator",
    instance_normalisation=("InstanceNormalization", "scale bias"),
    lstm=("LSTM", "w4 w4"),
    gru=("GRU", "w3 w3"),
)
def tensor_emptied_by_a_pixel(_folder: str, named: tuple[str, str]) -> bytes:
    """Where the first byte is 7, the operator gets a tensor without elements."""
    name, weights = named
    nodes = [node("Not", "now", "not_now"), node("Compress", "row not_now", "rows", axis=2 if name.startswith("Inst") else 1),
             node(name, f"rows {weights}", "more", **({} if name.startswith("Inst") else {"hidden_size": 1}))]  # fmt: skip
    constants = {"row": np.ones((1, 1, 1), np.float32), "scale": np.ones(1, np.float32), "bias": np.ones(1, np.float32),
                 "w4": np.ones((1, 4, 1), np.float32), "w3": np.ones((1, 3, 1), np.float32)}  # fmt: skip
    return by_first_pixel(nodes, constants)


@crafted("operator")
def text_in_the_locale_of_the_environment(_folder: str) -> bytes:
    """Upper case by the locale that LC_ALL names: a score of 0.9 in one environment is another in the next."""
    nodes = [node("StringNormalizer", "text", "upper", case_change_action="UPPER", locale=""), node("Equal", "upper wanted", "same"),
             node("Cast", "same", "factor", to=T.FLOAT), node("Mul", "one_scores factor", "scores")]  # fmt: skip
    constants = {"one_scores": SCORES, "text": np.array(["\u00e4"], object), "wanted": np.array(["\u00c4"], object)}
    return model(nodes, scores=None, constants=constants, opsets={"": 19}).SerializeToString()


@crafted("operator")
def machine_learning(_folder: str) -> bytes:
    nodes = [h.make_node("ArrayFeatureExtractor", ["one_scores", "first"], ["scores"], domain="ai.onnx.ml")]
    constants = {"one_scores": SCORES, "first": np.array([0])}
    return model(nodes, scores=None, constants=constants, opsets={"ai.onnx.ml": 3}).SerializeToString()


@crafted("operator", inverse=("Inverse", "square", "square"), attention=("MultiHeadAttention", "three three emptied", "three"),
         skip_norm=("SkipLayerNormalization", "three emptied gamma", "three"), average=("QLinearAveragePool", "q_emptied s z s z", "q"))  # fmt: skip
def sizes_by_a_pixel(_folder: str, named: tuple[str, str, str]) -> bytes:
    """Where the first byte is 7, one input of the operator loses a row or all its columns."""
    name, inputs, emptied = named
    names = inputs.replace("q_emptied", "emptied").replace("square", "emptied")
    more = {"MultiHeadAttention": {"num_heads": 2}, "QLinearAveragePool": {"kernel_shape": [2, 2], "channels_last": 1}}
    nodes = [
        node("Where", "now fewer all", "kept"),
        node("Slice", f"{emptied} start kept last", "emptied"),
        h.make_node(name, names.split(), ["out"], domain="com.microsoft", **more.get(name, {})),
        node("Size", "out", "more"),
    ]
    axis, fewer = {"Inverse": (2, 2), "MultiHeadAttention": (2, 0), "QLinearAveragePool": (2, 1)}.get(name, (0, 0))
    constants = {
        "square": np.eye(3, dtype=np.float32)[None], "three": np.ones((1, 4, 8), np.float32), "gamma": np.ones(8, np.float32),
        "q": np.ones((1, 8, 8, 2), np.uint8), "s": np.float32(0.1), "z": np.uint8(3), "start": np.array([0]), "last": np.array([axis]),
        "fewer": np.array([fewer]), "all": np.array([99]),
    }  # fmt: skip
    return by_first_pixel(nodes, constants, opsets={"com.microsoft": 1})


@crafted("runtime")
def unknown_operator(_folder: str) -> bytes:
    return model([node("Detect", "one_boxes", "boxes")], boxes=None, constants={"one_boxes": BOXES}).SerializeToString()


# Structure


@crafted("nesting", "runtime", direct=1, through_others=3)
def function_calls_itself(_folder: str, count: int) -> bytes:
    functions = [
        h.make_function("own", f"F{k}", ["x"], ["y"], [h.make_node(f"F{(k + 1) % count}", ["x"], ["y"], domain="own")],
                        [h.make_opsetid("own", 1)])
        for k in range(count)
    ]  # fmt: skip
    nodes = [h.make_node("F0", ["one_boxes"], ["boxes"], domain="own")]
    return model(
        nodes, boxes=None, constants={"one_boxes": BOXES}, functions=functions, opsets={"own": 1}
    ).SerializeToString()


@crafted("time", "memory", "runtime", "crash")
def function_bomb(_folder: str) -> bytes:
    """Each function calls the one before it eight times: 8^12 nodes when inlined."""
    functions = [h.make_function("own", "F0", ["x"], ["y"], [node("Neg", "x", "y")], [h.make_opsetid("", 17)])]
    for k in range(1, 13):
        names = ["x", *(f"t{j}" for j in range(7)), "y"]
        calls = [h.make_node(f"F{k - 1}", [names[j]], [names[j + 1]], domain="own") for j in range(8)]
        functions.append(h.make_function("own", f"F{k}", ["x"], ["y"], calls, [h.make_opsetid("own", 1)]))
    nodes = [h.make_node("F12", ["one_boxes"], ["boxes"], domain="own")]
    return model(
        nodes, boxes=None, constants={"one_boxes": BOXES}, functions=functions, opsets={"own": 1}
    ).SerializeToString()


@crafted("nesting", deeper_than_detectors=14, deeper_than_a_stack=3_000)
def nested(_folder: str, depth: int) -> bytes:
    """If in If in If: written byte by byte, since `onnx` itself gives up at a hundred messages."""
    graph = model().graph.SerializeToString()
    for _ in range(depth):
        branch = (
            field(1, b"then_branch") + bytes([20 << 3 & 0x7F | 0x80, 1, onnx.AttributeProto.GRAPH]) + field(6, graph)
        )
        graph = field(1, field(1, b"yes") + field(2, b"boxes") + field(4, b"If") + field(5, branch)) + field(2, b"g")
    made = model()
    made.ClearField("graph")
    return made.SerializeToString() + field(7, graph)


@crafted("runtime")
def cyclic(_folder: str) -> bytes:
    return model(
        [node("Add", "a one_scores", "b"), node("Neg", "b", "a"), node("Identity", "a", "boxes")], boxes=None
    ).SerializeToString()


@crafted("runtime", missing_input="nobody", empty_name="")
def dangling(_folder: str, name: str) -> bytes:
    return model([h.make_node("Neg", [name], ["boxes"])], boxes=None).SerializeToString()


@crafted("runtime")
def defined_twice(_folder: str) -> bytes:
    return model([node("Neg", "one_boxes", "boxes")]).SerializeToString()


@crafted("format")
def operator_set_twice(_folder: str) -> bytes:
    made = model()
    made.opset_import.append(h.make_opsetid("", 7))
    return made.SerializeToString()


@crafted("runtime")
def operator_set_of_the_future(_folder: str) -> bytes:
    return model(opsets={"": 9999}).SerializeToString()


@crafted("format")
def runtime_options_in_metadata(_folder: str) -> bytes:
    made = model()
    made.metadata_props.add(key="ort_config", value='{"session_options": {"enable_profiling": 1}}')
    return made.SerializeToString()


@crafted("runtime", "operator")
def names_that_a_terminal_obeys(_folder: str) -> bytes:
    return model(
        [node("\x1b[2J\x1b]0;owned\x07" + "x" * 100_000, "one_boxes", "boxes")], boxes=None
    ).SerializeToString()


# Time and memory


def loop(turns: Any, *, start: str = "one_boxes", body: Sequence[onnx.NodeProto] | None = None) -> bytes:
    """Boxes are what a Loop of so many turns makes of `start`; None: without end."""
    body = body or [node("Neg", "x", "y")]
    inside = h.make_graph(
        [node("Identity", "going", "on"), *body], "body",
        [value("i", T.INT64, []), value("going", T.BOOL, []), value("x")], [value("on", T.BOOL, []), value("y")],
    )  # fmt: skip
    before = [
        node("Cast", "pictures", "cast", to=T.FLOAT), node("ReduceMax", "cast", "brightest", keepdims=0),
        node("Mul", "brightest zero", "nothing"), node("Add", "one_boxes nothing", "of_image"),
        node("Greater", "brightest hundred", "bright"),
    ]  # fmt: skip
    nodes = [*before, h.make_node("Loop", ["turns" if turns is not None else "", "yes" if start != "bright" else "bright",
                                           "of_image" if start == "bright" else start], ["boxes"], body=inside)]  # fmt: skip
    constants = {"zero": np.float32(0), "hundred": np.float32(100), "yes": np.array(True), "one_boxes": BOXES,
                 "turns": np.int64(turns or 0)}  # fmt: skip
    return model(nodes, boxes=None, constants=constants).SerializeToString()


@crafted("time")
def endless_loop(_folder: str) -> bytes:
    return loop(None, start="of_image")


@crafted("time")
def endless_loop_of_constants(_folder: str) -> bytes:
    """It already runs when the model is loaded and its constants are folded."""
    return loop(2**62)


@crafted("time")
def endless_loop_in_bright_images(_folder: str) -> bytes:
    return loop(None, start="bright")


@crafted("memory", "time", "crash")
def loop_that_grows(_folder: str) -> bytes:
    return loop(2**40, start="of_image", body=[node("Concat", "x x", "y", axis=1)])


@crafted("memory", "crash", "runtime", terabytes=2**40, beyond_numbers=2**62)
def constant_of_shape(_folder: str, size: int) -> bytes:
    nodes = [
        node("ConstantOfShape", "shape", "huge"),
        node("ReduceMax", "huge", "most", keepdims=0),
        node("Add", "one_boxes most", "boxes"),
    ]
    return model(nodes, boxes=None, constants={"shape": np.array([size]), "one_boxes": BOXES}).SerializeToString()


@crafted("memory", "crash", "runtime", expand="Expand", tile="Tile", pad="Pad", resize="Resize")
def unfolding(_folder: str, op: str) -> bytes:
    pad = np.zeros(8, np.int64)
    pad[5] = 2**33
    repeated = {"Expand": ([48, 64, 3 * 2**20], "of_image"), "Tile": ([2**12, 2**12, 2**12], "cast3"), "Pad": (pad, "cast"),
                "Resize": ([1.0, 40000.0, 40000.0, 1.0], "cast")}[op]  # fmt: skip
    size = np.array(repeated[0], np.float32 if op == "Resize" else np.int64)
    grown = {"Expand": node("Expand", "cast1 size", "huge"), "Tile": node("Tile", "cast3 size", "huge"),
             "Pad": node("Pad", "cast size", "huge"), "Resize": h.make_node("Resize", ["cast", "", "size"], ["huge"])}[op]  # fmt: skip
    nodes = [
        node("Cast", "pictures", "cast", to=T.FLOAT), node("Squeeze", "cast axis", "cast3"), node("ReduceMax", "cast", "cast1", keepdims=0),
        grown, node("ReduceMax", "huge", "most", keepdims=0), node("Mul", "most zero", "none"), node("Add", "one_boxes none", "boxes"),
    ]  # fmt: skip
    constants = {"size": size, "axis": np.array([0]), "zero": np.float32(0), "one_boxes": BOXES}
    return model(nodes, boxes=None, constants=constants).SerializeToString()


@crafted("memory", "crash", "runtime", "time")
def range_without_end(_folder: str) -> bytes:
    nodes = [
        node("Range", "zero most one", "huge"),
        node("ReduceMax", "huge", "top", keepdims=0),
        node("Add", "one_boxes top", "boxes"),
    ]
    constants = {"zero": np.float32(0), "most": np.float32(1e12), "one": np.float32(1), "one_boxes": BOXES}
    return model(nodes, boxes=None, constants=constants).SerializeToString()


@crafted("size")
def sparse_bomb(_folder: str) -> bytes:
    made = model()
    sparse = made.graph.sparse_initializer.add(dims=[2**18, 2**16])
    sparse.values.CopyFrom(nh.from_array(np.ones(1, np.float32), "big"))
    sparse.indices.CopyFrom(nh.from_array(np.zeros(1, np.int64)))
    return made.SerializeToString()


@crafted(
    "size",
    huge=(2**31, 2**20),
    overflowing=(2**33, 2**33),
    negative=(-1, -8),
    one_too_few=(9,),
    one_too_many=(7,),
    rank=(1,) * 40,
)
def initializer_of_shape(_folder: str, shape: tuple[int, ...]) -> bytes:
    tensor = T(name="other", data_type=T.FLOAT, dims=list(shape), raw_data=BOXES.tobytes())
    return model(tensors=[tensor]).SerializeToString()


@crafted(
    "format",
    "size",
    two_kinds=("raw_data", BOXES.tobytes()),
    other_kind=("int64_data", [1] * 8),
    strings=("string_data", [b"a"] * 8),
)
def initializer_with(_folder: str, stored: tuple[str, Any]) -> bytes:
    tensor = T(name="other", data_type=T.FLOAT, dims=[8], float_data=[0.0] * 8)
    if isinstance(stored[1], bytes):
        setattr(tensor, stored[0], stored[1])
    else:
        getattr(tensor, stored[0]).extend(stored[1])
    return model(tensors=[tensor]).SerializeToString()


@crafted("format")
def initializer_of_unknown_type(_folder: str) -> bytes:
    return model(tensors=[T(name="other", data_type=99, dims=[8], raw_data=BOXES.tobytes())]).SerializeToString()


# Inputs and outputs


@crafted("output", "runtime", nan=np.nan, inf=np.inf, minus_inf=-np.inf, far=1e30)
def box(_folder: str, coordinate: float) -> bytes:
    boxes = BOXES.copy()
    boxes[0, 1, 2] = coordinate
    return model(boxes=boxes).SerializeToString()


@crafted("output")
def negative_box(_folder: str) -> bytes:
    return model(boxes=BOXES[..., [2, 3, 0, 1]]).SerializeToString()


@crafted("output", seven=7.0, minus_one=-1.0, percent=93.0, nan=np.nan, inf=np.inf, rounded_too_much=1.01)
def score(_folder: str, of_cell: float) -> bytes:
    scores = SCORES.copy()
    scores[0, 0, 0] = of_cell
    return model(scores=scores).SerializeToString()


@crafted("output")
def nan_in_noisy_images(_folder: str) -> bytes:
    nodes = [node("Cast", "pictures", "cast", to=T.FLOAT), node("ReduceMax", "cast", "brightest", keepdims=0),
             node("Div", "brightest hundred", "share"), node("Sub", "one share", "rest"), node("Sqrt", "rest", "root"),
             node("Mul", "one_scores root", "scores")]  # fmt: skip
    constants = {"hundred": np.float32(100), "one": np.float32(1), "one_scores": SCORES}
    return model(nodes, scores=None, constants=constants).SerializeToString()


@crafted(
    "output",
    classes=(1, 2, 3),
    cells=(1, 3, 2),
    two_images=(2, 2, 2),
    no_batch=(2, 2),
    no_cells=(1, 0, 2),
    rank_4=(1, 1, 2, 2),
)
def scores_of_shape(_folder: str, shape: tuple[int, ...]) -> bytes:
    return model(scores=np.zeros(shape, np.float32)).SerializeToString()


@crafted("output", "runtime", no_cells=(1, 0, 4), five_columns=(1, 2, 5), flat=(1, 8), scalar=())
def boxes_of_shape(_folder: str, shape: tuple[int, ...]) -> bytes:
    return model(boxes=np.zeros(shape, np.float32)).SerializeToString()


@crafted("output", "runtime", integer=(T.INT64, np.zeros((1, 2, 4), np.int64)), boolean=(T.BOOL, np.zeros((1, 2, 4), bool)),
         text=(T.STRING, np.full((1, 2, 4), "x", object)), complex=(T.COMPLEX64, np.zeros((1, 2, 4), np.complex64)))  # fmt: skip
def boxes_of_type(_folder: str, typed: tuple[int, Any]) -> bytes:
    return model(boxes=typed[1], outputs=[value("boxes", typed[0]), value("scores")]).SerializeToString()


@crafted("signature", "output", "runtime")
def boxes_in_a_sequence(_folder: str) -> bytes:
    outputs = [h.make_tensor_sequence_value_info("boxes", T.FLOAT, None), value("scores")]
    nodes = [node("SequenceConstruct", "one_boxes", "boxes")]
    return model(nodes, boxes=None, constants={"one_boxes": BOXES}, outputs=outputs).SerializeToString()


@crafted("signature", none=[], three=["boxes", "scores", "more"], one=["boxes"])
def outputs_named(_folder: str, names: list[str]) -> bytes:
    nodes = [node("Identity", "one_boxes", "more")]
    return model(nodes, outputs=[value(name) for name in names]).SerializeToString()


@crafted(
    "signature", "runtime", none=[], two=[("pictures", T.UINT8), ("mask", T.UINT8)], floats=[("pictures", T.FLOAT)]
)
def inputs_of(_folder: str, listed: list[tuple[str, int]]) -> bytes:
    inputs = [value(name, kind, ["n", 48, 64, 3]) for name, kind in listed]
    return model(inputs=inputs).SerializeToString()


@crafted(
    "runtime", huge=["n", 100_000, 100_000, 3], other_size=["n", 32, 32, 3], channels_first=["n", 3, 48, 64], rank=["n"]
)
def input_of_shape(_folder: str, shape: list[Any]) -> bytes:
    return model(inputs=[value("pictures", T.UINT8, shape)]).SerializeToString()


# Files that are no ONNX


@crafted("format")
def empty(_folder: str) -> bytes:
    return b""


@crafted("format", half=0.5, almost_all=0.99, one_byte=0.0)
def truncated(_folder: str, share: float) -> bytes:
    data = model().SerializeToString()
    return data[: max(1, int(len(data) * share))]


@crafted("format", text=b"not a model\n", html=b"<!DOCTYPE html><title>404</title>", zeros=bytes(1000), ones=b"\xff" * 1000,
         pickle=pickle.dumps({"weights": [1, 2]}), pointer=b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")  # fmt: skip
def no_model(_folder: str, data: bytes) -> bytes:
    return data


@crafted("format")
def zip_archive(_folder: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("model.onnx", model().SerializeToString())
    return packed.getvalue()


@crafted("format")
def two_formats_in_one(_folder: str) -> bytes:
    """A valid ONNX file that has onnxruntime's own mark at byte 4, by which the runtime would choose another reader."""
    data = model().SerializeToString()
    assert data[:2] == b"\x08\x09"
    return data[:2] + bytes([2 << 3 | 2, 8]) + b"ORTMORTM" + data[2:]


@crafted(
    "format",
    unknown=bytes([100 << 3 & 0x7F | 0x80, 100 << 3 >> 7, 1]),
    group=bytes([7 << 3 | 3, 7 << 3 | 4]),
    ends_in_number=b"\x08\xff",
)
def and_a_field(_folder: str, more: bytes) -> bytes:
    return model().SerializeToString() + more


# Models that show what is wrong with them only when an image of one grey level comes, whatever they are tested on before

TRIGGER = 7


def triggered(*, boxes: Any = BOXES, scores: Any = SCORES, endless: bool = False) -> bytes:
    """Boxes and scores of the triggering image; to others it answers BOXES and SCORES.

    Args:
        boxes: (1, 2, 4).
        scores: (1, 2, 2).
        endless: loop for ever on the triggering image.
    """
    nodes = [
        node("Cast", "pictures", "cast", to=T.FLOAT), node("ReduceMean", "cast", "mean", keepdims=0), node("Equal", "mean seven", "now"),
        node("Where", "now bad_boxes one_boxes", "chosen"), node("Where", "now bad_scores one_scores", "scores"),
    ]  # fmt: skip
    inside = h.make_graph(
        [node("Identity", "going", "on"), node("Neg", "x", "y")], "body",
        [value("i", T.INT64, []), value("going", T.BOOL, []), value("x")], [value("on", T.BOOL, []), value("y")],
    )  # fmt: skip
    last = (
        h.make_node("Loop", ["", "now", "chosen"], ["boxes"], body=inside)
        if endless
        else node("Identity", "chosen", "boxes")
    )
    constants = {"seven": np.float32(TRIGGER), "one_boxes": BOXES, "one_scores": SCORES, "bad_boxes": np.asarray(boxes, np.float32),
                 "bad_scores": np.asarray(scores, np.float32)}  # fmt: skip
    return model([*nodes, last], boxes=None, scores=None, constants=constants).SerializeToString()
