"""Digests of tables: chunks do not matter, every value does; rows differ exactly when a plain comparison says so."""

from __future__ import annotations

import json
import struct
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.errors import StoreError
from boxwright.store import differing, pair_rows
from boxwright.store.digest import digest_of_columns

SCHEMA = pa.schema(
    [("key", pa.int64()), ("text", pa.string()), ("yes", pa.bool_()), ("n", pa.list_(pa.float64())),
     ("words", pa.list_(pa.string())), ("marks", pa.list_(pa.bool_()))]
)  # fmt: skip
RIVAL = pa.struct([("side", pa.string()), ("iou", pa.float64()), ("place", pa.struct([("x", pa.int64())]))])
NESTED = pa.schema([("key", pa.int64()), ("rivals", pa.list_(RIVAL)), ("nearest", RIVAL), ("unknown", pa.null())])
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


rival = st.fixed_dictionaries(
    {
        "side": text | st.none(),
        "iou": st.sampled_from([0.0, 0.5, None]),
        "place": st.none() | st.builds(dict, x=st.integers(0, 2)),
    }
)
nested_rows = st.lists(
    st.fixed_dictionaries(
        {"key": st.integers(0, 2), "rivals": st.lists(rival | st.none(), max_size=2), "nearest": rival | st.none(),
         "unknown": st.none()}
    ),
    max_size=4,
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


@given(nested_rows, st.lists(st.integers(0, 4), max_size=3))
def test_chunks_of_structs_do_not_matter(records: list[dict], cuts: list[int]) -> None:
    whole = pa.Table.from_pylist(records, schema=NESTED)
    edges = sorted({0, len(records), *(min(c, len(records)) for c in cuts)})
    parts = pa.concat_tables([whole.slice(a, b - a) for a, b in pairwise(edges)] or [whole])
    assert digest_of_columns(parts) == digest_of_columns(whole)


@given(nested_rows, nested_rows)
def test_digests_of_structs_are_equal_exactly_when_values_are(one: list[dict], other: list[dict]) -> None:
    a, b = (digest_of_columns(pa.Table.from_pylist(records, schema=NESTED)) for records in (one, other))
    assert (a == b) == (one == other)


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
