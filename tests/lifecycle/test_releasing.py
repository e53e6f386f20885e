"""The name that servers follow never moves to a bundle that cannot answer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from boxwright.artifacts import Bundle, Rollout, Verdict
from boxwright.cli.main import run
from boxwright.errors import NameMoved, ParityError, StoreError
from boxwright.lifecycle import ROLLOUT, release, releasing, take_back
from boxwright.serving import Wanted
from boxwright.serving.primary.slot import Slot
from boxwright.store import Store
from tests.tiny_bundles import keep_verdict, tiny_bundle


@pytest.fixture
def two(tmp_path: Path) -> tuple[Store, Bundle, Bundle]:
    """A store whose primary is the second bundle and whose previous is the first."""
    store = Store(tmp_path / "store")
    bundles = [tiny_bundle(tmp_path / f"{score}", scores=(score, 0.6)) for score in (0.9, 0.8)]
    for bundle in bundles:
        release(store, keep_verdict(store, bundle), reason="test")
    return store, bundles[0], bundles[1]


def folder_of(store: Store, bundle: Bundle) -> Path:
    return store.folder(bundle.digest, kind="bundle")


def _model_gone(folder: Path) -> None:
    (folder / "model.onnx").unlink()


def _byte_flipped(folder: Path) -> None:
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx").write_bytes(data)


def _model_empty(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"")


def _golden_image_gone(folder: Path) -> None:
    (folder / "golden" / "0.jpg").unlink()


def _answers_cut(folder: Path) -> None:
    path = folder / "golden" / "answers.json"
    path.write_text(path.read_text()[:20])


def _contract_cut(folder: Path) -> None:
    (folder / "contract.json").write_text("{")


def _contract_changed(folder: Path) -> None:
    contract = json.loads((folder / "contract.json").read_text())
    contract["score_thresholds"]["carton"] = 0.01
    (folder / "contract.json").write_text(json.dumps(contract))


def _manifest_gone(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _folder_gone(folder: Path) -> None:
    shutil.rmtree(folder)


DAMAGE = (
    _model_gone, _byte_flipped, _model_empty, _golden_image_gone, _answers_cut, _contract_cut, _contract_changed, _manifest_gone,
    _folder_gone,
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__[1:])
def test_a_damaged_bundle_is_refused_and_nothing_moves(
    two: tuple[Store, Bundle, Bundle], damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    store, first, second = two
    damage(folder_of(store, first))
    before = store.history(ROLLOUT)
    for words in (["rollback"], ["promote", f"verdict/{first.digest[:8]}"]):
        assert run([*words, "--store", str(store.place.local(""))]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert f"Bundle {first.digest[:12]} cannot become the primary" in err
        assert f"Nothing was moved, bundle {second.digest[:12]} stays the primary" in err
        told = [line for line in err.strip().splitlines() if not line.endswith(": at work")]  # said on a busy machine
        assert len(told) == 1
    assert store.history(ROLLOUT) == before
    assert store.get(ROLLOUT, Rollout).primary == second.digest


def test_a_bundle_that_answers_otherwise_is_refused(
    tmp_path: Path, two: tuple[Store, Bundle, Bundle], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its digest is right; what it answers on this machine is not what it answered at export."""
    store, first, second = two
    other = replace(first, golden=second.golden)
    verdict = keep_verdict(store, other, answered_by=first)
    assert run(["promote", f"verdict/{other.digest[:8]}", "--store", str(store.place.local(""))]) == 1
    err = capsys.readouterr().err
    assert "answered differently" in err and "Nothing was moved" in err
    assert store.get(ROLLOUT, Rollout).primary == second.digest
    with pytest.raises(ParityError, match="a score differs by 0.1"):
        release(store, verdict, reason="test")


