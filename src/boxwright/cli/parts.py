"""A verb that has parts beside what it does by itself: `boxwright split DATASET` and `boxwright split audit SOURCE`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typer.core import TyperCommand


class WithParts(TyperCommand):
    """A command whose first word may name a part, which then takes the rest."""

    parts: ClassVar[Mapping[str, Any]] = {}

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The part's context where the first word names one, else the verb's own."""
        if args and args[0] in self.parts:
            return self.parts[args[0]].make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)
