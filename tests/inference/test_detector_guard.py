"""What the one Detector guarantees: the bytes that were checked are run, runs end, outputs are in order, no box is lost in silence."""

from __future__ import annotations

import json
import os
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from boxwright.artifacts import Bundle
from boxwright.cli.main import run
from boxwright.errors import ModelError, OutputError, StoreError, TimeExceeded
from boxwright.graphs import Limits
from boxwright.inference import Detector, predict
from boxwright.store import Store
from tests.crafted_models import BOXES, CANARY, CRAFTED, SCORES, TRIGGER, model, triggered, value
from tests.tiny_bundles import jpeg, keep_verdict, tiny_bundle

OTHER = np.zeros((48, 64, 3), np.uint8)
TRIGGERING = np.full((48, 64, 3), TRIGGER, np.uint8)
NAN, INF = np.nan, np.inf


def bundle_of(folder: Path, data: bytes, **kept: object) -> Bundle:
    """A bundle without golden images around these bytes."""
    bundle = tiny_bundle(folder, golden=False)
    (folder / "crafted.onnx").write_bytes(data)
    return replace(bundle, model=folder / "crafted.onnx", **kept)


def swapped(path: Path, data: bytes) -> None:
    """Another file takes the place of this one."""
    (path.parent / "other").write_bytes(data)
    os.replace(path.parent / "other", path)


def test_weights_that_lie_in_the_working_folder_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was answered from whatever file lay there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "canary.bin").write_bytes(CANARY)
    with pytest.raises(
        ModelError, match=r"The model of bundle [0-9a-f]{12} was not loaded: its tensor 'one_boxes' lies outside"
    ):
        Detector(bundle_of(tmp_path / "b", CRAFTED["external-data-relative"].make("")))


@pytest.mark.parametrize("name", ["score-seven", "box-nan", "endless-loop"])
def test_a_model_that_misbehaves_is_not_loaded(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError) as refused:
        Detector(bundle_of(tmp_path, CRAFTED[name].make("")), limits=Limits(seconds=3))
    assert refused.value.reason in CRAFTED[name].reasons


def test_promote_refuses_a_model_that_answers_nan_and_nothing_moves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "store")
    bundle = bundle_of(tmp_path / "b", CRAFTED["score-nan"].make(""))
    keep_verdict(store, bundle, answered_by=tiny_bundle(tmp_path / "good"))
    assert run(["promote", f"verdict/{bundle.digest[:8]}", "--store", str(tmp_path / "store")]) == 2
    assert "expected finite scores, found nan" in capsys.readouterr().err
    assert store.history("rollout") == []


