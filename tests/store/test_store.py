"""Put and get, names with history, references, lineage both ways."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from boxwright.artifacts import Dataset, OperatingPoint, Rollout, Verdict
from boxwright.errors import StoreError
from boxwright.store import Store
from tests.worlds import dataset, digest_of, row


def point(threshold: float, **made_from: str) -> OperatingPoint:
    return OperatingPoint(score_thresholds={"carton": threshold}, rule={}, observed={}, made_from=made_from)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_an_empty_store_holds_nothing(store: Store) -> None:
    assert (store.kinds(), store.names(), store.history("x"), store.digests("bundle")) == ([], [], [], [])
    with pytest.raises(StoreError, match="names known: none"):
        store.resolve("x")


def test_get_gives_what_was_put(store: Store) -> None:
    digest = store.put(point(0.5))
    assert digest == point(0.5).digest
    assert store.get(digest, OperatingPoint) == point(0.5)
    assert store.kind_of(digest) == "operating_point"


def test_the_same_twice_is_kept_once(store: Store) -> None:
    first = store.put(point(0.5))
    before = (store.folder(first, kind="operating_point") / "manifest.json").stat().st_mtime_ns
    assert store.put(point(0.5)) == first
    assert store.digests("operating_point") == [first]
    assert (store.folder(first, kind="operating_point") / "manifest.json").stat().st_mtime_ns == before


def test_what_another_writer_put_meanwhile_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was put out of the way as if it were damaged: for a moment nobody found it."""
    save, others = OperatingPoint.save, [Store(store.place)]

    def slow(self: OperatingPoint, into: Path, **more: tuple[str, ...]) -> None:
        save(self, into, **more)
        if others:
            others.pop().put(self)

    monkeypatch.setattr(OperatingPoint, "save", slow)
    monkeypatch.setattr(type(store.place), "retire", lambda *_: pytest.fail("a whole artifact was put out of the way"))
    assert store.get(store.put(point(0.5)), OperatingPoint) == point(0.5)


def test_a_name_keeps_its_history(store: Store) -> None:
    a = store.put(point(0.1), name="line/point", reason="first")
    b = store.put(point(0.2), name="line/point", reason="second")
    store.point("line/point", b, reason="said twice")
    store.point("line/point", a, reason="back")
    assert [(e.digest, e.reason) for e in store.history("line/point")] == [(a, "first"), (b, "second"), (a, "back")]
    assert all(e.kind == "operating_point" and e.actor and e.at > 1e9 for e in store.history("line/point"))
    assert store.get("line/point", OperatingPoint) == point(0.1)


def test_names_are_listed_through_all_levels(store: Store) -> None:
    digest = store.put(point(0.1))
    for name in ("b", "a/c", "a", "a/b/c"):
        store.point(name, digest)
    assert store.names() == ["a", "a/b/c", "a/c", "b"]


@pytest.mark.parametrize("name", ["", "A", "../x", "a/../b", "a//b", "/a", "a/", ".hidden", "a b", "ä", "f" * 64])
def test_names_that_cannot_be(store: Store, name: str) -> None:
    digest = store.put(point(0.1))
    with pytest.raises(StoreError, match="cannot be a name"):
        store.point(name, digest)
    assert store.names() == []


def test_a_name_must_point_at_something_stored(store: Store) -> None:
    with pytest.raises(StoreError, match="No artifact has the digest"):
        store.point("x", digest_of("nothing"))
    assert store.history("x") == []


def test_a_history_survives_a_torn_line(store: Store) -> None:
    store.put(point(0.1), name="x")
    with (store.place.local("names/x.jsonl")).open("a") as file:
        file.write('{"at": 17500')  # the writer died here
    assert store.get("x", OperatingPoint) == point(0.1)
    store.put(point(0.2), name="x")
    assert store.get("x", OperatingPoint) == point(0.2)


def test_a_unique_beginning_is_enough(store: Store) -> None:
    digest = store.put(point(0.1))
    assert store.resolve(digest[:6]) == digest
    assert store.resolve(digest[:40], kind="operating_point") == digest
    with pytest.raises(StoreError, match="No artifact is called"):
        store.resolve(digest[:5])


def test_an_ambiguous_beginning_is_refused(store: Store) -> None:
    for tail in ("1", "2"):
        with store.place.new_folder(f"artifacts/bundle/{'ab' * 31}a{tail}"):
            pass
    with pytest.raises(StoreError, match="begins 2 digests"):
        store.resolve("ababab")
    assert store.resolve("ab" * 31 + "a1") == "ab" * 31 + "a1"


def test_something_of_another_kind_is_refused(store: Store) -> None:
    digest = store.put(point(0.1), name="x")
    with pytest.raises(StoreError, match="names a operating_point; expected a verdict"):
        store.get("x", Verdict)
    with pytest.raises(StoreError, match="No verdict is called"):
        store.get(digest, Verdict)


def test_an_unknown_name_tells_the_known_ones(store: Store) -> None:
    store.put(point(0.1), name="right")
    with pytest.raises(StoreError, match=r"'wrong'.*names known: right"):
        store.resolve("wrong")
    with pytest.raises(StoreError, match="names known: none"):
        store.resolve("wrong", kind="verdict")


def test_lineage_can_be_followed_both_ways(store: Store) -> None:
    base = store.put(point(0.1))
    left, right = store.put(point(0.2, bundle=base)), store.put(point(0.3, bundle=base))
    verdict = store.put(Verdict(spec_name="line", bundle=base, checks=(), made_from={"a": left, "b": right}))
    assert store.made_from(verdict) == {"a": left, "b": right}
    assert store.made_from(base) == {}
    assert sorted(store.used_by(base)) == sorted([("operating_point", left), ("operating_point", right)])
    assert store.used_by(left) == [("verdict", verdict)]
    assert store.used_by(verdict) == []
    with pytest.raises(StoreError):
        store.made_from(digest_of("nothing"))


def test_a_put_that_fails_leaves_no_artifact(store: Store) -> None:
    broken = replace(point(0.1), rule={"figure": float("nan")})
    with pytest.raises(ValueError):
        store.put(broken)
    assert store.kinds() == []
    rollout = Rollout(primary="a", previous=None, verdict="b", previous_verdict=None, number=1)
    store.put(rollout)
    assert store.kinds() == ["rollout"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"kind": "dataset"}'])
def test_a_damaged_manifest_is_told_as_such(store: Store, damage: str) -> None:
    digests = {OperatingPoint: store.put(point(0.1)), Dataset: store.put(dataset([row(1)]))}
    for kind, digest in digests.items():
        (store.folder(digest, kind=kind.kind) / "manifest.json").write_text(damage)
        with pytest.raises(StoreError):
            store.get(digest, kind)


def test_rows_that_are_gone_are_told_as_such(store: Store) -> None:
    digest = store.put(dataset([row(1)]))
    manifest = store.folder(digest, kind="dataset") / "manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "name": "elsewhere"}))
    with pytest.raises(StoreError, match="elsewhere"):
        store.get(digest, Dataset)


def test_no_file_of_a_name_stands_in_for_a_digest(store: Store) -> None:
    """A history called like a digest, put there by hand, does not change what the digest stands for."""
    wanted, other = store.put(point(0.1)), store.put(point(0.2), name="x")
    history = store.place.local("names/x.jsonl").read_text()
    store.place.local(f"names/{wanted}.jsonl").write_text(history)
    assert store.get(wanted, OperatingPoint) == point(0.1)
    assert store.get(other, OperatingPoint) == point(0.2)
