"""One turn does what it says, once; what came of it can be followed both ways."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.artifacts import Bundle, Checkpoint, Report, Rollout, Split, Verdict
from boxwright.cli.main import run
from boxwright.errors import NotReleasable, ParityError
from boxwright.inference import Detector
from boxwright.serving import promote, rollback


def test_nothing_is_done_twice(world) -> None:
    said: list[str] = []
    turned = world.turn(said)
    assert [line for line in said if "unchanged" not in line and "promoted" not in line] == []
    assert turned.candidate.digest == world.candidate.digest
    assert turned.verdict.verdict == "pass"


def test_the_model_learnt_something(world) -> None:
    """An untrained network, or a stub in any stage before, finds nothing."""
    report = world.store.get("report/small", Report)
    assert report.metrics["ap50"] > 0.05
    looks = world.store.get("checkpoint/small", Checkpoint).history["looks"]
    assert looks[-1]["score_loss"] < 1.2
    assert looks[-1]["val_map"] > 0


def test_the_split_keeps_clips_whole(world) -> None:
    split = world.store.get("split/small", Split)
    clip = {int(i): c["clip"] for i, c in zip(world.dataset.image_ids, world.dataset.conditions, strict=True)}
    sides = [{clip[int(i)] for i in split.ids(side)} for side in ("train", "val", "test")]
    assert all(sides)
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


def test_bundle_equals_checkpoint_and_golden_answers_hold(world) -> None:
    contract = world.candidate.contract
    assert contract.parity["detections_compared"] > 20
    assert contract.parity["unmatched"] == 0
    assert contract.parity["least_iou"] >= 0.99
    Detector(world.candidate, check_golden=True)


def test_a_tampered_bundle_is_refused(world, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    world.candidate.save(folder)
    answers = json.loads((folder / "golden" / "answers.json").read_text())
    first = next(name for name, answer in answers.items() if max(answer["score"], default=0) > 0.3)
    answers[first]["boxes_xyxy"] = [[v + 9 for v in box] for box in answers[first]["boxes_xyxy"]]
    golden = {**world.candidate.golden, "golden/answers.json": tmp_path / "answers.json"}
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    from dataclasses import replace

    with pytest.raises(ParityError, match="answered differently"):
        Detector(replace(world.candidate, golden=golden), check_golden=True)
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-1] + b"x")
    assert run(["predict", str(folder), str(tmp_path), "--out", str(tmp_path / "dt.json")]) == 2


def test_only_a_passing_verdict_is_promoted_and_the_way_back_is_open(world) -> None:
    good = world.store.get("verdict/small", Verdict)
    first = promote(good)
    assert (first.number, first.primary, first.previous) == (1, good.bundle, None)
    with pytest.raises(NotReleasable, match="no previous"):
        rollback(first)
    other = Verdict(spec_name="small", bundle="f" * 64, checks=good.checks)
    second = promote(other, current=first)
    back = rollback(second)
    assert (back.primary, back.previous, back.verdict) == (good.bundle, "f" * 64, good.digest)
    from dataclasses import replace

    bad = replace(good, checks=(replace(good.checks[0], status="no evidence"), *good.checks[1:]))
    with pytest.raises(NotReleasable, match="no evidence"):
        promote(bad)


def test_lineage_leads_from_the_rollout_to_the_data_and_back(world, capsys: pytest.CaptureFixture[str]) -> None:
    rollout = world.store.get("rollout", Rollout)
    assert run(["lineage", "rollout", "--store", str(world.root / "store"), "--json"]) == 0
    up = {entry["kind"] for entry in json.loads(capsys.readouterr().out)["made_from"]}
    assert {"bundle", "verdict", "report", "matches", "predictions", "checkpoint", "split", "dataset"} <= up
    assert run(["lineage", world.dataset.digest, "--store", str(world.root / "store"), "--json"]) == 0
    down = {entry["digest"] for entry in json.loads(capsys.readouterr().out)["used_by"]}
    assert rollout.digest in down


def test_the_verbs_agree_with_the_turn(world, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """predict, evaluate and gate by hand, on files, give the turn's figures."""
    from boxwright.ingestion import write_truth
    from boxwright.lifecycle import judged_ids

    split, report = world.store.get("split/small", Split), world.store.get("report/small", Report)
    ids = judged_ids(world.dataset, split, "test")
    write_truth(tmp_path / "all.json", world.dataset)
    tree = json.loads((tmp_path / "all.json").read_text())
    tree["images"] = [i for i in tree["images"] if i["id"] in set(ids.tolist())]
    tree["annotations"] = [a for a in tree["annotations"] if a["image_id"] in set(ids.tolist())]
    (tmp_path / "gt.json").write_text(json.dumps(tree))
    (tmp_path / "bundle").mkdir()
    world.candidate.save(tmp_path / "bundle")
    pictures = str(world.root / "data" / "images")
    arguments = [
        "predict",
        str(tmp_path / "bundle"),
        str(tmp_path / "gt.json"),
        "--pictures",
        pictures,
        "--out",
        str(tmp_path / "dt.json"),
        "--all",
    ]
    assert run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == len(ids)
    files = [str(tmp_path / "gt.json"), str(tmp_path / "dt.json"), "--spec", str(world.root / "spec.yaml")]
    assert (
        run(["evaluate", *files, "--out", str(tmp_path / "report"), "--page", str(tmp_path / "page.html"), "--json"])
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert list(found["metrics"].values()) == pytest.approx(list(report.metrics.values()), abs=1e-6)
    assert "<svg" in (tmp_path / "page.html").read_text()
    (tmp_path / "evaluation.json").write_text(json.dumps(found))
    for reference in ("report", "evaluation.json"):
        store = ["--store", str(tmp_path / "nowhere")]
        code = run(
            [
                "gate",
                str(tmp_path / reference),
                "--spec",
                str(world.root / "spec.yaml"),
                "--first-release",
                "--json",
                *store,
            ]
        )
        verdict = json.loads(capsys.readouterr().out)
        by_clause = {c["requirement"]: c for c in verdict["checks"]}
        assert by_clause["ap50 >= 0.02"]["status"] == "met"
        assert by_clause["parity_iou >= 0.99"]["status"] == "no evidence"  # a results file proves no parity
        assert (verdict["verdict"], code) == ("fail", 1)


def test_missing_things_are_said_in_one_sentence(world, capsys: pytest.CaptureFixture[str]) -> None:
    store = ["--store", str(world.root / "store")]
    for arguments in (
        ["show", "nothing", *store],
        ["predict", "nothing", "dataset/small", *store],
        ["promote", "dataset/small", *store],
    ):
        assert run(arguments) == 2
        complaint = capsys.readouterr().err
        assert complaint.startswith("boxwright: ")
        assert complaint.count("\n") == 1
    assert world.store.get("candidate/small", Bundle).digest == world.candidate.digest
