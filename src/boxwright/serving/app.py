"""The HTTP app: a plain ASGI application around one slot and one journal.

    POST /v1/detect        body: a picture file (JPEG, PNG, WebP, BMP, TIFF, PPM); answer: boxes in its upright pixels
    GET  /v2/health/live   the event loop answers
    GET  /v2/health/ready  a bundle is loaded, has answered its golden pictures, and the last record was written
    GET  /metrics          Prometheus

In order: authorisation, size limit, admission (429 with Retry-After beyond the bound), decode and detect in a worker
thread, journal, answer. Decoding never runs on the event loop. No answer is released before its record is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import time
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from boxwright.errors import PictureError, ServingError
from boxwright.images import measure
from boxwright.inference import Detector
from boxwright.serving.asked import Asked, Refusal, header_text, read_asked
from boxwright.serving.journal import Journal
from boxwright.serving.meters import Meters
from boxwright.serving.slot import Slot
from boxwright.store import digest_of_bytes

log = logging.getLogger("boxwright.serving")


@dataclass(frozen=True)
class Limits:
    """What the server takes on.

    Attributes:
        body_bytes: largest body.
        body_seconds: longest time a body may take to arrive; a slow one must not hold a place for ever.
        pixels: most pixels of a picture, from its header.
        in_flight: requests worked on at once.
        waiting: requests that may wait beyond these; more are refused.
        keep_pictures: share of pictures kept for review, in [0, 1].
        follow_seconds: how often the rollout is looked at.
        token: bearer token that asking for detections takes; probes and metrics are open. None: none.
    """

    body_bytes: int = 20 << 20
    body_seconds: float = 20.0
    pixels: int = 40_000_000
    in_flight: int = 2
    waiting: int = 16
    keep_pictures: float = 1.0
    follow_seconds: float = 1.0
    token: str | None = None


class Server:
    """The handlers, and what they share."""

    def __init__(self, slot: Slot, journal: Journal, limits: Limits) -> None:
        self._slot, self._journal, self._limits = slot, journal, limits
        self._workers = ThreadPoolExecutor(limits.in_flight, thread_name_prefix="detect")
        self._admitted = 0
        self._draining = False
        self._journaling = True
        self._conditions: set[str] = set()  # of every bundle that answered here: a rollback must not turn clients away
        self.meters = Meters()

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/v1/detect", self._detect, methods=["POST"]),
            Route("/v2/health/live", self._live),
            Route("/v2/health/ready", self._ready),
            Route("/metrics", self._metrics),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        await asyncio.get_running_loop().run_in_executor(None, self._slot.follow)
        following = asyncio.create_task(self._follow())
        yield
        self._draining = True
        following.cancel()
        self._workers.shutdown(wait=True)
        self._journal.close()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._limits.follow_seconds)
            await asyncio.get_running_loop().run_in_executor(None, self._slot.follow)

    async def _live(self, _request: Request) -> Response:
        return JSONResponse({"live": True})

    async def _ready(self, _request: Request) -> Response:
        detector = self._slot.detector
        ready = detector is not None and not self._draining and (self._journaling or _answers_anyway(detector))
        body = {"ready": ready, "bundle": detector.bundle.digest if detector else None}
        return JSONResponse(body, status_code=200 if ready else 503, headers={} if ready else {"Retry-After": "1"})

    async def _metrics(self, _request: Request) -> Response:
        return Response(generate_latest(self.meters.registry), media_type="text/plain; version=0.0.4")

    async def _detect(self, request: Request) -> Response:
        request_id = uuid.uuid4().hex
        begin = time.perf_counter()
        try:
            response = await self._answer(request, request_id, begin)
        except Refusal as refusal:
            response = JSONResponse(
                {"error": refusal.message, "request_id": request_id},
                status_code=refusal.status,
                headers=refusal.headers,
            )
        except ClientDisconnect:
            response = Response(status_code=499)
        except Exception:
            log.exception("request %s failed", request_id)
            response = JSONResponse({"error": "the server failed", "request_id": request_id}, status_code=500)
        self.meters.requests.labels(str(response.status_code)).inc()
        response.headers["X-Request-Id"] = request_id
        return response

    async def _answer(self, request: Request, request_id: str, begin: float) -> Response:
        self._authorise(request)
        detector = self._slot.detector
        if detector is None or self._draining:
            raise Refusal(503, "no bundle is ready to answer", {"Retry-After": "1"})
        if self._admitted >= self._limits.in_flight + self._limits.waiting:
            self.meters.shed.inc()
            raise Refusal(429, f"{self._admitted} requests are in hand, no more are taken", {"Retry-After": "1"})
        self._admitted += 1
        self.meters.in_hand.set(self._admitted)
        try:
            try:
                async with asyncio.timeout(self._limits.body_seconds):
                    data = await self._body(request)
            except TimeoutError as error:
                raise Refusal(408, f"the body did not arrive within {self._limits.body_seconds:g} s") from error
            self._conditions |= detector.contract.condition_thresholds.keys()
            asked = read_asked(request, detector.contract.condition_thresholds, known=self._conditions)
            work = asyncio.get_running_loop().run_in_executor(
                self._workers, self._work, detector, data, request_id, asked, begin
            )
            return await asyncio.shield(work)
        finally:
            self._admitted -= 1
            self.meters.in_hand.set(self._admitted)

    def _authorise(self, request: Request) -> None:
        if self._limits.token is None:
            return
        given = header_text(request, "authorization").removeprefix("Bearer ").encode()
        if not hmac.compare_digest(given, self._limits.token.encode()):
            raise Refusal(401, "this server asks for a bearer token", {"WWW-Authenticate": "Bearer"})

    async def _body(self, request: Request) -> bytes:
        most = self._limits.body_bytes
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > most:
            raise Refusal(413, f"the body has {declared} bytes, at most {most} are taken")
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise Refusal(413, f"the body has more than the {most} bytes that are taken")
            parts.append(part)
        return b"".join(parts)

    def _work(self, detector: Detector, data: bytes, request_id: str, asked: Asked, begin: float) -> Response:
        """Everything that costs, in a worker thread."""
        try:
            picture = detector.read(
                data, name=asked.file_name or "body", max_pixels=self._limits.pixels, one_frame=True
            )
        except PictureError as error:
            status = {"pixels": 413, "format": 415, "frames": 415, "depth": 415}.get(error.reason, 400)
            return JSONResponse({"error": str(error), "request_id": request_id}, status_code=status)
        decoded = time.perf_counter()
        found = detector.detect(picture)
        detected = time.perf_counter()
        digest = digest_of_bytes(data)
        facts: dict[str, Any] = {
            "event_id": request_id,
            "at": time.time(),
            "bundle": detector.bundle.digest,
            "class_names": list(detector.contract.class_names),
            "picture": digest,
            "file_name": asked.file_name,
            "camera": asked.conditions["camera"],
            "width": picture.shape[1],
            "height": picture.shape[0],
            **measure(picture),
            "latency_ms": (detected - begin) * 1e3,
            "boxes_xyxy": found.boxes_xyxy.astype(float).round(3).tolist(),
            "score": found.score.astype(float).round(6).tolist(),
            "class_id": found.class_id.tolist(),
        }
        try:
            if _sampled(digest, self._limits.keep_pictures):
                self._journal.keep_picture(data, digest)
            self._journal.append(facts)
            self._journaling = True
        except ServingError as error:
            self.meters.gaps.inc()
            self._journaling = False
            log.error("%s", error)
            if not _answers_anyway(detector):
                headers = {"Retry-After": "5"}
                return JSONResponse({"error": str(error), "request_id": request_id}, status_code=503, headers=headers)
        self.meters.observe(found, detector, conditions=asked.conditions, seconds=detected - begin)
        timings = {"decode": (decoded - begin) * 1e3, "detect": (detected - decoded) * 1e3}
        least = asked.least_score
        chosen = detector.answered(found, asked.conditions) if least is None else found.score >= least
        return JSONResponse(_body(facts, chosen, detector, timings))


def _answers_anyway(detector: Detector) -> bool:
    """Whether the promise is to answer even without a record; the gap is counted."""
    return detector.contract.degraded == "answer"


def _body(facts: dict[str, Any], chosen: NDArray, detector: Detector, timings: dict[str, float]) -> dict[str, Any]:
    """The answer: the chosen of the detections, (n,) bool: at their thresholds, or at what the caller asked for."""
    names = detector.contract.class_names
    return {
        "request_id": facts["event_id"],
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
        "timings_ms": {name: round(value, 3) for name, value in timings.items()},
    }


def _sampled(digest: str, share: float) -> bool:
    """Whether a picture is kept; the same picture is always treated alike."""
    return int(digest[:8], 16) < share * 0x1_0000_0000
