"""`boxwright card`: what a bundle is and what was measured of it, as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from boxwright.artifacts import Artifact, Bundle, Checkpoint, Dataset, Report, Split, Verdict
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, find, give, open_store
from boxwright.gate import Origins
from boxwright.gate import card as card_of
from boxwright.store import Store, write_bytes

A = TypeVar("A", bound=Artifact)
_ON_SET = "report["  # the roles under which a verdict names reports on sets


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("card")(card)


def card(
    bundle: Annotated[str, typer.Argument(help="Bundle, usually a candidate: folder, name or digest.")],
    report: Annotated[
        str | None, typer.Option("--report", help="Report on the test side; without it, the one the verdict names.")
    ] = None,
    verdict: Annotated[str | None, typer.Option("--verdict", help="Verdict about the bundle.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the card here instead of to stdout.")] = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Write a model card that quotes measured figures alone; what was not measured says so."""
    origins = _origins(store, bundle, report, verdict)
    text = card_of(origins)
    if out:
        write_bytes(out, text.encode())
    result = {
        "bundle": origins.bundle.digest, "report": origins.report.digest if origins.report else None,
        "verdict": origins.verdict.digest if origins.verdict else None, "out": str(out) if out else None, "card": text,
    }  # fmt: skip
    give(result, as_json=as_json, lines=[str(out)] if out else text.rstrip("\n").split("\n"))


def _origins(store: Path, bundle: str, report: str | None, verdict: str | None) -> Origins:
    """What the card may quote: what was given, and what that names and the store holds."""
    about = find(store, bundle, Bundle)
    judged = find(store, verdict, Verdict) if verdict else None
    opened = open_store(store) if store.is_dir() else None
    names = judged.made_from if judged else {}
    measured = find(store, report, Report) if report else _held(opened, names.get("report"), Report)
    sets = {
        role.removeprefix(_ON_SET).rstrip("]"): found
        for role, digest in names.items()
        if role.startswith(_ON_SET) and (found := _held(opened, digest, Report))
    }
    of_report = measured.made_from if measured else {}
    exported = _held(opened, about.made_from.get("bundle"), Bundle) or about
    checkpoint = _held(opened, exported.made_from.get("checkpoint"), Checkpoint)
    of_training = checkpoint.made_from if checkpoint else {}
    return Origins(
        about,
        measured,
        judged,
        sets,
        _held(opened, of_report.get("dataset", of_training.get("dataset")), Dataset),
        _held(opened, of_report.get("split", of_training.get("split")), Split),
        checkpoint,
    )


def _held(store: Store | None, digest: str | None, kind: type[A]) -> A | None:
    """The artifact, where the store has it; StoreError when it is there and damaged."""
    if store is None or digest is None or digest not in store.digests(kind.kind):
        return None
    return store.get(digest, kind)
