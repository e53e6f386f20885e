"""The scanner against `json`: the same numbers to the last bit, or no answer; and never an answer where `json` refuses."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.errors import FormatError
from boxwright.ingestion import coco_columns, json_columns, read_results, read_truth
from boxwright.ingestion.json_columns import Key, members, scan_array, scan_file

KEYS = (Key("image_id", whole=True), Key("category_id", whole=True), Key("bbox", many=True), Key("score"))
MORE = (*KEYS, Key("id", whole=True, needed=False), Key("area", needed=False))
NAMES = {key.name for key in MORE}
RESULT = b'{"image_id": 1, "category_id": 2, "bbox": [1.5, 2, 3, 4], "score": 0.5}'

digits = st.text("0123456789", min_size=1, max_size=22)
whole_part = digits.map(lambda d: d.lstrip("0") or "0")
spelled = st.builds(
    lambda sign, whole, part, power: sign + whole + part + power,
    st.sampled_from(["", "-"]),
    whole_part,
    st.one_of(st.just(""), digits.map(lambda d: "." + d)),
    st.one_of(
        st.just(""),
        st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 340)),
    ),
)
CORNERS = [
    "-0", "-0.0", "0e0", "0E-400", "1e308", "1.7976931348623157e308", "5e-324", "2.4e-324", "9007199254740993",
    "9007199254740993.0", "0.30000000000000004", "1234567890.123456789", "9999999999999999999", "1.0000000000000000000",
    "123456789012345678901234567890", "179769313486231580793e289", "8.5899345930e9", "4503599627370497.5", "9223372036854775807",
    "18446744073709551615", "18446744073709551616e-2", "1844674407370955161.5", "0.000000000000000000000001",
    "100000000000000000000000", "1e22", "1e23", "1e-22", "1e-23", "9007199254740992e22", "9007199254740991e-22",
]  # fmt: skip
number = st.one_of(st.sampled_from(CORNERS), spelled, st.floats(allow_nan=False, allow_infinity=False).map(repr))
integer = st.one_of(
    st.integers(0, 300).map(str),
    st.integers(-(1 << 60), 1 << 60).map(str),
    st.sampled_from(["-0", "0", "9999999999999999999"]),
)
space = st.text(" \t\r\n", max_size=3)
plain_text = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
    st.sampled_from(['"', "\\", "/", "\b\f\n\r\t", '\\"', "}],{[", "bbox"]),
)
any_text = st.one_of(plain_text, st.text(max_size=6))


def value_text(text: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Any JSON value, spelled."""
    leaf = st.one_of(st.sampled_from(["true", "false", "null", "[]", "{}", "[ ]", "{ }"]), number, text.map(json.dumps))
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda v: "[" + " , ".join(v) + "]"),
            st.lists(st.tuples(text.map(json.dumps), inner), max_size=3).map(
                lambda v: "{" + ",".join(f"{k} : {x}" for k, x in v) + "}"
            ),
        ),
        max_leaves=6,
    )


@st.composite
def documents(draw: Callable[..., Any], text: st.SearchStrategy[str] = plain_text) -> str:
    """An array of results: keys in any order, with unknown ones between, and white space everywhere."""
    records = []
    for _ in range(draw(st.integers(0, 4))):
        pairs = [
            ("image_id", draw(integer)), ("category_id", draw(integer)), ("score", draw(number)),
            ("bbox", "[" + ",".join(draw(space) + draw(number) + draw(space) for _ in range(4)) + "]"),
        ]  # fmt: skip
        pairs += [("id", draw(integer))] if draw(st.booleans()) else []
        pairs += [("area", draw(number))] if draw(st.booleans()) else []
        for _ in range(draw(st.integers(0, 2))):
            name = draw(text)
            pairs += [(name, draw(value_text(text)))] if name not in NAMES else []
        pairs = draw(st.permutations(pairs))
        inner = ",".join(f"{draw(space)}{json.dumps(k)}{draw(space)}:{draw(space)}{v}{draw(space)}" for k, v in pairs)
        records.append("{" + inner + "}" + draw(space))
    return draw(space) + "[" + draw(space) + ("," + draw(space)).join(records) + "]" + draw(space)


def bits(column: np.ndarray) -> bytes:
    return np.where(np.isnan(column), np.nan, column).astype(np.float64).tobytes()


