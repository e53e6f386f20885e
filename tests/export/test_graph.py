"""The exported graph: the network's own numbers for any number of pictures, in one file that says nothing of where it was made."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from tests.export.conftest import INPUT_HW, Exported


@pytest.mark.parametrize("count", [1, 2, 5])
def test_it_gives_the_numbers_of_the_network(exported: Exported, count: int) -> None:
    """Every cell, before anything is left out; a batch of two was traced."""
    pictures = np.random.default_rng(count).integers(0, 256, (count, *INPUT_HW, 3)).astype(np.uint8)
    session = ort.InferenceSession(exported.bundle.model, providers=["CPUExecutionProvider"])
    boxes, scores = session.run(["boxes", "scores"], {"pictures": pictures})
    with torch.inference_mode():
        expected = exported.network(torch.from_numpy(pictures))
    np.testing.assert_allclose(boxes, expected[0].numpy(), rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(scores, expected[1].numpy(), atol=1e-3)
    assert boxes.shape == (count, 30, 4)


def test_it_is_one_file_without_traces_of_its_making(exported: Exported) -> None:
    model = onnx.load(exported.bundle.model, load_external_data=False)
    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer)
    data = exported.bundle.model.read_bytes()
    for trace in (b".py", b"/home", b"/site-packages", b"stack_trace", str(exported.bundle.model.parent).encode()):
        assert trace not in data
