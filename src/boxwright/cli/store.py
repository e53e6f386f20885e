"""`boxwright store`: whether a store is whole, and a copy of it: backup and restore."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import KINDS
from boxwright.cli.findings import size
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import STORE, JsonOption, give, open_store
from boxwright.errors import BoxwrightError
from boxwright.serving.journal import Reading, read_records
from boxwright.store.check import Fault
from boxwright.store.check import check as check_store
from boxwright.store.copy import copy as copy_store


def add_to(app: typer.Typer) -> None:
    """Add the verb and its parts."""
    store = typer.Typer(help="Check that a store is whole, or copy it.", no_args_is_help=True, rich_markup_mode=None)
    for name, part in (("check", check), ("copy", copy)):
        store.command(name)(part)
    app.add_typer(store, name="store")


def check(
    store: Annotated[
        Path, typer.Argument(envvar="BOXWRIGHT_STORE", help="Folder of the store.", show_default=True)
    ] = STORE,
    as_json: JsonOption = False,
) -> None:
    """Read everything in a store and compare it with its digests; exit code 1 if something is damaged."""
    open_store(store)
    with Bars().shown() as bars:
        found = check_store(store, KINDS, tell=bars, journal=of_journal)
    result = {
        "store": str(store), "names": found.names, "artifacts": found.artifacts, "pictures": found.pictures,
        "faults": [asdict(fault) for fault in found.faults], "leftovers": [str(path) for path in found.leftovers],
    }  # fmt: skip
    read = f"{found.names:,} names, {found.artifacts:,} artifacts and {found.pictures:,} images read"
    give(result, as_json=as_json, lines=[*_lines(found.faults), f"{read}: {_verdict(found.faults)}"])
    if found.leftovers and not as_json:
        words = " ".join(shlex.quote(str(path)) for path in found.leftovers[:3])
        more = f", and {len(found.leftovers) - 3} more (--json lists them)" if len(found.leftovers) > 3 else ""
        say(
            f"{len(found.leftovers)} leftovers of writes that were stopped, harmless; when no boxwright command is running: rm -r {words}{more}"
        )
    raise typer.Exit(1 if found.faults else 0)


def copy(
    source: Annotated[Path, typer.Argument(help="Folder of the store.")],
    target: Annotated[Path, typer.Argument(help="Folder of the copy: empty, not there yet, or an earlier copy.")],
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Read what was copied again and compare it with its digests.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Copy a store, which may be in use, to another folder; a second run copies what is new. Exit code 1 if something is damaged."""
    with Bars().shown() as bars:
        made = copy_store(source, target, KINDS, verify=verify, tell=bars, journal=of_journal)
    result = {
        "source": str(source), "target": str(target), "files": made.files, "bytes": made.size, "artifacts": made.artifacts,
        "verified": made.verified, "faults": [asdict(fault) for fault in made.faults], "not_copied": [str(p) for p in made.strange],
    }  # fmt: skip
    done = f"{made.files:,} files ({size(made.size)}) and {made.artifacts:,} new artifacts copied to '{target}'"
    verdict = _verdict(made.faults) if verify or made.faults else "not read again"
    give(result, as_json=as_json, lines=[*_lines(made.faults), f"{done}: {verdict}"])
    for path in made.strange if not as_json else ():
        say(f"not copied, no part of a store: '{path}'")
    raise typer.Exit(1 if made.faults else 0)


def of_journal(folder: Path) -> Iterator[str]:
    """What is wrong with the records of a journal, as far as reading all of them shows."""
    account = Reading()
    try:
        for _ in read_records(folder, reading=account):
            pass
    except BoxwrightError as error:
        yield str(error)
        return
    if account.lost or account.damaged or account.skipped_bytes or account.unreadable:
        yield account.sentence()


def _lines(faults: tuple[Fault, ...]) -> list[str]:
    return [f"{fault.found}  ->  {fault.todo}" for fault in faults]


def _verdict(faults: tuple[Fault, ...]) -> str:
    return f"{len(faults):,} {'fault' if len(faults) == 1 else 'faults'}" if faults else "whole"
