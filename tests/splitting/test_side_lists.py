"""Lists of every form say the same; names are met with pictures however they are written; hostile lists end in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxwright.errors import BoxwrightError, FormatError, InputError
from boxwright.splitting import group_from, guesses, in_order, meet, read_side_lists
from boxwright.splitting.names import bare

NAMES = {"train": ["a/1.jpg", "a/2.jpg"], "val": ["b/3.jpg"], "test": ["b/4.jpg"]}
FILES = [name for names in NAMES.values() for name in names]


def written(folder: Path, form: str) -> list[str]:
    """NAMES in one of the forms that users have."""
    rows = [(name, side) for side, names in NAMES.items() for name in names]
    if form == "lists":
        for side, names in NAMES.items():
            (folder / f"{side}.txt").write_text("# a comment\n" + "\n".join(Path(n).stem for n in names) + "\n\n")
        (folder / "all.txt").write_text("\n".join(Path(n).stem for n in FILES))
        return [str(folder)]
    if form == "pairs":
        for k, names in enumerate(NAMES.values()):
            (folder / f"list{k}.txt").write_text("\n".join(f"./data/{n}" for n in names))
        return [f"{side}={folder / f'list{k}.txt'}" for k, side in enumerate(NAMES)]
    if form == "csv":
        (folder / "s.csv").write_text("file_name,split\n" + "\n".join(f"{n},{s}" for n, s in rows))
        return [str(folder / "s.csv")]
    if form == "windows csv":
        (folder / "s.csv").write_bytes(
            ("\ufefffile;subset\r\n" + "\r\n".join(f"{n.replace('/', chr(92))};{s}" for n, s in rows)).encode()
        )
        return [str(folder / "s.csv")]
    if form == "records":
        (folder / "s.json").write_text(json.dumps([{"file_name": n, "side": s} for n, s in rows]))
        return [str(folder / "s.json")]
    if form == "names to sides":
        (folder / "s.json").write_text(json.dumps(dict(rows)))
        return [str(folder / "s.json")]
    if form == "sides to names":
        (folder / "s.json").write_text(json.dumps(NAMES))
        return [str(folder / "s.json")]
    for side, names in NAMES.items():
        (folder / f"instances_{side}2017.json").write_text(
            json.dumps({"images": [{"id": 1, "file_name": n} for n in names], "annotations": []})
        )
    return [str(folder)]


@pytest.mark.parametrize(
    "form", ["lists", "pairs", "csv", "windows csv", "records", "names to sides", "sides to names", "coco"]
)
def test_every_form_says_the_same(tmp_path: Path, form: str) -> None:
    lists = read_side_lists(written(tmp_path, form))
    met = meet(lists.names, FILES)
    assert dict(zip(FILES, met.sides)) == {name: [side] for side, names in NAMES.items() for name in names}
    assert not met.absent and not met.unclear
    assert bool(lists.notes) == (form == "lists")


def test_names_that_fit_several_none_or_the_beginning() -> None:
    files = ["x/1.jpg", "y/1.jpg", "00041000_test.jpg", "00041000_temp.jpg", "v1.2.png"]
    met = meet({"train": ["1", "x/1", "00041000.jpg", "nowhere", "v1.2"], "test": ["x/1.jpg"]}, files)
    assert met.sides == [["train", "test"], [], ["train"], ["train"], ["train"]]
    assert met.unclear == ["1"] and met.absent == [("nowhere", "train")]


def test_a_picture_of_another_folder_is_not_taken_for_the_listed_one() -> None:
    lists = {"train": [f"train/{k}.png" for k in range(3)], "test": [f"test/{k}.png" for k in range(3)]}
    met = meet(lists, [f"test/{k}.png" for k in range(3)])
    assert met.sides == [["test"]] * 3 and met.absent == [(name, "train") for name in lists["train"]]
    met = meet({"train": ["train/0.png"], "test": ["test/1.png"]}, ["test/0.png", "test/1.png"])
    assert met.sides == [[], ["test"]] and met.absent == [("train/0.png", "train")]
    met = meet({"train": ["cam1/0.png"], "test": ["cam2/0.png"]}, ["cam2/0.png"])
    assert met.sides == [["test"]] and met.absent == [("cam1/0.png", "train")]


def test_a_flat_folder_does_not_say_whose_a_picture_of_two_paths_is() -> None:
    met = meet({"train": ["/m/cam1/0.png", "/m/cam1/1.png"], "test": ["/m/cam2/0.png"]}, ["0.png", "1.png"])
    assert met.sides == [[], ["train"]] and sorted(met.unclear) == ["/m/cam1/0.png", "/m/cam2/0.png"]
    met = meet({"train": ["/m/a/0.png"], "test": ["/m/a/0.png"]}, ["0.png"])
    assert met.sides == [["train", "test"]]


def test_sides_stand_in_the_order_of_the_lifecycle() -> None:
    assert in_order(["golden", "test", "trainval", "val", "train"]) == ["train", "trainval", "val", "test", "golden"]


@pytest.mark.parametrize("name, content", [("s.csv", b"a,b\n1,2\n"), ("s.json", b"[1, 2]"), ("s.json", b"{"), ("s.json", b"[" * 100_000),
                                           ("s.txt", b"\xff\xfe\x00\xd8"), ("s.txt", b"\n\n"), ("s.csv", b""), ("s.csv", b"file,side\nx\n")])  # fmt: skip
def test_what_is_no_list_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError):
        read_side_lists([str(tmp_path / name)])
    with pytest.raises(BoxwrightError):
        read_side_lists([str(tmp_path / "absent.txt")])


@given(st.binary(max_size=200), st.sampled_from(["s.txt", "s.csv", "s.json"]))
def test_bytes_of_any_kind_end_in_lists_or_a_sentence(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    try:
        lists = read_side_lists([str(tmp_path / name)])
    except FormatError:
        return
    meet(lists.names, FILES)


def test_the_orchard_s_names_tell_their_photo(shared) -> None:
    sets = shared("data/apple_orchard/AppleBBCH81") / "sets"
    lists = read_side_lists([str(sets)])
    assert {side: len(names) for side, names in lists.names.items()} == {"train": 1470, "val": 184, "test": 184}
    names = [name for listed in lists.names.values() for name in listed]
    best = guesses(names)[0]
    assert list(best.groups) == group_from(names, best.pattern)
    assert list(best.groups) == [name.rsplit("_", 1)[0] for name in names]


@pytest.mark.parametrize("names, group", [
    ([f"clip{c}_{f:06d}.jpg" for c in range(5) for f in range(4)], "clip3"),
    ([f"photo{c}_jpg.rf.{f:032x}.jpg" for c in range(5) for f in range(3)], "photo3_jpg"),
    ([f"board{c}/{f}.png" for c in range(5) for f in range(3)], "board3"),
])  # fmt: skip
def test_names_of_common_forms_are_parted(names: list[str], group: str) -> None:
    assert any(group in {g.rsplit("/", 1)[-1] for g in guess.groups if g} for guess in guesses(names))


def test_names_without_a_form_are_not_parted() -> None:
    assert guesses([f"{k:05d}.jpg" for k in range(100)]) == []
    assert guesses([f"img_{k:05d}.jpg" for k in range(100)]) == []
    assert guesses([]) == []


def test_a_pattern_is_checked() -> None:
    with pytest.raises(InputError, match="no regular expression"):
        group_from(["a"], "(")
    with pytest.raises(InputError, match="fits none of 1 names"):
        group_from(["a.jpg"], r"\d+")
    assert group_from(["c1_f2.jpg", "x.jpg"], r"(c\d+)_(f\d+)") == ["c1/f2", None]
    assert bare("v1.2.jpg") == "v1.2" and bare("v1.2") == "v1.2"
