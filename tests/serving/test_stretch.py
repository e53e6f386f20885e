"""Events of several bundles in one journal: joined by the name of a class, never by its number."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.errors import ServingError
from boxwright.serving import Journal, Stretch, read_events, read_stretch

OLD, NEW = ("carton", "pouch"), ("pouch", "can", "carton")


def record(bundle: str, class_names: tuple[str, ...], found: list[str], at: float = 0.0) -> dict[str, Any]:
    """What a server writes for one image with these classes found."""
    return {
        "event_id": f"{bundle}-{at}", "at": at, "bundle": bundle, "class_names": list(class_names), "picture": "a" * 64,
        "file_name": "", "camera": "", "width": 10, "height": 10, "brightness": 1.0, "contrast": 1.0, "sharpness": 1.0,
        "latency_ms": 1.0, "boxes_xyxy": [[k, 0, k + 1, 5] for k in range(len(found))], "score": [0.9] * len(found),
        "class_id": [class_names.index(name) for name in found],
    }  # fmt: skip


def found_names(events: Any) -> list[list[str]]:
    columns = events.columns
    return [
        [events.class_names[c] for c in columns.class_id[columns.offsets[i] : columns.offsets[i + 1]]]
        for i in range(len(events))
    ]


def test_a_changed_class_list_is_joined_by_name(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(record("old", OLD, ["pouch", "carton"], at=1))
    journal.append(record("new", NEW, ["carton", "can"], at=2))
    journal.append(record("new", NEW, [], at=3))
    journal.append(record("old", OLD, ["pouch"], at=4))
    events = read_events(tmp_path)
    assert events.class_names == ("carton", "pouch", "can")
    assert found_names(events) == [["pouch", "carton"], ["carton", "can"], [], ["pouch"]]
    stretch = read_stretch(tmp_path)
    assert [(a.bundle, a.class_names, a.events) for a in stretch.answering()] == [("old", OLD, 2), ("new", NEW, 2)]
    mine = stretch.of_bundle("new").events(NEW)
    assert (mine.class_names, found_names(mine)) == (NEW, [["carton", "can"], []])
    assert found_names(read_stretch(tmp_path, since=2, until=4).events(OLD + ("can",))) == [["carton", "can"], []]


@given(st.permutations(NEW), st.permutations(NEW), st.lists(st.lists(st.sampled_from(NEW), max_size=3), max_size=5))
def test_the_order_of_classes_never_matters(one: list[str], other: list[str], found: list[list[str]]) -> None:
    records = [record(f"{k % 2}", tuple((one, other)[k % 2]), names, at=k) for k, names in enumerate(found)]
    for asked in (None, one, other):
        events = Stretch.of(records).events(asked)
        assert found_names(events) == found
        np.testing.assert_array_equal(events.events.column("detections").to_numpy(), [len(names) for names in found])


def test_a_class_that_is_not_asked_for_is_refused_and_not_lost() -> None:
    with pytest.raises(ServingError, match="answers with the class 'can', which is not among carton, pouch"):
        Stretch.of([record("old", OLD, []), record("new", NEW, ["can"])]).events(OLD)


def test_a_record_that_names_a_bundle_and_other_classes_is_left_out_and_counted() -> None:
    """One such record once ended the watching of a whole journal."""
    stretch = Stretch.of([record("mine", OLD, ["pouch"]), record("mine", NEW, ["can"]), record("other", NEW, [])])
    mine = stretch.of_bundle("mine", OLD)
    assert found_names(mine.events(OLD)) == [["pouch"]]
    assert (dict(mine.reading.damaged), mine.reading.whole) == ({"of other classes than its bundle": 1}, False)
    assert stretch.reading.whole and stretch.of_bundle("other", NEW).reading.whole


def test_class_names_cost_what_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked up, and never searched for: one record with a million names kept a reader busy for hours."""

    class Named(str):
        compared = 0

        def __eq__(self, other: object) -> bool:
            Named.compared += 1
            return str.__eq__(self, str(other))

        __hash__ = str.__hash__

    names = tuple(Named(f"class {k}") for k in range(3000))
    events = Stretch.of([record("b", names, []) | {"class_names": names}]).events()
    assert len(events.class_names) == 3000 and Named.compared < 100_000
    many = Stretch.of(record("b", (f"a{k}", f"b{k}"), [f"b{k}"], at=k) for k in range(500))
    assert found_names(many.events())[:2] == [["b0"], ["b1"]]


def test_nothing_in_nothing_out(tmp_path: Path) -> None:
    Journal(tmp_path)
    assert (len(read_events(tmp_path)), read_events(tmp_path).class_names) == (0, ())
    assert read_stretch(tmp_path).answering() == []
    with pytest.raises(ServingError, match="no journal"):
        read_events(tmp_path / "nowhere")


def test_a_long_journal_does_not_lie_in_memory_as_objects() -> None:
    many = (record("old", OLD, ["pouch", "carton"] * 3, at=k) for k in range(20_000))
    tracemalloc.start()
    stretch = Stretch.of(many)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(stretch) == 20_000
    assert peak < 30e6  # as dictionaries, with the tables made of them, it was 62 MB
