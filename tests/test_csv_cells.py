"""No cell that comes from outside is run by a spreadsheet, and what was written is what our own readers read."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.artifacts import Report
from boxwright.cli.failures import LISTS, write_failures
from boxwright.csv_cells import as_meant, harmless
from boxwright.ingestion.ingest import read_conditions
from boxwright.labels.audit.answers import COLUMNS, read_sheet, sheet_text
from boxwright.splitting.side_lists import read_side_lists
from tests.bounded import run_bounded

SRC = Path(__file__).resolve().parents[1] / "src"
FORMULAS = (
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x";"y")',
    "  =1+1", '"=1+1', "'=1+1", "''=1+1", "\u00a0=1", "＝1+1", "＋1", "－1", "＠SUM(1)", " \u201c=1", "\ufeff=1", "\u22121+1",
    "-", "=", "@", "\t", "\rx", "-x.jpg", "+49 30 1234/56", "-1 =2", "%=1"[1:],
)  # fmt: skip
PLAIN = ("a.jpg", "carton", "", "5", "-5", "-1.5 2 3 4e5", "it's", "'quoted'", "a=b", "a-b", "Süd", "'", "x\ty", "7+1")
TEXT = st.text(st.sampled_from("=+-@\t\r\n'\" ＝ab1,;\u201c\ufeff"), max_size=6) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6
)


def begins_a_formula(cell: str) -> bool:
    """As a spreadsheet of the most eager kind would see it."""
    bare = cell.lstrip(" \"'\u00a0\ufeff\u201c")
    return not cell.startswith("'") and bare[:1] in tuple("=+-@\t\r\n＝＋－＠\u2212") and bool(bare)


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_an_apostrophe_and_loses_it_again(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert as_meant(harmless(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_everything_else_and_every_number_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text == as_meant(text)


@given(TEXT)
def test_there_and_back_is_the_same(text: str) -> None:
    assert as_meant(harmless(text)) == text
    assert not begins_a_formula(harmless(text)) or re.fullmatch(r"[-+.\deE ]+", text)


def row_of(text: str) -> dict[str, object]:
    return {
        "image": 1, "file_name": text, "annotation_id": 2, "kind": "class", "score": 0.5, "class_name": text,
        "box_xyxy": [-1.5, 2.0, 3.0, 4.0], "proposed_class_name": text, "proposed_box_xyxy": None, "answer": "",
    }  # fmt: skip


@given(st.lists(TEXT, min_size=1, max_size=3))
def test_a_sheet_of_answers_comes_back_as_it_went_out(tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(sheet_text([row_of(text) for text in texts], as_csv=True).encode())
    rows = read_sheet(path)
    assert [(row["file_name"], row["class_name"], row["proposed_class_name"]) for row in rows] == [
        (text, text, text) for text in texts
    ]
    assert rows[0]["box_xyxy"] == "-1.5 2.0 3.0 4.0" and rows[0]["score"] == "0.5"
    for cells in csv.reader(io.StringIO(path.read_bytes().decode(), newline="")):
        assert len(cells) == len(COLUMNS)
        assert not any(begins_a_formula(cell) for cell in cells if not re.fullmatch(r"[-+.\deE ]+", cell))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_separator_of_another_country_begins_no_cell(text: str) -> None:
    written = sheet_text([row_of(f"a;{text}")], as_csv=True)
    assert '"a;' in written  # quoted, so that the ; parts nothing


def test_failures_as_lists_run_nothing(tmp_path: Path) -> None:
    from tests.worlds import one_of_each_kind

    report = one_of_each_kind(tmp_path / "kinds")["report"]
    assert isinstance(report, Report)
    failures = pa.table(
        {
            "verdict": list(LISTS.values()), "file_name": ['=cmd|"/C calc"!A0', "\t@SUM(1)", "-3"], "score": [-0.5, 0.25, 1.0],
            "class_id": [0, 1, -1], "other_class_id": [-1, -1, 0], "slices": [["=camera"], [], ["x"]], "rivals": [[1], [], []],
        }
    )  # fmt: skip
    object.__setattr__(report, "failures", failures)
    object.__setattr__(report, "class_names", ("=carton", "pouch"))
    write_failures(tmp_path / "out", report)
    cells = {name: next(iter(csv.DictReader((tmp_path / "out" / name).open(newline="")))) for name in LISTS}
    assert cells["to_label.csv"]["file_name"] == '\'=cmd|"/C calc"!A0'
    assert cells["to_label.csv"]["class"] == "'=carton" and cells["to_label.csv"]["slices"] == "'=camera"
    assert cells["to_label.csv"]["score"] == "-0.5"  # a number is no text
    assert cells["to_collect.csv"]["file_name"] == "'\t@SUM(1)"
    assert cells["to_look_at.csv"]["file_name"] == "-3" and cells["to_look_at.csv"]["other_class"] == "'=carton"


def test_conditions_and_lists_of_sides_are_read_as_they_were_meant(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("file_name,camera,split\n'=a.jpg,'-north,train\n'b.jpg,it's,val\n")
    assert read_conditions(table) == {
        "=a.jpg": {"camera": "-north", "split": "train"}, "'b.jpg": {"camera": "it's", "split": "val"},
    }  # fmt: skip
    lists = read_side_lists([str(table)])
    assert {side: names for side, names in lists.names.items() if names} == {"train": ["=a.jpg"], "val": ["'b.jpg"]}


def test_no_csv_is_written_past_the_one_place() -> None:
    writes = re.compile(r"csv\.writer\(|DictWriter\(|write_csv\(|to_csv\(|CSVWriter\(")
    writers = [path for path in SRC.rglob("*.py") if writes.search(path.read_text())]
    assert writers
    for path in writers:
        assert "harmless(" in path.read_text(), f"{path} writes CSV and does not make its cells harmless"


def test_almost_numbers_take_no_time() -> None:
    code = """
from boxwright.csv_cells import as_meant, harmless
for text in ("-" + "11 " * 100_000 + "x", "-" + "1" * 300_000 + "x", "-" + "1.1e1 " * 50_000 + "x", "-" + "1." * 100_000, " " * 300_000 + "x"):
    as_meant("'" + text)
    harmless(text)
"""
    run_bounded(code)
