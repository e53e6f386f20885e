"""What verbs share of the terminal: the result on stdout, the options that recur, what an argument stands for."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from boxwright.artifacts import KINDS, Artifact, Dataset, read_manifest
from boxwright.cli.progress import end_verb, say
from boxwright.errors import InputError, StoreError
from boxwright.plain_text import printable, printable_json
from boxwright.store import Store, write_bytes
from boxwright.store.atomic import new_folder

A = TypeVar("A", bound=Artifact)

StoreOption = Annotated[
    Path, typer.Option("--store", envvar="BOXWRIGHT_STORE", help="Folder of the store.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
SpecOption = Annotated[Path, typer.Option("--spec", help="spec.yaml, the promise.")]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format", help="yolo, or datumaro:NAME: have Datumaro read it. Without it the format is recognised."
    ),
]
ClassesOption = Annotated[
    str | None,
    typer.Option("--classes", help="Class names of YOLO labels by number: a,b,c, or a file with one name a line."),
]
DepthOption = Annotated[
    int | None,
    typer.Option(
        "--bit-depth", min=1, max=32,
        help="Bits that are used of samples of more than 8 bits: 12 for a 12-bit camera in 16-bit files.",
    ),
]  # fmt: skip
_LIKE_A_DIGEST = re.compile(r"[0-9a-f]{6,64}")
STORE = Path(".boxwright")


def give(result: dict[str, Any], *, as_json: bool, lines: list[str] | None = None) -> None:
    """The result on stdout: one JSON object, or lines for people; control characters from outside are written out."""
    end_verb()
    if as_json:
        sys.stdout.write(printable_json(json.dumps(result, ensure_ascii=False, allow_nan=False)) + "\n")
    else:
        shown = lines if lines is not None else [f"{k}: {v}" for k, v in result.items()]
        sys.stdout.write("".join(f"{printable(line)}\n" for line in shown) or "\n")
    sys.stdout.flush()


def say_next(*commands: str, as_json: bool) -> None:
    """The commands that usually follow, on stderr: stdout ends with the result. Nothing for a program that reads JSON."""
    for number, command in enumerate([] if as_json else commands):
        say(f"{'      ' if number else 'next: '}{command}")


def save_artifact(artifact: Artifact, folder: Path) -> None:
    """An artifact as a plain folder, whole or not at all; an older artifact there is replaced."""
    folder = folder.resolve()
    if folder.exists() and not (folder / "manifest.json").is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"'{folder}' exists and holds no artifact; nothing is written over it. Name another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as aside:
        fresh = Path(aside) / "fresh"
        with new_folder(fresh) as filled:
            artifact.save(filled)
        if folder.exists():
            folder.rename(Path(aside) / "before")
        fresh.rename(folder)


def find(store: Path, reference: str, kind: type[A]) -> A:
    """The artifact of a kind that a folder, digest or name stands for."""
    path = Path(reference)
    if (path / "manifest.json").is_file():
        return _as_named(kind.load(path), reference)
    if not store.is_dir():
        raise StoreError(
            f"'{reference}' does not exist as a file or folder, and there is no store at '{store}' that could contain it by name. "
            f"Correct the path, name a store with --store, or begin with `boxwright ingest`."
        )
    return open_store(store).get(reference, kind)


def _as_named(found: A, reference: str) -> A:
    """What a folder holds; StoreError where the folder is called by the digest of something else."""
    if _LIKE_A_DIGEST.fullmatch(reference) and not found.digest.startswith(reference):
        raise StoreError(
            f"The folder '{reference}' here is called like a digest and holds the {found.kind} {found.digest[:12]}. Rename it, or write "
            f"./{reference} to mean the folder."
        )
    return found


def find_dataset(store: Path, reference: str) -> Dataset:
    """The dataset that a folder, digest or name stands for; `line` stands for `dataset/line` where there is one."""
    if store.is_dir() and "/" not in reference and Store(store).history(f"dataset/{reference}"):
        reference = f"dataset/{reference}"
    return find(store, reference, Dataset)


def is_source(reference: str) -> bool:
    """Whether files are meant, and not a dataset of the store or in a folder of its own."""
    path = Path(reference)
    return path.exists() and not (path / "manifest.json").is_file()


def any_artifact(store: Path, reference: str) -> Artifact:
    """Whatever a folder, digest or name stands for."""
    path = Path(reference)
    if (path / "manifest.json").is_file():
        kind = KINDS.get(str(read_manifest(path)["kind"]))
        if kind is None:
            raise StoreError(f"'{path}' holds an artifact of a kind this version does not know.")
        return _as_named(kind.load(path), reference)
    opened = open_store(store)
    digest = opened.resolve(reference)
    kind = KINDS.get(opened.kind_of(digest))
    if kind is None:
        raise StoreError(f"{digest[:12]} is of a kind this version does not know ('{opened.kind_of(digest)}').")
    return opened.get(digest, kind)


def open_store(path: Path, *, must_exist: bool = True) -> Store:
    """The store in a folder."""
    if must_exist and not path.is_dir():
        raise StoreError(
            f"No store found at '{path.absolute()}'. Run this in the folder where you ran `boxwright ingest DATA --name NAME`, or name "
            f"that folder's store with --store FOLDER/.boxwright."
        )
    return Store(path)


def write_page(path: Path, html: str) -> None:
    """A page, whole or not at all; where it lies goes to stderr.

    Raises:
        InputError: the path is an existing file that is no page, such as the input that was meant by another option.
    """
    if path.is_file() and path.stat().st_size and b"<html" not in path.read_bytes()[:1000].lower():
        raise InputError(f"--page '{path}' exists and is not an HTML page; it was not written over. Name another file.")
    write_bytes(path, html.encode())
    say(f"page: {path}")
