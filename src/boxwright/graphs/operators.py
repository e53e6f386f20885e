"""Operators that a model may use.

A list of what is allowed, because an operator can be anything: onnxruntime has some that load other files (EPContext),
that call into a Python process (PyOp) or into a vendor's library. Random operators are refused too, and those of text, which ask
the environment for a locale: the same bundle must give the same answer to the same image. Those of `ai.onnx.ml` (trees, vector
machines, tables) follow what pixels choose without looking: a tree may have a circle that one image enters.
"""

from __future__ import annotations

STANDARD = frozenset({"", "ai.onnx"})  # two spellings of one domain
IMPORTED = STANDARD | {"ai.onnx.ml"}  # exporters name the second without using it

# What quantising and fusing tools write, all of it arithmetic on tensors.
CONTRIB = "com.microsoft"
_ARITHMETIC = """
    Attention BiasAdd BiasGelu BiasSoftmax BiasSplitGelu ConvTransposeWithDynamicPads CropAndResize
    DequantizeLinear DynamicQuantizeLSTM DynamicQuantizeMatMul DynamicTimeWarping ExpandDims FastGelu
    FusedConv FusedGemm FusedMatMul FusedMatMulActivation Gelu GatherND GemmFastGelu GridSample GroupNorm Inverse
    MatMulInteger16 MatMulIntegerToFloat MatMulNBits MaxpoolWithMask MulInteger MultiHeadAttention NhwcConv
    NhwcFusedConv NhwcMaxPool Pad QAttention QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearConv
    QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax
    QLinearWhere QuantizeLinear QuickGelu ReduceSumInteger Rfft Irfft SkipGroupNorm SkipLayerNormalization
    SkipSimplifiedLayerNormalization SimplifiedLayerNormalization TransposeMatMul Trilu UnfoldTensor Unique
"""
CONTRIB_OPERATORS = frozenset(_ARITHMETIC.split())

RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
TEXT = frozenset(
    {"StringNormalizer", "StringConcat", "StringSplit", "RegexFullMatch", "TfIdfVectorizer", "ImageDecoder"}
)


def is_reserved(domain: str) -> bool:
    """Whether a domain belongs to ONNX or onnxruntime, so that a model may not define functions in it."""
    return (
        domain == ""
        or domain.split(".")[0] == "ai"
        or domain.startswith(("com.microsoft", "com.ms", "org.pytorch.aten"))
    )
