"""The name that servers follow moves only to a bundle that answers.

Before `rollout` stands for another primary, that bundle is read whole (its content must match its digest) and answers its
golden images as at export. A damaged one is refused, and nothing moves. Whether a bundle deserves it is the verdict's matter.
"""

from __future__ import annotations

import numpy as np

from boxwright.artifacts import Bundle, Rollout, Verdict
from boxwright.errors import NotReleasable, ParityError, StoreError
from boxwright.inference import Detector
from boxwright.lifecycle.stages import ROLLOUT, current_rollout
from boxwright.serving import promote, rollback
from boxwright.store import Store


def release(store: Store, verdict: Verdict, *, reason: str) -> Rollout:
    """Make the bundle of a passing verdict the primary.

    Raises:
        NotReleasable: the verdict does not pass, or names no bundle.
        StoreError: the bundle is not in the store, or is damaged.
        ParityError: it answers its golden images differently.
    """
    current = current_rollout(store)
    return _move(store, promote(verdict, current=current), current, reason)


def take_back(store: Store, *, reason: str) -> Rollout:
    """Make the previous bundle the primary again.

    Raises:
        NotReleasable: nothing was promoted, or nothing before it.
        StoreError, ParityError: the previous bundle cannot answer; see `release`.
    """
    current = current_rollout(store)
    if current is None:
        raise NotReleasable("Nothing was ever promoted in this store; there is nothing to roll back.")
    return _move(store, rollback(current), current, reason)


def _move(store: Store, wanted: Rollout, current: Rollout | None, reason: str) -> Rollout:
    stays = f"bundle {current.primary[:12]} stays the primary" if current else "no bundle is the primary"
    try:
        _answer_golden(store, wanted.primary)
    except (StoreError, ParityError) as error:
        raise type(error)(
            f"Bundle {wanted.primary[:12]} cannot become the primary: {error} Nothing was moved, {stays}; export the bundle again, or "
            "promote another with `boxwright promote VERDICT`."
        ) from error
    store.put(wanted, name=ROLLOUT, reason=reason, expected=current.digest if current else None)
    return wanted


def _answer_golden(store: Store, digest: str) -> None:
    """Read the bundle from the store and let it answer its golden images."""
    bundle = store.get(digest, Bundle)
    try:
        detector = Detector(bundle, check_golden=True)
        detector.detect(np.zeros((*detector.contract.input_hw, 3), np.uint8))
    except (StoreError, ParityError):
        raise
    except Exception as error:  # whatever stops it here would stop the server
        raise StoreError(f"it cannot answer its golden images ({type(error).__name__}: {error}).") from error
