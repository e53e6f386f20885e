"""`boxwright labels`: the contract annotators label by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from boxwright.artifacts import Dataset
from boxwright.cli.documents import SetOption, read_spec
from boxwright.cli.terminal import STORE, JsonOption, SpecOption, StoreOption, find, give, open_store, write_page
from boxwright.errors import InputError
from boxwright.ingestion.source import read_source
from boxwright.labels.examples import Drawn, examples_of
from boxwright.lifecycle.examples import Pictures, drawn_of_dataset, drawn_of_reading
from boxwright.pages.guideline import Shown, guideline_page
from boxwright.spec import Spec
from boxwright.spec.guideline import guideline_of
from boxwright.store.digest import canonical_json, digest_of_bytes

_MOST_OTHERS = 40


def add_to(app: typer.Typer) -> None:
    """Add the verb and its part."""
    labels = typer.Typer(help="The contract annotators label by.", no_args_is_help=True, rich_markup_mode=None)

    @labels.callback()
    def _labels() -> None:
        """The contract annotators label by."""

    labels.command("guideline")(guideline)
    app.add_typer(labels, name="labels")


def guideline(
    spec: SpecOption,
    page: Annotated[Path, typer.Option("--page", help="Where to write the HTML page.")],
    source: Annotated[
        str | None, typer.Argument(help="Examples: dataset of the store, or annotation file or folder.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="Folder of an annotation file's pictures.")
    ] = None,
    values: SetOption = None,
    store: StoreOption = STORE,
    as_json: JsonOption = False,
) -> None:
    """Render the spec's labelling rules as a page to print, with boxes of the data as examples."""
    promise = read_spec(spec, values)
    shown = list(_examples(promise, source, pictures, store)) if source else []
    digest = digest_of_bytes(canonical_json(promise.as_document).encode())
    write_page(page, guideline_page(promise, digest=digest, examples=shown, source=Path(source).name if source else ""))
    contract = guideline_of(promise)
    per_class = Counter(example.class_name for example in shown)
    result: dict[str, Any] = {
        "spec": digest,
        "page": str(page),
        "examples": {name: per_class.get(name, 0) for name in promise.class_names},
        "open": list(contract.open),
    }
    lines = [f"{name}: {n} examples" for name, n in result["examples"].items()] if source else []
    give(result, as_json=as_json, lines=[*lines, *(f"not said: {text}" for text in contract.open), digest])


def _examples(spec: Spec, source: str, pictures: Path | None, store: Path) -> Iterator[Shown]:
    drawn, read = _drawn(spec, source, pictures, store)
    for class_id, clause in enumerate(spec.classes):
        for example in examples_of(drawn, class_id, least_size_px=clause.least_size_px):
            yield _shown(drawn, read, example.row, example.what)


def _drawn(spec: Spec, source: str, pictures: Path | None, store: Path) -> tuple[Drawn, Pictures]:
    path = Path(source)
    if path.exists() and not (path / "manifest.json").is_file():
        return drawn_of_reading(read_source(path, pictures=pictures, difficult_is_ignored=False), spec)
    if path.suffix.lower() in (".json", ".xml", ".yaml"):
        raise InputError(f"'{source}' does not exist; give an annotation file or folder, or a dataset of the store.")
    return drawn_of_dataset(find(store, source, Dataset), open_store(store) if store.is_dir() else None, spec)


def _shown(drawn: Drawn, read: Pictures, row: int, what: str) -> Shown:
    position = int(drawn.picture[row])
    same = np.flatnonzero(drawn.picture == position)
    near = [
        (tuple(drawn.boxes_xyxy[i].tolist()), drawn.class_names[drawn.class_id[i]])
        for i in same[:_MOST_OTHERS]
        if i != row
    ]
    return Shown(
        drawn.class_names[drawn.class_id[row]], what, tuple(drawn.boxes_xyxy[row].tolist()), near, read(position),
        drawn.file_names[position],
    )  # fmt: skip
