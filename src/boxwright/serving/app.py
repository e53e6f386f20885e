"""The HTTP app: a plain ASGI application around one slot and one journal.

    POST /v1/detect        body: an image file (JPEG, PNG, WebP; others if asked for); answer: boxes in its upright pixels
    GET  /v2/health/live   the event loop answers, and no worker is wedged
    GET  /v2/health/ready  a bundle is loaded, has answered its golden pictures, and the last record was written
    GET  /metrics          Prometheus

The way of a request, each step in a file of `request/`: a name and a count (`counted`), who asks (`callers`), until when (`deadline`), the
body (`body`), what it says (`asked`), a place by the size of the image (`admission`, `lane`), and in a worker thread decode, detect,
journal, answer (`answer`). Decoding never runs on the event loop. Beside the requests the rollout is followed (`primary/slot`) and the rest
looked after (`observed/housekeeping`), each in a thread of its own (`repeating`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from boxwright.inference import Detector
from boxwright.inference.detector import RUN_SECONDS
from boxwright.serving.journal import Journal
from boxwright.serving.limits import Limits
from boxwright.serving.observed.health import LEAST_WEDGED_S, Watch, rollout_facts
from boxwright.serving.observed.housekeeping import Changes, Every, Shedding
from boxwright.serving.observed.logs import note
from boxwright.serving.observed.meters import Meters, total
from boxwright.serving.observed.page import Page
from boxwright.serving.observed.readings import JournalReadings, RolloutReadings, WorkReadings, read_process
from boxwright.serving.observed.repeating import Repeating
from boxwright.serving.observed.work_meters import WorkMeters
from boxwright.serving.primary.slot import Served, Slot
from boxwright.serving.request.admission import Admission
from boxwright.serving.request.answer import Answering, Question, answers_anyway
from boxwright.serving.request.asked import read_asked
from boxwright.serving.request.body import Bodies
from boxwright.serving.request.callers import CallerRules, check_caller
from boxwright.serving.request.client import watched
from boxwright.serving.request.counted import Counted
from boxwright.serving.request.deadline import Deadline, DeadlineExceeded, said_seconds
from boxwright.serving.request.early import EarlyRefusals
from boxwright.serving.request.refusal import Refusal
from boxwright.serving.request.timings import Timings

log = logging.getLogger("boxwright.serving")

DETECT, LIVE, READY, METRICS = "/v1/detect", "/v2/health/live", "/v2/health/ready", "/metrics"

_HOUSE_S = 1.0  # between two rounds of housekeeping
_PROBE_S = 2.0  # between two tries to write a journal that could not be written
_TRIM_S = 600.0  # between two looks at what the journal may delete


class Server:
    """The handlers, and what they share."""

    def __init__(self, slot: Slot, journal: Journal, limits: Limits) -> None:
        self._slot, self._journal, self._limits = slot, journal, limits
        self.meters = Meters()
        self.watch = Watch()
        self._bodies = Bodies(limits, self.meters.registry)
        self._work_meters = WorkMeters(self.meters.registry)
        self._admission = Admission(limits, self._work_meters)
        self._answering = Answering(journal, limits, self.meters, self._work_meters)
        self.meters.read_from(
            RolloutReadings(slot),
            JournalReadings(journal, self._answering),
            WorkReadings(self.watch, lambda: not self.reasons()),
        )
        read_process(self.meters.registry)
        self._page = Page(self.meters.registry)
        self._draining = False
        self._told_to_stop = Changes(
            lambda: "told to stop" if self._draining else "", began="draining", ended="serving_again", level="info"
        )
        self._conditions: set[str] = set()  # of every bundle that answered here: a rollback must not turn clients away

    def app(self, within: Callable[[ASGIApp], ASGIApp] = lambda app: app) -> ASGIApp:
        """The ASGI application.

        Args:
            within: what is asked before the routes, and whose refusals are named and counted too.
        """
        routes = [
            Route(DETECT, self._detect, methods=["POST"]),
            Route(LIVE, self._live),
            Route(READY, self._ready),
            Route(METRICS, self._metrics),
        ]
        paths = [route.path for route in routes]
        return Counted(within(Starlette(routes=routes, lifespan=self._lifespan)), self.meters, routes=paths)

    def early(self, rules: CallerRules) -> EarlyRefusals:
        """What a connection may refuse by itself while this server is overloaded; `rules` say who may ask."""
        return EarlyRefusals(DETECT, self._admission, self._slot, rules, self._limits, self.meters)

    def reasons(self) -> list[str]:
        """Why no requests should be sent here, in plain words; empty when it is ready."""
        detector = self._slot.detector
        without_journal = not self._journal.writable and not (detector and answers_anyway(detector))
        return [
            *(["no bundle has been loaded yet that answers its golden images"] if detector is None else []),
            *(["the server is about to stop"] if self._draining else []),
            *(["the journal cannot be written, and the promise is to refuse then"] if without_journal else []),
        ]

    def drain(self) -> None:
        """Say 503 to the readiness probe from now on; requests are answered as before."""
        self._draining = True

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        if self._slot.current is None:
            await asyncio.get_running_loop().run_in_executor(None, self._slot.follow)
        following = Repeating("look", self._slot.look, every_s=self._limits.follow_seconds)
        house = Repeating("housekeeping", *self._chores(), every_s=_HOUSE_S)
        following.start()
        house.start()
        beating = asyncio.create_task(self.watch.beat())
        note("started", {"ready": not self.reasons()})
        yield
        self._draining = True
        self._told_to_stop()
        beating.cancel()
        following.stop()
        house.stop()
        await asyncio.to_thread(self._admission.close)
        self._journal.close()
        note("stopped")

    def _chores(self) -> list[Callable[[], None]]:
        """What is looked after every second."""
        journal = self._journal
        gap = lambda: {"gap": journal.missed_records}  # noqa: E731
        return [
            Shedding(lambda: total(self._work_meters.shed)),
            Every(_PROBE_S, lambda: journal.writable or journal.probe()),
            Changes(lambda: "" if journal.writable else f"it cannot be written: {journal.last_error}",
                    began="journal_lost", ended="journal_recovered", facts=gap),
            Every(_TRIM_S, journal.trim),
            self._told_to_stop,
            Changes(lambda: "; ".join(self.watch.complaints()), began="wedged", ended="unwedged"),
            Changes(lambda: "the rollout was not seen for a while" if self._slot.state.stale else "",
                    began="following_stale", ended="following_again"),
        ]  # fmt: skip

    async def _live(self, _request: Request) -> Response:
        complaints = self.watch.complaints()
        return JSONResponse({"live": not complaints, "reasons": complaints}, status_code=503 if complaints else 200)

    async def _ready(self, _request: Request) -> Response:
        reasons, state = self.reasons(), self._slot.state
        body = {
            "ready": not reasons,
            "reasons": reasons,
            "bundle": state.serving.digest if state.serving else None,
            "release": state.serving.release if state.serving else None,
            "rollout": rollout_facts(state),
            "journal": {"writable": self._journal.writable, "gap": self._journal.missed_records},
        }
        return JSONResponse(body, status_code=503 if reasons else 200, headers={"Retry-After": "1"} if reasons else {})

    async def _metrics(self, _request: Request) -> Response:
        return Response(self._page.text(), media_type="text/plain; version=0.0.4")

    async def _detect(self, request: Request) -> Response:
        timings = Timings(time.perf_counter())
        served = self._slot.current  # detector and release are taken once: no answer is of two bundles
        try:
            with self._bodies.held(request):
                response = await self._answer(request, served, timings)
        except Refusal as refusal:
            if isinstance(refusal, DeadlineExceeded):
                self._work_meters.deadline_exceeded.labels(refusal.stage).inc()
            response = refusal.response(request.state.request_id)
        except ClientDisconnect:
            response = Response(status_code=499)
        except Exception:
            log.exception("request %s failed", request.state.request_id)
            response = Refusal(500, "the server failed").response(request.state.request_id)
        if served is not None:
            response.headers["X-Model-Digest"], response.headers["X-Release"] = served.digest, served.release
        if timings.seconds:
            response.headers["Server-Timing"] = timings.header()
        return response

    async def _answer(self, request: Request, served: Served | None, timings: Timings) -> Response:
        check_caller(request, self._limits)
        if served is None:
            raise Refusal(503, "no bundle is ready to answer", {"Retry-After": "1"})
        detector = served.detector
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
            names = request.state.event_id, request.state.request_id
            question = Question(*names, data, asked, deadline, client, timings)
            return await self._admission.work(
                lambda pixels: self._work(detector, question, pixels),
                data, name=asked.file_name or "body", deadline=deadline, client=client,
            )  # fmt: skip

    def _work(self, detector: Detector, question: Question, most_pixels: int) -> Response:
        """In a worker thread, which is wedged by the longest of three measures: no caller's or server's haste makes anybody restart it,
        and neither does a caller that is patient, as long as the network may run; none may hide a wedged worker for longer."""
        patience = min(question.deadline.left, RUN_SECONDS)
        with self.watch.working(max(patience, self._limits.deadline_seconds, LEAST_WEDGED_S)):
            return self._answering.answer(detector, question, max_pixels=most_pixels)
