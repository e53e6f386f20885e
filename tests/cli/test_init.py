"""`boxwright init` gives files that load, and writes over nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.cli.main import run
from boxwright.spec import load_spec
from boxwright.training import load_recipe


def test_examples_load_and_schemas_are_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["written"]) == 4
    spec = load_spec(tmp_path / "spec.yaml")
    assert spec.requirements
    assert load_recipe(tmp_path / "recipe.yaml").training.steps > 0
    schema = json.loads((tmp_path / "spec.schema.json").read_text())
    assert set(schema["properties"]) == set(type(spec).model_fields)


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.yaml").write_text("mine")
    assert run(["init", str(tmp_path)]) == 2
    assert "nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "spec.yaml").exists()
    assert run(["init", str(tmp_path), "--force"]) == 0
