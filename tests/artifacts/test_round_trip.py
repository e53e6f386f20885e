"""For every kind: load(save(x)) == x and the digest is the same; whatever changes, changes the digest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from boxwright.artifacts import KINDS, Artifact, Bundle, Contract, Report, Rollout, read_manifest
from boxwright.errors import InputError, StoreError
from boxwright.store import Store
from tests.worlds import digest_of, one_of_each_kind

EACH_KIND = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    return one_of_each_kind(tmp_path_factory.mktemp("world"))


def saved(artifact: Artifact, folder: Path) -> Path:
    folder.mkdir(parents=True)
    artifact.save(folder)
    return folder


def assert_same_content(one: Artifact, other: Artifact) -> None:
    """The same parts, not only the same digest."""
    a, b = one.parts(), other.parts()
    assert a.document == b.document
    assert a.tables.keys() == b.tables.keys()
    for name in a.tables:
        assert a.tables[name].equals(b.tables[name]), name
    assert {n: p.read_bytes() for n, p in a.files.items()} == {n: p.read_bytes() for n, p in b.files.items()}
    assert dict(one.made_from) == dict(other.made_from)


def test_the_world_holds_every_kind_once(world: dict[str, Artifact]) -> None:
    assert list(world) == list(KINDS)


@EACH_KIND
def test_saved_and_loaded_it_is_the_same(kind: str, world: dict[str, Artifact], tmp_path: Path) -> None:
    artifact = world[kind]
    loaded = KINDS[kind].load(saved(artifact, tmp_path / "one"))
    assert loaded == artifact
    assert hash(loaded) == hash(artifact)
    assert loaded.digest == artifact.digest == read_manifest(tmp_path / "one")["digest"]
    assert_same_content(loaded, artifact)
    again = KINDS[kind].load(saved(loaded, tmp_path / "two"))
    assert again.digest == artifact.digest


@EACH_KIND
def test_put_and_got_it_is_the_same(kind: str, world: dict[str, Artifact], tmp_path: Path) -> None:
    digest = Store(tmp_path).put(world[kind], name=f"a/{kind}")
    assert digest == world[kind].digest
    for reference in (digest, digest[:12], f"a/{kind}"):
        found = Store(tmp_path).get(reference, KINDS[kind])
        assert found == world[kind]
        assert_same_content(found, world[kind])
    assert Store(tmp_path).made_from(digest) == dict(world[kind].made_from)


@EACH_KIND
def test_it_is_never_another_kind(kind: str, world: dict[str, Artifact], tmp_path: Path) -> None:
    folder = saved(world[kind], tmp_path / "one")
    for other in KINDS:
        if other != kind:
            assert world[kind] != world[other]
            with pytest.raises(StoreError, match=f"holds a {kind}; expected a {other}"):
                KINDS[other].load(folder)


def altered(value: Any) -> Any:
    """Something else of the same type."""
    if value is None:
        return digest_of("something")
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, np.ndarray):
        return value + 100
    if isinstance(value, pa.Table):
        return value.slice(1)
    if isinstance(value, Path):
        other = value.with_name(f"{value.name}.other")
        other.write_bytes(value.read_bytes() + b"!")
        return other
    if isinstance(value, tuple):
        return tuple(altered(v) for v in value) if isinstance(value[0], str | float) else value[:-1]
    if isinstance(value, Contract):
        return value.model_copy(update={"pad_value": value.pad_value + 1})
    if is_dataclass(value) and not isinstance(value, type):
        held = {field.name: getattr(value, field.name) for field in fields(value)}
        name = next(name for kind in (int, float, str, Mapping, object) for name, one in held.items()
                    if isinstance(one, kind) and one not in (None, ()))  # fmt: skip
        return replace(value, **{name: altered(held[name])})
    assert isinstance(value, Mapping)
    return dict(list(value.items())[1:]) if value else {"more": {}}


@EACH_KIND
def test_every_field_is_in_the_digest(kind: str, world: dict[str, Artifact]) -> None:
    artifact = world[kind]
    digests = {artifact.digest}
    names = [field.name for field in fields(artifact)]
    for name in names:
        digests.add(replace(artifact, **{name: altered(getattr(artifact, name))}).digest)
    assert len(digests) == len(names) + 1, f"of {names} some do not count"


def altered_tables(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The table with one column at a time turned upside down, where that makes a difference."""
    for position, name in enumerate(table.column_names):
        column = table.column(name)
        turned = column.take(pa.array(range(len(column) - 1, -1, -1)))
        if turned.to_pylist() != column.to_pylist():
            yield name, table.set_column(position, table.schema.field(name), turned)


@EACH_KIND
def test_every_column_is_in_the_digest(kind: str, world: dict[str, Artifact]) -> None:
    artifact = world[kind]
    tables = {
        f.name: getattr(artifact, f.name) for f in fields(artifact) if isinstance(getattr(artifact, f.name), pa.Table)
    }
    for name, table in tables.items():
        for column, other in altered_tables(table):
            assert replace(artifact, **{name: other}).digest != artifact.digest, f"{name}.{column}"


@EACH_KIND
def test_what_it_was_made_from_is_in_the_digest(kind: str, world: dict[str, Artifact]) -> None:
    origins = [{}, {"a": digest_of("1")}, {"b": digest_of("1")}, {"a": digest_of("2")}]
    assert len({replace(world[kind], made_from=origin).digest for origin in origins}) == 4


