"""`boxwright agree` and `boxwright labels guideline` from the command line: files, formats, exit codes, pages, consensus."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from boxwright.boxes import xywh_from_xyxy
from boxwright.cli.main import run
from boxwright.images import write_jpeg
from boxwright.labels.agreement.ratings import Ratings
from tests.labels.people import SIDE_PX, Person, drawn, world

ROOT = Path(__file__).resolve().parents[2]


def write_coco(path: Path, ratings: Ratings, annotator: int, *, ids_from: int = 1, prefix: str = "") -> Path:
    rows = np.flatnonzero(ratings.annotator == annotator)
    tree = {
        "images": [
            {"id": ids_from + p, "file_name": prefix + name, "width": SIDE_PX, "height": SIDE_PX}
            for p, name in enumerate(ratings.file_names)
            if ratings.saw[p, annotator]
        ],
        "categories": [{"id": k + 1, "name": name} for k, name in enumerate(ratings.class_names)],
        "annotations": [
            {
                "id": i + 1,
                "image_id": ids_from + int(ratings.picture[row]),
                "category_id": int(ratings.class_id[row]) + 1,
                "bbox": xywh_from_xyxy(ratings.boxes_xyxy[row : row + 1])[0].tolist(),
                "iscrowd": 0,
            }
            for i, row in enumerate(rows)
        ],
    }
    path.write_text(json.dumps(tree))
    return path


def write_yolo(folder: Path, ratings: Ratings, annotator: int) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "data.yaml").write_text(yaml.safe_dump({"names": list(ratings.class_names), "train": "images"}))
    for p, name in enumerate(ratings.file_names):
        (folder / "images" / name).write_bytes(write_jpeg(np.full((SIDE_PX, SIDE_PX, 3), 120, np.uint8), quality=30))
        slot = p * len(ratings.annotators) + annotator
        lines = []
        for row in range(ratings.offsets[slot], ratings.offsets[slot + 1]):
            x, y, w, h = xywh_from_xyxy(ratings.boxes_xyxy[row : row + 1])[0] / SIDE_PX
            lines.append(f"{ratings.class_id[row]} {x + w / 2:.8f} {y + h / 2:.8f} {w:.8f} {h:.8f}")
        (folder / "labels" / f"{Path(name).stem}.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture
def two(tmp_path: Path) -> tuple[Ratings, Path, Path]:
    ratings = drawn(world(1, pictures=30), [Person(), Person(recall=0.9)])
    return ratings, write_coco(tmp_path / "anna.json", ratings, 0), write_coco(tmp_path / "ben.json", ratings, 1)


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict]:
    code = run([str(word) for word in words] + ["--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else {}


def test_two_files_in_lines_and_as_json(two, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ratings, anna, ben = two
    page, out, merged = tmp_path / "page.html", tmp_path / "agreement", tmp_path / "consensus.json"
    code, found = answer(capsys, "agree", anna, ben, "--page", page, "--out", out, "--consensus", merged)
    assert code == 0
    assert found["annotators"] == ["anna", "ben"]
    assert found["tally"]["boxes"] == {"anna": ratings.boxes_of(0), "ben": ratings.boxes_of(1)}
    assert found["facts"]["matched_by"] == "file name"
    assert found["required"] is None
    pair = found["pairs"][0]
    assert pair["both"] + pair["only_a"] == ratings.boxes_of(0)
    assert pair["both"] + pair["only_b"] == ratings.boxes_of(1)
    assert "<html" in page.read_text()
    assert run(["show", str(out)]) == 0
    capsys.readouterr()
    tree = json.loads(merged.read_text())
    assert found["consensus"]["written"] == len(tree["annotations"]) == pair["both"] + pair["only_a"] + pair["only_b"]
    assert run(["check", str(merged)]) in (0, 1)
    capsys.readouterr()
    assert run(["agree", str(anna), str(ben)]) == 0
    assert "alpha" in capsys.readouterr().out


def test_required_agreement_is_an_exit_code(two, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, anna, ben = two
    assert answer(capsys, "agree", anna, ben, "--require", 0.3)[0] == 0
    code, found = answer(capsys, "agree", anna, ben, "--require", 0.99)
    assert (code, found["required"]["status"]) == (1, "not met")
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        yaml.safe_dump(
            {"name": "s", "classes": [{"name": f"class-{k}"} for k in range(4)], "labels": {"agreement": 0.3}}
        )
    )
    code, found = answer(capsys, "agree", anna, ben, "--spec", spec)
    assert (code, found["required"]["least"], found["required"]["status"]) == (0, 0.3, "met")


def test_other_ids_other_folders_and_another_format_meet(
    two, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ratings, anna, ben = two
    plain = answer(capsys, "agree", anna, ben)[1]["figures"]["alpha"]["value"]
    moved = write_coco(tmp_path / "moved.json", ratings, 1, ids_from=500, prefix="deep/er/")
    found = answer(capsys, "agree", anna, moved)[1]
    assert found["facts"]["matched_by"] == "end of the path"
    assert found["figures"]["alpha"]["value"] == plain
    yolo = answer(capsys, "agree", anna, write_yolo(tmp_path / "yolo", ratings, 1))[1]
    assert yolo["figures"]["alpha"]["value"] == pytest.approx(plain, abs=1e-9)


def test_pictures_only_one_had_are_counted_and_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = np.arange(30) < 20
    ratings = drawn(world(1, pictures=30), [Person(), Person(seen=seen)])
    files = [write_coco(tmp_path / f"{n}.json", ratings, i) for i, n in enumerate("ab")]
    _, found = answer(capsys, "agree", *files)
    assert found["tally"]["pictures_of_several"] == 20
    assert found["facts"]["not_seen_by"]["b"]["pictures"] == 10
    assert found["pairs"][0]["both"] + found["pairs"][0]["only_a"] == int(
        (ratings.picture[ratings.annotator == 0] < 20).sum()
    )


def test_bad_words_are_one_sentence(two, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ratings, anna, ben = two
    other = tmp_path / "other.json"
    other.write_text(
        json.dumps(
            {
                "images": [{"id": 9000, "file_name": "z.jpg"}],
                "categories": [{"id": 1, "name": "class-0"}],
                "annotations": [],
            }
        )
    )
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump({"name": "s", "classes": [{"name": "class-0"}]}))
    for words, part in (
        ([anna], "two or more"),
        ([anna, tmp_path / "nowhere.json"], "nowhere.json"),
        ([anna, other], "no image in common"),
        ([anna, ben, "--spec", spec], "does not have"),
        ([anna, ben, "--name", "x"], "one name for each"),
        ([anna, ben, "--block", "5", "--groups", spec], "not both"),
    ):
        code = run(["agree", *map(str, words)])
        said = capsys.readouterr().err
        assert code == 2
        assert part in said
        assert said.count("\n") == 1
    assert ratings.annotators


def test_kscgr_as_the_join_by_box_id_has_it(
    shared: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frame, label and box id join 41,236 boxes; 41,210 of them at IoU 0.5 and 40,949 at 0.7: matching by place finds the same."""
    folder = shared("data/kscgr_two_annotators")
    convert = ROOT / "examples" / "kitchen" / "from_kscgr.py"
    subprocess.run([sys.executable, str(convert), str(folder), str(tmp_path)], check=True, capture_output=True)
    files = [tmp_path / f"annotator_{i}.json" for i in (1, 2)]
    code, found = answer(capsys, "agree", *files, "--block", 100, "--require", 0.85)
    assert code == 0
    pair = found["pairs"][0]
    assert (pair["both"], pair["only_a"], pair["only_b"], pair["same_class"]) == (41210, 153, 51, 41210)
    assert found["tally"]["too_far_off"] == 2 * (41236 - 41210)
    assert found["figures"]["mean_iou"]["value"] == pytest.approx(0.9165, abs=5e-5)
    assert found["figures"]["kappa"]["value"] == 1.0
    assert found["figures"]["alpha"]["value"] == pytest.approx(
        0.99469928727795, abs=1e-12
    )  # KaLOS 0.8.0 and krippendorff 0.9.0
    _, strict = answer(capsys, "agree", *files, "--block", 100, "--iou", 0.7)
    assert strict["pairs"][0]["both"] == 40949


