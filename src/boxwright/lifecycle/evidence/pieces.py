"""The pieces a report rests on, read from the store (which checks each digest) and held against each other.

    Report <- Matches <- Predictions <- Bundle
                                     <- Dataset <- Split

Every arrow is written down in `made_from` of the piece it points to. A piece that is not there, is damaged, or names another than
its neighbours do is refused. The dataset itself is not read here, only named: its rows need Lance, which a server does not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pyarrow import ArrowException

from boxwright.artifacts import Artifact, Bundle, Matches, Predictions, Report, Split, Verdict
from boxwright.errors import BoxwrightError, NotReleasable, StoreError
from boxwright.store import Store

A = TypeVar("A", bound=Artifact)
UNUSABLE = (
    BoxwrightError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, ArrowException,
)  # fmt: skip
"""What work on a piece may raise that was written by hand: whole, with a right digest, and of another shape."""
AGAIN = "Judge it again: `boxwright turn`, or `boxwright evaluate` and `boxwright gate` with this spec."


@dataclass(frozen=True)
class Judged:
    """One report with what it rests on.

    Attributes:
        role: of the report in the verdict: `report`, `baseline`, `report[SET]`, `baseline[SET]`.
        side: of the split that it is about: `test`, or the name of a set.
        report, bundle, matches, predictions, split: the pieces.
        dataset: digest of the dataset version.
    """

    role: str
    side: str
    report: Report
    bundle: Bundle
    matches: Matches
    predictions: Predictions
    split: Split
    dataset: str


class Pieces:
    """Reads what a verdict rests on, each artifact once, and refuses in words that name the piece.

    Args:
        store: where the pieces are.
        verdict: that names them.
    """

    def __init__(self, store: Store, verdict: Verdict) -> None:
        self._store, self._verdict = store, verdict
        self._read: dict[str, Artifact] = {}

    def refuse(self, what: str, next_step: str = AGAIN) -> NotReleasable:
        """The refusal to raise: which verdict does not hold, why, and what to type."""
        return refusal(self._verdict, what, next_step)

    def get(self, kind: type[A], digest: str | None, what: str) -> A:
        """The piece with exactly this digest.

        Args:
            kind: of artifact.
            digest: as its neighbour names it; None where it names none.
            what: the piece, in words: `the report`, `the baseline's matches`.
        """
        if not digest:
            raise self.refuse(f"{what} {_are(what)} not named by what rests on it")
        found = self._read.get(digest)
        if found is None:
            try:
                if self._store.resolve(digest, kind=kind.kind) != digest:
                    raise StoreError(f"'{digest}' is not a whole digest")
                found = self._read[digest] = self._store.get(digest, kind)
            except (*UNUSABLE, OSError) as error:
                raise self.refuse(f"{what} ({str(digest)[:12]}) cannot be read: {told(error)}") from error
        if not isinstance(found, kind) or found.digest != digest:
            raise self.refuse(f"{what} ({digest[:12]}) is a {found.kind}; expected a {kind.kind}")
        return found

    def judged(self, role: str, *, side: str, of: str | None) -> Judged:
        """A report and what it rests on.

        Args:
            role: of the report in the verdict.
            side: it must be about.
            of: digest of the bundle it must be about; None for a baseline, which is of another.
        """
        whose = "" if role == "report" else f"{role}: "
        report = self.get(Report, self._verdict.made_from.get(role), f"{whose}the report")
        told = report.measured.get("side")
        if told != side:
            raise self.refuse(f"{whose}the report was judged on the side '{told}'; expected '{side}'")
        named = dict(report.made_from)
        if of is not None and named.get("bundle") != of:
            raise self.refuse(f"{whose}the report is about bundle {_short(named.get('bundle'))}; expected {_short(of)}")
        bundle = self.get(Bundle, named.get("bundle"), f"{whose}the bundle")
        matches = self.get(Matches, named.get("matches"), f"{whose}the matches")
        predictions = self.get(Predictions, named.get("predictions"), f"{whose}the predictions")
        split = self.get(Split, named.get("split"), f"{whose}the split")
        dataset = named.get("dataset") or ""
        for piece, made_of, expected in (
            ("matches", matches.made_from.get("predictions"), predictions.digest),
            ("matches", matches.made_from.get("dataset"), dataset),
            ("predictions", predictions.made_from.get("bundle"), bundle.digest),
            ("predictions", predictions.made_from.get("dataset"), dataset),
            ("split", split.made_from.get("dataset"), dataset),
        ):
            if made_of != expected or not expected:
                raise self.refuse(
                    f"{whose}the {piece} {_are(piece)} made from {_short(made_of)}; the report names {_short(expected)}"
                )
        for piece, names in (("report", report), ("matches", matches), ("predictions", predictions)):
            if tuple(names.class_names) != bundle.contract.class_names:
                raise self.refuse(
                    f"{whose}the {piece} {_are(piece)} of the classes {', '.join(names.class_names)}; the bundle has "
                    f"{', '.join(bundle.contract.class_names)}"
                )
        return Judged(role, side, report, bundle, matches, predictions, split, dataset)


def refusal(verdict: Verdict, what: str, next_step: str = AGAIN) -> NotReleasable:
    """The refusal to raise: which verdict does not hold, why, and what to type."""
    return NotReleasable(
        f"Verdict {verdict.digest[:12]} on bundle {verdict.bundle[:12] or 'none'} does not hold: {what}. {next_step}"
    )


def told(error: Exception) -> str:
    """What an error says, to be quoted inside a sentence."""
    kind = "" if isinstance(error, BoxwrightError) else f"{type(error).__name__}: "
    return f"{kind}{str(error).rstrip('.')}"


def _are(what: str) -> str:
    return "are" if what.endswith("s") else "is"


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "nothing"