def assert_same(found: dict[str, np.ndarray], entries: Any, keys: tuple[Key, ...]) -> None:
    """Columns hold what `json` read, sign and last bit included."""
    assert isinstance(entries, list) and all(isinstance(e, dict) for e in entries)
    for key in keys:
        width = 4 if key.many else 1
        values = [e[key.name] if key.needed else e.get(key.name, math.nan) for e in entries]
        for value in values:
            of = value if key.many else [value]
            assert len(of) == width and all(type(v) in (int, float) for v in of)
            assert not key.whole or all(type(v) is int or math.isnan(v) for v in of)
        expected = np.array([[float(v) for v in (value if key.many else [value])] for value in values]).reshape(
            -1, width
        )
        column = found[key.name]
        assert column.shape == ((len(entries), 4) if key.many else (len(entries),))
        whole = np.array([[type(v) is int and v == 0 for v in (x if key.many else [x])] for x in values]).reshape(
            -1, width
        )
        expected = np.where(whole, np.abs(expected), expected)  # json reads -0 as the integer 0
        mine = np.where(whole, np.abs(column.reshape(-1, width)), column.reshape(-1, width))
        assert bits(mine) == bits(expected), key.name


def scanned(text: bytes, keys: tuple[Key, ...], *, block: int, folder: Path) -> dict[str, np.ndarray] | None:
    """What `scan_file` gives when it reads so many bytes at a time."""
    (folder / "a.json").write_bytes(text)
    before = json_columns._BLOCK
    json_columns._BLOCK = block
    try:
        return scan_file(folder / "a.json", keys)
    finally:
        json_columns._BLOCK = before


def is_plain(number_text: str) -> bool:
    return len(number_text) <= 60


@settings(max_examples=120)
@given(text=documents())
def test_plain_documents_are_read_as_json_reads_them(text: str) -> None:
    found = scan_array(text.encode(), MORE)
    entries = json.loads(text)
    too_big = any(math.isinf(float(v)) for e in entries for v in (*e["bbox"], e["score"]))
    long_ids = any(abs(e.get(k, 0)) > 2**53 for e in entries for k in ("image_id", "category_id", "id"))
    if found is None:  # only for a reason
        assert too_big or long_ids
        return
    assert not too_big
    assert_same(found, entries, MORE)


@settings(max_examples=60)
@given(text=documents(any_text))
def test_any_document_is_read_as_json_reads_it_or_not_at_all(text: str) -> None:
    for data in (text.encode(), json.dumps(json.loads(text), ensure_ascii=False).encode()):
        found = scan_array(data, MORE)
        if found is not None:
            assert_same(found, json.loads(data), MORE)


@settings(max_examples=60)
@given(text=documents(), block=st.sampled_from([1, 7, 64]))
def test_blocks_may_end_anywhere(text: str, block: int, tmp_path: Path) -> None:
    at_once = scan_array(text.encode(), MORE)
    in_blocks = scanned(text.encode(), MORE, block=block, folder=tmp_path)
    assert (at_once is None) == (in_blocks is None)
    if at_once is not None and in_blocks is not None:
        for name, column in at_once.items():
            assert bits(column) == bits(in_blocks[name]) and column.shape == in_blocks[name].shape


@settings(max_examples=1000)
@given(text=number)
def test_every_spelling_of_a_number_is_rounded_as_python_rounds_it(text: str) -> None:
    found = scan_array(b'[{"score":' + text.encode() + b"}]", (Key("score"),))
    value = float(text)
    if not is_plain(text) or math.isinf(value):
        assert found is None or bits(found["score"]) == bits(np.array([value]))
        return
    assert found is not None
    assert bits(found["score"]) == bits(np.array([value]))


def test_thirty_thousand_numbers_are_rounded_as_python_rounds_them() -> None:
    rng = np.random.default_rng(0)
    texts = []
    for _ in range(30_000):
        figures = "".join(map(str, rng.integers(0, 10, rng.integers(1, 20)).tolist())).lstrip("0") or "0"
        at = int(rng.integers(0, len(figures) + 1))
        texts.append((figures[:at] or "0") + ("." + figures[at:] if figures[at:] else ""))
    halves = [f"{(1 << 53) + 2 * k + 1}.{'0' * z}{tail}" for k in range(40) for z in range(3) for tail in ("", "1")]
    texts += [t.rstrip(".") if t.endswith(".") else t for t in halves]
    found = scan_array(("[" + ",".join(f'{{"score":{t} }}' for t in texts) + "]").encode(), (Key("score"),))
    assert found is not None
    expected = np.array([float(t) for t in texts])
    assert found["score"].tobytes() == expected.tobytes()