def test_guideline_of_the_example_spec_and_of_real_cells(
    shared: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "guideline.html"
    spec = ROOT / "src" / "boxwright" / "spec" / "spec.example.yaml"
    code, found = answer(capsys, "labels", "guideline", "--spec", spec, "--page", page)
    assert code == 0
    assert any("pouch" in text for text in found["open"])
    html = page.read_text()
    assert "returnable crates" in html
    assert "25\u00a0% visible" in html or "25 % visible" in html
    cells = ROOT / "examples" / "cells" / "spec.yaml"
    code, found = answer(capsys, "labels", "guideline", shared("data/bccd"), "--spec", cells, "--page", page)
    assert code == 0
    assert all(count >= 3 for count in found["examples"].values())
    assert page.read_text().count("data:image/jpeg") >= 9
    assert run(["labels", "guideline", str(shared("data/bccd")), "--spec", str(spec), "--page", str(page)]) == 2
    assert "none of the classes" in capsys.readouterr().err


def test_people_who_never_differ_are_compared_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ratings = drawn(world(12, pictures=20), [Person(), Person()])
    first = write_coco(tmp_path / "a.json", ratings, 0)
    second = tmp_path / "b.json"
    second.write_text(first.read_text())
    page = tmp_path / "page.html"
    assert (
        run(["agree", str(first), str(second), "--page", str(page), "--consensus", str(tmp_path / "c.json"), "--json"])
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["figures"]["f1_class"]["value"] == 1 and found["differences"] == 0
    nothing = tmp_path / "nothing.json"
    nothing.write_text(json.dumps({**json.loads(first.read_text()), "annotations": []}))
    assert run(["agree", str(nothing), str(nothing), "--page", str(page)]) in (0, 2)


def test_consensus_does_not_write_over_what_people_drew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ratings = drawn(world(12, pictures=20), [Person(), Person()])
    first, second = (write_coco(tmp_path / f"{k}.json", ratings, k) for k in range(2))
    before = first.read_bytes()
    assert run(["agree", str(first), str(second), "--consensus", str(tmp_path / "." / "0.json")]) == 2
    assert "another file" in capsys.readouterr().err and first.read_bytes() == before


def test_a_mistyped_source_of_examples_is_called_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = ROOT / "src/boxwright/spec/spec.example.yaml"
    words = [
        "labels",
        "guideline",
        str(tmp_path / "typo.json"),
        "--spec",
        str(spec),
        "--page",
        str(tmp_path / "p.html"),
    ]
    assert run(words) == 2
    assert "does not exist" in capsys.readouterr().err


def test_boxes_in_anothers_crowd_are_asked_of_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = [{"id": i, "file_name": f"{i}.jpg", "width": 200, "height": 200} for i in (1, 2)]
    alone = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [150, 150, 30, 30], "area": 900, "iscrowd": 0}
        for i in (1, 2)
    ]
    region = {"id": 9, "image_id": 1, "category_id": 1, "bbox": [0, 0, 100, 100], "area": 10000, "iscrowd": 1}
    each = [
        {"id": 20 + i, "image_id": 1, "category_id": 1, "bbox": [5 + 30 * i, 10, 20, 20], "area": 400, "iscrowd": 0}
        for i in range(3)
    ]
    for name, boxes in (("a", [*alone, region]), ("b", [*alone, *each])):
        tree = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "apple"}]}
        (tmp_path / f"{name}.json").write_text(json.dumps(tree))
    _, found = answer(capsys, "agree", tmp_path / "a.json", tmp_path / "b.json", "--json")
    assert found["figures"]["f1"]["value"] == 1.0
    assert found["facts"]["crowds_left_out"] == 4


