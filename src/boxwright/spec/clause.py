"""What clauses of the spec are made of: shares, names, durations, and a section that may grow keys."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from boxwright.plain_text import printable
from boxwright.spec.document import Section
from boxwright.spec.sane import MOST, MOST_CHARACTERS, SEED_MOST, one_line

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, ge=1e-9, le=MOST)]
Count = Annotated[int, Field(ge=0, le=int(MOST))]
Seed = Annotated[int, Field(ge=0, le=SEED_MOST)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(one_line)]
Value = Annotated[str, Field(max_length=MOST_CHARACTERS), AfterValidator(one_line)]  # of a condition

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s*(s|min|h|d)", re.ASCII)
_LONGEST_S = 100 * 366 * 86400.0
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_from(text: str) -> float:
    """Seconds of a duration such as `15min`, `8h`, `3d`."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError(f"'{printable(text[:80])}' is no duration; write a number and s, min, h or d, such as 8h")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > _LONGEST_S:
        raise ValueError(f"'{text}' is longer than 100 years; write a duration such as 30d")
    return seconds


class GrownSection(Section):
    """A section that grew keys after documents with a digest had been written.

    At their defaults these keys are left out of the document, so that what was saved before keeps its digest.
    """

    later: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        defaults = {name: type(self).model_fields[name].get_default(call_default_factory=True) for name in self.later}
        left_out = {name for name, default in defaults.items() if getattr(self, name) == default}
        return {name: value for name, value in handler(self).items() if name not in left_out}
