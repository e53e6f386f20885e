"""Verdict: per requirement, what was asked, what was found, and whether that is enough. It names one bundle's digest.

It also keeps the promise it was held against, word for word, and how often each golden set had been looked at by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, Self

from boxwright.artifacts.artifact import Artifact, Parts
from boxwright.store.digest import canonical_json, digest_of_bytes

Status = Literal["met", "not met", "no evidence"]
MANY_LOOKS = 10  # at a golden set, after which a fresh one should be collected


@dataclass(frozen=True)
class Lacking:
    """About how much more would settle a check; None where that cannot be said.

    Attributes:
        slice: what of, in words: `open, lighting=dim`, or `everything`.
        objects: more annotated objects of it.
        images: more pictures of it, at the density it has now.
        groups: groups of it that there must be at the least, all of them right.
    """

    slice: str
    objects: int | None = None
    images: int | None = None
    groups: int | None = None


@dataclass(frozen=True)
class Check:
    """One requirement, judged.

    Attributes:
        requirement: the clause as the spec says it; clauses for each class name the class.
        required: the number to reach, None when it could not be known.
        observed, low, high: the figure and its interval, None when undefined.
        status: met, not met, or no evidence.
        note: why, and what would settle it.
        support: objects, or pictures for a count of coverage, that the figure rests on; None where unknown.
        lacking: the second half of the note as figures.
    """

    requirement: str
    required: float | None
    observed: float | None
    low: float | None
    high: float | None
    status: Status
    note: str = ""
    support: int | None = None
    lacking: Lacking | None = None

    @property
    def as_record(self) -> dict[str, Any]:
        """A JSON object; what is unknown of the last two is left out, so that older verdicts keep their digests."""
        record = asdict(self)
        return {k: v for k, v in record.items() if k not in ("support", "lacking") or v is not None}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The check that a JSON object says."""
        lacking = record.get("lacking")
        return cls(**{**record, "lacking": Lacking(**lacking) if lacking else None})


@dataclass(frozen=True, eq=False, kw_only=True)
class Verdict(Artifact):
    """The gate's answer.

    Attributes:
        spec_name: whose promise.
        bundle: digest of the only bundle this verdict is about; empty for predictions from elsewhere.
        checks: one per requirement.
        spec: the promise itself, as a JSON object; empty in verdicts of earlier versions.
        looks: golden set to the digests of the bundles that have been evaluated on it so far, oldest first.
    """

    kind: ClassVar[str] = "verdict"
    document_name: ClassVar[str] = "verdict.json"

    spec_name: str
    bundle: str
    checks: tuple[Check, ...]
    spec: Mapping[str, Any] = field(default_factory=dict)
    looks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def verdict(self) -> Literal["pass", "fail"]:
        """`pass` only when something was required and all of it is met; no evidence is not met."""
        return "pass" if self.checks and all(check.status == "met" for check in self.checks) else "fail"

    @property
    def spec_digest(self) -> str:
        """Digest of the promise's one spelling; empty where the promise was not kept."""
        return digest_of_bytes(canonical_json(dict(self.spec)).encode()) if self.spec else ""

    @property
    def digests(self) -> dict[str, str]:
        """Role to digest of everything the verdict rests on, the promise included."""
        return {**({"spec": self.spec_digest} if self.spec else {}), **self.made_from}

    @property
    def looks_told(self) -> list[str]:
        """A sentence on each golden set: how often it was looked at, by which bundles, and whether that is too often."""
        return [_told(name, bundles) for name, bundles in sorted(self.looks.items())]

    def parts(self) -> Parts:
        document: dict[str, Any] = {
            "verdict": self.verdict,
            "spec_name": self.spec_name,
            "bundle": self.bundle,
            "checks": [check.as_record for check in self.checks],
        }
        if self.spec:
            document |= {"spec_digest": self.spec_digest, "spec": dict(self.spec)}
        if self.looks:
            document["looks"] = {name: list(bundles) for name, bundles in self.looks.items()}
        return Parts(document)

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        document = parts.document
        for key in ("spec_name", "bundle"):
            if not isinstance(document[key], str):
                raise TypeError(f"'{key}' is {type(document[key]).__name__}")
        return cls(
            spec_name=document["spec_name"],
            bundle=document["bundle"],
            checks=tuple(Check.from_record(record) for record in document["checks"]),
            spec=document.get("spec", {}),
            looks={name: tuple(bundles) for name, bundles in document.get("looks", {}).items()},
            made_from=made_from,
        )


def _told(name: str, bundles: tuple[str, ...]) -> str:
    times = "once" if len(bundles) == 1 else f"{len(bundles)} times"
    if not bundles:
        return f"Golden set '{name}': no look is on record."
    by = ", ".join(digest[:12] for digest in bundles)
    told = f"Golden set '{name}': looked at {times}, by the bundle{'s' if len(bundles) > 1 else ''} {by}."
    if len(bundles) > MANY_LOOKS:
        told += (
            f" Each look leaks a little of the set into what is chosen next; after more than {MANY_LOOKS} its figures "
            f"flatter. Collect a fresh one."
        )
    return told
