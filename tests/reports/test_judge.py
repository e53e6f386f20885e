"""Public bug reports about holding two files of boxes against each other: evaluate, compare, agree, diff, audit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

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
