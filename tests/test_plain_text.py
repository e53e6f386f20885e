"""Control characters are refused in names, and written out wherever text from outside is shown."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.cli.main import run
from boxwright.plain_text import control_in, printable, printable_json
from tests.worlds import encoded, picture

CONTROLS = {
    "NUL": "\0", "escape": "\x1b[2J", "C1 CSI": "\x9b2J", "delete": "\x7f", "carriage return": "\r", "line end": "\n", "tab": "\t",
    "right-to-left override": "\u202e", "isolate": "\u2066", "right-to-left mark": "\u200f", "zero-width blank": "\u200b",
    "byte order mark": "\ufeff", "soft hyphen": "\u00ad", "line separator": "\u2028", "paragraph separator": "\u2029",
    "half a surrogate": "\ud800", "tag character": "\U000e0041", "joiner at an end": "é\u200d", "joiner in ASCII": "a\u200cb",
    "Hangul filler": "\u3164", "Hangul initial filler": "\u115f", "half-width filler": "\uffa0", "grapheme joiner": "\u034f",
    "emoji selector behind a letter": "\ufe0f", "ideographic selector": "\U000e0100", "Mongolian selector": "\u180b",
    "braille blank": "\u2800", "Khmer vowel": "\u17b4", "unassigned tag": "\U000e0000", "two joiners": "é\u200d\u200dé",
}  # fmt: skip
FINE = (
    "carton",
    "Süd",
    "می\u200cشود",
    "👩\u200d🔧",
    "零件",
    "a\u00a0b",
    "\u3000x",
    "❤\ufe0f\u200d🔥",
    "1\ufe0f\u20e3",
    "☎\ufe0e",
    "ᠠ\u180b",
    "क\u094d\u200dष",
    "",
)


@pytest.mark.parametrize("text", CONTROLS.values(), ids=CONTROLS)
def test_a_control_character_is_found_and_written_out(text: str) -> None:
    found = control_in(f"x{text}" if text[0] != "é" else text)
    assert found is not None and found.startswith("U+")
    shown = printable(f"x{text}")
    assert control_in(shown) is None
    assert not any(
        unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "\u202e\u2066\u200b\ufeff" for c in shown
    )


@pytest.mark.parametrize("text", FINE)
def test_letters_of_every_script_are_names(text: str) -> None:
    assert control_in(text) is None and printable(text) == text


@given(st.text(st.characters(codec=None), max_size=8))
def test_json_with_its_controls_written_out_means_the_same(text: str) -> None:
    plain = printable_json(json.dumps({"x": text}, ensure_ascii=False))
    assert json.loads(plain) == {"x": text}
    plain.encode()  # no half surrogate is left


@given(st.text(max_size=8))
def test_what_is_shown_has_nothing_left_to_write_out(text: str) -> None:
    assert printable(printable(text)) == printable(text)


@given(st.text(st.sampled_from("aé👩❤\u200d\u200c\ufe0f\u3164\u202e\u20e31 \n\u180b"), max_size=6))
def test_what_is_refused_is_what_is_written_out(text: str) -> None:
    assert (printable(text) == text) == (control_in(text) is None)
    assert control_in(printable(text)) is None and printable(printable(text)) == printable(text)
    assert json.loads(printable_json(json.dumps(text, ensure_ascii=False))) == text


HOSTILE = "a\x1b[2J\x9b2Jb\u202eb\u2028\n boxwright: fine.jpg"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A YOLO folder whose image and label, with an error in it, are called as no file should be."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "images" / HOSTILE).write_bytes(encoded(picture(20, 30), "JPEG"))
    (folder / "images" / "good.jpg").write_bytes(encoded(picture(20, 30, seed=1), "JPEG"))
    (folder / "labels" / HOSTILE.replace(".jpg", ".txt")).write_text("0 0.5 0.5 9 nan\n")
    (folder / "labels" / "good.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (folder / "data.yaml").write_text("names: [carton]\n")
    return folder


@pytest.mark.parametrize("as_json", [True, False])
def test_no_verb_sends_an_escape_sequence_of_a_file_name_to_the_terminal(
    hostile: Path, tmp_path: Path, as_json: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    store, form = ["--store", str(tmp_path / "store")], ["--json"] if as_json else []
    seen = ""
    for words in (
        ["check", str(hostile)], ["ingest", str(hostile), "--name", "line", *store], ["show", "dataset/line", *store],
        ["diff", str(hostile), "dataset/line", *store], ["check", str(hostile / "images" / HOSTILE)],
        ["ingest", str(tmp_path / HOSTILE), "--name", "other", *store], ["evaluate", HOSTILE, HOSTILE],
    ):  # fmt: skip
        assert run([*words, *form]) in (0, 1, 2)
        out, err = capfd.readouterr()
        seen += out + err
    raw = re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]", seen)
    assert raw is None, seen[max(0, raw.start() - 200) : raw.start() + 50].encode()
    assert not any(line.startswith(" boxwright: fine") for line in seen.splitlines())  # no forged line
    assert "x1b" in seen or "u001b" in seen  # it was told, and not left out


def test_controls_are_written_out_as_python_does() -> None:
    controls = [
        chr(code) for code in range(sys.maxunicode + 1) if control_in(chr(code)) and not 0xD800 <= code < 0xE000
    ]
    assert len(controls) > 100
    for char in controls:
        if char not in "\u200c\u200d":
            assert printable(char) == char.encode("unicode_escape").decode()


def test_a_process_that_may_open_no_file_can_still_say_a_name() -> None:
    """The child that tests models is one: a codec that is loaded on demand cannot be."""
    code = (
        "import resource\n"
        "from boxwright.plain_text import printable\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))\n"
        "assert printable('a\\x1b\\u202eb') == 'a\\\\x1b\\\\u202eb'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
