"""`boxwright predict`: a bundle on pictures, through the Detector that serves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from boxwright.artifacts import Bundle, Dataset, Predictions, Split
from boxwright.cli.terminal import STORE, Bars, JsonOption, StoreOption, find, give, open_store
from boxwright.errors import InputError
from boxwright.inference import predict as predict_pictures
from boxwright.ingestion import list_pictures, write_results
from boxwright.lifecycle import judged_ids, predict_dataset


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("predict")(predict)


def predict(
    bundle: Annotated[str, typer.Argument(help="Bundle: folder, name or digest.")],
    source: Annotated[
        str, typer.Argument(help="Folder of pictures, COCO file (image ids kept), or data set in the store.")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="COCO results file to write.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="With a data set: the split.")] = None,
    side: Annotated[str, typer.Option("--side", help="With a split: test, a set, val or train.")] = "test",
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="Folder COCO's file names are relative to.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="CPU threads of one run.")] = 1,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Predict; write COCO results, and keep the predictions in the store when the data set is from there."""
    loaded = find(store, bundle, Bundle)
    category_ids = None
    with Bars().shown() as bars:
        path = Path(source)
        if path.exists():
            if out is None:
                raise InputError("Pictures outside of the store need --out FILE for the COCO results.")
            listed = list_pictures(path, pictures=pictures, class_names=loaded.contract.class_names)
            category_ids = listed.category_ids
            found = predict_pictures(
                loaded, image_ids=listed.image_ids, file_names=listed.file_names,
                read=lambda i: listed.paths[i].read_bytes(), threads=threads,
                progress=lambda done, of: bars("predict", done, of),
            )  # fmt: skip
            digest = None
        else:
            found, category_ids = _from_store(store, loaded, source, split, side, bars)
            name = f"predictions/{loaded.contract.spec_name or 'bundle'}" + ("" if side == "test" else f"/{side}")
            digest = open_store(store).put(found, name=name, reason="predict")
    if out:
        write_results(out, found, category_ids=category_ids)
    latency = (
        {f"latency_p{p}_ms": round(float(np.percentile(found.latency_ms, p)), 3) for p in (50, 95, 99)}
        if len(found.latency_ms)
        else {}
    )
    result = {
        "images": len(found.latency_ms), "detections": len(found.detections), "out": str(out) if out else None,
        "predictions": digest, **latency, **found.measured_on,
    }  # fmt: skip
    lines = [
        f"{result['images']} pictures, {result['detections']} detections"
        + "".join(f", {k} {v}" for k, v in latency.items())
    ]
    lines += [str(out)] if out else []
    give(result, as_json=as_json, lines=[*lines, *([digest] if digest else [])])


def _from_store(
    store: Path, bundle: Bundle, source: str, split: str | None, side: str, bars: Bars
) -> tuple[Predictions, list[int] | None]:
    data = find(store, source, Dataset)
    ids = judged_ids(data, find(store, split, Split), side) if split else data.image_ids
    found = predict_dataset(open_store(store), bundle, data, ids, lambda done, of: bars("predict", done, of))
    ids_of = dict(zip(data.class_names, data.provenance.get("category_ids") or [], strict=False))
    if not ids_of:
        return found, None
    missing = [name for name in bundle.contract.class_names if name not in ids_of]
    if missing:
        raise InputError(f"The bundle's class '{missing[0]}' is not in the data set ({', '.join(ids_of)}).")
    return found, [ids_of[name] for name in bundle.contract.class_names]
