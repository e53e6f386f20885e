"""Answers that no data set holds yet are not forgotten when new ones come."""

from __future__ import annotations

from pathlib import Path

from boxwright.cli.review_answers import _not_yet_in_a_dataset
from boxwright.labels import correct
from boxwright.store import Store
from tests.worlds import corrections, dataset, digest_of, row

A, B = (1.0, 2.0, 30.0, 40.0), (50.0, 10.0, 60.0, 20.0)


def test_answers_that_wait_are_named_until_a_version_holds_them(tmp_path: Path) -> None:
    store, data = Store(tmp_path), dataset([row(1, [A])])
    first, second = (corrections({digest_of("picture 1"): ([box], [0])}) for box in (A, B))
    assert _not_yet_in_a_dataset(store, but=first.digest) is None
    store.put(first, name="corrections/latest")
    assert _not_yet_in_a_dataset(store, but=first.digest) is None  # the same answers again
    assert _not_yet_in_a_dataset(store, but=second.digest) == first.digest
    store.put(correct(data, first), name="dataset/line")
    assert _not_yet_in_a_dataset(store, but=second.digest) is None