def test_a_number_halfway_between_two_floats_goes_to_the_even_one() -> None:
    for numerator in ((1 << 54) + 1, (1 << 54) + 3, (1 << 55) + 2, (1 << 55) + 6, (1 << 62) + 256, (1 << 63) + 1024):
        for shift in (0, 1, 2, 5):
            text = (
                f"{numerator}"
                if shift == 0
                else f"{str(numerator * 5**shift)[:-shift]}.{str(numerator * 5**shift)[-shift:]}"
            )
            found = scan_array(f'[{{"score":{text}}}]'.encode(), (Key("score"),))
            assert found is not None and found["score"][0] == float(text), text


def as_json(data: bytes) -> Any:
    """What the careful reader would make of it; an exception when it refuses."""
    return json.loads(data.decode("utf-8-sig"))


@settings(max_examples=120)
@given(text=documents(), data=st.data())
def test_damaged_text_is_never_taken_for_whole(text: str, data: st.DataObject) -> None:
    damaged = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged)))
        match data.draw(st.sampled_from(["cut", "drop", "insert", "replace", "repeat"])):
            case "cut":
                del damaged[at:]
            case "drop":
                del damaged[at : at + data.draw(st.integers(1, 4))]
            case "insert":
                damaged[at:at] = bytes(
                    [data.draw(st.sampled_from(list(b'{}[],:"\\0123456789.eE+-tfn \t\n\x00\x7f\x80\xef\xbb\xbf')))]
                )
            case "replace" if at < len(damaged):
                damaged[at] = data.draw(st.integers(0, 255))
            case "repeat":
                damaged[at:at] = damaged[at : at + 9]
    found = scan_array(bytes(damaged), MORE)
    if found is None or damaged[:1] in (b"\xef", b"\xbb", b"\xbf"):  # see the test on byte-order marks
        return
    entries = as_json(bytes(damaged))  # must not raise
    assert_same(found, entries, MORE)


def test_ten_thousand_single_bytes() -> None:
    """Each byte of two results deleted, doubled, and replaced by every sign that means something."""
    text = (
        b"["
        + RESULT
        + b', {"score": 1e-3, "x": {"y": [true, null, "a\\"b"]}, "bbox":[0,-1.0,2E2,3 ],"category_id":7,"image_id":0} ]'
    )
    signs = b'{}[],:"\\019.eE+-tfnul \n\x00\x1f\x7f\xff'
    cases = [text[:at] for at in range(len(text))]
    cases += [text[:at] + text[at + 1 :] for at in range(len(text))]
    cases += [text[:at] + text[at : at + 1] * 2 + text[at + 1 :] for at in range(len(text))]
    cases += [text[:at] + bytes([s]) + text[at + 1 :] for at in range(len(text)) for s in signs]
    cases += [text[:at] + bytes([s]) + text[at:] for at in range(len(text)) for s in signs]
    accepted = 0
    for case in cases:
        found = scan_array(case, KEYS)
        if found is not None:
            accepted += 1
            assert_same(found, as_json(case), KEYS)
    assert accepted > 500  # a digit for a digit, white space, and so on: the test would be empty otherwise


@pytest.mark.parametrize(
    "number_text", ["01", "+1", ".5", "1.", "1e", "1e+", "--1", "1.e2", "NaN", "Infinity", "-Infinity", "0x1", "1_0", "-", "1 2", "-01", "00.5"]
)  # fmt: skip
def test_what_is_no_json_number_is_refused(number_text: str) -> None:
    assert scan_array(f'[{{"score": {number_text}}}]'.encode(), (Key("score"),)) is None
    assert scan_array(f'[{{"score": {number_text}, "x": 1}}]'.encode(), (Key("score"),)) is None
    assert scan_array(f'[{{"x": {number_text}, "score": 1}}]'.encode(), (Key("score"),)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "[",
        "[{",
        "[{}",
        "[{}]",
        "{}",
        "null",
        "[null]",
        "[1]",
        "[[]]",
        "[{]}",
        "[,]",
        "[{},]",
        "[] x",
        "[]]",
        "[][]",
    ],
)
def test_what_is_no_array_of_results_is_refused(text: str) -> None:
    assert scan_array(text.encode(), KEYS) is None


def test_an_empty_array_is_no_rows() -> None:
    found = scan_array(b" [ \n] ", MORE)
    assert found is not None
    assert found["bbox"].shape == (0, 4) and found["score"].shape == (0,)


