"""Every verb of the loop, by hand, as the README and the docs show them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boxwright.cli.main import run
from boxwright.cli.packing_line import write_frames
from boxwright.synthesis import packing_line
from tests.lifecycle.servers import served


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]):
    """Run a verb with --json; its exit code and its object."""

    def verb(*arguments: object, code: int = 0) -> dict:
        found = run([str(a) for a in arguments] + ["--json"])
        captured = capsys.readouterr()
        assert found == code, captured.err
        return json.loads(captured.out)

    return verb


def test_the_stages_one_by_one(tmp_path: Path, ask) -> None:
    """ingest, split, train, export, choose, predict, evaluate, gate, promote, rollback: on a store of their own."""
    from tests.lifecycle.conftest import RECIPE, SPEC

    frames = list(packing_line(40, season="summer", seed=8, frames_per_clip=2))
    write_frames(tmp_path / "data", frames)
    (tmp_path / "spec.yaml").write_text(SPEC.replace("ap50 >= 0.02, recall >= 0.01, parity_iou >= 0.99,", "ap50 >= 0,"))
    training = {**RECIPE["training"], "steps": 6, "validate_every": 3, "crop": 96, "batch": 2, "overfit_check": False}
    (tmp_path / "recipe.yaml").write_text(json.dumps({**RECIPE, "training": training}))
    store, spec = ("--store", tmp_path / "store"), ("--spec", tmp_path / "spec.yaml")
    ingested = ask("ingest", tmp_path / "data", "--name", "line", *spec, *store)
    assert (ingested["images"], ingested["refused"]) == (40, 0)
    assert ingested["annotations"] == sum(len(f.annotations) for f in frames)
    split = ask("split", "dataset/line", *spec, *store)
    assert sum(split["images"].values()) == 40
    trained = ask("train", "dataset/line", "split/line", *spec, "--recipe", tmp_path / "recipe.yaml", *store)
    assert trained["steps"] == 6
    exported = ask(
        "export", "checkpoint/small", "dataset/line", "split/line", *spec, *store, "--out", tmp_path / "bundle"
    )
    assert exported["parity"]["unmatched"] == 0
    chosen = ask("choose", "bundle/small", "dataset/line", "split/line", *spec, *store)
    assert set(chosen["score_thresholds"]) == {"carton", "pouch", "bottle", "can"}
    predicted = ask("predict", "candidate/small", "dataset/line", "--split", "split/line", *store)
    assert predicted["images"] == split["images"]["test"]
    page = tmp_path / "report.html"
    report = ask(
        "evaluate", "dataset/line", predicted["predictions"], "--split", "split/line", *spec, *store, "--page", page
    )
    assert report["made_from"]["bundle"] == chosen["candidate"]
    assert page.stat().st_size > 10_000
    verdict = ask("gate", "report/small", *spec, *store, "--first-release", "--page", tmp_path / "verdict.html")
    assert (verdict["verdict"], verdict["bundle"]) == ("pass", chosen["candidate"])
    rollout = ask("promote", "verdict/small", *store)
    assert (rollout["number"], rollout["primary"]) == (1, chosen["candidate"])
    assert run(["rollback", *map(str, store)]) == 1
    names = ask("show", *store)
    assert {"dataset/line", "split/line", "checkpoint/small", "candidate/small", "report/small", "rollout"} <= set(
        names
    )


def test_the_turn_and_the_way_back(world, tmp_path: Path, ask) -> None:
    """turn (nothing is done twice), serve, watch, review, correct, diff."""
    store, spec = ("--store", world.root / "store"), ("--spec", world.root / "spec.yaml")
    turned = ask("turn", "dataset/small", *spec, "--recipe", world.root / "recipe.yaml", *store, "--pages", tmp_path)
    assert (turned["verdict"], turned["candidate"]) == ("pass", world.candidate.digest)
    assert "PASS" in (tmp_path / "verdict.html").read_text()
    journal = ("--journal", tmp_path / "journal")
    frames = {f.file_name: f for f in packing_line(40, season="winter", seed=9, frames_per_clip=1)}
    with served([*map(str, (*store, *journal))], tmp_path / "log") as server:
        from boxwright.images import write_jpeg

        for frame in frames.values():
            status, _, _ = server.ask(
                "POST",
                "/v1/detect",
                write_jpeg(frame.picture),
                X_Camera=frame.conditions["camera"],
                X_File_Name=frame.file_name,
            )
            assert status == 200
    drift = ask("watch", *spec, *store, *journal, "--page", tmp_path / "drift.html", code=1)
    assert drift["events"] == 40
    assert drift["alarms"]
    queue = ask("review", "select", *spec, *store, *journal, "--page", tmp_path / "queue.html")
    assert queue["items"] == 12 and queue["left_out"] == {}
    least = world.candidate.contract.score_thresholds
    margin = queue["margin"]
    assert queue["least_scores"][""] == pytest.approx({n: max(s - margin, 0) for n, s in least.items()})
    items = ask("review", "list", queue["review_queue"], *store)["items"]
    assert [i["due_at"] for i in items] == sorted(i["due_at"] for i in items)
    out = tmp_path / "to-label"
    exported = ask("review", "export", queue["review_queue"], out, *store, *journal)
    assert exported["items"] == 12
    untouched = ("review", "accept", queue["review_queue"], out / "annotations.json", "--reviewer", "me")
    assert run([*map(str, (*untouched, *store, *journal))]) == 2
    tree = json.loads((out / "annotations.json").read_text())
    assert all((out / "images" / i["file_name"]).is_file() for i in tree["images"])
    by_item = {i["item"]: frames[i["file_name"]] for i in items}
    answers = [by_item[Path(i["file_name"]).stem] for i in tree["images"]][:10]
    write_frames(tmp_path / "answers", answers)
    accepted = ask(
        "review",
        "accept",
        queue["review_queue"],
        tmp_path / "answers" / "annotations.json",
        "--reviewer",
        "me",
        *store,
        *journal,
    )
    assert (accepted["answered"], accepted["open"], accepted["late"]) == (10, 2, 0)
    more = [ask("review", "select", *spec, *store, *journal) for _ in range(2)]
    assert [q["left_out"] for q in more] == [
        {"answered": 10, "in an open queue": 2},
        {"answered": 10, "in an open queue": 14},
    ]
    pictures = [
        {i["picture"] for i in ask("review", "list", q["review_queue"], *store)["items"]} for q in (queue, *more)
    ]
    assert sum(map(len, pictures)) == len(set.union(*pictures)) == 36
    assert ask("review", "select", *spec, *store, *journal)["items"] == 4
    assert ask("review", "select", *spec, *store, *journal, code=1)["review_queue"] is None
    corrected = ask("correct", "dataset/small", "corrections/latest", *store)
    assert len(corrected["diff"]["pictures_added"]) == 10
    assert corrected["diff"]["boxes_added"] == sum(len(f.annotations) for f in answers)
    world.store.point("dataset/small", turned["dataset"], reason="leave the small world as it was")
    again = ask("diff", turned["dataset"], corrected["dataset"], *store)
    assert {key: again[key] for key in corrected["diff"]} == corrected["diff"]
    lineage = ask("lineage", corrected["dataset"], *store)
    assert {"dataset", "corrections", "review_queue", "events"} <= {e["kind"] for e in lineage["made_from"]}
