"""What should answer, as the rollout says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """A bundle and the release that names it.

    Attributes:
        bundle: digest of the bundle that should answer.
        release: the rollout's number, or `fixed` for a bundle given by hand.
        previous: digest of the bundle that a rollback returns to; it is kept loaded, so that a rollback is a flip. None: none.
    """

    bundle: str
    release: str
    previous: str | None = None
