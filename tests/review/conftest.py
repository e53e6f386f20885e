"""A queue with its pictures, and a fake Label Studio."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from boxwright.artifacts import ReviewQueue
from boxwright.store import digest_of_bytes
from tests.review.label_studio_server import FakeLabelStudio, fake_label_studio
from tests.worlds import DAY, encoded, picture, queue, queue_item

BOXES = [[1.25, 2.5, 30.125, 40.0625], [50.0, 10.0, 79.5, 33.25]]


@dataclass(frozen=True)
class Asked:
    """A queue and its pictures by digest."""

    queue: ReviewQueue
    pictures: dict[str, bytes]

    def size_of(self, digest: str) -> tuple[int, int]:
        return (60, 80)


def asked_about(count: int, *, boxes: list[list[float]] = BOXES) -> Asked:
    """A queue of some pictures of 80 x 60, each with the same proposal."""
    pictures: dict[str, bytes] = {}
    items: list[dict[str, Any]] = []
    for k in range(count):
        data = encoded(picture(60, 80, seed=k))
        digest = digest_of_bytes(data)
        pictures[digest] = data
        proposal = {"boxes_xyxy": boxes, "score": [0.75, 0.25][: len(boxes)], "class_id": [0, 1][: len(boxes)]}
        item = queue_item(f"item-{k}", picture=digest, file_name=f"cam/{k}.png", due_at=DAY + k)
        items.append({**item, "proposal": json.dumps(proposal)})
    return Asked(queue(items), pictures)


@pytest.fixture
def studio() -> Iterator[FakeLabelStudio]:
    with fake_label_studio() as fake:
        yield fake
