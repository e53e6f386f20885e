"""What all artifacts share: a kind, content with a digest, where it came from, and a folder form.

An artifact says what it consists of (`parts`): one JSON document, tables, files. Saving writes

    manifest.json      kind, digest, made_from, and the digest of every part
    <document_name>    the document
    <table>.parquet    one file per table
    <file>             files as they are

Law for all: load(save(x)) == x, and the digest does not change. The digest covers kind, made_from and every part's
content; when and where it was saved does not enter. A manifest without `law` was made under the first law of digests
(store/digest.py); what is loaded from it keeps that law, so that its digest stays what others have written down.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import pyarrow as pa
import pyarrow.parquet as pq

from boxwright.errors import StoreError
from boxwright.store.atomic import write_json
from boxwright.store.digest import canonical_json, digest_of_bytes, digest_of_columns, digest_of_file, digest_of_table
from boxwright.store.plain_file import read_plain_file, read_text

_TABLE_LAWS = {1: digest_of_table, 2: digest_of_columns}
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

    document: dict[str, Any]
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
    newest_law: ClassVar[int] = 1  # of the digests of tables, for what is made from now on

    made_from: Mapping[str, str] = field(default_factory=dict)

    def parts(self) -> Parts:
        """What the artifact consists of."""
        raise NotImplementedError(f"{type(self).__name__} must say what it consists of")

    @classmethod
    def from_parts(cls, parts: Parts, made_from: Mapping[str, str]) -> Self:
        """The artifact that consists of these parts."""
        raise NotImplementedError(f"{cls.__name__} must say how it is put together")

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
            object.__setattr__(artifact, "_law", _law_of(manifest, folder))
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
    def _law(self) -> int:
        return self.newest_law

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        parts = self.parts()
        of_table = _TABLE_LAWS[self._law]
        content = {
            "kind": self.kind,
            "made_from": dict(self.made_from),
            "document": digest_of_bytes(canonical_json(parts.document).encode()),
            "tables": {name: of_table(table) for name, table in sorted(parts.tables.items())},
            "files": {name: digest_of_file(path) for name, path in sorted(parts.files.items())},
            **({"law": self._law} if self._law > 1 else {}),
        }
        digest = digest_of_bytes(canonical_json(content).encode())
        named = {"name": parts.document["name"]} if "name" in parts.document else {}
        return {"digest": digest, **named, **content}


def _law_of(manifest: dict[str, Any], folder: Path) -> int:
    law = manifest.get("law", 1)
    if law not in _TABLE_LAWS:
        raise StoreError(f"'{folder}' was written by a newer Boxwright (law {law!r} of digests); update this one.")
    return law


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an artifact's folder; StoreError when there is none that can be read."""
    try:
        manifest = _read_json(folder / "manifest.json")
        shape = {"kind": str, "digest": str, "made_from": dict, "tables": dict, "files": dict}
        for key, wanted in shape.items():
            if not isinstance(manifest.get(key), wanted):
                raise ValueError(f"'{key}' is missing or no {wanted.__name__}")
        for role, digest in manifest["made_from"].items():
            if not isinstance(digest, str):
                raise ValueError(f"'{role}' of 'made_from' is no digest")
    except _DAMAGED as error:
        raise StoreError(
            f"'{folder}' is not the folder of an artifact: its manifest.json cannot be read ({error})."
        ) from error
    return manifest


def _read_json(path: Path) -> Any:
    """The JSON value in a file; ValueError where an object has a key twice, of which readers take one or the other."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
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