@pytest.mark.parametrize(
    "record",
    [
        RESULT.replace(b"1.5, 2, 3, 4", b"1, 2, 3"), RESULT.replace(b"1.5, 2, 3, 4", b"1, 2, 3, 4, 5"),
        RESULT.replace(b"1.5, 2, 3, 4", b""), RESULT.replace(b'"image_id": 1', b'"image_id": 1.0'),
        RESULT.replace(b'"image_id": 1', b'"image_id": 1e2'), RESULT.replace(b'"image_id": 1', b'"image_id": "1"'),
        RESULT.replace(b'"image_id": 1', b'"image_id": true'), RESULT.replace(b"0.5", b"null"), RESULT.replace(b"0.5", b"1e999"),
        RESULT.replace(b"[1.5", b"[-1e999"), RESULT.replace(b'"score"', b'"sc\\u006fre"'), RESULT.replace(b'"score": 0.5', b'"Score": 0.5'),
    ],
)  # fmt: skip
def test_the_careful_reader_gets_what_is_not_plain(record: bytes) -> None:
    assert scan_array(b"[" + RESULT + b"]", KEYS) is not None
    assert scan_array(b"[" + RESULT + b"," + record + b"]", KEYS) is None


def test_keys_of_one_length_or_one_beginning_are_told_apart() -> None:
    keys = (Key("aa"), Key("ab", needed=False), Key("a", needed=False), Key("aaa", needed=False))
    found = scan_array(b'[{"aaaa": 9, "aab": 8, "ab": 1, "a": 2, "aa": 3, "aaa": 4, "": 5, "ba": 6}]', keys)
    assert found is not None
    assert {k: v.tolist() for k, v in found.items()} == {"aa": [3], "ab": [1], "a": [2], "aaa": [4]}


def test_the_last_of_equal_keys_counts() -> None:
    found = scan_array(b'[{"score": 0.25, "score": 0.5}]', (Key("score"),))
    assert found is None or found["score"].tolist() == [0.5]


def test_the_last_of_equal_keys_counts_also_after_a_number_left_to_python() -> None:
    text = b'[{"score": 0.1234567890123456789012, "score": 0.5}]'
    found = scan_array(text, (Key("score"),))
    assert found is None or found["score"].tolist() == [json.loads(text)[0]["score"]]


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"])
def test_one_byte_order_mark_is_stepped_over(before: bytes, tmp_path: Path) -> None:
    found = scanned(before + b"[" + RESULT + b"]", KEYS, block=64, folder=tmp_path)
    assert found is not None and found["score"].tolist() == [0.5]


def test_half_a_byte_order_mark_is_not() -> None:
    for before in (b"\xef", b"\xbb\xbf", b"\xbf\xbf", b" \xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf"):
        with pytest.raises((UnicodeDecodeError, json.JSONDecodeError)):
            as_json(before + b"[]")
        assert scan_array(before + b"[]", KEYS) is None, before


@settings(max_examples=150)
@given(
    pairs=st.lists(st.tuples(plain_text, value_text(plain_text)), max_size=4, unique_by=lambda p: p[0]),
    gap=space,
    after=space,
)
def test_members_of_an_object_are_those_of_json(pairs: list[tuple[str, str]], gap: str, after: str) -> None:
    text = gap + "{" + gap + ",".join(f"{gap}{json.dumps(k)}{gap}:{gap}{v}{gap}" for k, v in pairs) + "}" + after
    found = members(text.encode())
    assert found is not None
    expected = json.loads(text)
    plain = {k for k, _ in pairs if json.dumps(k)[1:-1] == k}
    assert plain <= found.keys() and len(found) == len(expected)
    for name in plain:
        assert json.loads(found[name]) == expected[name] or math.isinf(
            float(str(expected[name]) if isinstance(expected[name], float) else 0)
        )


@settings(max_examples=200)
@given(data=st.binary(max_size=12), at=st.integers(0, 60))
def test_members_of_damaged_objects_are_those_of_json_or_none(data: bytes, at: int) -> None:
    text = b'{"annotations": [{"a": 1}], "images": [], "x": {"y": 1.5}} '
    damaged = text[:at] + data + text[at + len(data) // 2 :]
    found = members(damaged)
    if found is not None:
        expected = json.loads(damaged)
        assert {k: json.loads(v) for k, v in found.items()} == expected


TRUTH = {
    "images": [{"id": 7, "file_name": "b.jpg", "height": 40, "width": 50}, {"id": 3, "file_name": "a.jpg"}],
    "categories": [{"id": 9, "name": "dog"}, {"id": 2, "name": "cat"}],
    "annotations": [
        {"id": 5, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3.5, 4], "area": 12.25, "iscrowd": 0, "segmentation": [[1, 2]]},
        {"image_id": 3, "category_id": 9, "bbox": [0.1, 0.2, 0.30000000000000004, 1e-7], "iscrowd": 1},
    ],
}  # fmt: skip


