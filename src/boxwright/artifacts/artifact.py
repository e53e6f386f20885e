"""What all artifacts share: a kind, content with a digest, where it came from, and a folder form.

What an artifact consists of follows from its fields (codec.py): one JSON document, tables, files. Saving writes

    manifest.json      kind, digest, made_from, and the digest of every part
    <document_name>    the document
    <table>.parquet    one file per table
    <file>             files as they are

Law for all: load(save(x)) == x, and the digest does not change. The digest covers kind, made_from and every part's
content; when and where it was saved does not enter.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import pyarrow as pa
import pyarrow.parquet as pq

from boxwright.artifacts.codec import Document, Place, from_document, places, to_document
from boxwright.errors import StoreError
from boxwright.store.atomic import write_json
from boxwright.store.digest import canonical_json, digest_of_bytes, digest_of_columns, digest_of_file
from boxwright.store.plain_file import read_plain_file, read_text

_DAMAGED = (
    OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError, pa.ArrowException,
)  # fmt: skip
"""What reading a file may raise that is not what it should be; nesting without end is a RecursionError."""


@dataclass(frozen=True)
class Parts:
    """What an artifact consists of.

    Attributes:
        document: a JSON object.
        tables: name to table.
        files: relative path to a file on disk.
    """

    document: Document
    tables: dict[str, pa.Table] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Artifact:
    """Root of the artifacts; see the file's opening.

    Attributes:
        made_from: role to digest of the artifacts this one was made from.
    """

    kind: ClassVar[str]
    document_name: ClassVar[str] = "document.json"
    rows_in_table: ClassVar[bool] = False

    made_from: Mapping[str, str] = field(default_factory=dict)

    def parts(self) -> Parts:
        """What the artifact consists of."""
        tables: dict[str, pa.Table] = {}
        files: dict[str, Path] = {}
        for of, place in places(type(self)):
            value = getattr(self, of.name)
            if place is Place.TABLE:
                schema = of.metadata.get("schema")
                tables[of.name] = value if schema is None else value.cast(schema)
            elif place is Place.FILE:
                files[of.metadata["file"]] = value
            elif place is Place.FILES:
                files |= value
        return Parts(to_document(self), tables, files)

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        """The artifact that consists of these parts; what is wrong with them is one of the errors that reading a file may raise."""
        found: dict[str, object] = from_document(parts.document, cls)
        files = dict(parts.files)
        for of, place in places(cls):
            if place is Place.TABLE:
                found[of.name] = parts.tables[of.name]
            elif place is Place.FILE:
                found[of.name] = files.pop(of.metadata["file"])
        found |= {of.name: files for of, place in places(cls) if place is Place.FILES}
        return cls(**found, made_from=made_from)  # pyright: ignore[reportArgumentType]

    @property
    def counts(self) -> Mapping[str, int]:
        """How much it holds, for listings; stands in the manifest beside the content and is no part of the digest."""
        return {}

    @property
    def digest(self) -> str:
        """64 hexadecimal digits over the whole content."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return self._manifest["digest"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artifact) and self.kind == other.kind and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def save(self, folder: Path, *, leave_out: tuple[str, ...] = ()) -> None:
        """Write the folder form into an existing, empty folder.

        Args:
            folder: where to write.
            leave_out: tables that are kept elsewhere and given back to `load`.
        """
        parts = self.parts()
        for name, table in parts.tables.items():
            if name not in leave_out:
                pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
        for name, source in parts.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
        write_json(folder / self.document_name, parts.document)
        write_json(folder / "manifest.json", {**self._manifest, **({"counts": self.counts} if self.counts else {})})

    @classmethod
    def load(cls, folder: Path, *, given: Mapping[str, pa.Table] | None = None) -> Self:
        """Read the folder form; tables in `given` are taken from there.

        Raises:
            StoreError: the folder holds no artifact of this kind, or its content does not match its digest.
        """
        manifest = read_manifest(folder)
        if manifest["kind"] != cls.kind:
            raise StoreError(f"'{folder}' holds a {manifest['kind']}; expected a {cls.kind}.")
        try:
            tables = {
                name: given[name] if given and name in given else pq.read_table(_inside(folder, f"{name}.parquet"))
                for name in manifest["tables"]
            }
            document = _read_json(folder / cls.document_name)
            files = {name: _inside(folder, name) for name in manifest["files"]}
            artifact = cls.from_parts(Parts(document, tables, files), manifest["made_from"])
            digest = artifact.digest
            if digest_of_bytes(canonical_json(document).encode()) != artifact._manifest["document"]:
                raise ValueError(f"{cls.document_name} is written in another way than its digest was made from")
        except _DAMAGED as error:
            raise StoreError(f"The {cls.kind} in '{folder}' is damaged: {type(error).__name__}: {error}.") from error
        if digest != manifest["digest"]:
            raise StoreError(
                f"The {cls.kind} in '{folder}' is damaged: its content has the digest {digest[:12]}, "
                f"its manifest says {manifest['digest'][:12]}."
            )
        return artifact

    def read_file(self, name: str, *, most_bytes: int) -> bytes:
        """The bytes of one of its files, which are those its digest was made from.

        Args:
            name: as in `parts().files`.
            most_bytes: more is not read.

        Raises:
            StoreError: the file cannot be read, is too large, or is another by now.
        """
        path, wanted = self.parts().files[name], self._manifest["files"][name]
        data = read_plain_file(path, most_bytes=most_bytes)
        found = digest_of_bytes(data)
        if found != wanted:
            raise StoreError(
                f"'{name}' of {self.kind} {self.digest[:12]} has changed since it was checked: expected the digest {wanted[:12]}, "
                f"found {found[:12]} in '{path}'. Restore it from a copy, or make the {self.kind} again."
            )
        return data

    @cached_property
    def _manifest(self) -> Document:
        parts = self.parts()
        content = {
            "kind": self.kind,
            "made_from": dict(self.made_from),
            "document": digest_of_bytes(canonical_json(parts.document).encode()),
            "tables": {name: digest_of_columns(table) for name, table in sorted(parts.tables.items())},
            "files": {name: digest_of_file(path) for name, path in sorted(parts.files.items())},
        }
        digest = digest_of_bytes(canonical_json(content).encode())
        named = {"name": parts.document["name"]} if "name" in parts.document else {}
        return {"digest": digest, **named, **content}


def read_manifest(folder: Path) -> Document:
    """The manifest of an artifact's folder; StoreError when there is none that can be read."""
    try:
        manifest = _read_json(folder / "manifest.json")
        shape = {"kind": str, "digest": str, "made_from": dict, "tables": dict, "files": dict}
        for key, wanted in shape.items():
            if not isinstance(manifest.get(key), wanted):
                raise ValueError(f"'{key}' is missing or no {wanted.__name__}")
        for role, digest in manifest["made_from"].items():
            if not isinstance(digest, str):
                raise ValueError(f"made_from['{role}'] is not a digest (64 hexadecimal characters): {digest!r}")
    except _DAMAGED as error:
        raise StoreError(
            f"'{folder}' is not the folder of an artifact: its manifest.json cannot be read ({error})."
        ) from error
    return manifest


def _read_json(path: Path) -> Document:
    """The JSON value in a file; ValueError where an object has a key twice, of which readers take one or the other."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError(f"{path.name} has a key twice")
        return found

    return json.loads(read_text(path), object_pairs_hook=once)


def _inside(folder: Path, name: str) -> Path:
    """A listed file, if it is a plain file inside the folder."""
    path = folder / name
    if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise StoreError(f"'{name}' in '{folder}' must be a plain file inside the folder.")
    return path
