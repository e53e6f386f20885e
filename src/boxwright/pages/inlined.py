"""The style sheet and the script inside every page, and the policy that lets a browser run these and nothing else.

The policy names both by the SHA-256 of their text, so an injected script or style is not run even where escaping should fail. Style
attributes are not covered by such a hash: no page has one, and how dark a cell of a heat map is stands in its class.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from markupsafe import Markup

_STEPS = 100  # shades of a heat map


@cache
def style() -> Markup:
    """The text of the one style element."""
    shades = "".join(f".depth-{n} {{ --depth: {n / _STEPS:g}; }}\n" for n in range(_STEPS + 1))
    return Markup(f"\n{_text('style.css')}\n{shades}")


@cache
def script() -> Markup:
    """The text of the one script element."""
    return Markup(f"\n{_text('sort.js')}\n")


@cache
def policy() -> str:
    """The content security policy of every page."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style())}'; script-src '{_hash(script())}'; "
        "base-uri 'none'; form-action 'none'"
    )


def shade(depth: float) -> str:
    """The class of a cell of a heat map whose depth is in [0, 1]."""
    return f"depth-{round(_STEPS * min(max(depth, 0.0), 1.0))}"


def _text(name: str) -> str:
    return (files("boxwright.pages") / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
