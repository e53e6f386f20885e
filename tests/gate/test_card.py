"""A card quotes what artifacts hold and nothing else: without a figure it says so, with another bundle it is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from boxwright.artifacts import Artifact, Bundle, Checkpoint, Dataset, Report, Split
from boxwright.artifacts.report import SliceResult
from boxwright.errors import InputError
from boxwright.gate import OnSet, Origins, card, decide
from tests.gate.reports import asking, figure, report, slice_of
from tests.worlds import digest_of, one_of_each_kind


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, Artifact]:
    return one_of_each_kind(tmp_path)


def of(artifacts: dict[str, Artifact], kind: type) -> Any:
    found = artifacts[kind.kind]
    assert isinstance(found, kind)
    return found


def about(bundle: Bundle, **more: Any) -> Report:
    """A report on a bundle, with two slices and a measured latency."""
    measured = {
        "latency_p50_ms": 11.25,
        "latency_p95_ms": 23.5,
        "latency_p99_ms": 30.75,
        "hardware": "a | quiet machine",
    }
    dim = SliceResult(
        condition="lighting", value="dim", images=9, objects=17, ap50=figure(0.31, 0.2, 0.4), precision=figure(0.41),
        recall=figure(0.21, 0.1, 0.3), errors={},
    )  # fmt: skip
    blank = slice_of("lighting", "bright", images=0, objects=0, found=figure(None))
    observed = {
        "ap50": figure(0.8123, 0.75, 0.86),
        "recall": figure(0.71, 0.6, 0.8),
        "recall[carton]": figure(0.66, 0.6, 0.7),
    }
    made = report(observed, measured=measured, slices=(dim, blank), **more)
    return replace(made, made_from={**made.made_from, "bundle": bundle.digest})


def test_a_card_quotes_the_figures(parts: dict[str, Artifact]) -> None:
    bundle = of(parts, Bundle)
    judged, gold = about(bundle), about(bundle, side="gold", pictures="gold")
    spec = asking("recall >= 0.6", "ap50[set=gold] >= 0.9", failure_modes={"degraded": "answer"})
    verdict = decide(judged, spec, sets=[OnSet("gold", "golden", gold, looks=(digest_of("a"), bundle.digest))])
    text = card(
        Origins(bundle, judged, verdict, {"gold": gold}, of(parts, Dataset), of(parts, Split), of(parts, Checkpoint))
    )
    for quoted in ("0.8123", "0.7500 to 0.8600", "23.50 ms", "30.75 ms", "a \\| quiet machine", "carton 0.300", "`lighting=dim`",
                   "2 times miss: nothing found here", "Nothing to measure on `lighting=bright`", "looked at 2 times",
                   "Degraded: answer", "64 x 96 pixels", "not met", bundle.digest, judged.digest, verdict.digest,
                   verdict.spec_digest, of(parts, Dataset).digest, of(parts, Split).digest):  # fmt: skip
        assert quoted in text, quoted
    worst = text[text.index("## Known weaknesses") : text.index("## Latency")]
    assert worst.index("0.2100") < worst.index("Not met: `ap50[set=gold] >= 0.9`")


def test_what_was_not_measured_says_so(parts: dict[str, Artifact]) -> None:
    bundle = replace(of(parts, Bundle), made_from={})
    text = card(Origins(bundle))
    for title in ("Figures", "Each class", "Slices", "Golden and challenge sets", "Known weaknesses"):
        assert re.search(rf"## {title}\n\nNot measured", text), title
    assert "verdict: **not judged**" in text
    assert text.count("| not measured |") == 8  # every row of latency, memory and parity
    assert "Dataset: not recorded." in text and "Training: not recorded." in text
    figures = re.findall(r"(?<![\w.])\d+\.\d+", text)
    thresholds = [f"{value:.3f}" for value in (bundle.contract.score_thresholds or {}).values()]
    assert set(figures) <= {"0.05", "0.6", *thresholds}  # the contract's, no other


def test_a_figure_that_is_undefined_is_not_quoted_as_minus_one(parts: dict[str, Artifact]) -> None:
    bundle = of(parts, Bundle)
    text = card(Origins(bundle, replace(about(bundle), metrics={"ap": -1.0, "ap_small": -1.0})))
    assert "-1.0" not in text
    assert "| AP of small objects | not measured |" in text


def test_every_number_of_the_figures_is_in_the_report(parts: dict[str, Artifact]) -> None:
    bundle = of(parts, Bundle)
    judged = about(bundle)
    text = card(Origins(bundle, judged))
    section = text[text.index("## Figures") : text.index("## Golden")]
    held = {0.5, *vars(judged.support).values()}
    for record in (
        *judged.observed.values(),
        *judged.slices,
        *(found for r in judged.slices for found in (r.ap50, r.precision, r.recall)),
    ):
        held |= {v for v in vars(record).values() if isinstance(v, int | float)}
    for said in re.findall(r"(?<![\w.=])\d[\d,]*\.?\d*(?![\w.])", re.sub(r"\| (AP|AR|F1)[^|]*\|", "|", section)):
        assert any(f"{value:.4f}" == said or f"{value}" == said for value in held), said


def test_evidence_about_another_bundle_is_refused(parts: dict[str, Artifact]) -> None:
    bundle, judged = of(parts, Bundle), about(of(parts, Bundle))
    with pytest.raises(InputError, match="report is about bundle"):
        Origins(bundle, report({"ap50": figure(0.5)}))
    with pytest.raises(InputError, match="report on 'gold' is about bundle"):
        Origins(bundle, judged, sets={"gold": report({})})
    other = decide(report({"ap50": figure(0.5, 0.4, 0.6)}), asking("ap50 >= 0.1"))
    with pytest.raises(InputError, match="verdict is about bundle"):
        Origins(bundle, judged, other)
    mine = decide(judged, asking("ap50 >= 0.1"))
    with pytest.raises(InputError, match="another report"):
        Origins(bundle, replace(judged, title="another"), mine)
