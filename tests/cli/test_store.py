"""`boxwright store check` and `boxwright store copy`: exit codes, lines with what to type next, JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from boxwright.cli.main import run
from boxwright.store.copied import Copied
from tests.cli.test_extras import told_without
from tests.store.filled import add_what_is_no_part, fill


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("filled") / "store"
    fill(root)
    return root


@pytest.fixture
def root(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "store"))


def test_a_whole_store(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    add_what_is_no_part(root)
    assert run(["store", "check", str(root)]) == 0
    out, err = capsys.readouterr()
    assert out == "17 names, 22 artifacts and 15 images read: whole\n"
    assert "4 leftovers" in err and "rm -r" in err
    monkeypatch.setenv("BOXWRIGHT_STORE", str(root))
    assert run(["store", "check", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["names"], told["artifacts"], told["pictures"], told["faults"]) == (17, 22, 15, [])
    assert len(told["leftovers"]) == 4


def test_a_damaged_store(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(root / "artifacts" / "report")
    assert run(["store", "check", str(root)]) == 1
    fault, last = capsys.readouterr().out.splitlines()
    assert "report/line@1 stands for" in fault and "  ->  copy 'artifacts/report/" in fault
    assert last.endswith(": 1 fault")
    assert run(["store", "check", str(root), "--json"]) == 1
    (told,) = json.loads(capsys.readouterr().out)["faults"]
    assert told["found"] in fault and told["todo"] in fault


def test_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["store", "check", str(tmp_path / "none")]) == 2
    assert "No store found" in capsys.readouterr().err
    assert run(["store", "copy", str(tmp_path / "none"), str(tmp_path / "copy")]) == 2
    assert "There is no store" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_store_is_not_called_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "images").mkdir()
    for words in (["check", str(tmp_path)], ["copy", str(tmp_path / "images"), str(tmp_path / "copy")]):
        assert run(["store", *words]) == 2
        assert "is no store" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_copy_and_again(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "copy"
    assert run(["store", "copy", str(root), str(target), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["artifacts"] == 22 and told["verified"] and told["faults"] == [] and told["bytes"] > 1000
    assert run(["store", "copy", str(root), str(target)]) == 0
    assert "0 files (0 B) and 0 new artifacts copied" in capsys.readouterr().out
    assert run(["store", "copy", str(root), str(tmp_path / "unread"), "--no-verify"]) == 0
    assert "not read again" in capsys.readouterr().out
    shutil.rmtree(root)
    assert run(["store", "check", str(target)]) == 0
    assert run(["show", "dataset/line", "--store", str(target)]) == 0


def test_a_damaged_source_is_exit_code_1(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    next((root / "artifacts" / "report").rglob("report.json")).write_text("{}")
    assert run(["store", "copy", str(root), str(tmp_path / "copy")]) == 1
    out = capsys.readouterr().out.splitlines()
    assert "is damaged" in out[0] and "  ->  its copy is kept as" in out[0]
    assert out[-1].endswith("2 faults")  # and the name that stands for it


def test_every_verb_refuses_an_unfinished_copy(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "copy"
    assert run(["store", "copy", str(root), str(target)]) == 0
    Copied(str(root), 1.0).write(target)
    capsys.readouterr()
    store = ["--store", str(target)]
    for words in (["show", *store], ["lineage", "dataset/line", *store], ["store", "check", str(target)],
                  ["serve", *store], ["diff", "dataset/line@1", "dataset/line", *store],
                  ["rollback", *store], ["store", "copy", str(target), str(tmp_path / "third")]):  # fmt: skip
        assert run(words) == 2, words
        assert (
            f"is an unfinished copy of '{root}'. Finish it: boxwright store copy {root} {target}."
            in capsys.readouterr().err
        )
    assert run(["doctor", *store]) == 1
    assert "is an unfinished copy" in capsys.readouterr().out
    assert run(["store", "copy", str(root), str(target)]) == 0
    assert run(["show", *store]) == 0


def test_copying_without_reading_again_needs_no_lance(root: Path) -> None:
    words = [
        ["store", "copy", str(root), "unread", "--no-verify"],
        ["store", "copy", str(root), "copy"],
        ["store", "check", str(root)],
    ]
    told = told_without({"lance"}, *words, at=root.parent)
    assert [code for code, _ in told] == [0, 2, 2]
    assert all("pip install 'boxwright[data]'" in err for _, err in told[1:])
    assert not (root.parent / "copy").exists()
