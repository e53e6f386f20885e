"""What a proposal is: two documents, what in them was guessed and why, and what was seen but not taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from boxwright.spec import Spec
from boxwright.training import Recipe


@dataclass(frozen=True)
class Guessed:
    """One value that the data suggested.

    Attributes:
        key: of spec.yaml or recipe.yaml, such as `split.group_by`.
        value: as the document has it.
        why: the reason, in a sentence without its full stop.
        support: the number of images, objects or pairs behind it.
    """

    key: str
    value: Any
    why: str
    support: int

    @property
    def as_document(self) -> dict[str, Any]:
        """As a JSON object."""
        return {"key": self.key, "value": self.value, "why": self.why, "support": self.support}


@dataclass(frozen=True)
class Proposal:
    """A spec and a recipe for some data.

    Attributes:
        spec, recipe: the documents.
        guessed: what in them was guessed.
        remarks: key of the spec or recipe to what was seen there and not taken, in sentences; rendered as comments.
        beside: `classes[0]` or `conditions[1]` to what stands beside that line, such as its count.
        subsets: images per subset that the files name; empty where they name none.
    """

    spec: Spec
    recipe: Recipe
    guessed: tuple[Guessed, ...] = ()
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    subsets: Mapping[str, int] = field(default_factory=dict)
