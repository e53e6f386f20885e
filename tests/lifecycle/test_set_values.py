"""`--set KEY=VALUE` for one command: what is made keeps the document with the value, the history says which, the file stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.artifacts import Checkpoint, Dataset, Report, Split, Verdict
from boxwright.cli.main import run
from boxwright.cli.packing_line import write_frames
from boxwright.store import Store
from boxwright.synthesis import packing_line


@pytest.fixture
def made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    from tests.lifecycle.conftest import RECIPE, SPEC

    write_frames(tmp_path / "data", list(packing_line(30, season="summer", seed=8, frames_per_clip=2)))
    (tmp_path / "spec.yaml").write_text(SPEC.replace("ap50 >= 0.02, recall >= 0.01,", "ap50 >= 0,"))
    training = {
        **RECIPE["training"],
        "steps": 4000,
        "validate_every": 2,
        "crop": 96,
        "batch": 2,
        "overfit_check": False,
    }
    (tmp_path / "recipe.yaml").write_text(json.dumps({**RECIPE, "training": training}))
    assert run(["ingest", str(tmp_path / "data"), "--name", "line", "--store", str(tmp_path / "store")]) == 0
    capsys.readouterr()
    return tmp_path


def _with_files(folder: Path) -> list[str]:
    return ["--spec", str(folder / "spec.yaml"), "--store", str(folder / "store")]


def test_turn_keeps_the_values_with_what_it_made(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {name: (made / name).read_text() for name in ("spec.yaml", "recipe.yaml")}
    line = ["turn", "dataset/line", *_with_files(made), "--recipe", str(made / "recipe.yaml"), "--no-release", "--json"]
    values = ["--set", "training.steps=4", "--set", "acceptance.require=[ap50 >= 0]", "--set", "recipe.seed=3"]
    assert run([*line, *values]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["set"] == values[1::2]
    store = Store(made / "store")
    recipe = store.get(told["checkpoint"], Checkpoint).recipe
    assert (recipe["training"]["steps"], recipe["seed"]) == (4, 3)
    assert [check.requirement for check in store.get(told["verdict_digest"], Verdict).checks] == ["ap50 >= 0"]
    for name in ("checkpoint/small", "verdict/small", "split/line"):
        assert store.history(name)[-1].reason == (
            "turn --set training.steps=4 --set acceptance.require=[ap50 >= 0] --set recipe.seed=3"
        )
    assert before == {name: (made / name).read_text() for name in before}
    assert run([*line, *values[:-1], "recipe.seed=4"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["split"] == told["split"]
    assert again["checkpoint"] != told["checkpoint"]
    assert store.get(told["report"], Report).metrics is not None


def test_split_takes_values_of_the_spec_and_lists_of_sets(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = made / "kept.txt"
    names.write_text("\n".join(Store(made / "store").get("dataset/line", Dataset).file_names[:2]))
    spec = (made / "spec.yaml").read_text() + "sets: [{name: golden, kind: golden, straddling: take}]\n"
    (made / "spec.yaml").write_text(spec)
    line = ["split", "dataset/line", *_with_files(made), "--set", f"golden={names}", "--json"]
    assert run([*line, "--set", "split.seed=5"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seed"] == 5 and "golden" in told["images"]
    assert Store(made / "store").get(told["split"], Split).summary.seed == 5
    assert Store(made / "store").history("split/line")[-1].reason == "split --set split.seed=5"
    assert run([*line, "--set", "gold=x"]) == 2
    assert "declares no set 'gold', and no key is called so; did you mean 'golden'?" in capsys.readouterr().err


def test_a_wrong_value_is_refused_before_anything_is_done(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = ["--recipe", str(made / "recipe.yaml")]
    for verb, text, sentence in (
        (["turn", "dataset/line", *recipe], "training.stepz=4", "unknown key 'training.stepz'; did you mean 'steps'?"),
        (["turn", "dataset/line", *recipe], "training.steps=few", "'training.steps': input should be a valid integer"),
        (["train", "dataset/line", "split/line", *recipe], "traning.steps=4", "did you mean 'training.steps'?"),
        (["watch"], "training.steps=4", "'training' is a key of recipe.yaml, which this command does not read"),
        (["coverage", "dataset/line"], "split.seed", "--set takes KEY=VALUE"),
        (["gate", "report/small"], "acceptance.require.9=ap50 >= 1", "a list of 3 items"),
    ):
        assert run([*verb, *_with_files(made), "--set", text]) == 2
        assert sentence in capsys.readouterr().err
    assert not list((made / "store" / "work").glob("*"))  # ingest leaves the folder, and nothing in it


def test_a_spec_of_other_classes_is_refused_before_training(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["turn", "dataset/line", *_with_files(made), "--recipe", str(made / "recipe.yaml")]
    assert run([*line, "--set", "classes=[{name: carton}, {name: crate}]", "--set", "training.steps=2"]) == 2
    told = capsys.readouterr().err
    assert "have other classes: only the spec has crate; only the dataset has" in told
    assert not Store(made / "store").history("checkpoint/small")


def test_a_value_without_its_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "a.json", "b.json", "--set", "review.budget=3"]) == 2
    assert "give the file with --spec" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["turn", "train", "export", "choose", "evaluate", "compare", "gate", "watch", "split",
                                  "coverage", "agree", "audit", "demo"])  # fmt: skip
def test_every_verb_that_reads_a_document_takes_values(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "--set" in capsys.readouterr().out
