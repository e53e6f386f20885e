"""`boxwright diff`: what changed between two versions of a data set, or two annotation files, to the box."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from boxwright.artifacts import Dataset
from boxwright.cli.diff_lines import diff_lines
from boxwright.cli.grouped import grouped
from boxwright.cli.options import PageOutput
from boxwright.cli.progress import say
from boxwright.cli.terminal import STORE, StoreOption, give, write_page
from boxwright.cli.versions import MatchByOption, Version, picture_finder, version_at, with_content
from boxwright.errors import InputError
from boxwright.images.measure import MEASURES
from boxwright.labels import Difference
from boxwright.labels import diff as diff_datasets
from boxwright.lifecycle.in_common import unclear_in_words
from boxwright.pages import diff_page

_MOST_WARNINGS = 5
_EXAMPLES = 3


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("diff")(diff)


@dataclass(frozen=True)
class Recognition:
    """How a box, and an image, of one side is found on the other."""

    by: Annotated[str, typer.Option("--by", help="How boxes are recognised: auto, ids or place.")] = "auto"
    least_iou: Annotated[
        float, typer.Option("--iou", help="Least overlap of a box that is recognised by its place.")
    ] = 0.5
    match_by: MatchByOption = "auto"

    def check(self) -> None:
        """Raise InputError unless --by and --iou have values that `diff` knows."""
        if self.by not in ("auto", "ids", "place"):
            raise InputError(f"--by takes auto, ids or place; found '{self.by}'.")
        if not 0 < self.least_iou <= 1:
            raise InputError(f"--iou must be above 0 and at most 1; found {self.least_iou:g}.")


@grouped
def diff(
    before: Annotated[str, typer.Argument(help="Dataset (name, NAME@2, NAME~1, digest, folder) or annotation files.")],
    after: Annotated[str, typer.Argument(help="The same, for the later side.")],
    alike: Recognition,
    output: PageOutput,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="Folder of the pictures of annotation files.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Single changes to print.")] = 20,
    store: StoreOption = STORE,
) -> None:
    """Say what the second version has that the first has not, to the box."""
    alike.check()
    sides = [version_at(store, reference, pictures=pictures) for reference in (before, after)]
    _warn(sides)
    compared = _comparable(with_content(sides, match_by=alike.match_by))
    by = "place" if alike.by == "auto" and not all(side.has_ids for side in sides) else alike.by
    loose = alike.match_by == "path-end"
    found = diff_datasets(*compared, by=by, least_iou=alike.least_iou, loose=loose)  # type: ignore[arg-type]
    _refuse_strangers(found, sides, loose=loose)
    if output.page:
        digests = {d.file_names[i]: d.picture_digests[i] for d in (s.dataset for s in sides) for i in _of(found, d)}
        read = picture_finder(store, sides, pictures)
        titles = (sides[0].title, sides[1].title)
        page = diff_page(found, titles=titles, read_picture=lambda name: read(name, digests.get(name, "")))  # pyright: ignore
        write_page(output.page, page)
    give(_document(found, sides), as_json=output.as_json, lines=diff_lines(found, sides, limit=limit))


def _comparable(sides: list[Version]) -> list[Dataset]:
    """Both data sets; beside files, whose pictures are not opened, one of the store without what was measured on them."""
    datasets = [side.dataset for side in sides]
    if sides[0].from_files == sides[1].from_files:
        return datasets
    stored = 1 if sides[0].from_files else 0
    told = {name for conditions in datasets[1 - stored].conditions for name in conditions}
    rows = datasets[stored].rows
    kept = [
        json.dumps({k: v for k, v in one.items() if k in told or k not in MEASURES}, sort_keys=True, ensure_ascii=False)
        for one in datasets[stored].conditions
    ]
    column = rows.schema.get_field_index("conditions")
    datasets[stored] = replace(
        datasets[stored], rows=rows.set_column(column, rows.schema.field(column), pa.array(kept, pa.string()))
    )
    return datasets


def _of(found: Difference, dataset: Any) -> list[int]:
    """Rows of the pictures that the changes are listed under."""
    names = set(found.boxes.column("file_name").to_pylist())
    return [i for i, name in enumerate(dataset.file_names) if name in names]


def _warn(sides: list[Version]) -> None:
    for side in sides:
        for warning in side.warnings[:_MOST_WARNINGS]:
            say(f"{side.title}: {warning}")
        if len(side.warnings) > _MOST_WARNINGS:
            say(f"{side.title}: {len(side.warnings) - _MOST_WARNINGS} more; `boxwright check {side.title}` lists them")


def _document(found: Difference, sides: list[Version]) -> dict[str, Any]:
    digests = [None if side.from_files else side.dataset.digest for side in sides]
    return {"before": sides[0].title, "after": sides[1].title, "digests": digests, **found.as_document}


def _refuse_strangers(found: Difference, sides: list[Version], *, loose: bool) -> None:
    """InputError where the two sides have no image in common."""
    if found.paired or not all(len(side.dataset) for side in sides):
        return
    listed = [", ".join(f"'{name}'" for name in side.dataset.file_names[:_EXAMPLES]) for side in sides]
    unclear = unclear_in_words(found.not_paired, found.not_paired_examples, loose=loose)
    more = (
        f" {unclear}."
        if found.not_paired
        else " Images are matched by content and name, never by id; make the file names agree."
    )
    raise InputError(
        f"'{sides[0].title}' and '{sides[1].title}' have no image in common: the first lists {listed[0]}, the second {listed[1]}.{more}"
    )
