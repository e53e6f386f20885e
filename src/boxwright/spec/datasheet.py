"""datasheet.yaml: where data comes from, who agreed to it, what it may be used for, and until when it may be kept.

It travels with the dataset: versions that are made by correcting one keep its sheet. The questions are those of Gebru et al.,
Datasheets for Datasets (Communications of the ACM 64, 2021) that a machine can act on; the rest fits into `notes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from boxwright.errors import StoreError
from boxwright.spec.document import Section, read_document

Text = Annotated[str, Field(min_length=1, max_length=2_000)]


class DataSource(Section):
    """One source of pictures or annotations."""

    name: Text  # what people call it
    origin: Text | None = None  # address, or who handed it over
    licence: Text | None = None  # SPDX identifier such as CC-BY-4.0, or the terms in words
    consent: Text | None = None  # who agreed to be pictured or to the use, and how; or why nobody has to
    retention_until: date | None = None  # last day on which the data may be kept
    contact: Text | None = None  # whom to ask
    collected_from: date | None = None  # first day of collection
    collected_to: date | None = None  # last day of collection
    notes: Text | None = None

    @model_validator(mode="after")
    def _dates_in_order(self) -> DataSource:
        first, last, until = self.collected_from, self.collected_to, self.retention_until
        if first and last and last < first:
            raise ValueError(f"collected_to ({last}) is before collected_from ({first})")
        if until and (last or first) and until < (last or first):  # type: ignore[operator]
            raise ValueError(f"retention_until ({until}) is before the data was collected")
        return self


class DataSheet(Section):
    """The whole of datasheet.yaml."""

    sources: Annotated[tuple[DataSource, ...], Field(min_length=1)]
    purpose: Text | None = None  # what the data was put together for
    notes: Text | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> DataSheet:
        names = [source.name for source in self.sources]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"source '{min(twice)}' is listed twice")
        return self

    @property
    def as_document(self) -> dict[str, Any]:
        """As a JSON object, without what was not said."""
        return self.model_dump(mode="json", exclude_none=True)

    def expired(self, today: date) -> tuple[DataSource, ...]:
        """Sources that may not be kept any more."""
        return tuple(s for s in self.sources if s.retention_until is not None and s.retention_until < today)

    def lines(self, today: date) -> list[str]:
        """For people, one line a source; what was not said is called so."""
        found = [f"purpose: {self.purpose}"] if self.purpose else []
        for source in self.sources:
            said = [
                f"{key}: {getattr(source, key) or 'not said'}" for key in ("origin", "licence", "consent", "contact")
            ]
            if source.collected_from or source.collected_to:
                said.append(f"collected: {source.collected_from or '?'} to {source.collected_to or '?'}")
            kept = f"keep until: {source.retention_until or 'not said'}"
            passed = source in self.expired(today)
            found.append("; ".join([source.name, *said, kept + (" (PASSED)" if passed else "")]))
            found += [f"  {source.notes}"] if source.notes else []
        return [*found, *([self.notes] if self.notes else [])]

    def warnings(self, today: date) -> list[str]:
        """A sentence for each source that should not be here any more."""
        return [
            f"Source '{s.name}' was to be kept until {s.retention_until}; delete the data, or agree on a new date with "
            f"{s.contact or 'its contact (none is named)'}."
            for s in self.expired(today)
        ]

    @property
    def as_coco(self) -> dict[str, Any]:
        """What COCO has room for: `licenses`, and the whole sheet under `info.datasheet`."""
        told = [source for source in self.sources if source.licence]
        licences = [
            {"id": i, "name": s.licence, "url": s.origin or "", "source": s.name} for i, s in enumerate(told, start=1)
        ]
        return {"info": {"description": self.purpose or "", "datasheet": self.as_document}, "licenses": licences}


def read_sheet(path: str | Path) -> DataSheet:
    """The sheet in a YAML file; SpecError with the key's path when it is wrong."""
    return read_document(path, DataSheet)


def sheet_of(provenance: Mapping[str, Any]) -> DataSheet | None:
    """The sheet that travels with a dataset, under `sheet` of its provenance; None where there is none.

    Raises:
        StoreError: what is there is no sheet.
    """
    if "sheet" not in provenance:
        return None
    try:
        return DataSheet.model_validate(provenance["sheet"])
    except ValidationError as error:
        raise StoreError(f"The data sheet of this dataset cannot be read: {error.errors()[0]['msg']}.") from error
