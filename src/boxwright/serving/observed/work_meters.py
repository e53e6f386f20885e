"""What Prometheus may read about queues and stages."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from boxwright.serving.request.timings import Timings

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class WorkMeters:
    """Registers its meters in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.shed = Counter(
            "boxwright_shed", "Requests refused with 429: too many wait (full), or it would wait too long (deadline).",
            ["reason"], registry=registry,
        )  # fmt: skip
        self.deadline_exceeded = Counter(
            "boxwright_deadline_exceeded", "Requests refused with 504, by the stage in which their deadline passed.",
            ["stage"], registry=registry,
        )  # fmt: skip
        self.in_hand = Gauge("boxwright_in_hand", "Requests that wait for a thread or have one.", registry=registry)
        self._depth = Gauge("boxwright_queue_depth", "Requests that wait for a thread.", ["lane"], registry=registry)
        self._wait = Histogram(
            "boxwright_queue_wait_seconds", "Wait for a thread.", buckets=_SECONDS, registry=registry
        )
        self._stage = Histogram(
            "boxwright_stage_duration_seconds", "Time of an answered request in each stage.", ["stage"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip

    def depth(self, lane: str, waiting: int) -> None:
        """So many wait in this lane now."""
        self._depth.labels(lane).set(waiting)

    def observe(self, timings: Timings) -> None:
        """Note the stages of an answered request."""
        for stage, seconds in timings.seconds.items():
            (self._wait if stage == "queue" else self._stage.labels(stage)).observe(seconds)
