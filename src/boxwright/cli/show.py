"""`boxwright show`: what is in the store, what versions a name has, or what an artifact says."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from boxwright.artifacts import Artifact, Dataset
from boxwright.cli.progress import say
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, any_artifact, give, open_store
from boxwright.errors import StoreError
from boxwright.spec import sheet_of
from boxwright.store import NameEvent, Store

_MOST_ENTRIES = 12
_MOST_TEXT = 160


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("show")(show)


def show(
    reference: Annotated[
        str | None,
        typer.Argument(help="Artifact: folder, name, version (NAME@2, NAME~1) or digest; without it, all names."),
    ] = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """List the names of the store, or show one artifact and the versions of its name."""
    if reference is None:
        opened = open_store(store)
        histories = {name: events for name in opened.names() if (events := opened.history(name))}
        result = {name: [vars(event) for event in events] for name, events in histories.items()}
        lines = [
            f"{name:32} {events[-1].kind:16} {events[-1].digest[:12]}  {_when(events[-1])}, {len(events)} in its history"
            for name, events in histories.items()
        ]
        give(result, as_json=as_json, lines=lines or ["the store is empty"])
        return
    artifact = any_artifact(store, reference)
    versions = _versions(store, reference)
    result = {**_document(artifact), "versions": versions}
    lines = _head(artifact, versions)
    if isinstance(artifact, Dataset):
        sheet = sheet_of(artifact.provenance)
        result["sheet"] = sheet.as_document if sheet else None
        today = datetime.now(UTC).date()
        result["sheet_expired"] = [s.name for s in sheet.expired(today)] if sheet else []
        lines += ["", *_sheet_lines(artifact, today)]
        for warning in sheet.warnings(today) if sheet else []:
            say(f"warning: {warning}")
    give(result, as_json=as_json, lines=[*lines, "", *_said(result["document"]), "", artifact.digest])


def _document(artifact: Artifact) -> dict[str, Any]:
    parts = artifact.parts()
    tables = {name: {"rows": len(table), "columns": table.column_names} for name, table in parts.tables.items()}
    return {
        "kind": artifact.kind, "digest": artifact.digest, "made_from": dict(artifact.made_from), "tables": tables,
        "files": sorted(parts.files), "document": parts.document,
    }  # fmt: skip


def _versions(store: Path, reference: str) -> list[dict[str, Any]]:
    """All entries of the history of the name that was asked for; none for a digest or a folder."""
    if Path(reference, "manifest.json").is_file() or not store.is_dir():
        return []
    opened = open_store(store)
    try:
        name, history, position = opened.versions(reference)
    except StoreError:
        return []
    return [
        {
            "number": k,
            "name": f"{name}@{k}",
            "shown": k - 1 == position,
            **vars(event),
            "counts": _counts(opened, event),
        }
        for k, event in enumerate(history, start=1)
    ]


def _counts(store: Store, event: NameEvent) -> dict[str, int]:
    """What the manifest says the artifact holds; empty where it was written before manifests did."""
    return store.counts(event.digest, kind=event.kind) if event.digest in store.digests(event.kind) else {}


def _head(artifact: Artifact, versions: list[dict[str, Any]]) -> list[str]:
    lines = [f"{artifact.kind} {artifact.digest}"]
    lines += [f"made from {role} {digest}" for role, digest in artifact.made_from.items()]
    parts = artifact.parts()
    lines += [f"table {name}: {len(table):,} rows" for name, table in parts.tables.items()]
    if isinstance(artifact, Dataset):
        lines.append(f"{len(artifact):,} pictures, {len(artifact.annotations.class_id):,} annotations")
    lines += [f"file {name}" for name in sorted(parts.files)]
    if versions:
        lines += ["", f"versions of {versions[0]['name'].rpartition('@')[0]}:"]
    for entry in versions:
        counts = ", ".join(f"{count:,} {what}" for what, count in entry["counts"].items())
        why = f"  {entry['reason']}" if entry["reason"] else ""
        mark = "*" if entry["shown"] else " "
        at = f"{datetime.fromtimestamp(entry['at'], UTC):%Y-%m-%d %H:%M} UTC"
        lines.append(f"{mark} @{entry['number']:<4} {entry['digest'][:12]}  {at}  {entry['actor']:12} {counts}{why}")
    return lines


def _sheet_lines(artifact: Dataset, today: date) -> list[str]:
    sheet = sheet_of(artifact.provenance)
    return ["data sheet:", *(f"  {line}" for line in sheet.lines(today))] if sheet else ["no data sheet"]


def _said(document: dict[str, Any]) -> list[str]:
    """A document for people: YAML, long lists and texts cut short; --json has all."""
    text = yaml.safe_dump(_short(document), sort_keys=False, allow_unicode=True, width=120)
    return text.rstrip("\n").split("\n")


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {str(k): _short(v) for k, v in list(value.items())[: 4 * _MOST_ENTRIES]}
        rest = len(value) - len(kept)
        return {**kept, **({"...": f"{rest} more"} if rest else {})}
    if isinstance(value, list | tuple):
        rest = len(value) - _MOST_ENTRIES
        return [*(_short(v) for v in value[:_MOST_ENTRIES]), *([f"... {rest} more"] if rest > 0 else [])]
    if isinstance(value, str) and len(value) > _MOST_TEXT:
        return value[:_MOST_TEXT] + "..."
    return value


def _when(event: NameEvent) -> str:
    return f"{datetime.fromtimestamp(event.at, UTC):%Y-%m-%d %H:%M} UTC"
