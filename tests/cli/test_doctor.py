"""`boxwright doctor`: fine here, and each thing that needs attention when it is provoked."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from boxwright.cli import doctor as verb
from boxwright.cli import findings, installed
from boxwright.cli.findings import Finding
from boxwright.cli.installed import Wanted
from boxwright.cli.main import run
from boxwright.store import Store
from boxwright.store.health import look_over
from tests.cli.test_extras import told_without
from tests.worlds import dataset, one_of_each_kind, row

Report = Callable[..., tuple[int, dict[str, dict[str, str]]]]
_STATES = {"ok", "attention", "missing"}


@pytest.fixture
def report(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Report:
    """Exit code and findings by check, on a machine with enough disk, memory and calm threads."""
    monkeypatch.setattr(findings, "LOW_DISK_BYTES", 0)
    monkeypatch.setattr(findings, "LOW_MEMORY_BYTES", 0)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def asked(store: Path = tmp_path / "store") -> tuple[int, dict[str, dict[str, str]]]:
        code = run(["doctor", "--store", str(store), "--json"])
        result = json.loads(capsys.readouterr().out)
        assert result["attention"] == sum(one["state"] == "attention" for one in result["findings"])
        assert code == (1 if result["attention"] else 0)
        assert all(one["state"] in _STATES and (one["state"] == "ok" or one["todo"]) for one in result["findings"])
        return code, {one["check"]: one for one in result["findings"]}

    return asked


def filled(root: Path) -> Store:
    """A store with one dataset that has a name, and one artifact of another kind."""
    store = Store(root)
    store.put(dataset([row(1), row(2)]), name="dataset/line")
    store.put(one_of_each_kind(root.parent / "made")["operating_point"], name="chosen/line")
    return store


def test_a_fine_machine_has_one_line_per_check(
    tmp_path: Path, report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path / "store")
    code, found = report()
    assert code == 0, [one for one in found.values() if one["state"] == "attention"]
    assert {"python", "cpus", "memory", "packages", "extra data", "extra train", "extra serve", "extra datumaro",
            "torchvision", "threads", "numba cache", "temporary", "store", "artifacts", "journal"} <= set(found)  # fmt: skip
    assert "2 names" in found["store"]["found"] and "2 manifests read" in found["artifacts"]["found"]
    assert run(["doctor", "--store", str(tmp_path / "store")]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == len(found) and all(line.split()[0] in _STATES for line in lines)
    assert last == "nothing needs attention"
    assert run(["doctor", "everything"]) == 2


def test_it_is_quick_and_imports_no_torch(tmp_path: Path) -> None:
    code = "import sys; from boxwright.cli.main import run; run(['doctor']); sys.exit(int('torch' in sys.modules or 'lance' in sys.modules))"
    begin = os.times().children_user
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert os.times().children_user - begin < 10  # CPU seconds; about 1 on an idle machine
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_no_reason_to_worry(tmp_path: Path) -> None:
    lines = [["doctor", "--store", str(tmp_path / "none"), "--json"]]
    ((code, out),) = told_without({"lance", "torch"}, *lines, at=tmp_path, what="out")
    found = {one["check"]: one for one in json.loads(out)["findings"]}
    assert (found["extra data"]["state"], found["extra train"]["state"]) == ("missing", "missing")
    assert found["extra data"]["todo"] == "pip install 'boxwright[data]'" and "torch" in found["extra train"]["found"]
    assert code == int(any(one["state"] == "attention" for one in found.values()))


def test_extras_that_are_missing_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "lacking", lambda extra: ["lance"] if extra == "data" else [])
    found = installed.extra("data")
    assert (found.state, found.todo) == ("missing", "pip install 'boxwright[data]'") and "lance" in found.found


def test_an_old_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [Wanted("numpy", ">=2.0"), Wanted("pylance", "<15,>=14", "data")]
    monkeypatch.setattr(installed, "wanted", lambda of="boxwright": wanted)
    monkeypatch.setattr(installed, "version_of", {"numpy": "1.26.4", "pylance": "15.0.0"}.get)
    old = installed.packages()
    assert old.state == "attention" and "numpy 1.26.4" in old.found and old.todo == "pip install 'numpy>=2.0'"
    new = installed.extra("data")
    assert new.state == "attention" and "15.0.0" in new.found and new.todo == "pip install 'boxwright[data]'"


@pytest.mark.parametrize(
    ("versions", "found", "met"),
    [(">=2.13", "2.13.0+cpu", True), (">=2.13", "2.9.1", False), ("<15,>=14", "14.0.2", True), ("<15,>=14", "15.0", False),
     (">=5", "5", True), ("", "1", True), ("<3,>=2.10", "2.9", False)],
)  # fmt: skip
def test_versions_compare_by_numbers(versions: str, found: str, met: bool) -> None:
    assert Wanted("x", versions).met_by(found) == met


def test_the_project_asks_for_versions_only_in_ways_that_are_understood() -> None:
    assert all(set("".join(c for c in one.versions if not c.isalnum())) <= set("<>=,. ") and "==" not in one.versions
               for one in installed.wanted())  # fmt: skip
    assert {one.extra for one in installed.wanted()} >= {"data", "train", "serve", "datumaro", ""}


def trapped(at: Path, version: str, torch: str, body: str) -> dict[str, Any]:
    """What is found of a torchvision that lies on the path of a fresh process, beside a torch of 2.13.0."""
    for name, number, asks, text in (("torchvision", version, f"Requires-Dist: torch=={torch}\n", body),
                                     ("torch", "2.13.0+cpu", "", "")):  # fmt: skip
        (at / name).mkdir(parents=True)
        (at / name / "__init__.py").write_text(text)
        (at / f"{name}-{number}.dist-info").mkdir()
        (at / f"{name}-{number}.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n{asks}"
        )
    code = (
        "import json; from dataclasses import asdict; from boxwright.cli.installed import torchvision; "
        "print(json.dumps(asdict(torchvision())))"
    )
    path = os.pathsep.join([str(at), *(p for p in sys.path if p)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=at, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_torchvision_that_does_not_go_with_torch_is_told(tmp_path: Path) -> None:
    other = trapped(tmp_path / "version", "0.20.1", "2.5.1", "raise SystemExit('it must not be imported')")
    assert other["state"] == "attention" and other["todo"] == "pip uninstall torchvision"
    assert "torch 2.5.1" in other["found"] and "nothing in Boxwright needs it" in other["found"]
    broken = trapped(
        tmp_path / "broken", "0.28.0", "2.13.0", "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    assert broken["state"] == "attention" and "torchvision::nms" in broken["found"]
    assert trapped(tmp_path / "fine", "0.28.0", "2.13.0", "")["state"] == "ok"


def test_a_store_that_cannot_be_written_is_told(report: Report, tmp_path: Path) -> None:
    code, found = report(Path("/proc"))  # nobody can write there
    assert code == 1 and found["store"]["state"] == "attention" and "not written" in found["store"]["found"]
    assert "--store" in found["store"]["todo"]
    code, found = report(Path("/proc/nothing/here"))
    assert code == 1 and "does not exist" in found["store"]["found"] and "not writable" in found["store"]["found"]
    (tmp_path / "file").write_text("")
    code, found = report(tmp_path / "file")
    assert code == 1 and "is a file" in found["store"]["found"]


def test_a_store_that_is_not_there_yet_is_fine(report: Report, tmp_path: Path) -> None:
    code, found = report(tmp_path / "none")
    assert code == 0 and "boxwright ingest" in found["store"]["found"]
    assert not (tmp_path / "none").exists()


def test_damaged_names_and_manifests_are_named(report: Report, tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    root = tmp_path / "store"
    digest = store.resolve("chosen/line")
    manifest = root / "artifacts" / "operating_point" / digest / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text(whole[:40])
    code, found = report()
    assert code == 1 and digest[:12] in found["artifacts"]["found"] and found["artifacts"]["state"] == "attention"
    manifest.write_text(whole)
    assert report()[0] == 0

    with (root / "names" / "chosen" / "line.jsonl").open("a") as file:
        file.write("{}\n")
    assert "'chosen/line' is damaged" in report()[1]["artifacts"]["found"]
    (root / "names" / "chosen" / "line.jsonl").write_text("")
    assert "empty history" in report()[1]["artifacts"]["found"]
    gone = {"at": 0.0, "digest": "a" * 64, "kind": "split", "actor": "x", "reason": ""}
    (root / "names" / "chosen" / "line.jsonl").write_text(json.dumps(gone) + "\n")
    assert "which is not in the store" in report()[1]["artifacts"]["found"]
    (root / "names" / "chosen" / "line.jsonl").unlink()

    (root / "ledger.jsonl").write_text('{"key": \n')
    assert "line 1 of" in report()[1]["artifacts"]["found"]
    (root / "ledger.jsonl").unlink()
    (root / "tables" / "rows" / "line.lance" / "_versions").rename(tmp_path / "away")
    assert "rows.parquet" in report()[1]["artifacts"]["found"]


def test_leftovers_and_a_writer_at_work_are_told_and_harmless(report: Report, tmp_path: Path) -> None:
    filled(tmp_path / "store")
    root = tmp_path / "store"
    left = root / "artifacts" / "split" / f".{'b' * 64}.x1y2z3_a"
    left.mkdir(parents=True)
    (root / ".git").mkdir()  # of somebody else
    code, found = report()
    assert code == 0 and str(left) in found["leftovers"]["todo"] and ".git" not in found["leftovers"]["todo"]
    with (root / "tables" / "rows" / "line.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert look_over(root).busy == ("line",)
    assert look_over(root).busy == ()


def test_a_large_store_is_looked_at_in_part(tmp_path: Path) -> None:
    filled(tmp_path / "store")
    health = look_over(tmp_path / "store", seconds=-1)
    assert (health.artifacts, health.unread) == (0, 2)


def test_low_disk_and_low_memory_are_told(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "store")
    monkeypatch.setattr(findings, "LOW_DISK_BYTES", 1 << 80)
    monkeypatch.setattr(findings, "LOW_MEMORY_BYTES", 1 << 80)
    code, found = report()
    assert code == 1
    for check in ("memory", "temporary", "store"):
        assert found[check]["state"] == "attention", check
    assert "TMPDIR" in found["temporary"]["todo"] and "low" in found["store"]["found"]


def test_a_full_temporary_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(findings.tempfile, "gettempdir", none)
    assert findings.temporary_folder().state == "attention"


def test_threads_that_spin_or_are_too_many_are_told() -> None:
    spinning = findings.threads({"OMP_WAIT_POLICY": "ACTIVE"})
    assert spinning.state == "attention" and spinning.todo == "export OMP_WAIT_POLICY=PASSIVE"
    many = findings.threads({"OMP_NUM_THREADS": "4096"})
    assert many.state == "attention" and many.todo.startswith("export OMP_NUM_THREADS=")
    assert findings.threads({}).state == "ok"


def test_a_cache_of_kernels_that_cannot_be_written_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings.numba_cache({"NUMBA_CACHE_DIR": "/proc/numba"})
    assert found.state == "attention" and "NUMBA_CACHE_DIR" in found.todo
    assert findings.numba_cache({}).state == "ok"
    monkeypatch.setattr(findings, "can_write", lambda folder: False)
    assert findings.numba_cache({}).state == "attention"

    def uncached(name: str) -> None:
        raise RuntimeError(f"cannot cache function 'iou': no locator available for file '{name}'")

    monkeypatch.setattr("boxwright.cli.main.import_module", uncached)
    assert run(["show"]) == 2  # every verb says it, for no kernel can be imported
    assert "export NUMBA_CACHE_DIR" in capsys.readouterr().err


def test_a_journal_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("")
    assert verb.of_journal(tmp_path / "journal").state == "attention"
    assert verb.of_journal(tmp_path / "none").state == "ok"
    (tmp_path / "kept").mkdir()
    assert isinstance(verb.of_journal(tmp_path / "kept"), Finding)
