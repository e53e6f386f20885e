"""The detector: a compact convolutional network with a feature pyramid and no anchors.

Four stages (strides 4 to 32; the first trades space for channels, the others are residual), a top-down pyramid, and
one decoupled head shared by all levels. Each cell of a level says, for each class, how well its box would fit (a score in [0, 1])
and how far the box's sides lie from the cell's centre. Pre-processing (to [0, 1]) and decoding (to boxes in input
pixels) are part of `forward`, so they are exported with the weights and cannot be forgotten.

Sizes follow from the recipe: `width` scales every stage; `strides` are the levels that predict.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def _conv(inside: int, outside: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outside, momentum=0.03, eps=1e-3),
        nn.SiLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(channels, channels), _conv(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Backbone(nn.Module):
    """Feature maps at strides 8, 16 and 32."""

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        c4, c8, c16, c32 = channels
        self.stage4 = nn.Sequential(nn.PixelUnshuffle(2), _conv(12, c4, stride=2), _conv(c4, c4))
        self.stage8 = nn.Sequential(_conv(c4, c8, stride=2), Residual(c8), Residual(c8))
        self.stage16 = nn.Sequential(_conv(c8, c16, stride=2), Residual(c16), Residual(c16))
        self.stage32 = nn.Sequential(_conv(c16, c32, stride=2), Residual(c32))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x8 = self.stage8(self.stage4(x))
        x16 = self.stage16(x8)
        return x8, x16, self.stage32(x16)


class Pyramid(nn.Module):
    """Top-down: each level hears from the coarser one."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList([_conv(c, width, kernel=1) for c in channels])
        self.smooth = nn.ModuleList([_conv(width, width) for _ in channels[:-1]])

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps from fine to coarse, each half the size of the one before; the same sizes with `width` channels."""
        levels = [self.lateral[-1](maps[-1])]
        for lateral, smooth, x in zip(self.lateral[-2::-1], self.smooth[::-1], maps[-2::-1], strict=True):
            up = nn.functional.interpolate(levels[0], scale_factor=2.0, mode="nearest")
            levels.insert(0, smooth(lateral(x) + up))
        return levels


class Head(nn.Module):
    """Decoupled: one branch for scores, one for box sides; shared by all levels."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.classify = nn.Sequential(_conv(width, width), _conv(width, width))
        self.regress = nn.Sequential(_conv(width, width))
        self.score = nn.Conv2d(width, classes, 1)
        self.sides = nn.Conv2d(width, 4, 1)
        assert self.score.bias is not None and self.sides.bias is not None
        nn.init.constant_(self.score.bias, -math.log((1 - 0.01) / 0.01))  # at first, everything is background
        nn.init.constant_(self.sides.bias, 0.7)  # and boxes are about four cells wide

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.score(self.classify(x)), self.sides(self.regress(x))


class Network(nn.Module):
    """Pictures in, scored boxes out.

    Args:
        classes: number of classes.
        width: multiple of the standard channel counts.
        strides: levels that predict, among 8, 16, 32.
    """

    _ALL = (8, 16, 32)

    def __init__(self, *, classes: int, width: float = 1.0, strides: tuple[int, ...] = (8, 16, 32)) -> None:
        super().__init__()
        c4, c8, c16, c32, neck = (max(8, round(c * width / 8) * 8) for c in (32, 64, 96, 128, 64))
        self.strides = tuple(strides)
        self.classes = classes
        self.width = width
        self.backbone = Backbone((c4, c8, c16, c32))
        self._finest = self._ALL.index(min(self.strides))  # no level below it is built
        self.pyramid = Pyramid((c8, c16, c32)[self._finest :], neck)
        self.head = Head(neck, classes)
        self.level_scale = nn.Parameter(torch.ones(len(self.strides)))

    def raw(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the losses want.

        Args:
            pictures: (n, 3, h, w) float in [0, 1]; h and w multiples of 32.

        Returns:
            logits (n, cells, classes); boxes (n, cells, 4) xyxy in input pixels; centres (cells, 2) in input pixels;
            stride of each cell (cells,).
        """
        levels = self.pyramid(list(self.backbone(pictures))[self._finest :])
        logits, boxes, centres, strides = [], [], [], []
        for index, stride in enumerate(self.strides):
            level = levels[self._ALL.index(stride) - self._finest]
            scores, sides = self.head(level)
            sides = torch.exp((sides * self.level_scale[index]).clamp(max=6.0)) * stride  # (n, 4, h, w)
            centre = _centres(level, stride)  # (h*w, 2)
            sides = sides.flatten(2).transpose(1, 2)  # (n, h*w, 4)
            boxes.append(torch.cat([centre - sides[..., :2], centre + sides[..., 2:]], dim=-1))
            logits.append(scores.flatten(2).transpose(1, 2))  # (n, h*w, classes)
            centres.append(centre)
            strides.append(torch.full_like(centre[:, 0], stride))
        return torch.cat(logits, 1), torch.cat(boxes, 1), torch.cat(centres), torch.cat(strides)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What the detector serves.

        Args:
            pictures: (n, h, w, 3) uint8 RGB, letterboxed.

        Returns:
            boxes (n, cells, 4) xyxy in input pixels, scores (n, cells, classes) in [0, 1].
        """
        logits, boxes, _, _ = self.raw(to_unit(pictures))
        return boxes, torch.sigmoid(logits)


def to_unit(pictures: Tensor) -> Tensor:
    """(n, h, w, 3) uint8 to (n, 3, h, w) float in [0, 1]."""
    return pictures.permute(0, 3, 1, 2).float() / 255.0


def _centres(level: Tensor, stride: int) -> Tensor:
    """(h*w, 2) x, y of each cell's centre, in input pixels."""
    height, width = level.shape[-2], level.shape[-1]
    x = (torch.arange(width, device=level.device, dtype=level.dtype) + 0.5) * stride
    y = (torch.arange(height, device=level.device, dtype=level.dtype) + 0.5) * stride
    return torch.stack([x.repeat(height), y.repeat_interleave(width)], dim=1)
