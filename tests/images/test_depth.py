"""Samples of any depth become 8 bits by a rule: what else is in the picture does not matter."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from boxwright.artifacts import Contract
from boxwright.errors import InputError, PictureError
from boxwright.images import is_near_black, read_header, read_picture
from boxwright.inference import Detector
from boxwright.spec import parse_spec
from boxwright.spec.spec import OutputClause
from tests.worlds import answering_bundle, encoded


def tiff(samples: np.ndarray) -> bytes:
    return encoded(Image.fromarray(samples), "TIFF")


def png(samples: np.ndarray) -> bytes:
    """16 bits a sample, (h, w) or (h, w, 3) RGB."""
    ok, data = cv2.imencode(".png", samples[..., ::-1] if samples.ndim == 3 else samples)
    assert ok
    return data.tobytes()


@pytest.mark.parametrize(
    ("make", "dim", "bright", "depth"),
    [
        (lambda v: tiff(np.asarray(v, np.float32)), 0.25, 1.0, None),
        (lambda v: tiff(np.asarray(v, np.float32)), 50.0, 250.0, 8),
        (lambda v: tiff(np.asarray(v, np.float32)), 900.0, 4000.0, 12),
        (lambda v: png(np.asarray(v, np.uint16)), 200, 65000, None),
        (lambda v: png(np.asarray(v, np.uint16)), 200, 4000, 12),
        (lambda v: tiff(np.asarray(v, np.int32)), 200, 4000, 12),
        (lambda v: tiff(np.asarray(v, np.int32)), 200, 1 << 19, 20),
    ],
)
def test_a_sample_is_read_alike_beside_a_bright_one_and_alone(
    make, dim: float, bright: float, depth: int | None
) -> None:
    alone = read_picture(make([[dim] * 8] * 8), bit_depth=depth)
    beside = read_picture(make([[dim] * 7 + [bright]] * 8), bit_depth=depth)
    np.testing.assert_array_equal(alone[:, :7], beside[:, :7])
    assert beside[0, 7, 0] > 200 or depth == 20


@pytest.mark.parametrize("depth", [9, 10, 12, 14, 15, 16])
def test_the_declared_bits_fill_the_eight(depth: int) -> None:
    ramp = np.linspace(0, (1 << depth) - 1, 256).round().astype(np.uint16).reshape(16, 16)
    found = read_picture(png(ramp), bit_depth=depth)[..., 1].ravel().astype(int)
    assert np.abs(found - np.arange(256)).max() <= 1


def test_deep_colour_is_read_by_its_declared_bits_too() -> None:
    rgb = np.zeros((8, 8, 3), np.uint16)
    rgb[...] = (4095, 2048, 16)
    assert read_picture(png(rgb), bit_depth=12)[0, 0].tolist() == [255, 128, 1]
    assert is_near_black(read_picture(png(rgb)))
    assert read_header(png(rgb)).bits == 16


def refused(data: bytes, depth: int | None = None) -> str:
    with pytest.raises(PictureError, match=r"'a\.tif'.*(--bit-depth|declared bit depth)") as caught:
        read_picture(data, name="a.tif", bit_depth=depth)
    assert caught.value.reason == "depth"
    return str(caught.value)


def test_what_cannot_be_known_or_contradicts_is_refused() -> None:
    assert "32 bits" in refused(tiff(np.full((4, 4), 100, np.int32)))
    assert "[0, 1]" in refused(tiff(np.full((4, 4), 100, np.float32)))
    assert "[0, 255]" in refused(tiff(np.full((4, 4), 300, np.float32)), 8)
    assert "0 to 4095" in refused(png(np.full((4, 4), 5000, np.uint16)), 12)
    assert "samples from -5" in refused(tiff(np.full((4, 4), -5, np.int32)), 12)
    refused(png(np.full((4, 4, 4), 100, np.uint16)), 12)  # with alpha
    with pytest.raises(InputError, match="from 1 to 32"):
        read_picture(png(np.zeros((4, 4), np.uint16)), bit_depth=40)


def test_eight_bits_are_read_as_they_are_whatever_is_declared() -> None:
    for form in ("JPEG", "PNG", "WEBP"):
        data = encoded(np.full((8, 8, 3), 90, np.uint8), form)
        np.testing.assert_array_equal(read_picture(data, bit_depth=12), read_picture(data))


def test_a_graymap_goes_by_its_own_maximum() -> None:
    samples = np.full((4, 4), 2048, ">u2").tobytes()
    assert read_picture(b"P5 4 4 4095\n" + samples)[0, 0, 0] == 128
    assert read_picture(b"P5 4 4 4095\n" + samples, bit_depth=12)[0, 0, 0] == 128
    assert read_picture(b"P5 4 4 65535\n" + samples)[0, 0, 0] == 8
    assert read_picture(b"P5 4 4 65535\n" + samples, bit_depth=12)[0, 0, 0] == 128


def test_a_night_picture_is_not_near_black_and_a_lens_cap_is() -> None:
    night = np.full((200, 200, 3), 4, np.uint8)
    assert is_near_black(night)
    night[90:100, 90:100] = 60
    assert not is_near_black(night)


def test_the_bundle_carries_the_bit_depth_and_reads_by_it(tmp_path) -> None:
    data = png(np.full((32, 32), 2048, np.uint16))
    assert Detector(answering_bundle(tmp_path / "a")).read(data, name="x")[0, 0, 0] == 8
    assert Detector(answering_bundle(tmp_path / "b", bit_depth=12)).read(data, name="x")[0, 0, 0] == 128


def test_undeclared_leaves_contract_and_spec_as_they_were() -> None:
    contract = Contract(class_names=("a",), input_hw=(32, 32), output=OutputClause())
    assert "bit_depth" not in contract.model_dump(mode="json")
    assert contract.model_copy(update={"bit_depth": 12}).model_dump(mode="json")["bit_depth"] == 12
    text = "name: a\nclasses: [{name: b}]\n"
    assert "images" not in parse_spec(text).as_document
    assert parse_spec(text + "images: {bit_depth: 12}\n").as_document["images"] == {"bit_depth": 12}
