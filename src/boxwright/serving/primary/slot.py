"""The detector that answers, and how another takes its place without a dropped request.

A look asks which bundle is wanted. If it is the one that answered before, which is kept loaded, the two change places at once: that
is how a rollback takes effect. Any other is loaded beside the one that answers, answers its golden images and is warmed before the
pointer moves; requests in flight finish with the detector they began with. A bundle that fails on the way never answers, the present one
stays, and it is tried again: after a while, and at once when the rollout moves. A load that another bundle's would wait for is left behind
at once when that other one is wanted, and one that hangs after a while. Nothing that goes wrong here ends the following.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from boxwright.artifacts import Bundle
from boxwright.inference import Detector
from boxwright.serving.observed.logs import note
from boxwright.serving.primary.loading import Attempt, OfNoUse, open_detector
from boxwright.serving.primary.retries import Retries
from boxwright.serving.primary.wanted import Wanted

STALE_SECONDS = 10.0  # without a good look
LOAD_SECONDS = 120.0  # an attempt that takes longer is left behind
LOOK_SECONDS = 10.0  # a look that takes longer is left behind
_MOST_LOOKS = 16  # that hang; a store in which so many hang has nothing to say
MOST_HANGING = 2  # threads that hang with one bundle, until the rollout moves: each move is a person's, so all together are bounded


@dataclass(frozen=True)
class Served:
    """A detector that may answer, and under which release."""

    detector: Detector
    release: str

    @property
    def digest(self) -> str:
        """Of its bundle."""
        return self.detector.bundle.digest


@dataclass(frozen=True)
class Failure:
    """The last bundle that was not taken.

    Attributes:
        bundle: its digest.
        at: when, seconds since 1970.
        kind: name of the exception.
        sentence: what happened.
        attempts: how often it failed in a row.
        retry_in_s: seconds until the next attempt.
    """

    bundle: str
    at: float
    kind: str
    sentence: str
    attempts: int
    retry_in_s: float


@dataclass(frozen=True)
class Following:
    """How following the rollout stands.

    Attributes:
        state: `starting` (nothing answers yet), `current` (what is wanted answers), `loading`, `retrying` (what is wanted failed, the
            present one answers), `stale` (no good look for 10 s, the present one answers).
        wanted: as last seen.
        serving: what answers.
        warm: digest of the bundle kept loaded beside it.
        last_look_at: of the last good look, seconds since 1970; None before the first.
        last_look_age_s: seconds since then.
        look_failure: why the last look failed; empty when it did not.
        failure: the last bundle that was not taken; None once the wanted one answers.
        hanging: loads that were left behind and have not ended.
        load_failures: bundles not taken since the start, every attempt counted.
        swaps, warm_swaps: how often the pointer moved, and how often to a bundle that was kept loaded.
    """

    state: str
    wanted: Wanted | None
    serving: Served | None
    warm: str | None
    last_look_at: float | None
    last_look_age_s: float | None
    look_failure: str
    failure: Failure | None
    hanging: int
    load_failures: int
    swaps: int
    warm_swaps: int

    @property
    def stale(self) -> bool:
        """Whether the rollout was not seen for a while."""
        return self.last_look_age_s is None or self.last_look_age_s > STALE_SECONDS


class Slot:
    """Holds the detector in use and the one before.

    Args:
        wanted: what should answer now; asked at every look, may fail and may hang.
        load: digest to bundle.
        on_failure: told when a wanted bundle was not taken, or could not be asked for.
        clock: seconds that never go back.
        rng: of the jitter between attempts.
    """

    def __init__(
        self,
        wanted: Callable[[], Wanted],
        load: Callable[[str], Bundle],
        *,
        on_failure: Callable[[str], object] = lambda _sentence: None,
        clock: Callable[[], float] = time.monotonic,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._wanted, self._load, self._on_failure, self._clock = wanted, load, on_failure, clock
        rng = rng or np.random.default_rng()
        self._lock = threading.Lock()  # of everything below; never held while a bundle is loaded or the store is read
        self._looking: list[threading.Thread] = []  # that hang, and the one that is waited for
        self._asked = self._answered = 0  # looks begun, and the latest that came back: a late one says nothing new
        self._current: Served | None = None
        self._warm: Served | None = None
        self._seen: Wanted | None = None
        self._looked: tuple[float, float] | None = None  # monotonic, wall
        self._look_failure = ""
        self._attempt: Attempt | None = None  # the one that is waited for
        self._left: list[Attempt] = []  # those that are not, and whose threads have not ended
        self._retries, self._retries_of_previous = Retries(clock, rng), Retries(clock, rng)
        self._failure: Failure | None = None
        self._load_failures = self._swaps = self._warm_swaps = 0

    @property
    def current(self) -> Served | None:
        """What answers now, detector and release together; None before the first is ready."""
        return self._current

    @property
    def detector(self) -> Detector | None:
        """The detector in use; None before the first is ready."""
        current = self._current
        return current.detector if current else None

    def follow(self) -> None:
        """Look once, and load what is wanted in this thread; a failure is told and changes nothing."""
        wanted = self._look()
        with self._lock:
            if wanted is None or self._flipped(wanted) or not self._retries.due:
                return
            self._warm = None  # a third bundle: never more than two are loaded
        try:
            found: Detector | BaseException = open_detector(self._load, wanted.bundle)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a runtime's panic is no Exception
            found = error
        with self._lock:
            self._arrived(wanted.bundle, found)

    def look(self) -> None:
        """Look once; what is not loaded yet is loaded in a thread of its own.

        Used from one thread. A look that hangs is left behind after LOOK_SECONDS, so that the next one may see what this one cannot.
        """
        self._looking = [thread for thread in self._looking if thread.is_alive()]
        failed: list[BaseException] = []

        def once() -> None:
            try:
                self._look_and_act()
            except BaseException as error:
                failed.append(error)

        if len(self._looking) < _MOST_LOOKS:
            thread = threading.Thread(target=once, name="look-once", daemon=True)
            self._looking.append(thread)
            thread.start()
            thread.join(LOOK_SECONDS)
        with self._lock:
            self._leave_what_hangs()
        if failed:
            raise failed[0]

    def _look_and_act(self) -> None:
        wanted = self._look()
        with self._lock:
            self._leave_what_hangs()
            if wanted is None or wanted != self._seen:  # or a later look has seen another since
                return
            if not self._flipped(wanted):
                if self._retries.due:
                    self._begin(wanted.bundle)
            elif self._lacks_previous(wanted) and self._retries_of_previous.due:
                assert wanted.previous is not None
                self._begin(wanted.previous)

    @property
    def state(self) -> Following:
        """How following stands at this moment; never waits for the store."""
        with self._lock:
            age = None if self._looked is None else self._clock() - self._looked[0]
            failure = self._failure
            if failure is not None:
                failure = Failure(**{**vars(failure), "retry_in_s": self._retries.wait_s})
            return Following(
                state=self._state(age), wanted=self._seen, serving=self._current,
                warm=self._warm.digest if self._warm else None,
                last_look_at=self._looked[1] if self._looked else None, last_look_age_s=age, look_failure=self._look_failure,
                failure=failure, hanging=sum(attempt.running for attempt in self._left), load_failures=self._load_failures, swaps=self._swaps, warm_swaps=self._warm_swaps,
            )  # fmt: skip

    def _look(self) -> Wanted | None:
        """What is wanted; None when it cannot be found out, which is told once until it changes, or when a later look was faster."""
        with self._lock:
            self._asked += 1
            number = self._asked
        try:
            wanted = self._wanted()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a runtime's panic is no Exception
            sentence = f"{type(error).__name__}: {error}"
            with self._lock:
                if number < self._answered:
                    return None
                self._answered = number
                told, self._look_failure = self._look_failure == sentence, sentence
            if not told:
                note("look_failed", {"reason": sentence, "serving": _short(self._current)}, level="error")
                self._on_failure(f"the wanted bundle cannot be read, the present one stays: {error}")
            return None
        with self._lock:
            if number < self._answered:
                return None
            self._answered = number
            if self._look_failure:
                note("look_recovered", {"wanted": wanted.bundle[:12], "release": wanted.release})
            self._look_failure, self._looked = "", (self._clock(), time.time())
            self._see(wanted)
        return wanted

    # -- under the lock

    def _see(self, wanted: Wanted) -> None:
        if wanted == self._seen:
            return
        if self._seen is not None:
            note("wanted_moved", {"bundle": wanted.bundle[:12], "release": wanted.release,
                                  "from": self._seen.bundle[:12], "from_release": self._seen.release})  # fmt: skip
        self._seen, self._failure = wanted, None
        self._retries.reset()
        self._retries_of_previous.reset()

    def _flipped(self, wanted: Wanted) -> bool:
        """Whether the wanted bundle answers, after a flip if it is the warm one."""
        current, warm = self._current, self._warm
        if current is not None and current.digest == wanted.bundle:
            if current.release != wanted.release:
                self._current = Served(current.detector, wanted.release)
                note("release_renamed", {"bundle": wanted.bundle[:12], "release": wanted.release})
            return True
        if warm is not None and warm.digest == wanted.bundle:
            self._take(warm.detector, wanted.release)
            self._warm_swaps += 1
            return True
        return False

    def _take(self, detector: Detector, release: str) -> None:
        before, self._current = self._current, Served(detector, release)
        self._failure = None
        self._retries.reset()
        if before is None:
            note("serving", {"bundle": self._current.digest[:12], "release": release})
            return
        self._warm = before
        self._swaps += 1
        note("swapped", {"bundle": self._current.digest[:12], "release": release,
                         "from": before.digest[:12], "from_release": before.release})  # fmt: skip

    def _begin(self, digest: str) -> None:
        """Begin to load a bundle, unless it is being loaded; any other load that is under way is left behind."""
        assert self._seen is not None
        release = self._seen.release
        if self._attempt is not None and self._attempt.digest == digest:
            return
        if sum((one.digest, one.release) == (digest, release) for one in self._left) >= MOST_HANGING:
            return
        self._leave()
        if self._returned_to(digest):
            return
        self._warm = None  # a third bundle: never more than two are loaded
        self._attempt = Attempt(
            digest, self._load, release=release, begun=self._clock(), between=self._between, done=self._end
        )
        self._attempt.start()

    def _returned_to(self, digest: str) -> bool:
        """Whether a load of this bundle that was left behind not long ago is waited for again."""
        for attempt in self._left:
            if attempt.digest == digest and attempt.running and self._clock() - attempt.begun <= LOAD_SECONDS:
                self._left.remove(attempt)
                self._attempt = attempt
                return True
        return False

    def _between(self, attempt: Attempt) -> None:
        """In an attempt's thread, between two steps: OfNoUse where its bundle is not wanted any more, or is there already."""
        with self._lock:
            wanted = self._seen
            loaded = {one.digest for one in (self._current, self._warm) if one is not None}
            if wanted is None or attempt.digest not in (wanted.bundle, wanted.previous) or attempt.digest in loaded:
                raise OfNoUse

    def _end(self, attempt: Attempt, found: Detector | BaseException) -> None:
        with self._lock:
            left = attempt is not self._attempt
            if not left:
                self._attempt = None
            if isinstance(found, Detector) or not (left or isinstance(found, OfNoUse)):
                self._arrived(attempt.digest, found)  # late is better than never; a late failure was counted

    def _arrived(self, digest: str, found: Detector | BaseException) -> None:
        """Take a loaded bundle, if it is still wanted, or note what stopped it."""
        wanted = self._seen
        if wanted is None or digest not in (wanted.bundle, wanted.previous):
            return  # the rollout moved on meanwhile
        if isinstance(found, BaseException):
            self._failed(digest, found)
        elif digest == wanted.bundle:
            if self._current is None or self._current.digest != digest:
                self._take(found, wanted.release)
        elif self._current is not None and self._current.digest != digest:
            self._warm = Served(found, "")
            self._retries_of_previous.reset()
            note("warm", {"bundle": digest[:12]})

    def _failed(self, digest: str, error: BaseException) -> None:
        is_wanted = self._seen is not None and digest == self._seen.bundle
        retries = self._retries if is_wanted else self._retries_of_previous
        wait, sentence = retries.failed(), f"{type(error).__name__}: {error}"
        self._load_failures += 1
        if is_wanted:
            self._failure = Failure(digest, time.time(), type(error).__name__, sentence, retries.attempts, wait)
        note(
            "load_failed",
            {"bundle": digest[:12], "role": "wanted" if is_wanted else "previous", "attempt": retries.attempts,
             "retry_in_s": round(wait, 1), "reason": sentence, "serving": _short(self._current)},
            level="error",
        )  # fmt: skip
        if is_wanted:
            self._on_failure(f"bundle {digest[:12]} was not taken: {sentence}")

    def _leave_what_hangs(self) -> None:
        self._left = [attempt for attempt in self._left if attempt.running]
        attempt = self._attempt
        if attempt is not None and self._clock() - attempt.begun > LOAD_SECONDS:
            self._leave()
            self._arrived(attempt.digest, TimeoutError(f"it was not loaded within {LOAD_SECONDS:g} s"))

    def _leave(self) -> None:
        """Wait for the present attempt no longer."""
        if self._attempt is not None:
            self._left.append(self._attempt)
            self._attempt = None

    def _lacks_previous(self, wanted: Wanted) -> bool:
        has = {one.digest for one in (self._current, self._warm) if one is not None}
        return wanted.previous is not None and wanted.previous not in has

    def _state(self, age: float | None) -> str:
        if self._current is None:
            return "starting"
        if age is None or age > STALE_SECONDS:
            return "stale"
        if self._seen is not None and self._seen.bundle == self._current.digest:
            return "current"
        return "retrying" if self._failure else "loading"


def _short(served: Served | None) -> str:
    return served.digest[:12] if served else "none"
