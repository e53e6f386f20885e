"""What must not count as evidence: slices of a handful, other pictures, other classes, files that were edited."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from boxwright.cli.main import run
from boxwright.errors import InputError
from boxwright.evaluation import evaluate
from boxwright.gate import decide
from boxwright.spec import Observed, parse_spec
from boxwright.statistics import wilson
from tests.evaluation.test_reductions import NAMES, SPEC, world


def report_of(seed: int, clauses: list[str], images: int = 60):
    spec = parse_spec(SPEC % ("bound", json.dumps(clauses)))
    thresholds = dict.fromkeys(NAMES, 0.0)
    return evaluate(world(images, seed), title="t", score_thresholds=thresholds, spec=spec), spec


def test_a_slice_of_a_handful_gives_no_interval() -> None:
    report, spec = report_of(5, ["recall[light=dim] >= 0"], images=9)  # three dim pictures
    figure = report.observed["recall[light=dim]"]
    assert figure.low is None
    assert decide(report, spec).checks[0].status == "no evidence"


def test_precision_without_an_answer_says_so_and_does_not_ask_for_more_images() -> None:
    spec = parse_spec(SPEC % ("bound", json.dumps(["precision >= 0.5", "recall >= 0.5"])))
    report = evaluate(world(60, 5), title="t", score_thresholds=dict.fromkeys(NAMES, 2.0), spec=spec)
    assert "no detection reaches its score threshold" in report.observed["precision"].note
    precision, recall = decide(report, spec).checks
    assert (precision.status, recall.status) == ("no evidence", "not met")
    assert "no detection reaches its score threshold" in precision.note and "add" not in precision.note
    assert precision.lacking is None


def test_all_right_is_not_certain() -> None:
    low, high = wilson(1.0, 12, confidence=0.95)
    assert 0.7 < low < 0.85
    assert high == 1.0
    assert wilson(0.0, 12, confidence=0.95)[1] == pytest.approx(1 - low)


def test_a_baseline_from_other_pictures_is_refused() -> None:
    report, spec = report_of(5, ["ap50 >= baseline - 0.01"])
    other, _ = report_of(6, ["ap50 >= baseline - 0.01"])
    with pytest.raises(InputError, match="other pictures"):
        decide(report, spec, baseline=other)
    assert decide(report, spec, baseline=report).checks[0].required == pytest.approx(
        report.observed["ap50"].value - 0.01
    )


def test_an_undefined_baseline_is_no_evidence() -> None:
    report, spec = report_of(5, ["ap50 >= baseline"])
    blind = replace(report, observed={**report.observed, "ap50": Observed(None)})
    assert decide(report, spec, baseline=blind).checks[0].status == "no evidence"


@pytest.mark.parametrize("edit", ["nan", "text", "list", "missing"])
def test_edited_reports_are_refused(edit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, _ = report_of(5, ["ap50 >= 0"])
    document = json.loads(json.dumps(report.parts().document))
    if edit == "nan":
        document["observed"]["ap50"]["value"] = float("nan")
    elif edit == "text":
        document["observed"]["ap50"]["value"] = "0.99"
    elif edit == "list":
        document["observed"] = []
    else:
        del document["metrics"]
    (tmp_path / "report.json").write_text(json.dumps(document))
    (tmp_path / "spec.yaml").write_text(SPEC % ("bound", '["ap50 >= 0"]'))
    code = run(
        ["gate", str(tmp_path / "report.json"), "--spec", str(tmp_path / "spec.yaml"), "--store", str(tmp_path / "s")]
    )
    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1
