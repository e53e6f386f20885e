"""Which bundle answers: promotion on evidence, and the way back."""

from __future__ import annotations

from boxwright.artifacts import Rollout, Verdict
from boxwright.errors import NotReleasable


def promote(verdict: Verdict, *, current: Rollout | None = None) -> Rollout:
    """A rollout whose primary is the bundle the verdict is about; the primary of before becomes the previous.

    A bundle that is the primary already and was judged again stays, with the new verdict; with the same verdict nothing changes.

    Raises:
        NotReleasable: the verdict does not pass, or is about no bundle.
    """
    if not verdict.bundle:
        raise NotReleasable("This verdict is about predictions from elsewhere, not about a bundle; nothing to promote.")
    if verdict.verdict != "pass":
        failing = next((check for check in verdict.checks if check.status != "met"), None)
        if failing is None:
            raise NotReleasable(
                f"Bundle {verdict.bundle[:12]} has no passing verdict: {verdict.digest[:12]} has no checks, so nothing was judged. "
                "Nothing was promoted; judge the bundle with `boxwright gate` or `boxwright turn`."
            )
        raise NotReleasable(
            f"Bundle {verdict.bundle[:12]} has no passing verdict: '{failing.requirement}' is {failing.status} "
            f"(observed {failing.observed}). Nothing was promoted."
        )
    if current is None:
        previous, previous_verdict = None, None
    elif current.primary != verdict.bundle:
        previous, previous_verdict = current.primary, current.verdict
    elif current.verdict != verdict.digest:
        previous, previous_verdict = current.previous, current.previous_verdict
    else:
        return current
    return Rollout(
        primary=verdict.bundle,
        previous=previous,
        verdict=verdict.digest,
        previous_verdict=previous_verdict,
        number=current.number + 1 if current else 1,
        made_from={
            "bundle": verdict.bundle,
            "verdict": verdict.digest,
            **({"rollout": current.digest} if current else {}),
        },
    )


def rollback(current: Rollout) -> Rollout:
    """A rollout in which primary and previous have changed places.

    Raises:
        NotReleasable: there is no previous bundle.
    """
    if current.previous is None or current.previous_verdict is None:
        raise NotReleasable(f"Rollout {current.number} has no previous bundle to return to.")
    return Rollout(
        primary=current.previous,
        previous=current.primary,
        verdict=current.previous_verdict,
        previous_verdict=current.verdict,
        number=current.number + 1,
        made_from={"bundle": current.previous, "verdict": current.previous_verdict, "rollout": current.digest},
    )
