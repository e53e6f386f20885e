"""A write happens wholly or not at all; a history loses no line, whoever writes beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from boxwright.store import Folder, append_line, write_bytes, write_json
from boxwright.store.atomic import new_folder


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def python(code: str, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stderr=subprocess.PIPE)


def test_a_file_holds_what_was_written_and_can_be_written_again(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b.bin", b"one")
    write_bytes(tmp_path / "a" / "b.bin", b"two")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"two"
    assert listing(tmp_path) == ["a", "a/b.bin"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError):
        write_json(path, {"a": float("nan")})
    with pytest.raises(TypeError):
        write_bytes(path, "text where bytes are meant")  # type: ignore[arg-type]
    assert json.loads(path.read_text()) == {"a": 1}
    assert listing(tmp_path) == ["a.json"]


def test_a_folder_appears_only_when_its_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "things" / "one"
    with new_folder(target) as folder:
        (folder / "a.txt").write_text("a")
        assert not target.exists()
    assert listing(tmp_path) == ["things", "things/one", "things/one/a.txt"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_folder_whose_block_fails_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    def write_half() -> None:
        with new_folder(tmp_path / "one") as folder:
            (folder / "a.txt").write_text("half")
            raise failure

    with pytest.raises(failure):
        write_half()
    assert listing(tmp_path) == []


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with new_folder(tmp_path / "one") as folder:
            (folder / "a.txt").write_text(text)
    assert (tmp_path / "one" / "a.txt").read_text() == "first"
    assert listing(tmp_path) == ["one", "one/a.txt"]


def test_a_writer_that_dies_leaves_no_artifact_behind(tmp_path: Path) -> None:
    code = """
import os, sys
from boxwright.store import Folder
with Folder(sys.argv[1]).new_folder("artifacts/kind/abc") as folder:
    (folder / "half.txt").write_text("half")
    os._exit(9)
"""
    assert python(code, tmp_path).wait() == 9
    place = Folder(tmp_path)
    assert place.keys("artifacts/kind") == []
    assert not place.exists("artifacts/kind/abc")
    with place.new_folder("artifacts/kind/abc") as folder:
        (folder / "whole.txt").write_text("whole")
    assert place.keys("artifacts/kind") == ["abc"]


def test_many_writers_lose_no_line(tmp_path: Path) -> None:
    code = """
import sys
from boxwright.store.atomic import append_line
for k in range(40):
    append_line(sys.argv[1], f"{sys.argv[2]}:{k}:" + sys.argv[2] * 500)
"""
    path = tmp_path / "history.jsonl"
    writers = [python(code, path, name) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    lines = path.read_text().splitlines()
    assert len(lines) == 120
    for name in "abc":
        mine = [line.split(":") for line in lines if line.startswith(name)]
        assert [int(k) for _, k, _ in mine] == list(range(40))
        assert all(rest == name * 500 for _, _, rest in mine)


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    assert place.lines("names/x.jsonl") == []
    for line in ("one", "zwei ß", "three"):
        place.append("names/x.jsonl", line)
    assert place.lines("names/x.jsonl") == ["one", "zwei ß", "three"]


def test_a_torn_last_line_is_not_read_and_spoils_no_later_one(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    append_line(path, "one")
    with path.open("ab") as file:
        file.write("half an ß".encode()[:-1])  # the writer died here
    place = Folder(tmp_path)
    assert place.lines("x.jsonl") == ["one"]
    append_line(path, "two")
    lines = place.lines("x.jsonl")
    assert lines[0] == "one"
    assert lines[-1] == "two"


def test_a_folder_lists_only_what_is_finished(tmp_path: Path) -> None:
    (tmp_path / "kind" / ".abc.tmp").mkdir(parents=True)
    (tmp_path / "kind" / "b").mkdir()
    (tmp_path / "kind" / "a").mkdir()
    assert Folder(tmp_path).keys("kind") == ["a", "b"]
    assert Folder(tmp_path).keys("nothing") == []


def test_what_is_written_can_be_read_by_others(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"a")
    with new_folder(tmp_path / "folder"):
        pass
    assert os.stat(tmp_path / "a").st_mode & 0o777 == 0o644
    assert os.stat(tmp_path / "folder").st_mode & 0o777 == 0o755
