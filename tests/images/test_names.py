"""Names find their image however tools spell the path, and never an image of another folder."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from boxwright.images import match_names
from boxwright.images.path_ends import PathEnds
from tests.oracles import longest_ends

PARTS = st.lists(
    st.sampled_from(["a", "b", "train", "val", "images", "1.png", "2.png", "É.png"]), min_size=1, max_size=4
)
PATHS = st.lists(PARTS.map("/".join), max_size=8)


def met(names: list[str], known: list[str], **options) -> list[tuple[int, str]]:
    found = match_names(names, known, **options)
    return list(zip(found.index.tolist(), found.rule, strict=True))


def test_spellings_of_one_path() -> None:
    known = ["images/a.png", "images/b.png", "images/\u00d6l.png", "images/C.PNG"]
    names = ["images\\a.png", "./images/b.png", "images/O\u0308l.png", "images/c.png"]
    assert met(names, known) == [(0, "spelling"), (1, "spelling"), (2, "spelling"), (3, "case")]


def test_prefixes_of_other_machines_are_met_by_the_end() -> None:
    known = ["images/a.png", "images/b.png", "images/c.png"]
    names = ["C:\\line\\images\\a.png", "..\\..\\media\\upload\\1\\b.png", "c.png"]
    assert met(names, known) == [(0, "path end"), (1, "path end"), (2, "path end")]
    assert match_names(names, known).told() == {"path end": 3}


def test_the_same_name_in_two_subsets_is_two_images() -> None:
    known = ["train/1.png", "train/2.png"]
    assert met(["train/1.png", "val/1.png", "val/3.png"], known) == [(0, "exact"), (-1, ""), (-1, "")]
    assert met(["val/1.png"], known) == [(-1, "")]
    assert met(["valid/1.png"], ["val/1.png"]) == [(0, "path end")]


def test_a_folder_that_both_sides_have_is_not_another_folder() -> None:
    known = ["cam1/5.png", "cam1/6.png"]
    assert met(["cam1/5.png", "cam2/6.png"], known) == [(0, "exact"), (-1, "")]
    assert met(["cam2/6.png"], known) == [(1, "path end")]  # nothing says that cam2 is another
    assert met(["cam1/5.png", "C:\\cam2\\6.png"], known) == [(0, "exact"), (1, "path end")]
    assert met(["cam1/5.png", "x/y/6.png"], known) == [(0, "exact"), (1, "path end")]


def test_two_candidates_are_none() -> None:
    found = match_names(["x/1.png"], ["a/1.png", "b/1.png"])
    assert found.index.tolist() == [-1] and found.ambiguous == [0]
    assert met(["q/a/1.png"], ["a/1.png", "b/1.png"]) == [(0, "path end")]
    found = match_names(["v1/1.png", "v2/1.png"], ["1.png"])  # two names, one image
    assert found.index.tolist() == [-1, -1] and found.ambiguous == [0, 1]
    assert met(["A.png"], ["a.PNG", "a.png"]) == [(-1, "")]
    assert met(["A.png", "a.png"], ["a.png"]) == [(-1, ""), (0, "exact")]
    assert met(["A.png", "a.png"], ["a.PNG"]) == [(-1, ""), (-1, "")]


def test_what_another_name_has_is_not_given_again() -> None:
    assert met(["a/1.png", "b/1.png"], ["a/1.png"]) == [(0, "exact"), (-1, "")]


def test_other_endings_only_where_asked_for() -> None:
    assert met(["a.jpg"], ["a.png"]) == [(-1, "")]
    assert met(["a.jpg", "b.jpg"], ["a.png", "b.jpg"], other_endings=True) == [(0, "ending"), (1, "exact")]
    assert met(["a.jpg"], ["a.png", "a.bmp"], other_endings=True) == [(-1, "")]


@given(PATHS, PATHS)
def test_no_image_is_given_to_two_different_paths_and_each_exact_name_is_kept(
    names: list[str], known: list[str]
) -> None:
    found = match_names(names, known)
    for i, (k, rule) in enumerate(zip(found.index.tolist(), found.rule, strict=True)):
        assert (k >= 0) == (rule != "")
        if k >= 0:
            assert names[i].split("/")[-1].casefold() == known[k].split("/")[-1].casefold()
        if known.count(names[i]) == 1:
            assert known[k] == names[i]
    for k in set(found.index.tolist()) - {-1}:
        claimants = {names[i] for i in range(len(names)) if found.index[i] == k}
        assert len(claimants) == 1


@given(PATHS)
def test_every_name_matches_itself(names: list[str]) -> None:
    names = sorted(set(names))
    assert match_names(names, names).index.tolist() == list(range(len(names)))


@given(
    st.lists(PARTS, max_size=8),
    PARTS,
    st.sets(st.tuples(st.sampled_from(["a", "b", "val"])), max_size=2),
    st.booleans(),
)
def test_one_walk_finds_what_comparing_each_with_each_does(
    known: list[list[str]], parts: list[str], shared: set[tuple[str, ...]], elsewhere: bool
) -> None:
    count, k = PathEnds(enumerate(known), shared).met(parts, from_elsewhere=elsewhere)
    wanted = longest_ends(parts, known, shared, from_elsewhere=elsewhere)
    assert count == len(wanted) and (count != 1 or [k] == wanted)


def test_no_name_is_compared_with_every_path_that_ends_alike() -> None:
    """Thousands of folders with one `image.png` each: every name was once compared with every path."""

    class Part(str):
        compared = 0

        def __eq__(self, other: object) -> bool:
            Part.compared += 1
            return str.__eq__(self, str(other))

        __hash__ = str.__hash__

    many = 2000
    ends = PathEnds(((k, [f"clip{k}", Part("image.png")]) for k in range(many)), set())
    for k in range(many):
        assert ends.met(["elsewhere", f"clip{k}", Part("image.png")], from_elsewhere=False) == (1, k)
        assert ends.met([f"other{k}", Part("image.png")], from_elsewhere=False)[0] == many
    assert Part.compared < 20 * many


def test_nothing_in_nothing_out() -> None:
    assert met([], ["a"]) == [] and met(["a"], []) == [(-1, "")]