@pytest.mark.parametrize(
    "answers", ["[]", '{"9.jpg": {"boxes_xyxy": [], "score": [], "class_id": []}}', '{"0.jpg": {}}', "no"]
)
def test_golden_answers_that_cannot_be_read_are_a_sentence(
    tmp_path: Path, two: tuple[Store, Bundle, Bundle], answers: str
) -> None:
    store, first, _ = two
    (tmp_path / "answers.json").write_text(answers)
    broken = replace(first, golden={**first.golden, "golden/answers.json": tmp_path / "answers.json"})
    verdict = keep_verdict(store, broken, answered_by=first)
    with pytest.raises(StoreError, match=r"golden pictures of bundle [0-9a-f]{12} are damaged.*Nothing was moved"):
        release(store, verdict, reason="test")


def test_a_first_release_of_a_damaged_bundle_leaves_no_name(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    verdict = keep_verdict(store, tiny_bundle(tmp_path / "bundle"))
    _model_gone(store.folder(str(verdict.bundle), kind="bundle"))
    with pytest.raises(StoreError, match="no bundle is the primary"):
        release(store, verdict, reason="test")
    assert store.history(ROLLOUT) == []


def test_a_bundle_whose_contract_names_no_threshold_for_a_class_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    bundle = tiny_bundle(tmp_path / "bundle", golden=False)
    halved = replace(bundle, contract=bundle.contract.model_copy(update={"score_thresholds": {"carton": 0.5}}))
    with pytest.raises(StoreError, match="none for the class 'pouch'"):
        release(store, keep_verdict(store, halved, answered_by=bundle), reason="test")


def test_there_and_back(two: tuple[Store, Bundle, Bundle]) -> None:
    store, first, second = two
    assert take_back(store, reason="test").primary == first.digest
    assert take_back(store, reason="test").primary == second.digest
    assert [event.digest for event in store.history(ROLLOUT)][-1] == store.get(ROLLOUT, Rollout).digest
    assert len(store.history(ROLLOUT)) == 4
    again = release(store, store.get(f"verdict/{second.digest[:8]}", Verdict), reason="test")
    assert again.number == 4  # it is the primary already: nothing to move


@pytest.mark.parametrize("damage", [_byte_flipped, _model_gone, _answers_cut], ids=lambda damage: damage.__name__[1:])
def test_a_running_server_keeps_the_old_bundle_until_the_new_one_answered(
    two: tuple[Store, Bundle, Bundle], damage: Callable[[Path], None]
) -> None:
    store, first, second = two
    wanted, told = [second.digest], []
    slot = Slot(lambda: Wanted(wanted[0], "1"), lambda digest: store.get(digest, Bundle), on_failure=told.append)
    slot.follow()
    damage(folder_of(store, first))
    wanted[0] = first.digest
    slot.follow()
    assert slot.detector is not None and slot.detector.bundle.digest == second.digest
    assert len(told) == 1 and first.digest[:12] in told[0]


def test_a_running_server_asks_the_golden_images_too(two: tuple[Store, Bundle, Bundle]) -> None:
    _, first, second = two
    bundles = {b.digest: b for b in (first, replace(second, golden=first.golden))}
    wanted, told = list(bundles), []
    slot = Slot(lambda: Wanted(wanted[0], "1"), lambda digest: bundles[digest], on_failure=told.append)
    slot.follow()
    wanted.reverse()
    slot.follow()
    assert slot.detector is not None and slot.detector.bundle.digest == first.digest
    assert "answered differently" in told[0]


def test_a_name_that_somebody_else_moved_meanwhile_stays_theirs(
    two: tuple[Store, Bundle, Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _, _ = two
    third = keep_verdict(store, tiny_bundle(tmp_path / "third", scores=(0.7, 0.6)))
    check = releasing.check_verdict

    def meanwhile(*arguments: Any, **more: Any) -> None:
        monkeypatch.setattr(releasing, "check_verdict", check)
        release(store, third, reason="somebody else")
        check(*arguments, **more)

    monkeypatch.setattr(releasing, "check_verdict", meanwhile)
    with pytest.raises(
        NameMoved, match=r"someone else was faster: .+ pointed it to [0-9a-f]{12} at .+ UTC .somebody else."
    ):
        take_back(store, reason="test")
    assert store.get(ROLLOUT, Rollout).primary == third.bundle
