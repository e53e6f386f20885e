"""What the server takes on: every bound in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on bodies, images, work and time.

    Attributes:
        body_bytes: largest body.
        body_seconds: longest time a body may take to arrive; a slow one must not hold a place for ever.
        pixels: most pixels of a picture, from its header.
        large_pixels: images of more pixels than this are worked on one at a time, in a lane of their own.
        large_waiting: large images that may wait for it; more are refused.
        in_flight: requests worked on at once.
        waiting: requests that may wait beyond these; more are refused.
        deadline_seconds: longest time from the end of a body to the network, where the caller does not say.
        keep_pictures: share of pictures kept for review, in [0, 1].
        follow_seconds: how often the rollout is looked at.
        token: bearer token that asking for detections takes; probes and metrics are open. None: none.
    """

    body_bytes: int = 20 << 20
    body_seconds: float = 20.0
    pixels: int = 40_000_000
    large_pixels: int = 4_000_000
    large_waiting: int = 4
    in_flight: int = 2
    waiting: int = 16
    deadline_seconds: float = 10.0
    keep_pictures: float = 1.0
    follow_seconds: float = 1.0
    token: str | None = None
