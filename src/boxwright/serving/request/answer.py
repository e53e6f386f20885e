"""An encoded picture to an answer: decode, detect, write the record, and only then say what was found.

All of it runs in a worker thread; no answer is released before its record is written. Before each step it is asked whether the
answer is still of use: nothing more is computed for a client that has left, or whose deadline has passed.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.responses import JSONResponse, Response

from boxwright.detections import Detections
from boxwright.errors import OutputError, PictureError, ServingError, TimeExceeded
from boxwright.images import measure, stated_format
from boxwright.inference import Detector
from boxwright.inference.detector import RUN_SECONDS
from boxwright.serving.journal import Journal
from boxwright.serving.limits import Limits
from boxwright.serving.observed.meters import Meters
from boxwright.serving.observed.work_meters import WorkMeters
from boxwright.serving.request.admission import Larger
from boxwright.serving.request.asked import Asked
from boxwright.serving.request.client import Client
from boxwright.serving.request.deadline import Deadline, DeadlineExceeded
from boxwright.serving.request.refusal import Refusal
from boxwright.serving.request.timings import Timings
from boxwright.store import digest_of_bytes

log = logging.getLogger("boxwright.serving")

_STATUS = {"pixels": 413, "format": 415, "frames": 415, "depth": 415}  # of a picture that is not read; else 400


@dataclass(frozen=True)
class Question:
    """One request, read and admitted.

    Attributes:
        event_id: of its record in the journal; nobody outside chooses it.
        request_id: what the client calls the request, or the event's id.
        data: the encoded picture.
        asked: what the request says beside it.
        deadline: until when an answer is of use.
        client: who asks.
        timings: its stopwatch.
    """

    event_id: str
    request_id: str
    data: bytes
    asked: Asked
    deadline: Deadline
    client: Client
    timings: Timings

    def go_on(self) -> None:
        """At the end of a stage: goes on only where an answer is still of use.

        Raises:
            Refusal: the deadline has passed (504).
            starlette.requests.ClientDisconnect: the client has left.
        """
        self.client.check()
        self.deadline.check(next(reversed(self.timings.seconds)))


class Answering:
    """Answers questions into a journal.

    Args:
        journal: where records and pictures are kept.
        limits: most pixels, and the share of pictures kept.
        meters: told of every answer.
    """

    def __init__(self, journal: Journal, limits: Limits, meters: Meters, work_meters: WorkMeters) -> None:
        self._journal, self._limits, self._meters, self._work_meters = journal, limits, meters, work_meters
        self.recorded_at = 0.0  # of the last record, seconds since 1970

    def answer(self, detector: Detector, question: Question, *, max_pixels: int) -> Response:
        """The answer of this detector, its record written.

        Raises:
            Larger: the image has more than `max_pixels`, and another lane may take it.
            Refusal: the image cannot be read, the model gives no valid answer, the deadline has passed, or the record cannot be written and the contract says to
                refuse then.
            starlette.requests.ClientDisconnect: the client left before the record was written.
        """
        asked, timings = question.asked, question.timings
        timings.lap("queue")
        question.go_on()
        picture = self._read(detector, question, max_pixels)
        timings.lap("decode")
        question.go_on()
        found = self._detect(detector, picture, question)
        latency = timings.total
        question.client.check()
        facts: dict[str, Any] = {
            "event_id": question.event_id,
            "request_id": question.request_id,
            "at": time.time(),
            "bundle": detector.bundle.digest,
            "class_names": list(detector.contract.class_names),
            "picture": digest_of_bytes(question.data),
            "file_name": asked.file_name,
            "camera": asked.conditions["camera"],
            "width": picture.shape[1],
            "height": picture.shape[0],
            **measure(picture),
            "latency_ms": latency * 1e3,
            "boxes_xyxy": found.boxes_xyxy.astype(float).round(3).tolist(),
            "score": found.score.astype(float).round(6).tolist(),
            "class_id": found.class_id.tolist(),
        }
        self._keep(detector, question.data, facts)
        timings.lap("log")
        self._meters.observe(found, detector, conditions=asked.conditions)
        self._work_meters.observe(timings)
        least = asked.least_score
        chosen = detector.answered(found, asked.conditions) if least is None else found.score >= least
        return JSONResponse(_body(facts, chosen, detector, timings))

    def _read(self, detector: Detector, question: Question, max_pixels: int) -> NDArray[np.uint8]:
        name = question.asked.file_name or "body"
        form = stated_format(question.data)
        if form is not None and form not in self._limits.formats:
            raise Refusal(
                415,
                f"'{name}' is a {form} file, and this server reads {', '.join(self._limits.formats)}; send one of these, or start it "
                f"with `--also-read {form}`",
            )
        try:
            return detector.read(question.data, name=name, max_pixels=max_pixels, one_frame=True)
        except PictureError as error:
            if error.reason == "pixels" and max_pixels < self._limits.pixels:
                raise Larger from error
            raise Refusal(_STATUS.get(error.reason, 400), str(error)) from error

    def _detect(self, detector: Detector, picture: NDArray[np.uint8], question: Question) -> Detections:
        """The one place where the network is called; its run ends with the deadline."""
        seconds = min(question.deadline.left, RUN_SECONDS)
        try:
            return detector.detect(picture, seconds=seconds, lap=question.timings.lap)
        except TimeExceeded as error:
            raise DeadlineExceeded("infer") from error
        except OutputError as error:
            self._meters.invalid_output.labels(error.kind).inc()
            log.error("request %s has no valid answer (%s): %s", question.request_id, error.kind, error)
            raise Refusal(500, f"the model gave no valid answer to this image ({error.kind})") from error

    def _keep(self, detector: Detector, data: bytes, facts: dict[str, Any]) -> None:
        """Write the record, and the picture if it is kept; the gap is counted where the promise is to answer anyway."""
        try:
            if _sampled(facts["picture"], self._limits.keep_pictures):
                self._journal.keep_picture(data, facts["picture"])
            self._journal.append(facts)
            self.recorded_at = facts["at"]
        except ServingError as error:
            self._meters.unrecorded.inc()
            log.error("%s", error)
            if not answers_anyway(detector):
                raise Refusal(503, str(error), {"Retry-After": "5"}) from error
            self._journal.missed(facts["at"])


def answers_anyway(detector: Detector) -> bool:
    """Whether the promise is to answer even without a record; the gap is counted."""
    return detector.contract.degraded == "answer"


def _body(facts: dict[str, Any], chosen: NDArray, detector: Detector, timings: Timings) -> dict[str, Any]:
    """The answer: the chosen of the detections, (n,) bool: at their thresholds, or at what the caller asked for."""
    names = detector.contract.class_names
    return {
        "request_id": facts["request_id"],
        "event_id": facts["event_id"],
        "model": {"bundle": facts["bundle"], "spec": detector.contract.spec_name},
        "image": {"width": facts["width"], "height": facts["height"], "sha256": facts["picture"]},
        "detections": [
            {
                "box_xyxy": facts["boxes_xyxy"][i],
                "score": facts["score"][i],
                "class_id": facts["class_id"][i],
                "class_name": names[facts["class_id"][i]],
            }
            for i in np.flatnonzero(chosen).tolist()
        ],
        "timings_ms": {
            "queue": timings.milliseconds("queue"),
            "decode": timings.milliseconds("decode"),
            "detect": timings.milliseconds("pre", "infer", "post"),
        },
    }


def _sampled(digest: str, share: float) -> bool:
    """Whether a picture is kept; the same picture is always treated alike."""
    return int(digest[:8], 16) < share * 0x1_0000_0000
