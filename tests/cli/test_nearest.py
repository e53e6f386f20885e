"""A word the command line does not know: the nearest right one, and exit code 2."""

from __future__ import annotations

import pytest

from boxwright.cli.main import VERBS, run


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["turn", "x", "--recpie", "y"], "No such option: --recpie. Did you mean --recipe?"),
        (["check", "x", "--no-picture"], "Did you mean --no-pictures?"),
        (["evaluate", "a", "b", "--failure", "x"], "Did you mean --failures?"),
        (["split", "audit", "x", "--splitz", "y"], "Did you mean --splits?"),
        (["review", "select", "--sppec", "x"], "Did you mean --spec?"),
        (["ingest", "x", "--namee", "y"], "Did you mean --name?"),
        (["turnn"], "Did you mean 'turn'"),
        (["review", "selct"], "Did you mean 'select'?"),
        (["xyzzy"], "See `boxwright --help`"),
        (["turn", "x", "--training.steps=20"], "Did you mean --set training.steps=VALUE?"),
        (["turn", "x", "--spec", "a", "--recipe", "b", "training.steps=20"], "Did you mean --set training.steps=20?"),
        (["turn", "x", "--zzzzzz"], "`boxwright turn` has --corrections"),
        (["train", "x"], "Usage: boxwright train"),
    ],
)
def test_the_nearest_word_is_named(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("boxwright: ") and told.err.count("\n") == 1
    assert sentence in told.err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_found_with_a_letter_doubled(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb + verb[-1]]) == 2
    assert f"'{verb}'" in capsys.readouterr().err