def test_how_a_table_is_chunked_and_a_mapping_ordered_does_not_enter(world: dict[str, Artifact]) -> None:
    report = world["report"]
    assert isinstance(report, Report)
    pieces = pa.concat_tables([report.failures.slice(0, 1), report.failures.slice(1)])
    backwards = dict(reversed(report.metrics.items()))
    assert replace(report, failures=pieces, metrics=backwards).digest == report.digest


def test_where_a_file_lies_does_not_enter(world: dict[str, Artifact], tmp_path: Path) -> None:
    bundle = world["bundle"]
    assert isinstance(bundle, Bundle)
    elsewhere = tmp_path / "elsewhere.bin"
    shutil.copyfile(bundle.model, elsewhere)
    assert replace(bundle, model=elsewhere).digest == bundle.digest


def test_a_report_without_failures_goes_there_and_back(world: dict[str, Artifact], tmp_path: Path) -> None:
    report = replace(world["report"], failures=pa.table({}))  # type: ignore[call-arg]
    assert Report.load(saved(report, tmp_path / "one")) == report


def test_thresholds_make_a_bundle_a_candidate_with_a_digest_of_its_own(
    world: dict[str, Artifact], tmp_path: Path
) -> None:
    bundle = world["bundle"]
    assert isinstance(bundle, Bundle)
    candidate = bundle.with_thresholds({"carton": 0.7}, point=digest_of("point"))
    assert candidate.digest != bundle.digest
    assert dict(candidate.made_from) == {"bundle": bundle.digest, "operating_point": digest_of("point")}
    assert Bundle.load(saved(candidate, tmp_path / "one")).contract.score_thresholds == {"carton": 0.7}


def flipped(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x01
    path.write_bytes(data)


@EACH_KIND
def test_a_flipped_byte_is_caught_or_changes_nothing(kind: str, world: dict[str, Artifact], tmp_path: Path) -> None:
    original = saved(world[kind], tmp_path / "one")
    caught = 0
    for name in sorted(p.relative_to(original).as_posix() for p in original.rglob("*") if p.is_file()):
        for share in (0.1, 0.3, 0.5, 0.7, 0.9):
            copy = tmp_path / "copy"
            shutil.copytree(original, copy)
            flipped(copy / name, int((copy / name).stat().st_size * share))
            try:
                loaded = KINDS[kind].load(copy)
            except InputError:
                caught += 1
            else:
                assert loaded == world[kind], f"{name} damaged at {share}"
                assert_same_content(loaded, world[kind])
            shutil.rmtree(copy)
    assert caught >= 5


@EACH_KIND
def test_a_missing_part_is_told_as_damage(kind: str, world: dict[str, Artifact], tmp_path: Path) -> None:
    original = saved(world[kind], tmp_path / "one")
    for name in sorted(p.relative_to(original).as_posix() for p in original.rglob("*") if p.is_file()):
        copy = tmp_path / "copy"
        shutil.copytree(original, copy)
        (copy / name).unlink()
        with pytest.raises(StoreError):
            KINDS[kind].load(copy)
        shutil.rmtree(copy)


@pytest.mark.parametrize("name", ["model.onnx", "golden/0.jpg", "golden"])
def test_a_link_in_a_bundle_is_refused_even_with_the_right_bytes(
    name: str, world: dict[str, Artifact], tmp_path: Path
) -> None:
    folder = saved(world["bundle"], tmp_path / "one")
    outside = tmp_path / "outside"
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside, target_is_directory=outside.is_dir())
    with pytest.raises(StoreError, match="plain file inside"):
        Bundle.load(folder)


@pytest.mark.parametrize("name", ["../outside", "golden/../../outside", "/etc/hostname"])
def test_a_manifest_cannot_point_outside_its_folder(name: str, world: dict[str, Artifact], tmp_path: Path) -> None:
    folder = saved(world["bundle"], tmp_path / "one")
    (tmp_path / "outside").write_bytes(b"a picture")
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("golden/0.jpg", name))
    with pytest.raises(StoreError, match="plain file inside"):
        Bundle.load(folder)


def test_a_document_spelled_otherwise_than_its_digest_is_refused(world: dict[str, Artifact], tmp_path: Path) -> None:
    """Pairs that a reader makes an object of would have the digest of the object; whoever used the report would meet a list."""
    folder = saved(world["report"], tmp_path / "report")
    document = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**document, "measured": list(document["measured"].items())}))
    with pytest.raises(StoreError, match="is damaged"):
        Report.load(folder)


@pytest.mark.parametrize("name", ["manifest.json", "document.json"])
def test_a_key_that_stands_twice_is_refused(name: str, world: dict[str, Artifact], tmp_path: Path) -> None:
    """Readers take the first or the last; the digest was of one of them."""
    folder = saved(world["rollout"], tmp_path / "rollout")
    text = (folder / name).read_text()
    (folder / name).write_text('{"primary": "' + "f" * 64 + '", "kind": "bundle", ' + text[1:])
    with pytest.raises(StoreError, match="a key twice"):
        Rollout.load(folder)


@pytest.mark.parametrize(
    "change", [{"primary": 7}, {"number": "1"}, {"verdict": None}, {"made_from": {"bundle": ["b"]}}], ids=str
)
def test_what_is_no_digest_is_damage_and_no_crash(
    change: dict[str, Any], world: dict[str, Artifact], tmp_path: Path
) -> None:
    folder = saved(world["rollout"], tmp_path / "rollout")
    for path in folder.glob("*.json"):
        document = json.loads(path.read_text())
        path.write_text(json.dumps({**document, **{key: value for key, value in change.items() if key in document}}))
    with pytest.raises(StoreError, match="is damaged|cannot be read"):
        Rollout.load(folder)
