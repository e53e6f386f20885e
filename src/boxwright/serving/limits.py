"""What the server takes on: every bound in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on connections, bodies, images, work and time, and who may ask.

    Attributes:
        body_bytes: largest body.
        body_seconds: longest time a body may take to arrive.
        body_rate: bytes per second that a body must keep up, averaged over `body_grace_seconds`.
        body_grace_seconds: longest time in which nothing of a body need arrive.
        bodies_bytes: bytes of bodies in memory over all requests; more are refused before they are read.
        pixels: most pixels of a picture, from its header.
        formats: that are read; decoders of further ones are more to attack.
        large_pixels: images of more pixels than this are worked on one at a time, in a lane of their own.
        large_waiting: large images that may wait for it; more are refused.
        in_flight: requests worked on at once.
        waiting: requests that may wait beyond these; more are refused.
        deadline_seconds: longest time from the end of a body to the network, where the caller does not say.
        keep_pictures: share of pictures kept for review, in [0, 1].
        follow_seconds: how often the rollout is looked at.
        connections: open connections; beyond them the longest idle one is closed, or the new one is refused.
        connections_per_address: open connections of one peer address; None: no such bound.
        head_seconds: longest time from a connection's start, or a request's first byte, to the end of its headers.
        head_bytes: request line and headers together.
        head_fields: headers of one request.
        idle_seconds: how long a connection is kept between requests; longer than the balancer's own.
        answer_seconds: how long a client may leave an answer unread.
        drain_delay: seconds between the signal to stop and the end of listening, in which a balancer notices.
        drain_seconds: longest time, after that, for requests in hand.
        token_digests: SHA-256 of each bearer token of which detections ask one; probes and metrics are open. None: open.
        allowed_hosts: names in `Host` beside this machine's own; `*` for any. None: `Host` is not looked at.
        allowed_origins: origins of other sites whose pages may ask.
        trusted_proxies: addresses or networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    """

    body_bytes: int = 20 << 20
    body_seconds: float = 30.0
    body_rate: float = 1024.0
    body_grace_seconds: float = 5.0
    bodies_bytes: int = 256 << 20
    pixels: int = 40_000_000
    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP")
    large_pixels: int = 4_000_000
    large_waiting: int = 4
    in_flight: int = 2
    waiting: int = 16
    deadline_seconds: float = 10.0
    keep_pictures: float = 1.0
    follow_seconds: float = 0.5
    connections: int = 512
    connections_per_address: int | None = None
    head_seconds: float = 10.0
    head_bytes: int = 32 << 10
    head_fields: int = 100
    idle_seconds: float = 65.0
    answer_seconds: float = 30.0
    drain_delay: float = 5.0
    drain_seconds: float = 25.0
    token_digests: tuple[bytes, ...] = ()
    allowed_hosts: tuple[str, ...] | None = None
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
