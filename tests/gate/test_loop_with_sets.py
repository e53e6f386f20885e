"""Sets through the loop, by one turn and by hand: kept aside, judged by themselves, and every look at them counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring

from boxwright.artifacts import Checkpoint, Split, Verdict
from boxwright.cli.main import run
from boxwright.cli.packing_line import write_frames
from boxwright.store import Store
from boxwright.synthesis import packing_line

SPEC = """
name: small
classes: [{name: carton}, {name: pouch}, {name: bottle}, {name: can}]
conditions: [{name: lighting, bins: [bright, warm, dim]}, {name: camera}]
split: {group_by: [clip], train: 0.6, val: 0.2, test: 0.2}
sets:
  - {name: gold, kind: golden}
  - {name: hard, kind: challenge, where: {camera: cam-02}, straddling: take}
constraints: {input_hw: [192, 256]}
coverage: [{split: gold, least_images: 3}]
acceptance: {judge_on: value, require: [ap50 >= 0, 'ap50[set=gold] >= 0', 'ap50[set=gold] >= baseline - 1', 'recall[set=hard] >= 0']}
"""


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]):
    """Run a verb with --json; its exit code and its object."""

    def verb(*arguments: object, code: int = 0) -> dict:
        found = run([str(a) for a in arguments] + ["--json"])
        captured = capsys.readouterr()
        assert found == code, captured.err
        return json.loads(captured.out)

    return verb


def test_sets_are_kept_aside_judged_and_looks_are_counted(tmp_path: Path, ask) -> None:
    from tests.lifecycle.conftest import RECIPE

    frames = list(packing_line(48, season="summer", seed=8, frames_per_clip=2))
    write_frames(tmp_path / "data", frames)
    training = {**RECIPE["training"], "steps": 6, "validate_every": 3, "crop": 96, "batch": 2, "overfit_check": False}
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "recipe.yaml").write_text(json.dumps({**RECIPE, "training": training}))
    outside = [f for f in frames if f.conditions["camera"] != "cam-02"]
    (tmp_path / "gold.txt").write_text("\n".join(f.file_name for f in outside[:4]) + "\n\n")
    place, spec = ("--store", tmp_path / "store"), ("--spec", tmp_path / "spec.yaml")
    recipe = ("--recipe", tmp_path / "recipe.yaml")
    ask("ingest", tmp_path / "data", "--name", "line", *spec, *place)

    assert run(["split", "dataset/line", *map(str, (*spec, *place))]) == 2  # a listed set needs its list
    dealt = ask("split", "dataset/line", *spec, *place, "--set", f"gold={tmp_path / 'gold.txt'}")
    assert (dealt["images"]["gold"], dealt["sets"]["gold"]["listed"]) == (4, 4)
    assert dealt["images"]["hard"] > 0

    judged = ("--junit", tmp_path / "v.xml", "--markdown", tmp_path / "v.md", "--pages", tmp_path / "pages")
    first = ask("turn", "dataset/line", *spec, *recipe, *place, "--keep", "split/line", *judged)
    assert (first["verdict"], set(first["sets"])) == ("pass", {"gold", "hard"})
    assert first["looks"] == {"gold": [first["candidate"]]}
    store = Store(tmp_path / "store")
    parts = store.get(first["split"], Split)
    assert store.get("checkpoint/small", Checkpoint).history.pictures == len(parts.ids("train"))
    assert "looked at once" in (tmp_path / "v.md").read_text()
    assert len(fromstring((tmp_path / "v.xml").read_bytes()).findall(".//testcase")) == 5
    assert sorted(p.name for p in (tmp_path / "pages").iterdir()) == ["report-hard.html", "report.html", "verdict.html"]
    assert first["candidate"][:12] in (tmp_path / "pages" / "verdict.html").read_text()

    again = ask("turn", "dataset/line", *spec, *recipe, *place, "--keep", "split/line")
    assert again["verdict_digest"] == first["verdict_digest"]  # the same bundle is no second look

    (tmp_path / "recipe.yaml").write_text(json.dumps({**RECIPE, "training": {**training, "steps": 7}}))
    second = ask("turn", "dataset/line", *spec, *recipe, *place, "--keep", "split/line")
    assert second["looks"] == {"gold": [first["candidate"], second["candidate"]]}
    made_from = store.get(second["verdict_digest"], Verdict).made_from
    assert {"report[gold]", "baseline[gold]", "report[hard]", "dataset", "split"} <= set(made_from)
    assert "baseline[hard]" not in made_from  # no clause compares there
    assert "comparison[gold]" in made_from and "comparison" not in made_from
    compared = {c.requirement: c for c in store.get(second["verdict_digest"], Verdict).checks}
    assert "baseline" in compared["ap50[set=gold] >= baseline - 1"].requirement

    hand = ("dataset/line", "--split", "split/line", "--side", "gold", *place)
    found = ask("predict", "candidate/small", *hand)
    report = ask(
        "evaluate", "dataset/line", found["predictions"], "--split", "split/line", "--side", "gold", *spec, *place
    )
    assert (report["measured"]["side"], report["support"]["images"]) == ("gold", 4)
    assert store.history("report/small")[-1].digest != store.history("report/small/gold")[-1].digest
    whole = ("--baseline", first["report"], "--baseline-set", f"gold={first['sets']['gold']}")
    verdict = ask("gate", "report/small", *spec, *place, *whole, "--set", "gold=report/small/gold", code=1)
    by_clause = {check["requirement"]: check for check in verdict["checks"]}
    assert by_clause["ap50[set=gold] >= baseline - 1"]["status"] == "met"
    assert by_clause["recall[set=hard] >= 0"]["status"] == "no evidence"
    assert verdict["looks"]["gold"] == [first["candidate"], second["candidate"]]
    for wrong in (["--set", "gold"], ["--set", "silver=report/small"], ["--set", "gold=report/small"]):
        assert run(["gate", "report/small", *map(str, (*spec, *place)), *wrong]) == 2

    card = ask("card", "candidate/small", "--verdict", second["verdict_digest"], *place, "--out", tmp_path / "card.md")
    text = (tmp_path / "card.md").read_text()
    assert card["report"] == second["report"] and text == card["card"]
    for said in ("| `gold` | 4 |", "looked at 2 times", second["candidate"], second["split"], "| gold | 4 |"):
        assert said in text, said
    assert (
        run(["card", "candidate/small", "--verdict", first["verdict_digest"], *map(str, place)]) == 2
    )  # another bundle's
