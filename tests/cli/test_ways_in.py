"""The verbs that take data in: problems by kind, a spec held against files, nothing stored where nothing can be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.artifacts import Split
from boxwright.cli.main import run
from boxwright.ingestion import read_source
from boxwright.store import Store
from tests.ingestion.worlds import jpeg

Capture = pytest.CaptureFixture[str]
SPEC = (
    "name: line\nclasses: [{name: bolt}, {name: nut}, {name: ring}]\nconditions: [{name: lamp, bins: ['on', 'off']}]\n"
)


def source(folder: Path, *, images: int = 12, bad: int = 8) -> Path:
    """A COCO file: a box on every image, and `bad` boxes without a size."""
    folder.mkdir(parents=True)
    for i in range(images):
        (folder / f"{i}.jpg").write_bytes(jpeg(40, 30, seed=i))
    tree = {
        "images": [
            {"id": i, "file_name": f"{i}.jpg", "width": 40, "height": 30, "lamp": "on" if i < 6 else "dim"}
            for i in range(images)
        ],
        "categories": [{"id": 1, "name": "bolt"}, {"id": 2, "name": "nut"}, {"id": 3, "name": "washer"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1 + i % 3, "bbox": [1, 2, 10, 5]} for i in range(images)
        ] + [{"id": 100 + i, "image_id": 0, "category_id": 1, "bbox": [1, 2, 0, 5]} for i in range(bad)],
    }  # fmt: skip
    (folder / "gt.json").write_text(json.dumps(tree))
    return folder / "gt.json"


def test_check_gives_the_summary_first_and_a_few_of_each_kind(tmp_path: Path, capsys: Capture) -> None:
    path = source(tmp_path / "in")
    assert run(["check", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "coco: 12 pictures (0 not labelled), 12 annotations, 8 errors, 0 warnings"
    assert lines[1] == "error bad-box: 8" and lines[5] == "    ... 5 more (--limit 0 lists them)" and len(lines) == 6
    assert run(["check", str(path), "--limit", "0"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 2 + 8


def test_check_holds_files_against_a_spec(tmp_path: Path, capsys: Capture) -> None:
    path = source(tmp_path / "in", bad=0)
    (tmp_path / "spec.yaml").write_text(SPEC)
    assert run(["check", str(path), "--json"]) == 0
    capsys.readouterr()
    assert run(["check", str(path), "--spec", str(tmp_path / "spec.yaml"), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {"unknown-class": 4, "class-without-annotations": 1, "condition-unlisted": 1}
    assert found["annotations"] == 8
    messages = {p["code"]: p["message"] for p in found["problems"]}
    assert messages["class-without-annotations"].endswith("class ring")
    assert "6 of 12 images" in messages["condition-unlisted"] and "'dim' (6)" in messages["condition-unlisted"]


def test_check_tells_of_images_without_a_condition_and_takes_a_table(tmp_path: Path, capsys: Capture) -> None:
    path = source(tmp_path / "in", bad=0)
    path.write_text(path.read_text().replace('"lamp"', '"light"').replace("washer", "ring"))
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "c.csv").write_text("file,lamp\n" + "".join(f"{i}.jpg,on\n" for i in range(12)))
    command = ["check", str(path), "--spec", str(tmp_path / "spec.yaml"), "--json"]
    assert run(command) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"condition-lacking": 1}
    assert run([*command, "--conditions", str(tmp_path / "c.csv")]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {}
    assert run(["check", str(path), "--conditions", str(tmp_path / "c.csv")]) == 2


def test_ingest_warns_once_per_kind_with_the_count(tmp_path: Path, capsys: Capture) -> None:
    path = source(tmp_path / "in", bad=500)
    store = str(tmp_path / "store")
    assert run(["ingest", str(path), "--name", "line", "--store", store, "--json"]) == 0
    captured = capsys.readouterr()
    assert (
        captured.err.count("bad-box") == 1
        and "error bad-box (500 times), first: gt.json annotation 100" in captured.err
    )
    assert f"`boxwright check {path} --limit 0` lists all" in captured.err
    assert json.loads(captured.out)["refused"] == 500


def test_ingest_stores_nothing_where_every_box_is_refused(tmp_path: Path, capsys: Capture) -> None:
    path = source(tmp_path / "in")
    path.write_text(path.read_text().replace("[1, 2, 10, 5]", "[1, 2, -10, 5]"))
    store = tmp_path / "store"
    assert run(["ingest", str(path), "--name", "line", "--store", str(store)]) == 2
    assert "every one was refused (20 bad-box)" in capsys.readouterr().err
    assert not Store(store).names()
    (tmp_path / "spec.yaml").write_text("name: line\nclasses: [{name: screw}]\n")
    path.write_text(path.read_text().replace("-10", "10"))
    assert (
        run(["ingest", str(path), "--name", "line", "--store", str(store), "--spec", str(tmp_path / "spec.yaml")]) == 2
    )
    assert "12 unknown-class" in capsys.readouterr().err and not Store(store).names()


def test_ingest_takes_images_without_any_box(tmp_path: Path, capsys: Capture) -> None:
    path = source(tmp_path / "in", bad=0)
    tree = json.loads(path.read_text())
    path.write_text(json.dumps({**tree, "annotations": []}))
    assert run(["ingest", str(path), "--name", "line", "--store", str(tmp_path / "store")]) == 0


@pytest.mark.parametrize("to", ["coco", "yolo"])
def test_convert_writes_the_computed_subsets(to: str, tmp_path: Path, capsys: Capture) -> None:
    path = source(tmp_path / "in", bad=0)
    path.write_text(path.read_text().replace("washer", "ring"))
    (tmp_path / "spec.yaml").write_text(SPEC)
    store = ["--store", str(tmp_path / "store")]
    assert run(["ingest", str(path), "--name", "line", "--spec", str(tmp_path / "spec.yaml"), *store]) == 0
    assert run(["split", "dataset/line", "--spec", str(tmp_path / "spec.yaml"), *store]) == 0
    capsys.readouterr()
    assert run(["convert", "dataset/line", str(tmp_path / "as_found"), "--to", to, *store]) == 0
    told = capsys.readouterr().err
    assert "subsets as the source files gave them: no subset 12; --split split/line writes the computed split" in told
    out = tmp_path / "out"
    assert run(["convert", "dataset/line", str(out), "--to", to, "--split", "split/line", *store]) == 0
    assert "subsets of split/line: " in capsys.readouterr().err
    parts = Store(tmp_path / "store").get("split/line", Split)
    names = dict(zip(parts.image_ids.tolist(), parts.side, strict=True))
    written = {Path(r.file_name).name: r.side for r in read_source(out).pictures}
    assert written == {f"{i}.jpg": side for i, side in names.items()} and len(set(written.values())) == 3
    assert (
        run(
            [
                "convert",
                "dataset/line",
                str(tmp_path / "t"),
                "--to",
                to,
                "--split",
                "split/line",
                "--only",
                "test",
                *store,
            ]
        )
        == 0
    )
    assert {r.side for r in read_source(tmp_path / "t").pictures} == {"test"}


def test_a_split_is_for_a_dataset_of_the_store_and_for_its_version(tmp_path: Path, capsys: Capture) -> None:
    path = source(tmp_path / "in", bad=0)
    assert run(["convert", str(path), str(tmp_path / "out"), "--to", "yolo", "--split", "split/line"]) == 2
    assert "boxwright ingest" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_an_interrupted_ingest_goes_on_and_gives_the_same(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boxwright.ingestion.pictures as module

    path = source(tmp_path / "in", images=300, bad=0)
    decoded: list[str] = []
    original = module.read_picture

    def counted(data: bytes, *, name: str, **options: object) -> object:
        decoded.append(name)
        if len(decoded) == 200:
            raise KeyboardInterrupt
        return original(data, name=name, **options)  # type: ignore[arg-type]

    command = ["ingest", str(path), "--name", "line", "--json", "--store"]
    assert run([*command, str(tmp_path / "whole")]) == 0
    whole = json.loads(capsys.readouterr().out)
    monkeypatch.setattr(module, "read_picture", counted)
    assert run([*command, str(tmp_path / "store")]) == 130
    assert not Store(tmp_path / "store").names()
    memory = tmp_path / "store" / "work" / "ingest-line.jsonl"
    with memory.open("a") as file:
        file.write('{"image": "torn')
    assert run([*command, str(tmp_path / "store")]) == 0
    captured = capsys.readouterr()
    assert "199 images that were looked at are not decoded again" in captured.err
    assert json.loads(captured.out) == whole and len(decoded) == 200 + 101 and not memory.exists()


def test_a_path_that_is_not_there_is_said_before_the_store_is(tmp_path: Path, capsys: Capture) -> None:
    for words in (
        ["predict", "nowhere/bundle", "imgs", "--out", "x.json"],
        ["coverage", "dataset/x", "--spec", "s.yaml"],
    ):
        (tmp_path / "s.yaml").write_text(SPEC)
        words = [str(tmp_path / "s.yaml") if word == "s.yaml" else word for word in words]
        assert run([*words, "--store", str(tmp_path / "none")]) == 2
        assert f"'{words[1]}' does not exist as a file or folder, and there is no store" in capsys.readouterr().err
