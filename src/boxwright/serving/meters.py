"""What Prometheus may read. Never labelled by camera or request: labels must stay few."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram

from boxwright.detections import Detections
from boxwright.inference import Detector

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_SCORES = tuple(i / 10 for i in range(1, 11))


class Meters:
    """Counters and histograms in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("boxwright_requests", "Answers by status code.", ["code"], registry=self.registry)
        self.gaps = Counter(
            "boxwright_journal_gaps", "Pictures detected on whose record could not be written.", registry=self.registry
        )
        self.invalid_output = Counter(
            "boxwright_invalid_output", "Images whose model output broke its contract; answered with 500.", ["kind"],
            registry=self.registry,
        )  # fmt: skip
        self.latency = Histogram(
            "boxwright_latency_seconds", "From request to boxes.", buckets=_SECONDS, registry=self.registry
        )
        self.score = Histogram(
            "boxwright_score", "Scores of answered detections.", buckets=_SCORES, registry=self.registry
        )
        self.detections = Counter(
            "boxwright_detections", "Answered detections.", ["class_name"], registry=self.registry
        )
        self.empty = Counter("boxwright_empty", "Pictures answered without a detection.", registry=self.registry)

    def observe(self, found: Detections, detector: Detector, *, conditions: Mapping[str, str], seconds: float) -> None:
        """Note one answer to a picture of these conditions."""
        answered = found[detector.answered(found, conditions)]
        self.latency.observe(seconds)
        self.empty.inc(len(answered) == 0)
        for score, class_id in zip(answered.score.tolist(), answered.class_id.tolist(), strict=True):
            self.score.observe(score)
            self.detections.labels(detector.contract.class_names[class_id]).inc()
