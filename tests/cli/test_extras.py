"""A missing extra is said before any work, with the command that installs it; plain files need none."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from boxwright.cli.extras import EXTRAS, NEEDS
from boxwright.cli.main import command_line, run
from boxwright.images import write_jpeg
from tests.worlds import picture

ROOT = Path(__file__).resolve().parents[2]
_CODE = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {blocked}:
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
from boxwright.cli import progress
from boxwright.cli.main import run
told = []
for words in {lines}:
    out, err = io.StringIO(), io.StringIO()
    progress.stderr.file = err
    with redirect_stdout(out), redirect_stderr(err):
        code = run(words)
    told.append([code, {what}.getvalue()])
print(json.dumps(told))
"""


def told_without(blocked: set[str], *lines: list[str], at: Path, what: str = "err") -> list[tuple[int, str]]:
    """Exit code and stderr (or stdout) of some commands, one after the other in a process that lacks these modules."""
    code = _CODE.format(blocked=blocked, lines=list(lines), what=what)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=at, check=False)
    assert done.returncode == 0, done.stderr
    return [(code, err) for code, err in json.loads(done.stdout)]


def leaves(command: Any, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """Verbs and their parts by the words they are called by."""
    parts = {**getattr(command, "commands", {}), **getattr(command, "parts", {})}
    found = {} if hasattr(command, "commands") else {" ".join(path): command}
    for name, part in parts.items():
        found |= leaves(part, (*path, name))
    return found


def test_every_verb_says_what_it_needs_and_asks_only_parameters_that_it_has() -> None:
    class Asked(dict):
        def get(self, key: str, default: Any = None) -> Any:
            self[key] = None
            return default

    verbs = leaves(typer.main.get_command(command_line()))
    assert set(verbs) == set(NEEDS)
    for verb, conditions in NEEDS.items():
        asked = Asked()
        for when in conditions.values():
            when(asked)
        assert set(asked) <= {parameter.name for parameter in verbs[verb].params}, verb


def test_extras_are_those_of_the_project() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    declared.pop("all")
    names = {extra: {re.split(r"[<>=\[]", one)[0] for one in wanted} for extra, wanted in declared.items()}
    assert {extra: set(packages) for extra, packages in EXTRAS.items()} == names


@pytest.mark.parametrize(
    "blocked, extra, lines",
    [
        ("torch", "train", [["turn", "x", "--spec", "a", "--recipe", "b"], ["train", "x", "y", "--spec", "a", "--recipe", "b"], ["demo"]]),
        ("onnx", "train", [["export", "x", "y", "z", "--spec", "a"]]),
        ("lance", "data", [["ingest", ".", "--name", "x"], ["watch", "--spec", "a"], ["review", "select", "--spec", "a"]]),
        ("starlette", "serve", [["serve"]]),
        ("datumaro", "datumaro", [["check", ".", "--format", "datumaro:wider_face"]]),
    ],
)  # fmt: skip
def test_a_missing_extra_is_said_before_any_work(
    blocked: str, extra: str, lines: list[list[str]], tmp_path: Path
) -> None:
    for code, err in told_without({blocked}, *lines, at=tmp_path):
        assert code == 2
        assert f"pip install 'boxwright[{extra}]'" in err and blocked in err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with a source, a store that has it, detections, and a file that cannot be read."""
    (tmp_path / "images").mkdir()
    images, boxes = [], []
    for i in range(1, 7):
        (tmp_path / "images" / f"{i}.jpg").write_bytes(write_jpeg(picture(40, 60, seed=i)))
        images.append({"id": i, "file_name": f"{i}.jpg", "width": 60, "height": 40})
        boxes.append({"id": i, "image_id": i, "category_id": 1, "bbox": [4, 5, 20, 10], "area": 200})
    truth = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "bolt"}]}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text(json.dumps([{**box, "score": 0.9} for box in boxes]))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "spec.yaml").write_text("name: line\nclasses: [{name: bolt}]\n")
    (tmp_path / "recipe.yaml").write_text("training: {steps: 2}\n")
    source = [str(tmp_path / "truth.json"), "--pictures", str(tmp_path / "images")]
    assert run(["ingest", *source, "--name", "line", "--store", str(tmp_path / ".boxwright")]) == 0
    capsys.readouterr()
    return tmp_path


def test_a_stored_dataset_needs_the_data_extra_whatever_stands_beside_it(stored: Path) -> None:
    lines = [
        ["show", "dataset/line"],
        ["check", "line"],
        ["coverage", "dataset/line", "--spec", "nowhere.yaml"],
        ["diff", "broken.json", "dataset/line"],  # the file would be read first
        ["evaluate", "dataset/line", "broken.json"],
        ["audit", "dataset/line", "a-bundle"],
        ["labels", "guideline", "dataset/line", "--spec", "nowhere.yaml", "--page", "page.html"],
        ["convert", "line", "out", "--to", "yolo"],
        ["init", "new", "--from", "line"],
        ["split", "audit", "dataset/line"],
        ["predict", "a-bundle", "dataset/line"],
        ["review", "list", "a-queue"],
        ["correct", "dataset/line"],
        ["split", "dataset/line", "--spec", "spec.yaml"],
    ]
    before = sorted(stored.rglob("*"))
    for words, (code, err) in zip(lines, told_without({"lance"}, *lines, at=stored), strict=True):
        assert code == 2 and "pip install 'boxwright[data]'" in err, (words, err)
    assert sorted(stored.rglob("*")) == before


def test_an_audit_that_trains_says_so_before_it_reads_the_data(stored: Path) -> None:
    words = ["audit", "dataset/line", "--spec", "spec.yaml", "--recipe", "recipe.yaml"]
    ((code, err),) = told_without({"torch"}, words, at=stored)
    assert code == 2 and "needs torch" in err and "pip install 'boxwright[train]'" in err
    ((code, err),) = told_without({"torch", "lance"}, words, at=stored)
    assert code == 2 and "pip install 'boxwright[data,train]'" in err


def test_plain_files_need_no_extra(stored: Path) -> None:
    blocked = {"lance", "torch", "onnx", "onnxscript", "safetensors", "starlette", "uvicorn", "prometheus_client", "datumaro"}  # fmt: skip
    lines = [
        ["show"],
        ["check", "truth.json", "--pictures", "images"],
        ["coverage", "truth.json", "--spec", "spec.yaml"],
        ["diff", "truth.json", "truth.json"],
        ["evaluate", "truth.json", "results.json"],
        ["compare", "results.json", "results.json", "--truth", "truth.json"],
        ["audit", "truth.json", "results.json"],
        ["agree", "truth.json", "truth.json"],
        ["labels", "guideline", "truth.json", "--spec", "spec.yaml", "--page", "page.html", "--pictures", "images"],
        ["convert", "truth.json", "out", "--to", "yolo", "--pictures", "images"],
        ["init", "new", "--from", "truth.json", "--pictures", "images"],
        ["lineage", "dataset/line"],
        ["serve", "--help"],
    ]
    for words, (code, err) in zip(lines, told_without(blocked, *lines, at=stored), strict=True):
        assert code == 0, (words, err)
