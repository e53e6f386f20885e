"""Options of the form NAME=VALUE that can be given several times."""

from __future__ import annotations

from boxwright.errors import InputError


def by_name(pairs: list[str] | None, option: str) -> dict[str, str]:
    """Name to value; InputError for a pair that lacks one of them, or a name that is given twice."""
    found: dict[str, str] = {}
    for pair in pairs or ():
        name, sign, value = pair.partition("=")
        if not (name and sign and value):
            raise InputError(f"{option} takes NAME=VALUE; found '{pair}'.")
        if name in found:
            raise InputError(f"{option} names '{name}' twice; give it once.")
        found[name] = value
    return found
