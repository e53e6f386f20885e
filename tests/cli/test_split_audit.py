"""`boxwright split audit` as a user meets it: folders, lists, the store; exit codes, JSON, the page; `split` beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from boxwright.cli.main import run
from boxwright.images import read_picture, write_jpeg

KEYS = {
    "pictures",
    "leaks",
    "counts",
    "leaky",
    "looked_for",
    "suggestions",
    "flat",
    "problems",
    "absent",
    "unlisted",
    "notes",
    "title",
}


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code = run(["split", "audit", *(str(a) for a in arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def folder(tmp_path: Path, shared) -> Path:
    """Six blood films on train, two on test, one of which is a copy; lists beside them."""
    films = sorted(next(shared("data/bccd").rglob("BloodImage_00100.jpg")).parent.glob("BloodImage_001*.jpg"))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for k, film in enumerate(films[::4][:7]):
        (pictures / f"p{k}.jpg").write_bytes(film.read_bytes())
    (pictures / "copy.jpg").write_bytes(write_jpeg(read_picture(films[0].read_bytes()), quality=70))
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text("\n".join(f"p{k}" for k in range(6)))
    (lists / "test.txt").write_text("p6\ncopy\n")
    return tmp_path


def test_a_leak_is_told_and_ends_with_one(folder: Path, capsys) -> None:
    code, found = told(capsys, folder / "pictures", "--splits", folder / "lists")
    assert code == 1 and set(found) == KEYS
    (leak,) = found["leaks"]
    assert {k: leak[k] for k in ("kind", "a", "b", "side_a", "side_b")} == {
        "kind": "near",
        "a": "p0.jpg",
        "b": "copy.jpg",
        "side_a": "train",
        "side_b": "test",
    }
    assert leak["distance"] <= 8
    assert found["leaky"] == {"test": {"near": 1, "any": 1}} and found["counts"] == {"train-test": {"near": 1}}


def test_no_leak_ends_with_nought(folder: Path, capsys) -> None:
    (folder / "lists" / "test.txt").write_text("p6\n")
    code, found = told(capsys, folder / "pictures", "--splits", folder / "lists")
    assert code == 0 and found["leaks"] == [] and found["unlisted"] == 1
    assert run(["split", "audit", str(folder / "pictures"), "--splits", str(folder / "lists")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no leak found"


def test_sides_by_folders_and_one_list_for_the_rest(folder: Path, capsys) -> None:
    _, one = told(capsys, folder / "pictures", "--splits", f"test={folder / 'lists' / 'test.txt'}")
    assert one["pictures"] == {"train": 6, "test": 2} and len(one["leaks"]) == 1
    for side, names in (("train", range(6)), ("val", [6])):
        (folder / "pictures" / side).mkdir()
        for k in names:
            (folder / "pictures" / f"p{k}.jpg").rename(folder / "pictures" / side / f"p{k}.jpg")
    _, by_folder = told(capsys, folder / "pictures")
    assert by_folder["pictures"] == {"train": 6, "val": 1} and by_folder["unlisted"] == 1


def test_groups_and_times_of_a_table(folder: Path, capsys) -> None:
    table = folder / "table.csv"
    table.write_text("file_name,slide,at,camera\n" + "\n".join(
        f"p{k}.jpg,s{k // 2},2026-01-01T00:00:{k:02d},c" for k in range(7)) + "\ncopy.jpg,s0,2026-01-02,c\n")  # fmt: skip
    options = (folder / "pictures", "--splits", folder / "lists", "--conditions", table)
    _, groups = told(capsys, *options, "--group-by", "slide")
    assert {(k["kind"], k["b"]) for k in groups["leaks"]} == {("near", "copy.jpg"), ("group", "copy.jpg")}
    _, times = told(capsys, *options, "--within", "1s", "--time", "at", "--camera", "camera")
    assert [(k["a"], k["b"], k["distance"]) for k in times["leaks"] if k["kind"] == "time"] == [
        ("p5.jpg", "p6.jpg", 1.0)
    ]
    _, named = told(capsys, *options, "--group-from", r"^(p|c)")
    assert [k["b"] for k in named["leaks"] if k["kind"] == "group"] == ["p6.jpg"]


def test_the_published_leak_of_the_orchard(shared, tmp_path: Path, capsys) -> None:
    """All 114 photos in val and all 113 in test have other tiles in train; the names are confirmed by the pictures."""
    apples = shared("data/apple_orchard/AppleBBCH81")
    page = tmp_path / "leaks.html"
    code, found = told(capsys, apples, "--splits", apples / "sets", "--page", page)
    assert code == 1 and found["pictures"] == {"train": 1470, "val": 184, "test": 184}
    best = found["suggestions"][0]
    assert best["confirmed"] and best["groups_of"] == {"train": 138, "val": 114, "test": 113}
    for side in ("val", "test"):
        assert found["leaky"][side]["any"] == found["leaky"][side]["group"] == 184
        assert found["leaky"][side]["overlap"] >= 18  # of about 20 tiles that are at hand
    assert {k["kind"] for k in found["leaks"]} == {"overlap", "group"}
    assert page.read_text().count("<figure>") == 48 and "20% of the smaller is shared" in page.read_text()
    _, by_pattern = told(capsys, apples, "--splits", apples / "sets", "--group-from", r"([^/]+)_\d+$", "--no-overlap")
    assert by_pattern["counts"] == {
        "train-val": {"group": 184},
        "train-test": {"group": 184},
        "val-test": {"group": 145},
    }


def test_the_official_lists_of_blood_films_leak(shared, capsys) -> None:
    films = shared("data/bccd")
    _, found = told(capsys, films, "--splits", next(films.rglob("trainval.txt")).parent)
    pairs = {frozenset((Path(k["a"]).stem[-3:], Path(k["b"]).stem[-3:])): k["kind"] for k in found["leaks"]}
    assert pairs[frozenset(("037", "038"))] == "near" and pairs[frozenset(("386", "391"))] == "overlap"


def test_hostile_pictures_are_told_and_passed_over(folder: Path, shared, capsys) -> None:
    for path in shared("cases/images/made").iterdir():
        if path.is_file() and path.suffix != ".json":
            (folder / "pictures" / f"made_{path.name}").write_bytes(path.read_bytes())
    (folder / "pictures" / "text.jpg").write_text("no picture")
    (folder / "pictures" / "secret.jpg").symlink_to("/etc/hostname")
    code, found = told(capsys, folder / "pictures", "--splits", f"test={folder / 'lists' / 'test.txt'}")
    assert code == 1 and "text.jpg" in {p["file_name"] for p in found["problems"]}
    assert "secret.jpg" not in json.dumps(found)


def test_what_a_leak_is_worth(folder: Path, capsys) -> None:
    """Detections that find all on the copy and nothing on the clean picture."""
    truth = {"images": [{"id": 1, "file_name": "copy.jpg", "width": 640, "height": 480}, {"id": 2, "file_name": "p6.jpg", "width": 640, "height": 480}],
             "annotations": [{"id": k, "image_id": k, "category_id": 1, "bbox": [10, 10, 50, 60], "area": 3000, "iscrowd": 0} for k in (1, 2)],
             "categories": [{"id": 1, "name": "cell"}]}  # fmt: skip
    (folder / "gt.json").write_text(json.dumps(truth))
    (folder / "dt.json").write_text(
        json.dumps([{"image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 60], "score": 0.9}])
    )
    options = (
        folder / "pictures",
        "--splits",
        folder / "lists",
        "--results",
        folder / "dt.json",
        "--truth",
        folder / "gt.json",
    )
    _, found = told(capsys, *options)
    effect = found["effect"]
    assert effect["pictures"] == {"leaky": 1, "clean": 1}
    for figure in ("ap", "ap50", "f1"):
        record = effect["figures"][figure]
        assert (record["leaky"], record["clean"], record["difference"], record["low"]) == pytest.approx(
            (1, 0, 1, None), abs=1e-6
        )
    run(["split", "audit", *(str(o) for o in options)])
    assert "score on 1 leaky against 1 clean pictures" in capsys.readouterr().out


def test_a_leak_is_worth_something_only_on_audited_pictures_that_judge(folder: Path, capsys) -> None:
    """Names that say less are met where one picture has them; what nobody looked at is never taken for clean."""
    (folder / "lists" / "test.txt").write_text("p6\ncopy\nfar/away\n")

    def ends(*names: str) -> tuple[int, str]:
        images = [{"id": k, "file_name": n, "width": 640, "height": 480} for k, n in enumerate(names, start=1)]
        (folder / "gt.json").write_text(
            json.dumps({"images": images, "annotations": [], "categories": [{"id": 1, "name": "cell"}]})
        )
        (folder / "dt.json").write_text("[]")
        code = run(["split", "audit", str(folder / "pictures"), "--splits", str(folder / "lists"), "--json",
                    "--results", str(folder / "dt.json"), "--truth", str(folder / "gt.json")])  # fmt: skip
        told = capsys.readouterr()
        return code, told.out + told.err

    code, text = ends("p6.jpg", "copy.jpg", "away.jpg")
    assert code == 1 and json.loads(text[text.index("{") : text.rindex("}") + 1])["effect"]["pictures"] == {
        "leaky": 1,
        "clean": 2,
    }
    code, text = ends("p6.jpg", "stranger.jpg")
    assert code == 2 and "'stranger.jpg'" in text
    code, text = ends("p6.jpg", "p0.jpg")
    assert code == 2 and "of the side 'train'" in text


def test_one_side_alone_is_no_clean_split(folder: Path, capsys) -> None:
    (folder / "lists" / "test.txt").unlink()
    (folder / "lists" / "train.txt").write_text("\n".join([*(f"p{k}" for k in range(7)), "copy"]))
    assert run(["split", "audit", str(folder / "pictures"), "--splits", str(folder / "lists")]) == 2
    assert "on the side 'train'" in capsys.readouterr().err


def test_a_picture_listed_twice_may_be_all_that_a_side_has(folder: Path, capsys) -> None:
    (folder / "lists" / "test.txt").write_text("p0\n")
    code, found = told(capsys, folder / "pictures", "--splits", folder / "lists")
    assert code == 1 and [(k["kind"], k["a"], k["side_a"], k["side_b"]) for k in found["leaks"]] == [
        ("exact", "p0.jpg", "train", "test")
    ]


def test_wrong_words_end_with_two_and_a_sentence(folder: Path, capsys) -> None:
    pictures, lists = folder / "pictures", folder / "lists"
    for arguments in (
        [pictures], [pictures, "--splits", folder / "absent"], [folder / "lists", "--splits", lists],
        [pictures, "--splits", lists, "--within", "soon"], [pictures, "--splits", lists, "--within", "1s"],
        [pictures, "--splits", lists, "--group-by", "slide"], [pictures, "--splits", lists, "--group-from", "("],
        [pictures, "--splits", lists, "--results", "x.json"], [pictures, "--splits", lists, "--group-by", "a", "--group-from", "b"],
        ["dataset/none", "--splits", lists, "--store", folder],
    ):  # fmt: skip
        assert run(["split", "audit", *(str(a) for a in arguments)]) == 2, arguments
        assert capsys.readouterr().err.splitlines()[-1].startswith("boxwright: ")


def test_split_and_its_part_stand_side_by_side(capsys) -> None:
    assert run(["split", "--help"]) == 0
    assert "split audit SOURCE --splits FILE" in capsys.readouterr().out
    assert run(["split", "audit", "--help"]) == 0
    assert "--group-from" in capsys.readouterr().out
    assert run(["split"]) == 2


def test_a_dataset_of_the_store_with_its_split(tmp_path: Path, capsys) -> None:
    """A split made with near_duplicates: together has no near-duplicate on two sides; the sides of the files do."""
    rng = np.random.default_rng(0)
    source = tmp_path / "source"
    (source / "labels").mkdir(parents=True)
    (source / "classes.txt").write_text("thing\n")
    for k in range(12):
        coarse = np.random.default_rng(k // 2).uniform(0, 255, (9, 11, 3)).astype(np.uint8)
        picture = Image.fromarray(coarse).resize((220, 180), Image.Resampling.BICUBIC)
        path = source / "images" / ("train" if k % 2 else "val") / f"{k:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, quality=int(rng.integers(60, 95)))
        label = source / "labels" / path.parent.name / f"{k:02}.txt"
        label.parent.mkdir(exist_ok=True)
        label.write_text("0 0.5 0.5 0.2 0.2\n")
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "name: x\nclasses: [{name: thing}]\nsplit: {near_duplicates: together, train: 0.5, val: 0.25, test: 0.25}\n"
    )
    store = ["--store", str(tmp_path / "store")]
    assert run(["ingest", str(source), "--name", "things", *store]) == 0
    assert run(["split", "dataset/things", "--spec", str(spec), *store]) == 0
    assert "near-duplicates: 6 pairs, 0 of them on two sides" in capsys.readouterr().out
    code, clean = told(capsys, "dataset/things", "--splits", "split/things", *store)
    assert code == 0 and sum(clean["pictures"].values()) == 12
    code, leaky = told(capsys, source)
    assert code == 1 and {k["kind"] for k in leaky["leaks"]} == {"near"} and len(leaky["leaks"]) == 6
