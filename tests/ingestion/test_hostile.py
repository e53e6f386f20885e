"""Files made to hurt are refused in one sentence, or lose only what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.cli.main import run
from boxwright.images import write_jpeg

GOOD = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}


def source(folder: Path, **changes: object) -> Path:
    import numpy as np

    (folder / "a.jpg").write_bytes(write_jpeg(np.zeros((20, 30, 3), np.uint8)))
    tree = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [GOOD],
        **changes,
    }
    (folder / "gt.json").write_text(json.dumps(tree))
    return folder / "gt.json"


@pytest.mark.parametrize(
    "changes",
    [
        {"annotations": 3},
        {"categories": 4},
        {"categories": [{"id": [1], "name": "x"}]},
        {"images": {"id": 1}},
        {"annotations": [{**GOOD, "image_id": [1]}]},
        {"annotations": [{**GOOD, "category_id": {"a": 1}}]},
        {"annotations": [{**GOOD, "id": 10**30}]},
        {"annotations": [{**GOOD, "bbox": [10**400, 1, 5, 5]}]},
        {"annotations": [{**GOOD, "area": 10**400}]},
        {"annotations": ["x", None, 3]},
        {"images": [{"id": 1e999, "file_name": "a.jpg"}]},
        {"images": [{"id": 1, "file_name": "../../../etc/hostname"}]},
        {"images": [{"id": 1, "file_name": "/etc/hostname"}]},
        {"images": [{"id": 1, "file_name": "a\u0000.jpg"}]},
        {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "a.jpg"}]},
    ],
)
def test_coco(changes: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = source(tmp_path, **changes)
    code = run(["check", str(path), "--json"])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    if code == 2:
        assert captured.err.strip().startswith("boxwright: ")
    else:
        assert json.loads(captured.out)["problems"]
    (tmp_path / "dt.json").write_text("[]")
    assert run(["evaluate", str(path), str(tmp_path / "dt.json"), "--json"]) in (0, 2)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "names: {0: a, x: b}",
        "names: [2020-99-99]",
        "names: [[a]]",
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nnames: [*c]",
        "names: !!python/object/apply:os.system ['true']",
    ],
)
def test_yolo(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data.yaml").write_text(text)
    assert run(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("boxwright: ")


def test_two_voc_files_with_one_file_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    for name in ("a", "b"):
        (tmp_path / f"{name}.jpg").write_bytes(write_jpeg(np.zeros((20, 30, 3), np.uint8)))
        box = "<object><name>x</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        (tmp_path / f"{name}.xml").write_text(f"<annotation><filename>a.jpg</filename>{box}</annotation>")
    run(["check", str(tmp_path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["images"], found["annotations"]) == (2, 2)


def test_a_grown_folder_keeps_its_ids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    from boxwright.artifacts import Dataset
    from boxwright.store import Store

    rng = np.random.default_rng(0)

    def add(name: str) -> None:
        (tmp_path / "data" / f"{name}.jpg").write_bytes(write_jpeg(rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)))
        (tmp_path / "data" / f"{name}.txt").write_text("0 0.5 0.5 0.2 0.2\n")

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "classes.txt").write_text("x\n")
    for name in ("k", "m", "z"):
        add(name)
    store = tmp_path / "store"
    assert run(["ingest", str(tmp_path / "data"), "--name", "d", "--store", str(store)]) == 0
    before = Store(store).get("dataset/d", Dataset)
    add("a")
    assert run(["ingest", str(tmp_path / "data"), "--name", "d", "--store", str(store)]) == 0
    after = Store(store).get("dataset/d", Dataset)
    old = dict(zip(before.file_names, before.image_ids.tolist(), strict=True))
    new = dict(zip(after.file_names, after.image_ids.tolist(), strict=True))
    assert {name: new[name] for name in old} == old
    assert new["a.jpg"] == 4
    capsys.readouterr()


def refused(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["check", str(path)]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("boxwright: ") and "Traceback" not in complaint
    return complaint


@pytest.mark.parametrize("tag", ["annotations", "annotation"])
def test_xml_with_entities_is_not_read(tag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lots = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "lol"}">' for i in range(10))
    (tmp_path / "a.xml").write_text(f"<!DOCTYPE x [{lots}]><{tag}><filename>&a9;</filename></{tag}>")
    (tmp_path / "b.xml").write_text(
        f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><{tag}><filename>&f;</filename></{tag}>'
    )
    if tag == "annotations":
        refused(tmp_path, capsys)
    else:
        assert run(["check", str(tmp_path), "--json"]) == 1
        assert {p["code"] for p in json.loads(capsys.readouterr().out)["problems"]} == {"broken-file"}


def test_archives_are_not_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "set.zip").write_bytes(b"PK\x03\x04")
    assert "Unpack it" in refused(tmp_path / "set.zip", capsys)
    assert "unpack them" in refused(tmp_path, capsys)


def test_deep_and_doubled_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = json.loads(source(tmp_path).read_text())
    for text in (
        '{"images": [], "annotations": ' + "[" * 100_000,
        '{"images": [], "annotations": [{"id": ' + "[" * 100_000,
        json.dumps(good)[:-1] + ', "annotations": []}',
        '{"images": [], "categories": [{"id": 1, "name": "a", "name": "b"}], "annotations": []}',
        '{"images": [], "categories": [{"id": 1, "name": ""}], "annotations": []}',
        '{"images": [], "categories": [{"id": 1, "name": "a\\u0000"}], "annotations": []}',
    ):
        (tmp_path / "gt.json").write_text(text)
        refused(tmp_path / "gt.json", capsys)


def test_links_that_leave_the_folder_are_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "secret").mkdir()
    source(tmp_path / "secret")
    (tmp_path / "set").mkdir()
    path = source(tmp_path / "set")
    (tmp_path / "set" / "a.jpg").unlink()
    (tmp_path / "set" / "a.jpg").symlink_to(tmp_path / "secret" / "a.jpg")
    assert run(["check", str(path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 0 and found["problems"][0]["code"] == "outside-folder"
    (tmp_path / "set" / "classes.txt").write_text("x\n")
    (tmp_path / "set" / "deep").symlink_to(tmp_path / "secret")
    run(["check", str(tmp_path / "set"), "--json"])
    assert json.loads(capsys.readouterr().out)["images"] == 0


def test_a_folder_of_links_says_that_links_are_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "disk").mkdir()
    source(tmp_path / "disk")
    assert run(["convert", str(tmp_path / "disk" / "gt.json"), str(tmp_path / "yolo"), "--to", "yolo"]) == 0
    capsys.readouterr()
    files = [path for path in (tmp_path / "yolo").rglob("*") if path.is_file() and path.name != "boxwright.json"]
    for name, kept in (("all", ()), ("some", [path for path in files if path.suffix != ".jpg"])):
        for path in files:
            place = tmp_path / name / path.relative_to(tmp_path / "yolo")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes()) if path in kept else place.symlink_to(path)
    assert "a link that leads" in (said := refused(tmp_path / "all", capsys)) or "are links that lead" in said
    assert run(["check", str(tmp_path / "some"), "--json"]) in (1, 2)
    captured = capsys.readouterr()
    assert "cp -rL" in captured.out + captured.err


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/hostname", "a\u0000.jpg"])
def test_a_side_file_that_leads_out(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source(tmp_path)
    assert run(["convert", str(tmp_path / "gt.json"), str(tmp_path / "out"), "--to", "yolo"]) == 0
    side_file = tmp_path / "out" / "boxwright.json"
    tree = json.loads(side_file.read_text())
    tree["pictures"][0]["path"] = path
    side_file.write_text(json.dumps(tree))
    capsys.readouterr()
    assert "is damaged" in refused(tmp_path / "out", capsys)


def test_a_video_cannot_grow_without_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = '<box frame="{}" outside="0" xtl="1" ytl="1" xbr="5" ybr="5"/>'
    head = '<annotations><meta><task><size>{}</size><labels><label><name>x</name></label></labels></task></meta><track id="0" label="x">'
    (tmp_path / "a.xml").write_text(head.format(10**12) + box.format(0) + "</track></annotations>")
    refused(tmp_path / "a.xml", capsys)
    (tmp_path / "a.xml").write_text(head.format(5) + box.format(10**8) + "</track></annotations>")
    run(["check", str(tmp_path / "a.xml"), "--no-pictures", "--json"])
    assert "bad-frame" in json.loads(capsys.readouterr().out)["counts"]


def test_many_boxes_in_one_place_take_bounded_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = source(tmp_path, annotations=[{**GOOD, "id": i} for i in range(20_000)])
    run(["check", str(path), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["annotations"] == 20_000 and 0 < found["counts"]["duplicate-box"] <= 10_000
