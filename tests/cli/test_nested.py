"""Nesting without end is bad input like any other: one sentence and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.cli.main import run


def test_a_report_that_is_nested_without_end_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.json").write_text('{"title": ' + "[" * 100_000 + "]" * 100_000 + "}")
    (tmp_path / "spec.yaml").write_text("name: x\nclasses: [{name: a}]\n")
    asked = [
        "gate",
        str(tmp_path / "report.json"),
        "--spec",
        str(tmp_path / "spec.yaml"),
        "--store",
        str(tmp_path / "s"),
    ]
    assert run(asked) == 2
    said = capsys.readouterr().err
    assert "nested" in said.splitlines()[-1] and "Traceback" not in said
