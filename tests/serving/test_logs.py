"""The log: a line per change of state, nothing from outside in it that moves a terminal, and no flood."""

from __future__ import annotations

import logging
import re
import stat
import threading
import warnings
from pathlib import Path

import pytest

from boxwright.serving.observed import logs
from boxwright.serving.observed.housekeeping import Changes, Shedding
from boxwright.serving.observed.logs import FILE_NAME, logging_to, note
from boxwright.serving.observed.sink import Sink
from tests.serving.in_process import Hands

LINE = re.compile(
    r'at=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(info|warning|error) event=\w+( \w+=([A-Za-z0-9_.:/@+-]+|"[ -~]*"))*'
)


def lines(folder: Path) -> list[str]:
    return (folder / FILE_NAME).read_text().splitlines()


def test_a_line_is_one_line_whatever_is_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(tmp_path):
        note("swapped", {"bundle": "5d0c1e8f2a77", "release": "8"})
        note(
            "load_failed", {"reason": 'StoreError: "a"\nlevel=info event=forged\x1b[2J\u202e\u2028 Süd'}, level="error"
        )
        try:
            raise ValueError("line one\nline two")
        except ValueError:
            logging.getLogger("boxwright.serving").exception("request %s failed", "a\x1bb")
    found = lines(tmp_path)
    assert len(found) == 3
    assert all(LINE.fullmatch(line) for line in found), found
    assert " event=swapped bundle=5d0c1e8f2a77 release=8" in found[0]
    assert "ValueError" in found[2]
    assert capsys.readouterr().err.splitlines() == found
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_repeats_are_counted_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(logs.time, "monotonic", lambda: now[0])
    with logging_to(tmp_path):
        for k in range(5000):
            logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
            logging.getLogger("boxwright.serving").error("request %s failed", k)
            note("look_failed", {"reason": str(k)}, level="error")
        for k in range(5000):
            logging.getLogger("boxwright.serving").error(f"unique {k}")
        now[0] = 61.0
        note("look_failed", {"reason": "last"}, level="error")
    found = lines(tmp_path)
    assert len(found) <= 10 * 3 + 200 + 1
    assert found[-1].endswith("repeats_not_written=4990")


def test_uvicorn_writes_nothing_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(tmp_path):
        logging.getLogger("uvicorn.error").info("Started server process")
        logging.getLogger("uvicorn.access").info("GET / 200")
        logging.getLogger("uvicorn.error").error("Exception in ASGI application")
    assert len(lines(tmp_path)) == 1 and "event=uvicorn_error" in lines(tmp_path)[0]
    assert capsys.readouterr().err.count("\n") == 1


def test_the_file_is_rotated_and_a_full_or_missing_disk_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    with logging_to(tmp_path):
        for k in range(180):
            note(f"event_{k}", {"k": k})
    files = sorted(path.name for path in tmp_path.glob("server.log*"))
    assert files == [FILE_NAME, *(f"{FILE_NAME}.{k}" for k in range(1, 5))]
    assert all(
        path.stat().st_size <= 2000 and stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir()
    )
    with logging_to(tmp_path / "missing"):
        note("started")


def test_a_link_in_the_journal_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "journal" / FILE_NAME).symlink_to(tmp_path / "victim")
    with logging_to(tmp_path / "journal"):
        note("started")
    assert (tmp_path / "victim").read_text() == "mine"


def test_shedding_is_told_twice_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    hands, refused = Hands(), [0.0]
    look = Shedding(lambda: refused[0], hands)
    with caplog.at_level(logging.INFO, "boxwright.serving"):
        for more in (0, 5, 7, 0, 0, 3):
            refused[0] += more
            hands.now += 4
            look()
        for _ in range(4):
            hands.now += 4
            look()
    assert [(r.msg, getattr(r, "facts", {}).get("refused")) for r in caplog.records] == [
        ("shedding_began", None), ("shedding_ended", 15),
    ]  # fmt: skip


def test_a_condition_is_told_when_it_begins_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    words = [""]
    look = Changes(lambda: words[0], began="journal_lost", ended="journal_recovered", facts=lambda: {"gap": 3})
    with caplog.at_level(logging.INFO, "boxwright.serving"):
        for state in ("", "disk full", "disk full", "", ""):
            words[0] = state
            look()
    assert [(r.msg, r.facts) for r in caplog.records] == [  # type: ignore[attr-defined]
        ("journal_lost", {"reason": "disk full", "gap": 3}), ("journal_recovered", {"gap": 3}),
    ]  # fmt: skip


def test_warnings_and_other_loggers_are_lines_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(tmp_path):
        warnings.warn("Corrupt EXIF data", RuntimeWarning, stacklevel=1)
        logging.getLogger("asyncio").error("Task exception was never retrieved")
    found = lines(tmp_path)
    assert len(found) == 2 and all(LINE.fullmatch(line) for line in found), found
    assert "RuntimeWarning: Corrupt EXIF data" in found[0] and "event=asyncio" in found[1]
    assert capsys.readouterr().err.splitlines() == found


def test_a_sink_that_hangs_holds_nobody_up_and_says_what_it_lost() -> None:
    goes_on, said, lost = threading.Event(), [], []

    def write(number: int) -> None:
        goes_on.wait(60)
        said.append(number)
        raise SystemExit(1)  # as rich does where the terminal is gone

    sink = Sink("test", write, lost.append)
    for number in range(3000):
        sink.put(number)
    assert not sink.close(0.1)
    goes_on.set()
    assert sink.close(30)
    assert len(said) >= 1000 and said[:3] == [0, 1, 2] and len(said) + sum(lost) == 3000
