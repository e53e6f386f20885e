"""What clauses of the spec are made of: shares, names, durations, and a section that may grow keys."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from boxwright.spec.document import Section

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(min_length=1, max_length=100)]

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|min|h|d)$")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_from(text: str) -> float:
    """Seconds of a duration such as `15min`, `8h`, `3d`."""
    match = _DURATION.match(text)
    if not match:
        raise ValueError(f"'{text}' is no duration; write a number and s, min, h or d, such as 8h")
    return float(match[1]) * _SECONDS[match[2]]


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
