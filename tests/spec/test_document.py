"""One YAML file to one typed document: every complaint is a SpecError that names the key."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from boxwright.errors import SpecError
from boxwright.spec import Section, parse_document, read_document
from boxwright.spec.yaml_text import MAX_ALIASES, MAX_BYTES, MAX_DEPTH


class Wheel(Section):
    size_px: int = 1
    colour: str = "black"


class Axle(Section):
    wheels: tuple[Wheel, ...] = ()
    spare: Wheel | None = None
    load: float = Field(default=1.0, gt=0)


class Cart(Section):
    name: str
    axles: tuple[Axle, ...] = ()
    notes: dict[str, str] = {}


def cart(text: str) -> Cart:
    return parse_document(text.encode(), Cart, name="cart.yaml")


def test_a_document_becomes_its_type() -> None:
    found = cart("name: hay\naxles:\n  - wheels: [{size_px: 3}, {}]\n    load: 2\n")
    assert found == Cart(name="hay", axles=(Axle(wheels=(Wheel(size_px=3), Wheel()), load=2.0),))


@pytest.mark.parametrize(
    ("text", "key_path", "near"),
    [
        ("name: hay\naxels: []", "axels", "axles"),
        ("name: hay\naxles: [{}, {wheel: []}]", "axles[1].wheel", "wheels"),
        ("name: hay\naxles: [{wheels: [{}, {}, {color: red}]}]", "axles[0].wheels[2].color", "colour"),
        ("name: hay\naxles: [{spare: {sizepx: 1}}]", "axles[0].spare.sizepx", "size_px"),
        ("nmae: hay", "nmae", "name"),
    ],
)
def test_an_unknown_key_is_named_with_its_path_and_the_nearest(text: str, key_path: str, near: str) -> None:
    with pytest.raises(SpecError) as caught:
        cart(text)
    assert caught.value.key_path == key_path
    assert f"unknown key '{key_path}'; did you mean '{near}'?" in str(caught.value)


def test_a_key_unlike_any_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"unknown key 'axles\[0\]\.qqqq'; known keys here: wheels, spare, load\."):
        cart("name: hay\naxles: [{qqqq: 1}]")


@pytest.mark.parametrize(
    ("text", "key_path"),
    [
        ("{}", "name"),
        ("name: [1]", "name"),
        ("name: hay\naxles: 3", "axles"),
        ("name: hay\naxles: [{load: -1}]", "axles[0].load"),
        ("name: hay\naxles: [{}, {wheels: [{size_px: wide}]}]", "axles[1].wheels[0].size_px"),
        ("name: hay\nnotes: {a: {b: c}}", "notes.a"),
    ],
)
def test_a_wrong_value_is_told_with_the_path_of_its_key(text: str, key_path: str) -> None:
    with pytest.raises(SpecError) as caught:
        cart(text)
    assert caught.value.key_path == key_path
    assert str(caught.value).startswith(f"cart.yaml: '{key_path}': ")


def test_several_complaints_are_counted() -> None:
    with pytest.raises(SpecError, match="2 more problems"):
        cart("name: [1]\naxles: [{load: -1}, {load: 0}]")


@pytest.mark.parametrize(
    "text", ["name: a\nname: b", "name: a\nnotes: {k: x, k: y}", "name: a\naxles: [{load: 1, load: 1}]"]
)
def test_a_key_given_twice_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(SpecError, match=r"at line \d, column \d+: key '\w+' is given twice"):
        cart(text)


@pytest.mark.parametrize("text", ["", "just text", "[1, 2]", "3", "null", "# nothing but a comment"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="must be a mapping"):
        cart(text)


@pytest.mark.parametrize("text", ["name: [", "name: 'a", "\tname: a", "a: b: c", "name: &x *y", "%", "{", "\x00"])
def test_what_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="is not valid YAML"):
        cart(text)


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.getcwd []", "!!python/name:os.system ''", "!thing 1"])
def test_tags_are_not_obeyed(tag: str) -> None:
    with pytest.raises(SpecError):
        cart(f"name: {tag}")


@pytest.mark.parametrize(
    "value",
    ["2026-02-31", "2001-99-99", "0b_", "!!int many", "!!float much", "!!timestamp soon", "9" * 5000],
)
def test_values_yaml_itself_stumbles_over_are_refused_in_a_sentence(value: str) -> None:
    with pytest.raises(SpecError):
        cart(f"name: {value}")


@pytest.mark.parametrize("key", ["1", "~", "true", "1.5", "[a, b]", "{a: b}"])
def test_keys_that_are_no_text_are_refused(key: str) -> None:
    with pytest.raises(SpecError):
        cart(f"name: a\n? {key}\n: 1")


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    levels = [f"a0: &a0 [{', '.join('x' * 10)}]"]
    levels += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 30)]
    begin = time.process_time()
    with pytest.raises(SpecError, match="aliases"):
        cart("\n".join(levels))
    assert time.process_time() - begin < 1


def test_a_bomb_within_the_allowed_aliases_is_refused_soon() -> None:
    levels = ["axles: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"b{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 10)]  # 90 aliases, 10^10 leaves
    levels.append("notes: {a: *a9}\nname: *a9")
    begin = time.process_time()
    with pytest.raises(SpecError) as caught:
        cart("\n".join(levels))
    assert len(str(caught.value)) < 1000
    assert time.process_time() - begin < 1


def test_a_few_aliases_are_welcome() -> None:
    assert cart("name: &n hay\nnotes: {a: *n}").notes == {"a": "hay"}
    assert len(cart("name: &n hay\nnotes: {" + ", ".join(f"k{i}: *n" for i in range(MAX_ALIASES)) + "}").notes) == 100


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 50_000])
def test_deep_nesting_is_refused_before_it_is_built(depth: int) -> None:
    with pytest.raises(SpecError, match="nested deeper"):
        cart("name: " + "[" * depth + "]" * depth)


def test_a_huge_file_is_refused_unread() -> None:
    with pytest.raises(SpecError, match=f"at most {MAX_BYTES}"):
        cart("name: a\n" + "#" * MAX_BYTES)


def test_a_missing_file_and_a_folder_are_told_by_path(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(SpecError, match="Cannot read"):
            read_document(path, Cart)


@given(st.text(max_size=40))
@settings(max_examples=40)
def test_any_text_is_a_document_or_a_spec_error(text: str) -> None:
    try:
        found = cart(text)
    except SpecError:
        return
    assert isinstance(found, Cart)
