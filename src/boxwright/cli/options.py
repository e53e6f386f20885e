"""Groups of options that several verbs share; grouped.py turns each into options of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import Artifact
from boxwright.cli.documents import SetOption, read_spec_if_given
from boxwright.cli.terminal import ClassesOption, DepthOption, FormatOption, JsonOption, save_artifact
from boxwright.ingestion import How, Reading, class_list, read_classes, read_source
from boxwright.spec import Spec


@dataclass(frozen=True)
class SpecIfGiven:
    """The spec where one is given."""

    spec: Annotated[
        Path | None, typer.Option("--spec", help="spec.yaml: slice by its conditions, look at what it asks for.")
    ] = None
    values: SetOption = None

    def read(self) -> Spec | None:
        """The spec in the file, with what `--set` gives."""
        return read_spec_if_given(self.spec, self.values)


@dataclass(frozen=True)
class Tables:
    """What files do not say of their images."""

    groups: Annotated[
        Path | None, typer.Option("--groups", help="CSV or Parquet: file name, group; intervals resample groups.")
    ] = None
    conditions: Annotated[
        Path | None, typer.Option("--conditions", help="CSV or Parquet: file name, then conditions.")
    ] = None
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="Folder of the pictures, for the page and to measure light.")
    ] = None

    @property
    def by_option(self) -> dict[str, object]:
        """Option to what was given."""
        return {"--groups": self.groups, "--conditions": self.conditions, "--pictures": self.pictures}


@dataclass(frozen=True)
class DetectionFiles:
    """How files of detections are read."""

    match_by: Annotated[
        str, typer.Option("--match-by", help="Files: which image a detection is of: auto, id, or name (file name).")
    ] = "auto"
    category_ids: Annotated[
        str,
        typer.Option("--category-ids", help="Files: how detections number classes: auto, as-given, from-0 or from-1."),
    ] = "auto"
    classes: Annotated[
        Path | None,
        typer.Option("--classes", help="Files: names of the detections' classes by number, one a line or a data.yaml."),
    ] = None

    @property
    def by_option(self) -> dict[str, object]:
        """Option to what was given; None where it says nothing."""
        return {
            "--match-by": None if self.match_by == "auto" else self.match_by,
            "--category-ids": None if self.category_ids == "auto" else self.category_ids,
            "--classes": self.classes,
        }

    def how(self, pictures: Path | None) -> How:
        """How to read them, with the folder of their images."""
        return How(self.match_by, self.category_ids, class_list(self.classes) if self.classes else None, pictures)


@dataclass(frozen=True)
class PageOutput:
    """A page, beside the result on stdout."""

    page: Annotated[Path | None, typer.Option("--page", help="Also write the HTML page.")] = None
    as_json: JsonOption = False


@dataclass(frozen=True)
class Output(PageOutput):
    """Where the result goes beside stdout."""

    out: Annotated[Path | None, typer.Option("--out", help="Also save the result into this folder.")] = None

    def save(self, artifact: Artifact) -> None:
        """Save it where `--out` says so."""
        if self.out:
            save_artifact(artifact, self.out)


@dataclass(frozen=True)
class ReadAs:
    """How files are read."""

    pictures: Annotated[Path | None, typer.Option("--pictures", help="Folder that file names are relative to.")] = None
    format: FormatOption = None
    classes: ClassesOption = None
    bit_depth: DepthOption = None

    def read(self, source: Path) -> Reading:
        """What the files say."""
        found = read_source(source, pictures=self.pictures, format=self.format, classes=self.class_names)
        found.bit_depth = self.bit_depth
        return found

    @property
    def class_names(self) -> list[str] | None:
        """The names that `--classes` gives."""
        return read_classes(self.classes) if self.classes is not None else None
