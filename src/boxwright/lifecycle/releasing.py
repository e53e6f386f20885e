"""The name that servers follow moves only on evidence, only to a bundle that answers, and only from where the decision set out.

Before `rollout` stands for another primary, that bundle is read whole (its content must match its digest), its verdict is decided
again on what is stored (`evidence`), and the bundle answers its golden images and some of the judged ones again. What the name
stood for is read first, before anything is decided; if somebody else has moved it by the end, nothing is moved here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from boxwright.artifacts import Bundle, Rollout, Verdict
from boxwright.errors import BoxwrightError, NotReleasable, ParityError, StoreError
from boxwright.inference import Detector
from boxwright.lifecycle.evidence import Evidence, answer_again, gather, measure_again
from boxwright.lifecycle.stages import ROLLOUT, current_rollout
from boxwright.serving import Wanted, promote, rollback
from boxwright.store import NEW_NAME, Store, moved

UNREAD = object()  # nobody has read the rollout yet
_BEFORE_S = 5.0  # that the evidence on the bundle before may hold up a look; it goes on being read
_READ_AGAIN_S = 300.0  # after which evidence that a store does not give is asked for again


def release(store: Store, verdict: Verdict, *, reason: str, current: Rollout | object | None = UNREAD) -> Rollout:
    """Make the bundle of a passing verdict the primary.

    Args:
        store: that holds the bundle and everything the verdict rests on; the verdict is kept there when it holds.
        verdict: names the bundle.
        reason: for the history.
        current: the rollout that the decision set out from, as `current_rollout` gave it; read now where it is not given.

    Raises:
        NotReleasable: the verdict does not pass, names no bundle, does not follow from what is stored, or compares with another
            bundle than the one in service.
        NameMoved: somebody else moved the rollout since it was read.
        StoreError: the bundle is not in the store, or is damaged.
        ParityError: it answers its golden images differently.
    """
    before = current_rollout(store) if not isinstance(current, Rollout | None) else current
    wanted = promote(verdict, current=before)
    with _refused(wanted, before):
        check_verdict(store, verdict, in_service=before.primary if before else None)
    store.put(verdict)
    return _move(store, wanted, before, reason)


def take_back(store: Store, *, reason: str) -> Rollout:
    """Make the previous bundle the primary again.

    Raises:
        NotReleasable: nothing was promoted, nothing before it, or the verdict on the previous bundle does not follow from what
            is stored.
        NameMoved, StoreError, ParityError: see `release`.
    """
    before = current_rollout(store)
    if before is None:
        raise NotReleasable("Nothing was ever promoted in this store; there is nothing to roll back.")
    wanted = rollback(before)
    with _refused(wanted, before):
        check_verdict(store, verdict_of(store, wanted))
    return _move(store, wanted, before, reason)


def check_verdict(store: Store, verdict: Verdict, *, in_service: str | None = None) -> None:
    """Refuse a verdict unless everything holds: the evidence, the bundle's golden images, some of the judged images.

    Args:
        store: with the evidence.
        verdict: about the bundle.
        in_service: digest of the bundle that the verdict must compare with, where the promise compares; None where nobody asks.

    Raises:
        NotReleasable, StoreError, ParityError: see `release`.
    """
    store.get(verdict.bundle, Bundle)  # by itself: a damaged bundle is another fault than a verdict that does not hold
    evidence = gather(store, verdict)
    _refuse_other_baseline(evidence, in_service)
    measure_again(store, evidence)
    answer_again(store, evidence, _answering(evidence.judged[0].bundle))
    _sample_baseline(store, evidence)


def verdict_of(store: Store, rollout: Rollout) -> Verdict:
    """The verdict on the primary of a rollout.

    Raises:
        NotReleasable: it is not in the store or is damaged, or is about another bundle: this rollout was made by hand.
    """
    try:
        verdict = store.get(rollout.verdict, Verdict)
    except StoreError as error:
        raise NotReleasable(
            f"The verdict {rollout.verdict[:12]} on bundle {rollout.primary[:12]} cannot be read: {error} Judge the bundle again and "
            "promote it: `boxwright gate`, `boxwright promote VERDICT`."
        ) from error
    if verdict.digest != rollout.verdict or verdict.bundle != rollout.primary:
        raise NotReleasable(
            f"Rollout {rollout.digest[:12]} names bundle {rollout.primary[:12]}, and its verdict {verdict.digest[:12]} is about "
            f"{verdict.bundle[:12] or 'no bundle'}: it was not made by `boxwright promote`. Promote a judged bundle: `boxwright "
            "promote VERDICT`."
        )
    return verdict


def promoted(store: Store) -> str:
    """Digest of the primary, whose verdict is whole and follows from the stored reports; what a server asks before it loads.

    Figures are not made again here: that needs images, Lance and compiled kernels, which a server does without, and was done when
    the name was moved.

    Raises:
        NotReleasable: nothing is promoted, the rollout was made by hand, or its verdict does not follow from the stored reports.
    """
    rollout = _promoted_rollout(store)
    gather(store, verdict_of(store, rollout))
    return rollout.primary


def following(store: Store) -> Callable[[], Wanted]:
    """What `promoted` says, with its release and the bundle before it, to be asked again and again, from any thread.

    A verdict that held once is not read again by this process. The bundle before is named only where its own verdict holds too: it
    is kept warm, to be rolled back to. Evidence that a store does not give holds up nobody but who asked for it first: while it is being
    read, the release that rests on it is refused, and any other is answered as ever.
    """
    held: dict[tuple[str, str], bool] = {}
    reading: dict[tuple[str, str], float] = {}  # whose evidence is being read now, and since when

    def holds(rollout: Rollout) -> None:
        key, now = (rollout.primary, rollout.verdict), time.monotonic()
        if held.get(key):
            return
        if now - reading.get(key, float("-inf")) < _READ_AGAIN_S:
            raise StoreError(
                f"The evidence on bundle {rollout.primary[:12]} has been asked for {now - reading[key]:.0f} s ago and has not been read yet."
            )
        reading[key] = now
        try:
            gather(store, verdict_of(store, rollout))
            held[key] = True
        finally:
            reading.pop(key, None)

    def ask() -> Wanted:
        rollout = _promoted_rollout(store)
        holds(rollout)
        return Wanted(rollout.primary, str(rollout.number), rollout.previous if holds_before(rollout) else None)

    def holds_before(rollout: Rollout) -> bool:
        if not rollout.previous or not rollout.previous_verdict:
            return False
        key = (rollout.previous, rollout.previous_verdict)
        if key not in held and key not in reading:
            thread = threading.Thread(target=judge_before, args=(rollout, key), name="evidence", daemon=True)
            thread.start()
            thread.join(_BEFORE_S)
        return held.get(key, False)

    def judge_before(rollout: Rollout, key: tuple[str, str]) -> None:
        try:
            holds(rollback(rollout))
        except BoxwrightError:  # nobody asks for it yet; whoever rolls back to it is told why
            held.setdefault(key, False)
        except Exception:  # such as a disk that failed: read again at the next look
            pass

    return ask


def _promoted_rollout(store: Store) -> Rollout:
    rollout = current_rollout(store)
    if rollout is None:
        raise NotReleasable(
            "Nothing is promoted in this store: a bundle is served once its verdict passes. `boxwright turn` promotes it then and "
            "says what is not met otherwise; `boxwright promote VERDICT` does it by hand."
        )
    return rollout


@contextmanager
def _refused(wanted: Rollout, before: Rollout | None) -> Iterator[None]:
    """What is refused inside is said with what stays in service."""
    stays = f"bundle {before.primary[:12]} stays the primary" if before else "no bundle is the primary"
    try:
        yield
    except (NotReleasable, StoreError, ParityError) as error:
        of_bundle = not isinstance(error, NotReleasable)
        hint = "; export the bundle again, or promote another with `boxwright promote VERDICT`" if of_bundle else ""
        raise type(error)(
            f"Bundle {wanted.primary[:12]} cannot become the primary: {error} Nothing was moved, {stays}{hint}."
        ) from error


def _refuse_other_baseline(evidence: Evidence, in_service: str | None) -> None:
    """NotReleasable where a clause compares with what is in service, and was judged against something else on its side."""
    if in_service in (None, evidence.verdict.bundle):
        return
    for role in sorted(
        {f"baseline[{r.on_set}]" if r.on_set else "baseline" for r in evidence.spec.requirements if r.against_baseline}
    ):
        before = evidence.of(role)
        if before is not None and before.bundle.digest == in_service:
            continue
        compared = f"bundle {before.bundle.digest[:12]}" if before else "nothing (a first release)"
        where = f" on {role[9:-1]}" if role != "baseline" else ""
        raise NotReleasable(
            f"Its verdict {evidence.verdict.digest[:12]} compares with {compared}{where}, and {str(in_service)[:12]} is in service. Judge it "
            "against that one: `boxwright turn`, or `boxwright gate REPORT --baseline REPORT`; the way back to the bundle before is "
            "`boxwright rollback`."
        )


def _move(store: Store, wanted: Rollout, before: Rollout | None, reason: str) -> Rollout:
    """Point the name to a rollout made from the one before; the same move by somebody else at the same time is theirs."""
    store.put(wanted)
    expected = before.digest if before else NEW_NAME
    if not store.point(ROLLOUT, wanted.digest, reason=reason, expected=expected) and wanted.digest != expected:
        raise moved(ROLLOUT, store.history(ROLLOUT)[-1], expected, wanted.digest)
    return wanted


def _answering(bundle: Bundle) -> Detector:
    """A detector that has answered its golden images, and an empty one."""
    try:
        detector = Detector(bundle, check_golden=True)
        detector.detect(np.zeros((*detector.contract.input_hw, 3), np.uint8))
    except (StoreError, ParityError):
        raise
    except Exception as error:  # whatever stops it here would stop the server
        raise StoreError(f"it cannot answer its golden images ({type(error).__name__}: {error}).") from error
    return detector


def _sample_baseline(store: Store, evidence: Evidence) -> None:
    """The bundle compared with answers some images too: a baseline made bad makes any candidate good."""
    before = next((one.bundle for one in evidence.judged if one.role.startswith("baseline")), None)
    if before is None or not any(requirement.against_baseline for requirement in evidence.spec.requirements):
        return
    try:
        detector = Detector(before)
    except BoxwrightError as error:
        raise NotReleasable(f"The baseline's bundle {before.digest[:12]} cannot answer: {error}") from error
    answer_again(store, evidence, detector)