def test_content_decides_where_both_have_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two folders with the same names of frames: the same video copied, or another one."""
    ratings = drawn(world(1, pictures=6), [Person(), Person()])
    folders = [write_yolo(tmp_path / name, ratings, i) for i, name in enumerate(("anna", "ben"))]
    for folder in folders:
        for p, image in enumerate(sorted((folder / "images").iterdir())):
            image.write_bytes(write_jpeg(np.full((SIDE_PX, SIDE_PX, 3), 20 * p + 9, np.uint8)))
    found = answer(capsys, "agree", *folders)[1]
    assert found["facts"]["paired"] == {"content": 6, "not_paired": 0}
    for p, image in enumerate(sorted((folders[1] / "images").iterdir())):
        image.write_bytes(write_jpeg(np.full((SIDE_PX, SIDE_PX, 3), 20 * p, np.uint8)))
    assert run(["agree", *map(str, folders)]) == 2
    assert "different content" in capsys.readouterr().err
    assert answer(capsys, "agree", *folders, "--match-by", "name")[1]["facts"]["paired"]["exact"] == 6


def test_one_name_twice_in_a_file_is_paired_with_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = [
        {"id": i, "file_name": name, "width": 9, "height": 9} for i, name in enumerate(["f.png", "f.png", "g.png"])
    ]
    tree = {"images": images, "categories": [{"id": 1, "name": "a"}], "annotations": []}
    (tmp_path / "a.json").write_text(json.dumps(tree))
    (tmp_path / "b.json").write_text(json.dumps({**tree, "images": images[::-1]}))
    assert run(["agree", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["facts"]["paired"] == {"exact": 1, "not_paired": 1}
    assert "stand for two images" in captured.err
