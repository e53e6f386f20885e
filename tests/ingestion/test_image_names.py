"""Names of annotation files find their image, or none; never another one."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from boxwright.ingestion.image_names import Finder, Wanted
from boxwright.ingestion.reading import Reading

ROOT = Path("/data")
PARTS = st.lists(
    st.sampled_from(["a", "train", "val", "images", "1.png", "2.png", "1.jpg", "É.png"]), min_size=1, max_size=4
)
FILES = st.lists(
    PARTS.map(lambda parts: "/".join([*(p for p in parts if "." not in p), parts[-1].replace("train", "3.png")])),
    max_size=8,
    unique=True,
).map(lambda names: [name for name in names if "." in name.split("/")[-1]])


def met(files: list[str], *wanted: Wanted) -> list[str | None]:
    finder = Finder(ROOT, [ROOT / name for name in files])
    found = finder.meet(Reading("cvat", []), list(wanted))
    return [path.relative_to(ROOT).as_posix() if path else None for path in found]


def told(files: list[str], *wanted: Wanted) -> list[tuple[str, str]]:
    reading = Reading("cvat", [])
    Finder(ROOT, [ROOT / name for name in files]).meet(reading, list(wanted))
    return [(p.code, p.message) for p in reading.problems]


def at(name: str, near: str = "annotations.xml", **more) -> Wanted:
    return Wanted((name,), ROOT / near, **more)


def test_a_name_relative_to_the_annotation_file_wins() -> None:
    files = ["a.png", "sub/a.png", "images/a.png", "sub/images/b.png", "images/b.png"]
    assert met(files, at("a.png", "sub/x.json"), at("a.png", "x.json")) == ["sub/a.png", "a.png"]
    assert met(files, at("../images/a.png", "sub/x.json")) == ["images/a.png"]
    assert met(files, at("b.png", "sub/x.json"), at("b.png", "x.json")) == ["sub/images/b.png", "images/b.png"]


def test_the_narrowest_folder_with_the_annotation_file() -> None:
    files = ["c1/pics/a.png", "c2/pics/a.png"]
    assert met(files, at("a.png", "c1/ann/x.xml"), at("a.png", "c2/ann/y.xml")) == files
    assert met(files, at("a.png", "x.xml")) == [None]
    assert told(files, at("a.png", "x.xml"))[0][0] == "ambiguous-name"


def test_a_declared_subset_is_a_folder_on_the_way() -> None:
    files = ["images/Line A/a.png", "images/Line B/a.png"]
    both = (at("a.png", subset="Line B"), at("a.png", subset="Line A"))
    assert met(files, *both) == files[::-1]
    assert met(files[:1], *both) == [None, "images/Line A/a.png"]
    assert met(["images/a.png"], *both) == [None, None]  # of which of the two?
    assert met(["images/a.png"], both[0]) == ["images/a.png"]


def test_names_alike_only_after_an_upload_prefix_share_no_image() -> None:
    one, other = (Wanted((f"{n}-a.png", "a.png"), ROOT / "e.json") for n in ("ab12cd34", "ff12cd34"))
    assert met(["images/a.png"], one, other) == [None, None]
    assert met(["images/a.png"], one) == ["images/a.png"]


def test_a_name_without_ending_stands_for_any_one_ending() -> None:
    assert met(["images/frame_000000.PNG"], at("frame_000000")) == ["images/frame_000000.PNG"]
    assert met(["a.png", "a.jpg"], at("a")) == [None]
    assert met(["a.v2.png"], at("a.v2")) == ["a.v2.png"]
    assert met(["a.png"], at("a.jpg")) == [None]
    assert met(["a.png"], at("a.v2")) == [None]


def test_how_names_were_matched_is_told_once_per_rule() -> None:
    files = ["images/a.png", "images/b.png", "images/c.png", "images/Ö.png", "images/e.png"]
    names = ["images\\a.png", "images/B.PNG", "C:\\x\\c.png", "O\u0308.png", "e.png"]
    found = told(files, *(at(name) for name in names))
    assert [code for code, _ in found] == ["names-matched"] * 3
    assert [message.split(" image")[0] for _, message in found] == ["2", "1", "1"]
    assert told(files, at("../../x/a.png", "sub/x.json"))[0][1].endswith("such as '../../x/a.png' with 'images/a.png'")


def test_images_that_are_not_there_are_different_ones(tmp_path: Path) -> None:
    finder = Finder(tmp_path, [])
    wanted = [
        Wanted(("a.png",), tmp_path / near, subset)
        for near, subset in (("c1/a.json", ""), ("c2/a.json", ""), ("x.xml", "A"), ("x.xml", "B"))
    ]
    assert len({finder.missing(one) for one in wanted}) == 4
    (tmp_path / "a.png").touch()
    assert not finder.missing(at("../a.png")).exists() and finder.missing(at("../a.png")).is_relative_to(tmp_path)
    assert not finder.missing(Wanted(("a.png",), tmp_path / "x.xml")).exists()


@given(FILES, FILES)
def test_no_image_is_another_one(files: list[str], names: list[str]) -> None:
    found = met(files, *(at(name) for name in names))
    for name, file in zip(names, found, strict=True):
        assert file is None or file.split("/")[-1] == name.split("/")[-1]
        assert file == name or name not in files
        for one, other in (("train", "val"), ("val", "train")):
            assert file is None or not (one in name and other not in name and other in file and one not in file)
    paths = [file for file in found if file]
    assert len(set(paths)) == len(paths) or any(f"images/{name}" in files for name in names)
