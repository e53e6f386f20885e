"""`boxwright export`: a checkpoint becomes a bundle, proven on real pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import Bundle, Checkpoint, Dataset, Split
from boxwright.cli.documents import SetOption, because, read_spec
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import STORE, JsonOption, SpecOption, StoreOption, find, give, open_store, save_artifact
from boxwright.lifecycle import Stages
from boxwright.store import Steps


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("export")(export)


def export(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint: name or digest.")],
    dataset: Annotated[str, typer.Argument(help="Dataset to prove the bundle on: name or digest.")],
    split: Annotated[str, typer.Argument(help="Split: name or digest.")],
    spec: SpecOption,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the bundle into this folder.")] = None,
    values: SetOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Write ONNX, prove that it gives the checkpoint's boxes, pack contract and golden pictures."""
    promise = read_spec(spec, values)
    trained, data, parts = find(store, checkpoint, Checkpoint), find(store, dataset, Dataset), find(store, split, Split)
    opened = open_store(store)
    with Bars().shown() as bars:
        stages = Stages(opened, promise, None, store / "work", bars)
        do = Steps(opened, say, bars.waiting)
        bundle = do(Bundle, "export", stages.export, trained, data, parts, also=stages.of_export)
    opened.point(f"bundle/{promise.name}", bundle.digest, reason=because("export", values))
    if out:
        save_artifact(bundle, out)
    parity = bundle.contract.parity
    lines = [
        f"parity on {parity['pictures']} pictures: {parity['detections_compared']} detections, least IoU "
        f"{parity['least_iou']:.5f}, largest score difference {parity['largest_score_difference']:.5f}",
        bundle.digest,
    ]
    give({"bundle": bundle.digest, "parity": parity}, as_json=as_json, lines=lines)
