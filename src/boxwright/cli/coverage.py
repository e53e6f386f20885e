"""`boxwright coverage`: the data there is against the plan of the spec, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import Split
from boxwright.cli.documents import SetOption, read_spec
from boxwright.cli.progress import say
from boxwright.cli.terminal import STORE, JsonOption, SpecOption, StoreOption, find, give, write_page
from boxwright.cli.versions import version_at
from boxwright.errors import InputError
from boxwright.evaluation import Coverage, cover
from boxwright.pages import coverage_page

_MOST_LINES = 20


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("coverage")(coverage)


def coverage(
    source: Annotated[str, typer.Argument(help="Dataset (name, version, digest, folder) or annotation files.")],
    spec: SpecOption,
    split: Annotated[
        str | None, typer.Option("--split", help="Split, for clauses about a side: name, digest or folder.")
    ] = None,
    conditions: Annotated[
        Path | None, typer.Option("--conditions", help="CSV or Parquet: file name, then conditions; for files.")
    ] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Also write the HTML page.")] = None,
    values: SetOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Count what there is per class, condition and size, hold it against the spec, and say what to collect next."""
    promise = read_spec(spec, values)
    version = version_at(store, source, conditions=conditions)
    if conditions is not None and not version.from_files:
        raise InputError("--conditions goes with annotation files; a dataset of the store has its conditions already.")
    if not set(version.dataset.class_names) & set(promise.class_names):
        raise InputError(
            f"'{source}' has the classes {', '.join(version.dataset.class_names) or 'none'}, and the spec has "
            f"{', '.join(promise.class_names)}: none is the same, so there is nothing to count."
        )
    unknown = [name for name in version.dataset.class_names if name not in promise.class_names]
    if unknown:
        say(f"not in the spec, and not counted: {', '.join(unknown)}")
    sides = find(store, split, Split) if split else None
    if sides is not None and version.dataset.digest != sides.made_from.get("dataset", version.dataset.digest):
        raise InputError(
            f"Split '{split}' was made of another version than '{source}'; split this one, or name that one."
        )
    found = cover(version.dataset, promise, sides)
    if page:
        write_page(page, coverage_page(found, title=source, spec=promise))
    give(found.as_document, as_json=as_json, lines=_lines(found))
    if not found.met:
        raise typer.Exit(1)


def _lines(found: Coverage) -> list[str]:
    lines = [f"{found.pictures:,} pictures ({found.unlabelled:,} not labelled), {found.objects:,} objects asked for"]
    whole = [c for c in found.cells if not c.condition]
    for name in dict.fromkeys(c.class_name for c in whole):
        mine = [c for c in whole if c.class_name == name]
        sizes = ", ".join(f"{c.objects:,} of {c.size} px" for c in mine if c.size)
        lines.append(f"{name:24} {mine[0].objects:>9,} objects on {mine[0].images:,} pictures: {sizes}")
    for clause in found.clauses:
        if clause.met is None:
            lines.append(f"?  {clause.key} >= {clause.least}: give --split to count it")
        else:
            missing = "" if clause.met else f", {clause.missing:,} missing"
            lines.append(f"{'ok' if clause.met else 'NO'} {clause.key} >= {clause.least}: {clause.found:,}{missing}")
    if found.empty:
        lines.append(f"{len(found.empty)} of the cells of class and condition are empty")
    if found.collect:
        lines.append("collect next:")
        for number, item in enumerate(found.collect[:_MOST_LINES], start=1):
            where = ", ".join(f"{k}={v}" for k, v in item.where.items()) or "anything"
            dealt = (
                f" (about {item.to_collect:,} if new groups are dealt to all sides)"
                if item.to_collect > item.more
                else ""
            )
            on = "" if item.side == "any" else f" on {item.side}"
            lines.append(
                f"{number:3}. {item.more:,} more {_plural(item.of, item.more)} of {where}{on}{dealt}: {item.why}"
            )
        if len(found.collect) > _MOST_LINES:
            lines.append(f"     and {len(found.collect) - _MOST_LINES} more; --json and --page have them")
    counted = [clause for clause in found.clauses if clause.met is not None]
    if not counted:
        lines.append("no clause was counted" if found.clauses else "the spec has no `coverage` clause to count")
    else:
        lines.append("every clause that was counted is met" if found.met else "not every clause is met")
    return lines


def _plural(what: str, number: int) -> str:
    return what.removesuffix("s") if number == 1 else what