@pytest.mark.parametrize(
    "bad, kind",
    [
        ({"scores": SCORES * NAN}, "not_finite"),
        ({"scores": SCORES + INF}, "not_finite"),
        ({"scores": SCORES * 10}, "score_range"),
        ({"scores": -SCORES}, "score_range"),
        ({"boxes": BOXES * NAN}, "not_finite"),
        ({"boxes": BOXES + INF}, "not_finite"),
        ({"boxes": BOXES * 1e6}, "box_range"),
        ({"boxes": BOXES[..., [2, 3, 0, 1]]}, "box_size"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_wrong_output_is_an_error_of_its_kind_and_the_next_image_is_answered(
    tmp_path: Path, bad: dict, kind: str
) -> None:
    """NaN boxes were left out in silence, a score of 7 was clipped to 1."""
    detector = Detector(bundle_of(tmp_path, triggered(**bad)))
    assert len(detector.detect(OTHER)) == 2
    for answer in (lambda: detector.detect(TRIGGERING), lambda: detector.detect_many([TRIGGERING])):
        with pytest.raises(OutputError) as found:
            answer()
        assert found.value.kind == kind
    assert len(detector.detect(OTHER)) == 2


def test_predict_says_which_image_has_no_answer(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, triggered(scores=SCORES * NAN))
    shades = [60, TRIGGER]
    with pytest.raises(OutputError, match="'7.jpg' has no answer: expected finite scores") as found:
        predict(bundle, image_ids=[0, 1], file_names=[f"{s}.jpg" for s in shades], read=lambda i: jpeg(shades[i]))
    assert found.value.kind == "not_finite"


def test_a_run_without_end_ends_at_its_limit_and_the_next_is_answered(tmp_path: Path) -> None:
    detector = Detector(bundle_of(tmp_path, triggered(endless=True)), seconds=0.5)
    for seconds in (None, 0.2):
        with pytest.raises(TimeExceeded, match="stopped") as found:
            detector.detect(TRIGGERING, seconds=seconds)
        assert found.value.seconds == (seconds or 0.5)
        assert len(detector.detect(OTHER)) == 2
    with pytest.raises(TimeExceeded, match="No time was left"):
        detector.detect(OTHER, seconds=0)


def test_a_run_without_end_does_not_hold_up_others(tmp_path: Path) -> None:
    detector = Detector(bundle_of(tmp_path, triggered(endless=True)))
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            detector.detect(TRIGGERING, seconds=1.0)
        except TimeExceeded as error:
            ended.append(error)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert all(len(detector.detect(OTHER, seconds=30)) == 2 for _ in range(20))
    for thread in threads:
        thread.join()
    assert len(ended) == 3


def test_a_run_without_end_ends_after_a_fork(tmp_path: Path) -> None:
    """The thread that watches does not survive a fork; the child must get its own."""
    detector = Detector(bundle_of(tmp_path, triggered(endless=True)), seconds=0.3)
    with pytest.raises(TimeExceeded):
        detector.detect(TRIGGERING)
    child = os.fork()
    if child == 0:
        try:
            detector.detect(TRIGGERING)
        except TimeExceeded:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_no_box_is_lost_in_silence(tmp_path: Path) -> None:
    """A box without area, and one in the border of the letterbox, are no detections; both are counted."""
    square = np.full((30, 64, 3), TRIGGER, np.uint8)  # the input is 48 high: 9 rows of border above and below
    boxes = np.array([[[5, 20, 5, 30], [2, 1, 60, 8]]], np.float32)
    detector = Detector(bundle_of(tmp_path, model(boxes=boxes).SerializeToString()))
    assert not len(detector.detect(square))
    assert detector.left_out == {"no_area": 1, "outside": 1, "not_finite": 0}
    detector.detect_many([square])
    assert detector.left_out["outside"] == 2


def test_the_model_is_the_one_that_was_loaded_or_none(tmp_path: Path) -> None:
    """The file is another, just as valid, after the bundle's digest was checked."""
    store = Store(tmp_path / "store")
    digest = store.put(tiny_bundle(tmp_path / "one", scores=(0.9, 0.6)))
    other = tiny_bundle(tmp_path / "two", scores=(0.8, 0.6)).model.read_bytes()
    bundle = store.get(digest, Bundle)
    path = Path(bundle.model)
    before = path.read_bytes()
    swapped(path, other)
    with pytest.raises(StoreError, match=rf"'model.onnx' of bundle {digest[:12]} has changed since it was checked"):
        Detector(bundle, check_golden=True)
    with pytest.raises(StoreError, match="have changed since it was loaded"):
        bundle.with_thresholds({"carton": 0.5, "pouch": 0.5}, point="p" * 64)
    swapped(path, before)
    detector = Detector(bundle, check_golden=True)
    swapped(path, other)
    assert detector.detect(OTHER).score.tolist() == pytest.approx([0.9, 0.6])


@pytest.mark.parametrize("name", ["golden/answers.json", "golden/0.jpg"])
def test_golden_images_and_answers_are_those_that_were_loaded_or_none(tmp_path: Path, name: str) -> None:
    bundle = tiny_bundle(tmp_path)
    assert bundle.digest
    path = Path(bundle.golden[name])
    answers = json.loads((tmp_path / "answers.json").read_text())
    swapped(
        path,
        json.dumps({**answers, "0.jpg": answers["1.jpg"]}, indent=1).encode() if name.endswith("json") else jpeg(200),
    )
    with pytest.raises(StoreError, match="has changed since it was checked"):
        Detector(bundle, check_golden=True)


@pytest.mark.parametrize("place", ["pipe", "link", "folder", "gone", "huge"])
def test_only_a_plain_file_is_read_in_the_place_of_a_model(tmp_path: Path, place: str) -> None:
    """A pipe would keep the reader waiting for ever."""
    bundle = tiny_bundle(tmp_path, golden=False)
    assert bundle.digest
    path = Path(bundle.model)
    path.rename(tmp_path / "moved")
    {
        "pipe": lambda: os.mkfifo(path), "link": lambda: path.symlink_to(tmp_path / "moved"), "folder": path.mkdir, "gone": lambda: None,
        "huge": lambda: (path.touch(), os.truncate(path, 3 << 30)),
    }[place]()  # fmt: skip
    with pytest.raises(StoreError):
        Detector(bundle)


@pytest.mark.parametrize("input_hw", [(10**6, 10**6), (0, 64), (-48, 64)])
def test_an_input_of_no_possible_size_is_refused_before_a_picture_is_laid_into_it(
    tmp_path: Path, input_hw: tuple[int, int]
) -> None:
    bundle = tiny_bundle(tmp_path)
    absurd = replace(bundle, contract=bundle.contract.model_copy(update={"input_hw": input_hw}))
    with pytest.raises(ModelError, match="expected sides of 1 to 8192"):
        Detector(absurd, check_golden=True)


def with_golden(bundle: Bundle, folder: Path, *, count: int, input_hw: tuple[int, int]) -> Bundle:
    """The bundle with so many golden images, on which it finds nothing, and an input of this size."""
    answers, files = {}, {}
    for k in range(count):
        files[f"golden/{k}.jpg"] = folder / f"golden{k}.jpg"
        files[f"golden/{k}.jpg"].write_bytes(jpeg(50 + k))
        answers[f"{k}.jpg"] = {"boxes_xyxy": [], "score": [], "class_id": []}
    files["golden/answers.json"] = folder / "many.json"
    files["golden/answers.json"].write_text(json.dumps(answers))
    return replace(bundle, golden=files, contract=bundle.contract.model_copy(update={"input_hw": input_hw}))


def any_size(scores: np.ndarray) -> bytes:
    return model(scores=scores, inputs=[value("pictures", TensorProto.UINT8, ["n", None, None, 3])]).SerializeToString()


@pytest.mark.parametrize("count, input_hw", [(65, (48, 64)), (33, (4096, 4096)), (9, (8192, 8192))])
def test_more_golden_images_than_memory_and_time_are_meant_for_are_refused(
    tmp_path: Path, count: int, input_hw: tuple[int, int]
) -> None:
    many = with_golden(bundle_of(tmp_path, any_size(SCORES * 0)), tmp_path, count=count, input_hw=input_hw)
    with pytest.raises(ModelError, match=f"has {count} golden pictures; expected at most {count - 1} ") as refused:
        Detector(many, check_golden=True)
    assert refused.value.reason == "size"


def test_golden_images_are_in_memory_one_at_a_time(tmp_path: Path) -> None:
    """30 kB of them took 1 GB, before the model was even looked at."""
    many = with_golden(bundle_of(tmp_path, any_size(SCORES * 0)), tmp_path, count=12, input_hw=(1024, 1024))
    image_bytes = 1024 * 1024 * 3
    tracemalloc.start()
    try:
        Detector(many, check_golden=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * image_bytes  # an image, its bytes, and what laying it into the input takes


@pytest.mark.slow
def test_a_mutated_model_is_refused_or_answers_what_it_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures over 300 are in benchmarks/reliability/results/hostile_models.json."""
    from benchmarks.reliability.hostile_models import mutations

    rows = mutations(tmp_path, tiny_bundle(tmp_path / "sound"), Limits(seconds=20), rounds=40, seed=1)
    assert not [
        row for row in rows if row["ending"].startswith("untyped") or row.get("answers", "").startswith("wrong")
    ]
    assert all(row["unchanged"] or row["in_the_store"].startswith("refused") for row in rows)
