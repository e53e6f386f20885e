"""Documents follow the types of the fields: there and back, and nothing that does not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import KINDS, Artifact, Parts
from boxwright.artifacts.codec import (
    Place,
    document_keys,
    file,
    from_document,
    places,
    plain,
    table,
    to_document,
    typed,
)
from boxwright.errors import StoreError

ROWS = pa.schema([("n", pa.int32())])


@dataclass(frozen=True)
class Inner:
    value: float | None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample(Artifact):
    kind: ClassVar[str] = "sample"

    name: str
    share: float
    mode: Literal["a", "b"] = "a"
    inner: Mapping[str, Inner | None] = field(default_factory=dict)
    rows: pa.Table = table(ROWS)
    weights: Path = file("weights.bin")
    more: Mapping[str, Path] = field(default_factory=dict)


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    (tmp_path / "w").write_bytes(b"weights")
    (tmp_path / "g").write_bytes(b"golden")
    return Sample(
        name="x", share=1, inner={"a": Inner(2, ("one",)), "b": None}, rows=pa.table({"n": np.array([1, 2], np.int64)}),
        weights=tmp_path / "w", more={"golden/1.jpg": tmp_path / "g"}, made_from={"role": "d" * 64},
    )  # fmt: skip


def test_each_field_has_a_place() -> None:
    assert {of.name: place for of, place in places(Sample)} == {
        "name": Place.DOCUMENT, "share": Place.DOCUMENT, "mode": Place.DOCUMENT, "inner": Place.DOCUMENT,
        "rows": Place.TABLE, "weights": Place.FILE, "more": Place.FILES,
    }  # fmt: skip
    assert document_keys(Sample) == ("name", "share", "mode", "inner")


def test_saved_and_loaded_is_the_same(sample: Sample, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    sample.save(folder)
    loaded = Sample.load(folder)
    assert loaded.digest == sample.digest
    assert loaded.inner == {"a": Inner(2.0, ("one",)), "b": None}
    assert loaded.rows.schema == ROWS
    assert loaded.weights.name == "weights.bin" and loaded.more["golden/1.jpg"].read_bytes() == b"golden"


def test_a_whole_number_in_a_float_field_keeps_its_digest(sample: Sample) -> None:
    """1 and 1.0 are one value to Python and two to JSON."""
    assert to_document(sample)["share"] == 1.0
    assert json.dumps(to_document(sample)["share"]) == "1.0"
    assert json.dumps(to_document(sample)["inner"]["a"]["value"]) == "2.0"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": 3}, "Expected `str`"),
        ({"share": "much"}, "Expected `float`"),
        ({"share": True}, "Expected `float`"),
        ({"mode": "c"}, "Invalid enum value"),
        ({"inner": {"a": {"value": 1, "words": [1]}}}, "Expected `str`"),
        ({"inner": {"a": {}}}, "value"),
        ({"odd": 1}, "'odd' is unknown"),
    ],
)
def test_a_document_that_does_not_fit_is_refused(sample: Sample, changed: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_document({**to_document(sample), **changed}, Sample)


def test_a_missing_key_is_said(sample: Sample) -> None:
    document = to_document(sample)
    del document["share"]
    with pytest.raises(ValueError, match="'share' is missing"):
        from_document(document, Sample)


def test_an_artifact_is_not_made_of_what_does_not_fit(sample: Sample) -> None:
    parts = sample.parts()
    with pytest.raises(ValueError, match="Expected `float`"):
        Sample.from_parts(Parts({**parts.document, "share": []}, parts.tables, parts.files), {})


def test_a_field_of_another_type_is_noticed_when_saved(sample: Sample) -> None:
    wrong = Sample(name="x", share="much", weights=sample.weights)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Expected `float`"):
        _ = wrong.digest


def test_what_is_damaged_is_said_in_one_sentence(sample: Sample, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    sample.save(folder)
    document = json.loads((folder / "document.json").read_text())
    (folder / "document.json").write_text(json.dumps({**document, "mode": ["a"]}))
    with pytest.raises(StoreError, match=r"The sample in '.*' is damaged: .*Expected `str`"):
        Sample.load(folder)


@given(st.recursive(st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | st.floats(-1, 1), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=2), x, max_size=3), max_leaves=8))  # fmt: skip
def test_open_documents_go_there_and_back(value: object) -> None:
    assert typed(plain(value), object) == value


def test_numbers_of_numpy_are_numbers() -> None:
    assert plain(Inner(np.float64(0.5), (str(np.str_("a")),)), Inner) == {"value": 0.5, "words": ("a",)}  # type: ignore[arg-type]
    assert plain({"n": np.int64(3)}, Mapping[str, int]) == {"n": 3}


def test_every_kind_says_where_its_fields_are_kept() -> None:
    """What is no JSON value, table or file has a way of its own (`parts`)."""
    own_way = {"bundle", "split"}
    for name, kind in KINDS.items():
        if name not in own_way:
            assert all(isinstance(place, Place) for _, place in places(kind))
            assert document_keys(kind)
