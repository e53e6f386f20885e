"""From a journal to exit codes: only the primary's events, whatever the classes of others; silence is no all-clear."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from boxwright.artifacts import Matches, Predictions, Report, Verdict, detection_table
from boxwright.cli.main import run
from boxwright.detections import DetectionColumns
from boxwright.lifecycle import ROLLOUT
from boxwright.serving import Journal, promote
from boxwright.store import Store
from tests.serving.test_stretch import record
from tests.tiny_bundles import NAMES, tiny_bundle
from tests.worlds import dataset, one_of_each_kind, row, seen

CAMERAS = ("Süd", "Nord")
IMAGES = 60
Ask = Callable[..., tuple[int, dict[str, Any], str]]


class Line:
    """A store with a released bundle and its reference, and a journal to write to."""

    def __init__(self, root: Path) -> None:
        self.root, self.store = root, Store(root / "store")
        self.bundle = tiny_bundle(root / "bundle")
        self.store.put(self.bundle)
        self.store.put(
            promote(self._judged()), name=ROLLOUT
        )  # the reference is written by hand, so nothing is released
        self.journal = Journal(root / "journal")
        (root / "spec.yaml").write_text(
            "{name: line, classes: [{name: carton}, {name: pouch}], monitoring: {window: 40}}"
        )
        self._rng, self._at = np.random.default_rng(4), 1_000.0

    def _judged(self) -> Verdict:
        from dataclasses import replace

        data = dataset([row(k, camera=CAMERAS[k % 2]) for k in range(1, IMAGES + 1)])
        rng = np.random.default_rng(1)
        images = {
            "image_id": np.arange(1, IMAGES + 1), "file_name": [f"{k:03}.jpg" for k in range(1, IMAGES + 1)],
            "detections": np.full(IMAGES, 2), "latency_ms": np.full(IMAGES, 10.0), "brightness": rng.normal(100, 5, IMAGES),
            "contrast": rng.normal(20, 2, IMAGES), "sharpness": rng.normal(5, 1, IMAGES),
        }  # fmt: skip
        predictions = Predictions(
            class_names=NAMES, images=pa.table(images), measured_on={},
            detections=detection_table(DetectionColumns.from_list([seen(0.9, 0.7)] * IMAGES)),
            made_from={"bundle": self.bundle.digest},
        )  # fmt: skip
        small = one_of_each_kind(self.root / "kinds")
        matches = replace(small["matches"], made_from={"predictions": predictions.digest, "dataset": data.digest})
        report = replace(small["report"], made_from={"matches": matches.digest})
        passing = small["verdict"]
        assert isinstance(matches, Matches) and isinstance(report, Report) and isinstance(passing, Verdict)
        verdict = replace(
            passing, bundle=self.bundle.digest, checks=passing.checks[:1], made_from={"report": report.digest}
        )
        for artifact in (data, predictions, matches, report, verdict):
            self.store.put(artifact)
        return verdict

    def serve(
        self, cameras: Sequence[str], *, bundle: str = "", class_names: Sequence[str] = NAMES, shade: float = 100
    ) -> None:
        """Journal one answered image per camera, a minute apart."""
        for camera in cameras:
            self._at += 60
            found = [name for name in ("carton", "carton") if name in class_names]
            facts = record(bundle or self.bundle.digest, tuple(class_names), found, at=self._at)
            look = self._rng.normal([shade, 20, 5], [5, 2, 1]).tolist()
            self.journal.append(
                {**facts, "camera": camera, "score": [0.9, 0.7][: len(found)], "latency_ms": 10.0,
                 **dict(zip(("brightness", "contrast", "sharpness"), look, strict=True))}
            )  # fmt: skip


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


@pytest.fixture
def ask(line: Line, capsys: pytest.CaptureFixture[str]) -> Ask:
    """`boxwright watch` in both forms; its exit code, its JSON and its text."""

    def watch(*more: str) -> tuple[int, dict[str, Any], str]:
        words = ["watch", "--spec", str(line.root / "spec.yaml"), "--store", str(line.root / "store"),
                 "--journal", str(line.root / "journal"), *more]  # fmt: skip
        capsys.readouterr()
        code = run(words)
        text = "".join(capsys.readouterr())
        assert run([*words, "--json"]) == code
        out = capsys.readouterr().out
        return code, json.loads(out) if out else {}, text

    return watch


def test_quiet_traffic_is_quiet(line: Line, ask: Ask) -> None:
    line.serve(CAMERAS * 20)
    code, found, text = ask()
    assert (code, found["outcome"], found["cannot_compare"]) == (0, "quiet", [])
    assert "40 events in 1 window, 1970-01-01 00:17 to 1970-01-01 00:56 UTC, 0 alarms" in text


def test_five_events_are_no_all_clear(line: Line, ask: Ask) -> None:
    line.serve((*CAMERAS, *CAMERAS, "Süd"))
    code, found, text = ask("--page", str(line.root / "drift.html"))
    assert (code, found["outcome"], found["alarms"]) == (2, "too few to compare", [])
    assert "all: too few to compare, 5 events and 20 are needed" in text
    assert "this is no all-clear" in text
    assert "Too few to compare" in (line.root / "drift.html").read_text()


def test_an_unknown_and_a_silent_camera_end_with_one(line: Line, ask: Ask) -> None:
    line.serve(CAMERAS * 20)
    line.serve(["Süd"] * 40)
    code, found, text = ask()
    assert (code, [one["slice"] for one in found["silent"]]) == (1, ["camera=Nord"])
    assert "cannot compare: camera=Nord is silent: no event since 1970-01-01 00:56 UTC" in text
    line.serve(["Nord", "Sud"])
    code, found, text = ask()
    assert (code, found["silent"], [one["slice"] for one in found["unknown"]]) == (1, [], ["camera=Sud"])


def test_the_same_camera_in_another_composition_is_known(line: Line, ask: Ask) -> None:
    line.serve(("Su\u0308d", "Nord") * 20)
    code, found, _ = ask()
    assert (code, found["unknown"], found["silent"]) == (0, [], [])


def test_events_of_a_bundle_with_other_classes_are_told_and_never_joined(
    line: Line, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    line.serve(CAMERAS * 30, bundle="e" * 64, class_names=("pouch", "carton"))
    line.serve(CAMERAS * 10, bundle="f" * 64, class_names=("can", "jar", "pouch"), shade=500)
    line.serve(CAMERAS * 20)
    code, found, text = ask()
    assert (code, found["events"], found["alarms"]) == (0, 40, [])
    assert [(o["bundle"][0], o["events"], o["same_classes"]) for o in found["other_bundles"]] == [
        ("e", 60, False),
        ("f", 20, False),
    ]
    assert "60 events were answered by bundle eeeeeeeeeeee, which has other classes or another order" in text
    line.journal.keep_picture(b"kept", "a" * 64)
    words = ["review", "select", "--spec", str(line.root / "spec.yaml"), "--store", str(line.root / "store"), "--json"]
    assert run([*words, "--journal", str(line.root / "journal")]) == 1  # one image, and nothing remarkable about it
    queue = json.loads(capsys.readouterr().out)
    assert (queue["events"], queue["other_bundles"]) == (40, found["other_bundles"])


def test_only_others_answered(line: Line, ask: Ask) -> None:
    line.serve(CAMERAS * 3, bundle="e" * 64)
    code, found, text = ask()
    assert (code, found) == (2, {})
    assert "(6 events of other bundles are there)" in text


def test_what_the_journal_lost_is_told_in_one_sentence(
    line: Line, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    line.serve(CAMERAS * 20)
    line.journal.missed(1234.0)
    line.serve(CAMERAS)
    segment = next((line.root / "journal").glob("*.journal"))
    data = segment.read_bytes()
    middle = data.index(b'"event_id"', len(data) // 2)
    segment.write_bytes(data[:middle] + b"#" + data[middle + 1 :])
    code, found, text = ask()
    assert (code, found["events"]) == (0, 41)
    told = "the journal is not complete: 1 record lost (missing sequence numbers); "
    assert told in text and "1 answer given without a record between 1970-01-01 00:20:34 and" in text
    assert (found["journal"]["lost"], found["journal"]["gaps"][0]["count"]) == (1, 1)
    line.journal.keep_picture(b"kept", "a" * 64)
    words = ["review", "select", "--spec", str(line.root / "spec.yaml"), "--store", str(line.root / "store"), "--json"]
    assert run([*words, "--journal", str(line.root / "journal")]) == 1
    printed = capsys.readouterr()
    assert told in printed.err and json.loads(printed.out)["journal"]["lost"] == 1
