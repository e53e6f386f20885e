"""What Prometheus may read, and where it is counted. Never labelled by camera or request: labels must stay few.

Counted here is what happens; what simply is (rollout, journal, process) is read when somebody asks, in `readings`.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.registry import Collector

from boxwright.detections import Detections
from boxwright.inference import Detector
from boxwright.serving.observed.tallies import Tallies

_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0)
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_INVALID = ("type", "shape", "not_finite", "score_range", "box_range", "box_size", "failed")  # kinds of OutputError
OTHER = "other"


def total(counter: Counter) -> float:
    """The sum over all labels."""
    return sum(s.value for family in counter.collect() for s in family.samples if s.name.endswith("_total"))


class Meters:
    """Counters and histograms in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "boxwright_requests", "Responses, of all routes.", ["route", "method", "code"], registry=self.registry
        )
        self.duration = Histogram(
            "boxwright_request_duration_seconds", "From the request's header to the last byte of the response.",
            ["route", "code"], buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._labelled: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.in_flight = Gauge("boxwright_in_flight", "Requests received and not yet answered.", registry=self.registry)
        self.unrecorded = Counter(
            "boxwright_unrecorded",
            "Answers whose record could not be written, given or refused.",
            registry=self.registry,
        )
        self.invalid_output = Counter(
            "boxwright_invalid_output", "Images whose model output broke its contract; answered with 500.", ["kind"],
            registry=self.registry,
        )  # fmt: skip
        for kind in _INVALID:  # there from the start: what appears with 1 was not seen to increase
            self.invalid_output.labels(kind)
        self.tallies = Tallies()
        self.registry.register(self.tallies)

    def read_from(self, *collectors: Collector) -> None:
        """What is read when somebody asks, beside what is counted."""
        for collector in collectors:
            self.registry.register(collector)

    def responded(self, *, route: str, method: str, code: int, seconds: float) -> None:
        """Note one response.

        Args:
            route: path of a known route, or `other`.
            method: as the client wrote it; an unusual one counts as `other`.
            code: HTTP status.
            seconds: from its header to its end.
        """
        requests, duration = self._of(route, method if method in _METHODS else OTHER, code)
        requests.inc()
        duration.observe(seconds)

    def _of(self, route: str, method: str, code: int) -> tuple[Counter, Histogram]:
        """The meters with these labels; looking them up by name costs more than counting."""
        key = route, method, code
        if key not in self._labelled:
            self._labelled[key] = (
                self.requests.labels(route, method, str(code)), self.duration.labels(route, str(code)),
            )  # fmt: skip
        return self._labelled[key]

    def observe(self, found: Detections, detector: Detector, *, conditions: Mapping[str, str]) -> None:
        """Note one answer to an image of these conditions."""
        answered = detector.answered(found, conditions)
        self.tallies.add(found.score[answered], found.class_id[answered], detector.contract.class_names)
