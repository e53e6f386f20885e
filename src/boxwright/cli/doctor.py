"""`boxwright doctor`: what this machine has and lacks, and what to type about it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import typer

from boxwright.cli import findings, installed
from boxwright.cli.findings import Finding, disk, nearest_folder, size
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, give
from boxwright.errors import StoreError
from boxwright.store.health import Health, can_write, look_over

_EXAMPLES = 3


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor")(doctor)


def doctor(store: StoreOption = STORE, as_json: JsonOption = False) -> None:
    """Look at this machine, the installation and the store; exit code 1 if something needs attention."""
    found = [*of_machine(), *of_store(store), of_journal(store / "journal")]
    attention = sum(one.state == "attention" for one in found)
    give({"findings": [asdict(one) for one in found], "attention": attention}, as_json=as_json, lines=_lines(found))
    raise typer.Exit(1 if attention else 0)


def of_machine() -> list[Finding]:
    """The machine and what is installed on it."""
    return [
        findings.python(), findings.cpus(), findings.memory(), installed.packages(), *installed.extras(),
        installed.torchvision(), findings.threads(), findings.numba_cache(), findings.temporary_folder(),
    ]  # fmt: skip


def of_store(root: Path) -> list[Finding]:
    """The store: whether it can be used, its disk, and what in it is damaged."""
    another = "name a folder that you can write: --store FOLDER, or export BOXWRIGHT_STORE=FOLDER"
    if not root.exists():
        above = nearest_folder(root)
        if not above.is_dir() or not can_write(above):
            return [Finding("store", "attention", f"'{root}' does not exist, and '{above}' is not writable", another)]
        return [disk("store", above, f"'{root}' does not exist; `boxwright ingest` begins it", another)]
    if not root.is_dir():
        return [Finding("store", "attention", f"'{root}' is a file, not a folder", another)]
    if not os.access(root, os.R_OK | os.X_OK):
        return [Finding("store", "attention", f"'{root}' cannot be read", another)]
    if not can_write(root):
        return [Finding("store", "attention", f"'{root}' can be read but not written", another)]
    try:
        health = look_over(root)
    except StoreError as error:
        return [Finding("store", "attention", str(error), "finish the copy, as said, or name another store")]
    except OSError as error:
        return [Finding("store", "attention", f"'{root}' cannot be read: {error}", another)]
    busy = f", being written now: {', '.join(health.busy)}" if health.busy else ""
    return [
        disk("store", root, f"'{root}' is writable, {_number(health.names, 'name')}{busy}", another),
        _contents(root, health),
        *_leftovers(health.leftovers),
    ]


def of_journal(folder: Path) -> Finding:
    """The journal of a server that uses this store."""
    if not folder.exists():
        return Finding("journal", "ok", f"'{folder}' does not exist; `boxwright serve` begins it")
    if not folder.is_dir() or not can_write(folder):
        return Finding(
            "journal", "attention", f"'{folder}' is not a writable folder", "boxwright serve --journal FOLDER"
        )
    segments = [path for path in folder.iterdir() if path.is_file()]
    held = sum(path.stat().st_size for path in segments)
    found = f"'{folder}' is writable, {_number(len(segments), 'file')}, {size(held)}"
    return disk("journal", folder, found, "move old files elsewhere, or boxwright serve --journal FOLDER")


def _contents(root: Path, health: Health) -> Finding:
    unread = f" ({health.unread} not looked at, to be quick)" if health.unread else ""
    if not health.damaged:
        return Finding("artifacts", "ok", f"{_number(health.artifacts, 'manifest')} read{unread}, none damaged")
    told = "; ".join(health.damaged[:_EXAMPLES])
    more = f"; and {len(health.damaged) - _EXAMPLES} more, see --json" if len(health.damaged) > _EXAMPLES else ""
    return Finding(
        "artifacts", "attention", f"{len(health.damaged)} damaged: {told}{more}",
        f"read everything: boxwright store check {shlex.quote(str(root))}; then copy what is damaged from a backup, or make it again",
    )  # fmt: skip


def _leftovers(paths: Sequence[Path]) -> Iterable[Finding]:
    if paths:
        words = " ".join(shlex.quote(str(path)) for path in paths[:_EXAMPLES])
        more = f", and {len(paths) - _EXAMPLES} more" if len(paths) > _EXAMPLES else ""
        todo = f"when no boxwright command is running: rm -r {words}{more}"
        yield Finding("leftovers", "ok", f"{len(paths)} of writes that were stopped; harmless", todo)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _lines(found: Sequence[Finding]) -> list[str]:
    lines = [f"{one.state:9}  {one.check:14}  {one.found}{f'  ->  {one.todo}' if one.todo else ''}" for one in found]
    attention = sum(one.state == "attention" for one in found)
    if attention:
        return [
            *lines,
            f"{_number(attention, 'check')} of {len(found)} {'needs' if attention == 1 else 'need'} attention",
        ]
    return [*lines, "nothing needs attention"]
