"""What a user should know of images that can be read: nearly black, further frames, a position, bits that nothing uses."""

from __future__ import annotations

from boxwright.images import PictureHeader, has_position
from boxwright.ingestion.looks import PixelLook
from boxwright.ingestion.reading import Reading

_UNUSED_FROM = 128  # of 255: where the brightest of all images stays below, their highest bit is never set


class Noticed:
    """Facts of the images of a reading, told as its problems: one by one, or with a count at the end."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._positions: list[str] = []
        self._deep: list[str] = []
        self._bits, self._brightest = 0, 0

    def look(self, name: str, data: bytes, header: PictureHeader, pixels: PixelLook | None) -> None:
        """Notice what is to be told of one image; `pixels` is None where they are not looked at."""
        undeclared = header.bits > 8 and self._reading.bit_depth is None
        if header.frames > 1:
            self._reading.problem(
                "more-frames", "warning", name,
                f"has {header.frames} frames; only the first is read, and annotations are taken as drawn on it",
            )  # fmt: skip
        if has_position(data):
            self._positions.append(name)
        if pixels is None:
            return
        if undeclared:
            self._deep.append(name)
            self._bits, self._brightest = max(self._bits, header.bits), max(self._brightest, pixels.brightest)
        if pixels.near_black:
            why = (
                f"; its samples have {header.bits} bits: are all of them used? --bit-depth declares it"
                if undeclared
                else ""
            )
            self._reading.problem(
                "near-black", "warning", name, f"is nearly black: hardly a pixel reaches 16 of 255{why}"
            )

    def tell(self) -> None:
        """Tell what is true of many images, with a count."""
        if self._positions:
            self._reading.problem(
                "position", "warning", _some(self._positions),
                f"the metadata of {_images(self._positions)} say where it was taken (GPS); the store keeps files as they "
                f"are, `boxwright convert` writes them without it",
            )  # fmt: skip
        if self._deep and self._brightest < _UNUSED_FROM:
            used = 8 + self._brightest.bit_length()
            self._reading.problem(
                "bit-depth", "warning", _some(self._deep),
                f"{_images(self._deep)} of {self._bits} bits, and none has a sample above {(1 << used) - 1}, which {used} bits "
                f"hold: they are read {2 ** (self._bits - used)} times too dark if their camera gives {used} bits; declare that "
                f"with --bit-depth {used} or as images.bit_depth in spec.yaml",
            )  # fmt: skip


def _images(names: list[str]) -> str:
    return f"{len(names)} images" if len(names) > 1 else "1 image"


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
