"""Public bug reports about holding two files of boxes against each other: evaluate, compare, agree, diff, audit."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from boxwright.cli.main import run

Report = Callable[[str], Path]


def told(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    code = run([str(word) for word in words])
    found = capsys.readouterr()
    return code, found.out, found.err


def asked(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    code, out, _ = told(capsys, *words, "--json")
    assert code == 0
    return json.loads(out)


def sentence(err: str) -> str:
    """The one sentence of a refusal."""
    lines = [line for line in err.splitlines() if line.startswith("boxwright: ")]
    assert len(lines) == 1
    return lines[0]


def test_agree_refuses_two_videos_that_share_only_names_of_frames(report: Report, capsys) -> None:
    folder = report("agree_nothing_in_common")
    code, out, err = told(capsys, "agree", folder / "anna.json", folder / "ben.json")
    assert (code, out) == (2, "")
    assert "no image in common" in sentence(err) and "v1/f1.png" in err and "v2/f1.png" in err
    assert "--match-by path-end" in err
    loose = asked(capsys, "agree", folder / "anna.json", folder / "ben.json", "--match-by", "path-end")
    assert loose["facts"]["paired"]["path end"] == 2 and loose["figures"]["f1"]["value"] == 0


def test_agree_never_pairs_by_the_other_files_id(report: Report, capsys) -> None:
    folder = report("agree_other_root_other_ids")
    found = asked(capsys, "agree", folder / "anna.json", folder / "ben.json")
    assert found["tally"]["pictures_of_several"] == found["tally"]["pictures"] == 4
    assert found["figures"]["f1"]["value"] == found["figures"]["mean_iou"]["value"] == 1.0
    assert found["facts"]["paired"] == {"path end": 4, "not_paired": 0}
    assert found["facts"]["matched_by"] == "end of the path"
    assert "matched by end of the path" in told(capsys, "agree", folder / "anna.json", folder / "ben.json")[1]


def test_agree_two_endings_are_two_images(report: Report, capsys) -> None:
    folder = report("agree_same_stem_two_endings")
    found = asked(capsys, "agree", folder / "anna.json", folder / "ben.json")
    assert found["tally"]["pictures"] == 3 and found["figures"]["f1"]["value"] == 1.0


def test_agree_two_videos_with_the_same_frames_stay_two(report: Report, capsys) -> None:
    folder = report("agree_two_videos_same_frames")
    found = asked(capsys, "agree", folder / "anna.json", folder / "ben.json")
    assert found["tally"]["pictures"] == 4 and found["figures"]["f1"]["value"] == 1.0


def test_diff_another_slash_changes_nothing(report: Report, capsys) -> None:
    folder = report("diff_backslash_names")
    found = asked(capsys, "diff", folder / "before.json", folder / "after.json")
    assert found["pictures_paired"] == {"spelling": 2, "not_paired": 0} and found["names_respelled"] == 2
    assert not found["boxes"] and not found["pictures_edited"] and not found["pictures_added"]
    out = told(capsys, "diff", folder / "before.json", folder / "after.json")[1]
    assert "nothing changed" in out and "spelled differently" in out


def test_diff_another_root_is_the_same_images(report: Report, capsys) -> None:
    folder = report("diff_other_root_same_names")
    found = asked(capsys, "diff", folder / "before.json", folder / "after.json")
    assert found["pictures_paired"] == {"path end": 4, "not_paired": 0}
    assert not found["boxes"] and not found["pictures_added"] and not found["pictures_removed"]
    assert list(found["pictures_edited"]) == [f"images/v{v}/f{f}.png" for v in (1, 2) for f in (1, 2)]


def official(truth: Path, entries: list[dict], tmp_path: Path) -> list[float]:
    """pycocotools' twelve figures."""
    path = tmp_path / "plain.json"
    path.write_text(json.dumps(entries))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(truth))
        judged = COCOeval(coco, coco.loadRes(str(path)), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return judged.stats.tolist()


def test_evaluate_an_offset_of_one_is_found_by_the_boxes_and_told(report: Report, capsys, tmp_path: Path) -> None:
    folder = report("eval_offset_by_one")
    truth, detections = folder / "truth.json", folder / "detections.json"
    found = asked(capsys, "evaluate", truth, detections)
    shifted = [{**e, "category_id": e["category_id"] + 1} for e in json.loads(detections.read_text())]
    assert list(found["metrics"].values()) == pytest.approx(official(truth, shifted, tmp_path), abs=1e-9)
    assert len(found["notes"]) == 1 and "positions from 0" in found["notes"][0]
    assert "--category-ids as-given" in told(capsys, "evaluate", truth, detections)[2]
    given = asked(capsys, "evaluate", truth, detections, "--category-ids", "as-given")
    assert given["metrics"]["ap"] < 0.1 and "category 0" in given["notes"][0]


def test_evaluate_a_category_the_truth_lacks_is_left_out_and_told(report: Report, capsys, tmp_path: Path) -> None:
    folder = report("eval_extra_category_in_results")
    truth, detections = folder / "truth.json", folder / "detections.json"
    found = asked(capsys, "evaluate", truth, detections)
    assert list(found["metrics"].values()) == pytest.approx(
        official(truth, json.loads(detections.read_text()), tmp_path), abs=1e-9
    )
    assert "1 of 21 detections are of category 80" in found["notes"][0]
    for verb in (["audit", truth, detections], ["compare", detections, detections, "--truth", truth]):
        code, _, err = told(capsys, *verb)
        assert code == 0 and "category 80" in err


def test_evaluate_no_detection_is_recall_0(report: Report, capsys) -> None:
    folder = report("eval_empty_results")
    found = asked(capsys, "evaluate", folder / "truth.json", folder / "detections.json")
    assert [of["ap"] for of in found["per_class"].values()] == [0.0, 0.0]
    assert found["operating"]["all"]["recall"] == 0 and found["support"]["detections"] == 0
    assert told(capsys, "evaluate", folder / "truth.json", folder / "detections.json")[0] == 0


def test_evaluate_more_than_100_of_a_class_is_told(report: Report, capsys, tmp_path: Path) -> None:
    folder = report("eval_over_100_detections")
    truth, detections = folder / "truth.json", folder / "detections.json"
    found = asked(capsys, "evaluate", truth, detections)
    assert list(found["metrics"].values()) == pytest.approx(
        official(truth, json.loads(detections.read_text()), tmp_path), abs=1e-9
    )
    entries = [e for e in json.loads(detections.read_text()) if (e["image_id"], e["category_id"]) == (1, 1)]
    assert f"{len(entries) - 100} detections are not judged: 1 image has more than 100" in found["notes"][0]


def test_evaluate_a_coco_dataset_with_scores(report: Report, capsys, tmp_path: Path) -> None:
    folder = report("eval_results_as_coco_file")
    truth, detections = folder / "truth.json", folder / "detections.json"
    found = asked(capsys, "evaluate", truth, detections)
    entries = json.loads(detections.read_text())["annotations"]
    assert list(found["metrics"].values()) == pytest.approx(official(truth, entries, tmp_path), abs=1e-9)


def test_what_evaluate_prints_can_be_true(report: Report, capsys) -> None:
    """Every interval of a share within 0 and 1, around its value, with what it rests on."""
    for name in ("eval_annotation_id_zero", "eval_over_100_detections", "eval_empty_results", "eval_offset_by_one"):
        folder = report(name)
        _, out, _ = told(capsys, "evaluate", folder / "truth.json", folder / "detections.json")
        shares = out.split("false alarms per image")[0]
        for low, high in re.findall(r"\[(-?[\d.]+), (-?[\d.]+)\]", shares):
            assert 0 <= float(low) <= float(high) <= 1
        assert "images, " in out and " objects, " in out and "score 0.5 and more" in out and "weakest slice" in out
        assert len(out.splitlines()) <= 40


def test_audit_finds_the_missing_label_of_an_empty_image(report: Report, capsys) -> None:
    folder = report("audit_empty_pictures")
    found = asked(capsys, "audit", folder / "truth.json", folder / "detections.json")
    missing = [s for s in found["suspects"] if s["kind"] == "missing" and s["file_name"] == "0099.png"]
    assert len(missing) == 1 and missing[0]["score"] >= found["sure_from"]
    assert (
        "too few annotations to learn what errors look like here"
        in told(capsys, "audit", folder / "truth.json", folder / "detections.json")[1]
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_audit_of_a_tiny_set_suspects_no_label_that_a_detection_confirms(seed: int, report: Report, capsys) -> None:
    folder = report("audit_empty_pictures")
    found = asked(capsys, "audit", folder / "truth.json", folder / "detections.json", "--seed", seed)
    sure = [s for s in found["suspects"] if s["kind"] == "spurious" and s["score"] >= found["sure_from"]]
    entries = [e for e in json.loads((folder / "detections.json").read_text()) if e["score"] >= 0.5]
    for suspect in sure:
        here = [e["bbox"] for e in entries if e["image_id"] == suspect["image"]]
        assert not any(np.abs(np.subtract(box[:2], suspect["box_xyxy"][:2])).max() < 10 for box in here), suspect


@pytest.mark.parametrize("name", ["audit_no_detections_at_all", "audit_no_labels_at_all"])
def test_audit_says_that_one_side_is_empty(name: str, report: Report, capsys) -> None:
    folder = report(name)
    code, out, _ = told(capsys, "audit", folder / "truth.json", folder / "detections.json")
    assert code == 0
    assert ("no detections: " if "detections" in name else "no annotations: ") in out
    assert "0 missing, 0 spurious, 0 class, 0 location" in out
    found = asked(capsys, "audit", folder / "truth.json", folder / "detections.json")
    assert found["sure"] == dict.fromkeys(("missing", "spurious", "class", "location"), 0)


def coco_of(folder: Path, name: str, files: dict[str, list[float]], *, size: tuple[int, int] = (640, 480)) -> Path:
    """A COCO file with one box an image."""
    images = [
        {"id": k, "file_name": file, "width": size[0], "height": size[1]} for k, file in enumerate(files, start=1)
    ]
    boxes = [
        {"id": k, "image_id": k, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        for k, box in enumerate(files.values(), start=1)
    ]
    path = folder / f"{name}.json"
    path.write_text(
        json.dumps({"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "pin"}]}), "utf-8"
    )
    return path


def test_agree_and_diff_say_that_an_image_has_two_sizes(capsys, tmp_path: Path) -> None:
    whole = coco_of(tmp_path, "anna", {"f1.png": [100, 100, 80, 60]})
    half = coco_of(tmp_path, "ben", {"f1.png": [50, 50, 40, 30]}, size=(320, 240))
    code, _, err = told(capsys, "agree", whole, half)
    assert code == 0 and "1 image of different sizes in two sources ('f1.png')" in err
    code, out, _ = told(capsys, "diff", whole, half)
    assert code == 0 and "size: 640 x 480 became 320 x 240 pixels" in out
    assert "different sizes" not in told(capsys, "agree", whole, whole)[2]


@pytest.mark.parametrize("verb", ["agree", "diff"])
def test_the_end_of_a_path_that_fits_two_images_is_not_a_hint(verb: str, capsys, tmp_path: Path) -> None:
    """Who has typed --match-by path-end is not told to type it again."""
    many = coco_of(tmp_path, "anna", {"v1/f1.png": [10, 10, 50, 50], "v2/f1.png": [100, 100, 80, 60]})
    one = coco_of(tmp_path, "ben", {"f1.png": [10, 10, 50, 50]})
    code, _, err = told(capsys, verb, many, one, "--match-by", "path-end")
    assert code == 2 and "can be any of these" in sentence(err) and "add --match-by" not in err


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (lambda x, y, w, h: [x, y, x + w, y + h], "they look like corners"),
        (lambda x, y, w, h: [x / 640, y / 480, w / 640, h / 480], "they look like fractions of the image"),
    ],
)
def test_evaluate_suspects_detections_that_are_not_x_y_width_height(shape, words: str, capsys, tmp_path: Path) -> None:
    boxes = {f"{k}.png": [300.5 + 10 * k, 200.5 + 5 * k, 90.0, 80.0] for k in range(12)}
    truth = coco_of(tmp_path, "truth", boxes)
    found = [
        {"image_id": k, "category_id": 1, "bbox": shape(*box), "score": 0.9}
        for k, box in enumerate(boxes.values(), start=1)
    ]
    detections = tmp_path / "detections.json"
    detections.write_text(json.dumps(found))
    assert any(words in note for note in asked(capsys, "evaluate", truth, detections)["notes"])
    assert words in told(capsys, "audit", truth, detections)[2]
    right = [{**entry, "bbox": box} for entry, box in zip(found, boxes.values(), strict=True)]
    detections.write_text(json.dumps(right))
    assert asked(capsys, "evaluate", truth, detections)["notes"] == []


def test_a_page_is_not_written_over_an_input(capsys, tmp_path: Path) -> None:
    truth = coco_of(tmp_path, "truth", {"f1.png": [100, 100, 80, 60]})
    before = truth.read_bytes()
    code, _, err = told(capsys, "diff", truth, truth, "--page", truth)
    assert code == 2 and "is not an HTML page" in sentence(err) and truth.read_bytes() == before
    for _ in range(2):
        assert told(capsys, "diff", truth, truth, "--page", tmp_path / "page.html")[0] == 0
