"""`boxwright predict`: a bundle on images, through the Detector that serves."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from boxwright.artifacts import Bundle, Dataset, Predictions, Split
from boxwright.cli.annotated import AnnotatedImages
from boxwright.cli.grouped import grouped
from boxwright.cli.progress import Bars, say
from boxwright.cli.terminal import STORE, JsonOption, StoreOption, find, give, open_store
from boxwright.detections import Detections
from boxwright.errors import InputError, PictureError
from boxwright.images import is_near_black, read_picture
from boxwright.inference import Thresholds
from boxwright.inference import predict as predict_pictures
from boxwright.ingestion import Listed, list_pictures, names_files, write_image_list, write_results
from boxwright.ingestion.finding import PICTURE_ENDINGS
from boxwright.lifecycle import judged_ids, predict_dataset

_TOLD = 20  # refused images that are named on stderr; --json names all


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("predict")(predict)


@dataclass
class _Run:
    """What a run has found.

    Attributes:
        predictions: of the images that could be read.
        category_ids: by class_id, where the source has its own.
        conditions: of the images that were answered, in their order; None where nothing is known of them.
        sizes_hw: of the images that were answered.
        refused: file_name, reason and message of each image that was not.
        near_black: names of images that are nearly black.
        skipped: files that are no images, by ending.
    """

    predictions: Predictions | None = None
    category_ids: list[int] | None = None
    conditions: list[dict[str, Any]] | None = None
    sizes_hw: list[tuple[int, int]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    near_black: list[str] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)

    def refuse(self, name: str, error: InputError) -> None:
        """Note an image that cannot be read."""
        reason = error.reason if isinstance(error, PictureError) else "missing"
        self.refused.append({"file_name": name, "reason": reason, "message": str(error)})

    def look(self, name: str, picture: NDArray[np.uint8]) -> None:
        """Note what is to be known of an image that was answered."""
        self.sizes_hw.append((picture.shape[0], picture.shape[1]))
        if is_near_black(picture):
            self.near_black.append(name)


@dataclass(frozen=True)
class Results:
    """What is written."""

    out: Annotated[Path | None, typer.Option("--out", help="COCO results file to write.")] = None
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Write every detection above the bundle's floor, as evaluate needs, not only answers."
        ),
    ] = False
    annotated: Annotated[
        Path | None, typer.Option("--annotated", help="Folder to make: the images with their boxes drawn, as JPEG.")
    ] = None
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing, with exit code 2, where an image cannot be read.")
    ] = False

    def write(self, run: _Run, images_out: Path, answered: NDArray[np.bool_]) -> None:
        """The COCO results, and beside them the images' names."""
        assert self.out is not None and run.predictions is not None
        ids = run.category_ids
        write_image_list(images_out, run.predictions, sizes_hw=run.sizes_hw, category_ids=ids, refused=run.refused)
        write_results(self.out, run.predictions, category_ids=ids, kept=None if self.everything else answered)


@dataclass(frozen=True)
class Part:
    """Which images of the source."""

    split: Annotated[str | None, typer.Option("--split", help="With a dataset: the split.")] = None
    side: Annotated[str, typer.Option("--side", help="With a split: test, a set, val or train.")] = "test"
    pictures: Annotated[Path | None, typer.Option("--pictures", help="Folder COCO's file names are relative to.")] = (
        None
    )


