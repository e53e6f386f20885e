"""A log hears how far slow work is and how long it will take; a wait without steps is told once it is long."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path

import pytest
from rich.console import Console

from boxwright.cli import progress
from boxwright.cli.progress import Bars, time_left


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_log_hears_of_each_fifth_with_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    bars = Bars(clock=clock)
    for done in range(101):
        bars("train", done, 100, "loss 0.5")
        clock.now += 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "train: 20/100 (about 4 min left) loss 0.5" and lines[-1] == "train: 100/100 loss 0.5"
    assert all("left" in line for line in lines[:-1]) and len(lines) >= 5


def test_slow_work_is_told_every_minute_and_after_a_resumption_by_its_own_rate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    bars = Bars(clock=clock)
    for done in (5000, 5001, 5002):  # taken up again at 5,000 of 6,000
        bars("train", done, 6000)
        clock.now += 61
    assert capsys.readouterr().err.splitlines()[-1] == "train: 5002/6000 (about 16 h 55 min left)"


def test_a_wait_is_told_only_when_it_is_long(capsys: pytest.CaptureFixture[str]) -> None:
    bars = Bars()
    with bars.waiting("split"):
        pass
    assert capsys.readouterr().err == ""
    passed = threading.Event()
    with bars.waiting("split", 7.2, patience_s=0.01):
        passed.wait(0.3)
    assert capsys.readouterr().err == "split: at work, took 7 s before\n"


def test_a_bar_of_the_same_name_takes_over(capsys: pytest.CaptureFixture[str]) -> None:
    bars = Bars()
    with bars.waiting("predict", patience_s=0.05):
        bars("predict", 1, 2)
        threading.Event().wait(0.2)
    assert "at work" not in capsys.readouterr().err


def test_a_terminal_shows_one_display_for_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    monkeypatch.setattr(progress, "stderr", Console(stderr=True, force_terminal=True, width=100))
    with Bars().shown() as one, Bars().waiting("compiling kernels", patience_s=0.01):
        one("ingest", 3, 10, "a.png")
        threading.Event().wait(0.1)
        one("ingest", 10, 10)
    shown = capsys.readouterr().err
    assert "compiling kernels" in shown and "10/10" in shown


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "about 1 s left"), (89, "about 89 s left"), (90, "about 2 min left"), (7800, "about 2 h 10 min left")])  # fmt: skip
def test_time_left(seconds: float, text: str) -> None:
    assert time_left(seconds) == text


def test_a_verb_without_a_bar_is_told_to_be_at_work(capsys: pytest.CaptureFixture[str]) -> None:
    with Bars().waiting("agree", alone=True, patience_s=0.02):
        threading.Event().wait(0.2)
    with Bars().waiting("check", alone=True, patience_s=0.1):
        Bars()("check", 1, 2)  # whoever shows a bar needs no other
        threading.Event().wait(0.3)
    told = capsys.readouterr().err
    assert "agree: at work" in told and "check: at work" not in told


def test_the_result_comes_after_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    from boxwright.cli.terminal import give

    progress.begin_verb("agree")
    give({"f1": 1.0}, as_json=True)
    assert capsys.readouterr().out == '{"f1": 1.0}\n' and threading.active_count() >= 1
    progress.end_verb()


def test_every_verb_that_does_steps_shows_a_bar_for_each() -> None:
    for path in (Path(__file__).resolve().parents[2] / "src" / "boxwright" / "cli").glob("*.py"):
        for given in re.findall(r"\bSteps\(([^)]*)\)", path.read_text()):
            assert given.split(", ")[-1] == "bars.waiting", f"{path.name}: Steps({given})"


def test_a_narrow_terminal_cuts_the_text_and_not_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, highlight=False)
    monkeypatch.setattr(progress, "stderr", console)
    bars = Bars()
    with bars.shown():
        with bars.waiting("compiling kernels", patience_s=0.01):
            threading.Event().wait(0.2)
        bars("train", 270, 900, "score loss 0.740, box loss 0.374, val mAP 0.575")
        shown = Console(file=io.StringIO(), width=80)
        shown.print(progress._display.progress.get_renderable())
    text = shown.file.getvalue()  # type: ignore[attr-defined]
    assert "270/900" in text and "0:00:00" in text and "compiling" not in text
