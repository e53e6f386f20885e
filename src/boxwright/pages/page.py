"""From a template and what it shows to one HTML text.

Everything that is not markup made in this room is escaped, and a template that asks for something it was not given is
an error, not a blank.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from boxwright.pages import figures, inlined, intervals


def render(template: str, **shown: Any) -> str:
    """The page a template makes of what it is shown."""
    return (
        _environment()
        .get_template(template)
        .render(policy=inlined.policy(), style=inlined.style(), script=inlined.script(), dash=figures.DASH, **shown)
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("boxwright.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        share=figures.share,
        count=figures.count,
        amount=figures.amount,
        signed=figures.signed,
        points=figures.points,
        percent=figures.percent,
        roughly=figures.roughly,
        limit=figures.limit,
        judged=figures.judged,
        milliseconds=figures.milliseconds,
        moment=figures.moment,
        duration=figures.duration,
        short_digest=figures.short_digest,
        shade=inlined.shade,
    )
    environment.globals.update(
        span=intervals.span, signed_span=intervals.signed_span, points_span=intervals.points_span
    )
    return environment