@grouped
def predict(
    bundle: Annotated[str, typer.Argument(help="Bundle: folder, name or digest.")],
    source: Annotated[
        list[str],
        typer.Argument(
            help="Folder of images, an image or several, a quoted pattern ('images/*.jpg'), a COCO file (image ids are kept), "
            "or a dataset of the store."
        ),
    ],
    results: Results,
    part: Part,
    threads: Annotated[int, typer.Option("--threads", min=1, help="CPU threads of one run.")] = 1,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Predict; write COCO results, and keep the predictions in the store when the dataset is from there."""
    of_files = len(source) > 1 or names_files(source[0])
    if of_files and results.out is None and results.annotated is None:
        raise InputError("Images outside of the store need --out FILE for the COCO results, or --annotated DIR.")
    images_out = _beside(results.out, source) if results.out else None
    loaded = find(store, bundle, Bundle)
    thresholds = Thresholds(loaded.contract)
    with Bars().shown() as bars, ExitStack() as folders:
        drawn = folders.enter_context(
            AnnotatedImages.into(results.annotated, loaded.contract, None if results.everything else thresholds)
        )
        if of_files:
            listed = list_pictures(source, pictures=part.pictures, class_names=loaded.contract.class_names)
            if results.strict:
                _all_readable(loaded, listed, bars)
            run = _of_files(loaded, listed, bars, threads=threads, drawn=drawn)
        else:
            run = _of_store(store, loaded, (source[0], part.split, part.side), bars, threads=threads, drawn=drawn)
    found = run.predictions
    assert found is not None
    digest = None
    if not of_files:
        name = f"predictions/{loaded.contract.spec_name or 'bundle'}" + ("" if part.side == "test" else f"/{part.side}")
        digest = open_store(store).put(found, name=name, reason="predict")
    answered = thresholds.answered_of(found, run.conditions)
    if images_out:
        results.write(run, images_out, answered)
    _tell(run)
    result = {
        "images": len(found.latency_ms), "detections": len(found.detections), "answered": int(answered.sum()),
        "out": str(results.out) if results.out else None, "images_out": str(images_out) if images_out else None,
        "annotated": str(results.annotated) if results.annotated else None, "predictions": digest,
        "refused": run.refused, "skipped": run.skipped, "near_black": run.near_black,
        **_latency(found), **found.measured_on,
    }  # fmt: skip
    give(result, as_json=as_json, lines=_lines(result, thresholds, results.everything))
    raise typer.Exit(1 if run.refused else 0)


def _beside(out: Path, source: list[str]) -> Path:
    """The file for the images' names beside `out`.

    Raises:
        InputError: one of the two is a folder, an image, or a source.
    """
    images_out = out.with_name(f"{out.stem}.images.json")
    if out.is_dir():
        raise InputError(f"--out takes a file to write, and '{out}' is a folder; give {out / 'detections.json'}.")
    for path in (out, images_out):
        if path.suffix.lower() in PICTURE_ENDINGS or any(Path(one).resolve() == path.resolve() for one in source):
            what = "a source" if path.suffix.lower() not in PICTURE_ENDINGS else "named like an image"
            raise InputError(
                f"--out '{out}' would write COCO results to '{path}', which is {what}; "
                f"name another file, such as {out.with_name('detections.json')}."
            )
    return images_out


def _all_readable(bundle: Bundle, listed: Listed, bars: Bars) -> None:
    """InputError, with every bad image named before it, unless all can be read as the bundle reads them."""
    run = _Run()
    for position, name in enumerate(listed.file_names):
        try:
            read_picture(listed.read(position), name=name, bit_depth=bundle.contract.bit_depth, one_frame=True)
        except InputError as error:
            run.refuse(name, error)
        bars("read", position + 1, len(listed.file_names))
    if run.refused:
        _tell(run)
        raise InputError(
            f"{len(run.refused)} of {len(listed.file_names)} images cannot be read, the first '{run.refused[0]['file_name']}'; "
            f"nothing was written. Without --strict the others are answered."
        )


def _of_files(bundle: Bundle, listed: Listed, bars: Bars, *, threads: int, drawn: AnnotatedImages | None) -> _Run:
    run = _Run(category_ids=listed.category_ids, skipped=listed.skipped)
    conditions: list[dict[str, Any]] = []

    def answer(position: int, picture: NDArray[np.uint8], detections: Detections) -> None:
        name = listed.file_names[position]
        known = listed.conditions[position] if listed.conditions else {}
        conditions.append(known)
        run.look(name, picture)
        if drawn:
            drawn.add(name, picture, detections, known)

    run.predictions = predict_pictures(
        bundle, image_ids=listed.image_ids, file_names=listed.file_names, read=listed.read, threads=threads,
        progress=lambda done, of: bars("predict", done, of), on_answer=answer,
        on_refusal=lambda position, error: run.refuse(listed.file_names[position], error),
    )  # fmt: skip
    run.conditions = conditions
    if not len(run.predictions.latency_ms):  # here, where a folder of drawn images is not kept
        raise InputError(f"None of {len(run.refused)} images could be read, the first: {run.refused[0]['message']}")
    return run


def _of_store(
    store: Path, bundle: Bundle, asked: tuple[str, str | None, str], bars: Bars, *, threads: int,
    drawn: AnnotatedImages | None,
) -> _Run:  # fmt: skip
    """A dataset, whole or one side of a split: every detection is kept, for the gate judges by all of them."""
    source, split, side = asked
    data = find(store, source, Dataset)
    ids = judged_ids(data, find(store, split, Split), side) if split else data.image_ids
    rows = data.positions(ids)
    run = _Run(conditions=[data.conditions[row] for row in rows])

    def answer(position: int, picture: NDArray[np.uint8], detections: Detections) -> None:
        name = data.file_names[rows[position]]
        run.look(name, picture)
        if drawn:
            drawn.add(name, picture, detections, data.conditions[rows[position]])

    run.predictions = predict_dataset(
        open_store(store),
        bundle,
        data,
        ids,
        lambda done, of: bars("predict", done, of),
        threads=threads,
        on_answer=answer,
    )
    ids_of = dict(zip(data.class_names, data.provenance.get("category_ids") or [], strict=False))
    if ids_of:
        if missing := [name for name in bundle.contract.class_names if name not in ids_of]:
            raise InputError(f"The bundle's class '{missing[0]}' is not in the dataset ({', '.join(ids_of)}).")
        run.category_ids = [ids_of[name] for name in bundle.contract.class_names]
    return run


def _tell(run: _Run) -> None:
    """On stderr: what was refused, by name and reason, and what was passed over."""
    for one in run.refused[:_TOLD]:
        say(f"refused ({one['reason']}): {one['message']}")
    if len(run.refused) > _TOLD:
        say(f"... and {len(run.refused) - _TOLD} more refused; --json names all")
    if run.skipped:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(run.skipped.items()))
        say(f"skipped, not images: {kinds}")
    if run.near_black:
        say(
            f"warning: nearly black: {len(run.near_black)} of {len(run.sizes_hw)} images, the first '{run.near_black[0]}'; "
            f"are their samples read with the right bit depth? (docs/ingestion.md#bit-depth)"
        )


def _latency(found: Predictions) -> dict[str, float]:
    if not len(found.latency_ms):
        return {}
    return {f"latency_p{p}_ms": round(float(np.percentile(found.latency_ms, p)), 3) for p in (50, 95, 99)}


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _lines(result: dict[str, Any], thresholds: Thresholds, everything: bool) -> list[str]:
    answered, floor = result["answered"], result["detections"]
    if thresholds.of_class is None:
        what = f"{_counted(floor, 'detection')} (no thresholds are chosen yet: all above the floor)"
    elif everything:
        what = f"{_counted(floor, 'detection')} above the floor, {answered} of them at the bundle's thresholds"
    else:
        what = f"{_counted(answered, 'detection')} at the bundle's thresholds, of {floor} above its floor"
        what += " (--all writes these, which evaluate and audit need)" if result["out"] else ""
    latency = "".join(f", {k} {v}" for k, v in result.items() if k.startswith("latency_"))
    refused = f", {len(result['refused'])} refused" if result["refused"] else ""
    lines = [f"{_counted(result['images'], 'image')}{refused}, {what}{latency}"]
    return lines + [result[key] for key in ("out", "images_out", "annotated", "predictions") if result[key]]
