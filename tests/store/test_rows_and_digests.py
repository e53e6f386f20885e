"""The second law of digests: chunks do not matter, every value does; rows differ exactly when a plain comparison says so."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import ROW_SCHEMA, Dataset
from boxwright.errors import StoreError
from boxwright.store import Store, differing, pair_rows
from boxwright.store.digest import digest_of_columns, digest_of_table
from tests.worlds import dataset, row

SCHEMA = pa.schema(
    [("key", pa.int64()), ("text", pa.string()), ("yes", pa.bool_()), ("n", pa.list_(pa.float64())),
     ("words", pa.list_(pa.string())), ("marks", pa.list_(pa.bool_()))]
)  # fmt: skip
number = st.floats(allow_nan=False, width=64) | st.just(-0.0)
text = st.text(alphabet="aö\n\"'", max_size=4)
rows = st.lists(
    st.fixed_dictionaries(
        {"key": st.integers(0, 9), "text": text | st.none(), "yes": st.booleans() | st.none(), "n": st.lists(number, max_size=3),
         "words": st.lists(text | st.none(), max_size=3), "marks": st.lists(st.booleans(), max_size=3)}
    ),
    max_size=6,
    unique_by=lambda r: r["key"],
)  # fmt: skip


def table(records: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(records, schema=SCHEMA)


def spelled(record: dict) -> str:
    """A row with numbers as their bytes."""
    return json.dumps({**record, "n": [struct.pack("<d", v).hex() for v in record["n"]]})


@given(rows, st.lists(st.integers(0, 6), max_size=3))
def test_chunks_do_not_matter(records: list[dict], cuts: list[int]) -> None:
    whole = table(records)
    edges = sorted({0, len(records), *(min(c, len(records)) for c in cuts)})
    parts = pa.concat_tables([whole.slice(a, b - a) for a, b in pairwise(edges)] or [whole])
    assert digest_of_columns(parts) == digest_of_columns(whole)


@given(rows, rows)
def test_digests_are_equal_exactly_when_values_are(one: list[dict], other: list[dict]) -> None:
    same = [spelled(r) for r in one] == [spelled(r) for r in other]
    assert (digest_of_columns(table(one)) == digest_of_columns(table(other))) == same


@given(rows, rows)
def test_rows_differ_exactly_when_values_do(one: list[dict], other: list[dict]) -> None:
    a, b = table(one), table(other)
    partner = pair_rows(a.column("key").to_numpy(), b.column("key").to_numpy())
    by_key = {r["key"]: k for k, r in enumerate(one)}
    assert partner.tolist() == [by_key.get(r["key"], -1) for r in other]
    known = np.flatnonzero(partner >= 0)
    found = differing(a, b, partner[known], known, columns=SCHEMA.names)
    assert found.tolist() == [spelled(one[partner[k]]) != spelled(other[k]) for k in known]


def test_marks_of_what_is_missing_are_not_read_as_lengths() -> None:
    """63 texts: the mark `?` and 63 bytes for what is missing are the first eight lengths of texts of which none is missing."""
    lacking: list[str | None] = [None] * 63
    lacking[7] = "a"
    whole = [chr(0) * 63, chr(0), *[""] * 61]
    whole[15] = "a"
    one, other = (digest_of_columns(pa.table({"side": pa.array(values, pa.string())})) for values in (lacking, whole))
    assert one != other


def test_a_type_without_a_spelling_is_refused() -> None:
    with pytest.raises(StoreError, match="has no digest"):
        digest_of_columns(pa.table({"when": pa.array([1], pa.timestamp("us"))}))


def under_the_first_law(data: Dataset) -> Dataset:
    made = replace(data)
    object.__setattr__(made, "_law", 1)
    return made


def test_what_was_stored_under_the_first_law_keeps_its_digest(tmp_path: Path) -> None:
    data = dataset([row(2, [(1, 2, 3.5, 4)], lighting="dim"), row(5)])
    old = under_the_first_law(data)
    assert old.digest != data.digest
    store = Store(tmp_path / "store")
    digest = store.put(old, name="dataset/line")
    manifest = json.loads((store.folder(digest, kind="dataset") / "manifest.json").read_text())
    assert "law" not in manifest
    assert manifest["tables"]["rows"] == digest_of_table(old.rows.cast(ROW_SCHEMA))
    found = store.get("dataset/line", Dataset)
    assert found.digest == digest
    found.save(_empty(tmp_path / "copy"))
    assert Dataset.load(tmp_path / "copy").digest == digest
    assert Dataset.load(tmp_path / "copy") == old
    assert replace(found).digest == data.digest  # what is made from it is under the second law
    store.put(data, name="dataset/line")
    assert store.get(digest, Dataset).rows == store.get(data.digest, Dataset).rows


def test_the_first_law_is_what_it_was() -> None:
    """A digest written down before the second law came."""
    data = dataset([row(1, [(1, 2, 3.5, 4)], lighting="dim"), row(2)])
    assert under_the_first_law(data).digest == FIRST_LAW


def test_a_law_of_the_future_is_told_as_such(tmp_path: Path) -> None:
    dataset([row(1)]).save(_empty(tmp_path / "d"))
    path = tmp_path / "d" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "law": 9}))
    with pytest.raises(StoreError, match="newer Boxwright"):
        Dataset.load(tmp_path / "d")


def _empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


FIRST_LAW = "2c0f6ca70f6d174e58aa560f475b7575d2714fad2a7c242a7f82b3ef0b45ac1b"
