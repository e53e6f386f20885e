"""Options that belong together are one noun: a frozen dataclass whose fields are options of the command line.

    @dataclass(frozen=True)
    class Output:
        page: Annotated[Path | None, typer.Option("--page", help="Also write the HTML page.")] = None
        as_json: JsonOption = False

    @grouped
    def compare(a: Annotated[str, typer.Argument()], b: ..., output: Output) -> None: ...

The command line sees every field as an option of its own, in the order of the fields; the verb gets the noun.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")


def grouped(verb: Callable[..., T]) -> Callable[..., T]:
    """The verb with the fields of its dataclasses as parameters.

    Raises:
        TypeError: two of its nouns have an option of the same name.
    """
    hints = get_type_hints(verb, include_extras=True)
    nouns: dict[str, type] = {}
    shown: list[inspect.Parameter] = []
    for name, given in inspect.signature(verb).parameters.items():
        kind = hints[name]
        if isinstance(kind, type) and is_dataclass(kind):
            nouns[name] = kind
            shown += _parameters(kind)
        else:
            shown.append(given.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))
    names = [of.name for of in shown]
    if twice := {name for name in names if names.count(name) > 1}:
        raise TypeError(f"{verb.__name__} has the option '{min(twice)}' in two nouns")

    @functools.wraps(verb)
    def ungrouped(**given: Any) -> T:
        made = {name: kind(**{of.name: given.pop(of.name) for of in fields(kind)}) for name, kind in nouns.items()}
        return verb(**given, **made)

    del ungrouped.__wrapped__  # or its signature would be taken
    ungrouped.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    ungrouped.__annotations__ = {of.name: of.annotation for of in shown}
    return ungrouped


def _parameters(noun: type) -> list[inspect.Parameter]:
    hints = get_type_hints(noun, include_extras=True)
    return [
        inspect.Parameter(of.name, inspect.Parameter.KEYWORD_ONLY, default=_default(of), annotation=hints[of.name])
        for of in fields(noun)
    ]


def _default(of: Field[Any]) -> Any:
    if of.default is not MISSING:
        return of.default
    return inspect.Parameter.empty if of.default_factory is MISSING else of.default_factory()
