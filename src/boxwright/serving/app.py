"""The HTTP app: a plain ASGI application around one slot and one journal.

    POST /v1/detect        body: a picture file (JPEG, PNG, WebP, BMP, TIFF, PPM); answer: boxes in its upright pixels
    GET  /v2/health/live   the event loop answers
    GET  /v2/health/ready  a bundle is loaded, has answered its golden pictures, and the last record was written
    GET  /metrics          Prometheus

The way of a request, each step in a file of its own: who asks (`callers`), until when (`deadline`), the body (`body`), what it
says (`asked`), a place by the size of the image (`admission`, `lane`), and in a worker thread decode, detect, journal, answer
(`answer`). Decoding never runs on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncIterator

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from boxwright.serving.admission import Admission
from boxwright.serving.answer import Answering, Question, answers_anyway
from boxwright.serving.asked import read_asked
from boxwright.serving.body import Bodies
from boxwright.serving.callers import check_caller
from boxwright.serving.client import watched
from boxwright.serving.deadline import Deadline, DeadlineExceeded, said_seconds
from boxwright.serving.journal import Journal
from boxwright.serving.limits import Limits
from boxwright.serving.meters import Meters
from boxwright.serving.refusal import Refusal
from boxwright.serving.slot import Slot
from boxwright.serving.timings import Timings
from boxwright.serving.work_meters import WorkMeters

log = logging.getLogger("boxwright.serving")


class Server:
    """The handlers, and what they share."""

    def __init__(self, slot: Slot, journal: Journal, limits: Limits) -> None:
        self._slot, self._journal, self._limits = slot, journal, limits
        self.meters = Meters()
        self._bodies = Bodies(limits, self.meters.registry)
        self._work_meters = WorkMeters(self.meters.registry)
        self._admission = Admission(limits, self._work_meters)
        self._answering = Answering(journal, limits, self.meters, self._work_meters)
        self._draining = False
        self._conditions: set[str] = set()  # of every bundle that answered here: a rollback must not turn clients away

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/v1/detect", self._detect, methods=["POST"]),
            Route("/v2/health/live", self._live),
            Route("/v2/health/ready", self._ready),
            Route("/metrics", self._metrics),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    def drain(self) -> None:
        """Say 503 to the readiness probe from now on; requests are answered as before."""
        self._draining = True

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        await asyncio.get_running_loop().run_in_executor(None, self._slot.follow)
        following = asyncio.create_task(self._follow())
        yield
        self._draining = True
        following.cancel()
        await asyncio.to_thread(self._admission.close)
        self._journal.close()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._limits.follow_seconds)
            await asyncio.get_running_loop().run_in_executor(None, self._slot.follow)

    async def _live(self, _request: Request) -> Response:
        return JSONResponse({"live": True})

    async def _ready(self, _request: Request) -> Response:
        detector = self._slot.detector
        written = self._answering.journaling
        ready = detector is not None and not self._draining and (written or answers_anyway(detector))
        body = {"ready": ready, "bundle": detector.bundle.digest if detector else None}
        return JSONResponse(body, status_code=200 if ready else 503, headers={} if ready else {"Retry-After": "1"})

    async def _metrics(self, _request: Request) -> Response:
        return Response(generate_latest(self.meters.registry), media_type="text/plain; version=0.0.4")

    async def _detect(self, request: Request) -> Response:
        request_id = uuid.uuid4().hex
        timings = Timings(time.perf_counter())
        try:
            with self._bodies.held(request):
                response = await self._answer(request, request_id, timings)
        except Refusal as refusal:
            if isinstance(refusal, DeadlineExceeded):
                self._work_meters.deadline_exceeded.labels(refusal.stage).inc()
            response = refusal.response(request_id)
        except ClientDisconnect:
            response = Response(status_code=499)
        except Exception:
            log.exception("request %s failed", request_id)
            response = Refusal(500, "the server failed").response(request_id)
        self.meters.requests.labels(str(response.status_code)).inc()
        response.headers["X-Request-Id"] = request_id
        if timings.seconds:
            response.headers["Server-Timing"] = timings.header()
        return response

    async def _answer(self, request: Request, request_id: str, timings: Timings) -> Response:
        check_caller(request, self._limits)
        detector = self._slot.detector
        if detector is None:
            raise Refusal(503, "no bundle is ready to answer", {"Retry-After": "1"})
        said = said_seconds(request)
        data = await self._bodies.read(request)
        timings.lap("body")
        ends = time.perf_counter() + self._limits.deadline_seconds if said is None else timings.begin + said
        deadline = Deadline(ends)
        deadline.check("body")
        thresholds = detector.contract.condition_thresholds
        self._conditions |= thresholds.keys()
        asked = read_asked(request, thresholds, known=self._conditions)
        async with watched(request.receive) as client:
            question = Question(request_id, data, asked, deadline, client, timings)
            return await self._admission.work(
                lambda pixels: self._answering.answer(detector, question, max_pixels=pixels),
                data, name=asked.file_name or "body", deadline=deadline, client=client,
            )  # fmt: skip