def both_ways(read: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """What a reader gives with the scanner, and without; an error's class where it raises."""

    def outcome() -> Any:
        try:
            return read()
        except FormatError as error:
            return error

    with monkeypatch.context() as patch:
        patch.setattr(coco_columns, "SCAN_FROM", 0)  # small files would not be scanned
        fast = outcome()
        patch.setattr(coco_columns, "scan_file", lambda *_: None)
        patch.setattr(coco_columns, "scan_array", lambda *_: None)
        return fast, outcome()


def assert_alike(fast: Any, slow: Any) -> None:
    assert type(fast) is type(slow), f"{fast!r}, {slow!r}"
    if isinstance(slow, FormatError):
        return
    for name, column in vars(slow).items():
        mine = getattr(fast, name)
        if isinstance(column, np.ndarray):
            assert mine.dtype == column.dtype and mine.shape == column.shape and mine.tobytes() == column.tobytes(), (
                name
            )
        else:
            assert mine == column, name


@settings(max_examples=80)
@given(seed=st.integers(0, 10_000))
def test_truth_and_results_are_the_same_by_both_ways(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    ids, categories = rng.choice(1000, 4, replace=False).tolist(), rng.choice(90, 3, replace=False).tolist()

    def record(number: int) -> dict:
        entry = {
            "image_id": int(rng.choice(ids)), "category_id": int(rng.choice(categories)),
            "bbox": [float(v) if rng.random() < 0.7 else round(float(v)) for v in rng.normal(0, 100, 4)],
            "score": round(float(rng.random()), int(rng.integers(1, 18))),
        }  # fmt: skip
        for name, value in (("id", number * 3), ("area", float(rng.random())), ("iscrowd", int(rng.integers(2)))):
            if rng.random() < 0.7:
                entry[name] = value
        if rng.random() < 0.03:
            entry.pop(str(rng.choice(list(entry))))
        if rng.random() < 0.03:
            entry["image_id"] = [1234, 1.0, None, "x", True][int(rng.integers(5))]
        if rng.random() < 0.03:
            entry["bbox"] = [[1, 2, 3], [1, 2, 3, None], ["1", 2, 3, 4], 5, [1, 2, 3, 1e999]][int(rng.integers(5))]
        return {name: entry[name] for name in rng.permutation(list(entry)).tolist()}

    records = [record(i) for i in range(int(rng.integers(0, 6)))]
    tree = {
        "annotations": records,
        "categories": [{"id": c, "name": f"c{c}"} for c in categories],
        "images": [{"id": i} for i in ids],
    }
    tree = {name: tree[name] for name in rng.permutation(list(tree)).tolist()}
    (tmp_path / "gt.json").write_text(json.dumps(tree, indent=int(rng.integers(0, 3)) or None))
    (tmp_path / "dt.json").write_text(json.dumps(records))
    with pytest.MonkeyPatch.context() as patch:
        assert_alike(*both_ways(lambda: read_truth(tmp_path / "gt.json"), patch))
        (tmp_path / "good.json").write_text(json.dumps({**tree, "annotations": []}))
        truth = read_truth(tmp_path / "good.json")
        assert_alike(*both_ways(lambda: read_results(tmp_path / "dt.json", truth), patch))


def test_what_the_file_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gt.json").write_text(json.dumps(TRUTH))
    fast, slow = both_ways(lambda: read_truth(tmp_path / "gt.json"), monkeypatch)
    assert_alike(fast, slow)
    assert fast.annotation_id.tolist() == [5, 1]
    assert fast.area.tolist() == [12.25, 0.30000000000000004 * 1e-7]
    assert fast.crowd.tolist() == [False, True]
    assert fast.class_names == ["cat", "dog"] and fast.image.tolist() == [1, 0]


def changed(folder: Path, **changes: Any) -> Path:
    (folder / "gt.json").write_text(json.dumps({**TRUTH, **changes}).replace("Infinity", "1e999"))
    return folder / "gt.json"


@pytest.mark.parametrize("annotation", [{"area": math.inf}, {"bbox": [0, 0, 1e200, 1e200]}])
def test_an_area_that_is_not_finite_is_refused_either_way(annotation: dict, tmp_path: Path, monkeypatch) -> None:
    path = changed(tmp_path, annotations=[{"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], **annotation}])
    assert_alike(*both_ways(lambda: read_truth(path), monkeypatch))


def test_equal_image_ids_mean_the_same_either_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = changed(
        tmp_path,
        images=[{"id": 7, "file_name": "a"}, {"id": 7, "file_name": "b"}],
        annotations=TRUTH["annotations"][:1],
    )
    assert_alike(*both_ways(lambda: read_truth(path), monkeypatch))


def test_image_ids_beyond_every_range_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        read_truth(changed(tmp_path, images=[{"id": 10**30, "file_name": "x"}], annotations=[]))


def test_category_ids_beyond_every_range_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        read_truth(changed(tmp_path, categories=[{"id": 10**30, "name": "x"}], annotations=[]))


HOSTILE = {
    "brackets": b"[" * 10_000_000,
    "objects": b'[{"a":' * 1_500_000,
    "brackets under a key": b'[{"x":' + b"[" * 10_000_000,
    "closed brackets under a key": b'[{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
    "a giant number": b'[{"score": ' + b"9" * 5_000_000 + b"}]",
    "a giant fraction": b'[{"score": 0.' + b"3" * 5_000_000 + b"}]",
    "a giant power": b'[{"score": 1e' + b"9" * 5_000_000 + b"}]",
    "an endless string": b'[{"x": "' + b"a" * 10_000_000,
    "an endless key": b'[{"' + b"a" * 10_000_000,
    "white space": b" " * 10_000_000,
    "white space within": b"[" + b" " * 10_000_000,
    "commas": b"[" + b"," * 10_000_000,
    "backslashes": b'[{"x": "' + b"\\" * 10_000_001,
    "zeros": b"\x00" * 10_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_quickly(name: str, tmp_path: Path) -> None:
    (tmp_path / "gt.json").write_text(json.dumps(TRUTH))
    truth = read_truth(tmp_path / "gt.json")
    (tmp_path / "dt.json").write_bytes(HOSTILE[name])
    begin = time.process_time()
    assert scan_file(tmp_path / "dt.json", KEYS) is None
    assert scan_array(HOSTILE[name], KEYS) is None
    assert members(HOSTILE[name]) is None
    with pytest.raises(FormatError):
        read_results(tmp_path / "dt.json", truth)
    with pytest.raises(FormatError):
        read_truth(tmp_path / "dt.json")
    assert time.process_time() - begin < 10


CHECKED = """
import json, sys
import numpy as np
from boxwright.ingestion import json_columns
from boxwright.ingestion.json_columns import Key, members, scan_array
keys = (Key("image_id", whole=True), Key("category_id", whole=True), Key("bbox", many=True), Key("score"), Key("id", whole=True, needed=False))
record = '{"image_id": 1, "x": {"y": ["a", true, null, -1.5e3]}, "category_id": 2, "bbox": [1.5, 2, 1234567890123456789.1, 4e-30], "score": 0.5}'
text = ("[" + record + ", " + record + "]").encode()
assert scan_array(text, keys)["score"].tolist() == [0.5, 0.5]
rng = np.random.default_rng(0)
for at in range(len(text) + 1):
    scan_array(text[:at], keys)
    members(b'{"a": 1, "annotations": ' + text[:at])
    for sign in b'{}[],:"0.eE-t':
        scan_array(text[:at] + bytes([sign]) + text[at + 1 :], keys)
for hostile in (b"[" * 10_000, b'[{"x":' + b"[" * 100, b'[{"score":' + b"9" * 10_000, b'[{"x":"' + b"\\\\" * 999, b"", b"[", b"-", b"[{\\"score\\":-"):
    scan_array(hostile, keys), members(hostile)
json_columns._BLOCK = 3
assert json_columns._scan(iter([text[i : i + 3] for i in range(0, len(text), 3)]), keys)["score"].tolist() == [0.5, 0.5]
print("within bounds")
"""


def test_the_scanner_stays_within_bounds(tmp_path: Path) -> None:
    """Compiled anew with bounds checks: reading outside of the text would raise IndexError."""
    environment = {
        **os.environ,
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    done = subprocess.run([sys.executable, "-c", CHECKED], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "within bounds" in done.stdout
