"""Plain COCO files against `json`: the same numbers to the last bit, or no answer; and never an answer where `json` refuses."""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxwright.coco import NO_ID, annotation_rows, pieces, result_rows
from boxwright.coco.columns import annotations_in, results_in
from boxwright.coco.members import read_members
from boxwright.coco.pieces import NotPlain
from boxwright.errors import FormatError
from boxwright.ingestion import read_results, read_truth
from tests.ingestion.carefully import read_carefully

NAMES = {"image_id", "category_id", "bbox", "score", "id", "area"}
RESULT = b'{"image_id": 1, "category_id": 2, "bbox": [1.5, 2, 3, 4], "score": 0.5}'
Columns = dict[str, np.ndarray]

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


def results_of(text: bytes) -> Columns | None:
    """Columns of a list of results; None where they are left to the careful reader."""
    try:
        rows = results_in(io.BytesIO(text))
    except NotPlain:
        return None
    return {
        "image_id": rows.image_id, "category_id": rows.category_id, "bbox": rows.boxes_xywh, "score": rows.score
    }  # fmt: skip


def annotations_of(text: bytes, *, once: bool = False) -> Columns | None:
    """The same of a list of annotations."""
    try:
        tree, rows = annotations_in(io.BytesIO(b'{"annotations":' + text + b"}"), once=once)
    except NotPlain:
        return None
    if tree:
        return None  # it is no array
    ids = np.where(rows.id == NO_ID, np.nan, rows.id)
    return {
        "image_id": rows.image_id, "category_id": rows.category_id, "bbox": rows.boxes_xywh, "id": ids, "area": rows.area
    }  # fmt: skip


def scores_of(text: str) -> np.ndarray | None:
    """The scores of results with these spellings."""
    records = ",".join(f'{{"image_id":1,"category_id":1,"bbox":[1,2,3,4],"score":{t}}}' for t in text.split())
    found = results_of(f"[{records}]".encode())
    return None if found is None else found["score"]


def in_pieces(size: int, read: Callable[[bytes], Columns | None], text: bytes) -> Columns | None:
    """What is read where a piece has so many bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", size)
        return read(text)


def assert_same(found: Columns, entries: Any) -> None:
    """Columns hold what `json` read, to the last bit."""
    assert isinstance(entries, list) and all(isinstance(e, dict) for e in entries)
    for key, column in found.items():
        width = 4 if key == "bbox" else 1
        values = [e.get(key, math.nan) if key in ("id", "area") else e[key] for e in entries]
        rows = [value if key == "bbox" else [value] for value in values]
        assert all(len(row) == width and all(type(v) in (int, float) for v in row) for row in rows)
        expected = np.array(rows, dtype=np.float64).reshape(-1, width)
        assert column.shape == ((len(entries), 4) if key == "bbox" else (len(entries),))
        assert bits(expected) == bits(column.reshape(-1, width)), key


def test_columns_of_nothing() -> None:
    found = results_of(b" [ \n] ")
    assert found is not None
    assert found["bbox"].shape == (0, 4) and found["score"].shape == (0,)


@settings(max_examples=120)
@given(text=documents())
def test_plain_documents_are_read_as_json_reads_them(text: str) -> None:
    entries = json.loads(text)
    for found, names in ((results_of(text.encode()), ("score",)), (annotations_of(text.encode()), ("id", "area"))):
        numbers = [float(v) for e in entries for v in (*e["bbox"], *(e[n] for n in names if n in e))]
        ids = [e[k] for e in entries for k in ("image_id", "category_id", *names) if "id" in k and k in e]
        if found is None:  # only for a reason
            assert any(abs(v) > 1e300 for v in numbers) or any(abs(v) >= 2**53 for v in ids)
            continue
        assert not any(math.isinf(v) for v in numbers)
        assert_same(found, entries)


@settings(max_examples=60)
@given(text=documents(any_text))
def test_any_document_is_read_as_json_reads_it_or_not_at_all(text: str) -> None:
    for data in (text.encode(), json.dumps(json.loads(text), ensure_ascii=False).encode()):
        for found in (results_of(data), annotations_of(data)):
            if found is not None:
                assert_same(found, json.loads(data))


@settings(max_examples=60)
@given(text=documents(), size=st.sampled_from([1, 7, 64]))
def test_pieces_may_end_anywhere(text: str, size: int) -> None:
    for read in (results_of, annotations_of):
        at_once, pieced = read(text.encode()), in_pieces(size, read, text.encode())
        assert (at_once is None) == (pieced is None)
        if at_once is not None and pieced is not None:
            for name, column in at_once.items():
                assert bits(column) == bits(pieced[name]) and column.shape == pieced[name].shape


@pytest.mark.parametrize("size", [1, 64, 300, 1 << 17])
def test_what_looks_like_a_cut_is_none_inside_of_an_object_or_a_text(size: int) -> None:
    inner = b'{"deep": [{"a": 1}, {"b": [{"c": "}, {"}, {"d": 2}]}, {"e": "}]"}], "score": 1, '
    text = b"[" + b" , ".join([RESULT.replace(b"{", inner, 1)] * 9) + b"]"
    for read in (results_of, annotations_of):
        found = in_pieces(size, read, text)
        assert found is not None and len(found["bbox"]) == 9
        assert_same(found, json.loads(text))


@pytest.mark.parametrize("size", [300, 2000])
def test_records_with_many_objects_inside_are_cut_between_records(size: int) -> None:
    many = b", ".join(b'{"part": %d}' % k for k in range(40))
    text = b"[" + b", ".join([RESULT.replace(b"}", b', "parts": [' + many + b"]}")] * 9) + b"]"
    found = in_pieces(size, results_of, text)
    assert found is not None
    assert_same(found, json.loads(text))


@settings(max_examples=1000)
@given(text=number)
def test_every_spelling_of_a_number_is_rounded_as_python_rounds_it(text: str) -> None:
    found, value = scores_of(text), float(json.loads(text))
    if math.isinf(value):
        assert found is None
        return
    assert found is not None
    assert bits(found) == bits(np.array([value]))


def test_thirty_thousand_numbers_are_rounded_as_python_rounds_them() -> None:
    rng = np.random.default_rng(0)
    texts = []
    for _ in range(30_000):
        figures = "".join(map(str, rng.integers(0, 10, rng.integers(1, 20)).tolist())).lstrip("0") or "0"
        at = int(rng.integers(0, len(figures) + 1))
        texts.append((figures[:at] or "0") + ("." + figures[at:] if figures[at:] else ""))
    halves = [f"{(1 << 53) + 2 * k + 1}.{'0' * z}{tail}" for k in range(40) for z in range(3) for tail in ("", "1")]
    texts += [t.rstrip(".") if t.endswith(".") else t for t in halves]
    found = scores_of(" ".join(texts))
    assert found is not None
    assert found.tobytes() == np.array([float(t) for t in texts]).tobytes()


def test_a_number_halfway_between_two_floats_goes_to_the_even_one() -> None:
    for numerator in ((1 << 54) + 1, (1 << 54) + 3, (1 << 55) + 2, (1 << 55) + 6, (1 << 62) + 256, (1 << 63) + 1024):
        for shift in (0, 1, 2, 5):
            digits = str(numerator * 5**shift)
            text = f"{digits[:-shift]}.{digits[-shift:]}" if shift else digits
            found = scores_of(text)
            assert found is not None and found[0] == float(text), text


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
    for read in (results_of, annotations_of):
        found = in_pieces(data.draw(st.sampled_from([64, 1 << 17])), read, bytes(damaged))
        if found is not None and damaged[:1] not in (b"\xef", b"\xbb", b"\xbf"):  # see the test on byte-order marks
            assert_same(found, as_json(bytes(damaged)))  # which must not raise


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
        for found in (results_of(case), annotations_of(case)):
            if found is not None:
                accepted += 1
                assert_same(found, as_json(case))
    assert accepted > 1000  # a digit for a digit, white space, and so on: the test would be empty otherwise


@pytest.mark.parametrize(
    "number_text", ["01", "+1", ".5", "1.", "1e", "1e+", "--1", "1.e2", "NaN", "Infinity", "-Infinity", "0x1", "1_0", "-", "1 2", "-01", "00.5"]
)  # fmt: skip
def test_what_is_no_json_number_is_refused(number_text: str) -> None:
    plain = RESULT.decode()
    for record in (plain.replace("0.5", number_text), plain.replace("{", f'{{"x": {number_text}, ')):
        assert results_of(f"[{record}]".encode()) is None
        assert annotations_of(f"[{record.replace('score', 'area')}]".encode()) is None


@pytest.mark.parametrize(
    "text", ["", " ", "[", "[{", "[{}", "[{}]", "{}", "null", "[null]", "[1]", "[[]]", "[{]}", "[,]", "[{},]", "[] x", "[]]", "[][]"]
)  # fmt: skip
def test_what_is_no_array_of_results_is_refused(text: str) -> None:
    assert results_of(text.encode()) is None
    assert annotations_of(text.encode()) is None


@pytest.mark.parametrize(
    "record",
    [
        RESULT.replace(b"1.5, 2, 3, 4", b"1, 2, 3"), RESULT.replace(b"1.5, 2, 3, 4", b"1, 2, 3, 4, 5"),
        RESULT.replace(b"1.5, 2, 3, 4", b""), RESULT.replace(b"[1.5, 2, 3, 4]", b'{"x": 1}'),
        RESULT.replace(b'"image_id": 1', b'"image_id": 1.5'), RESULT.replace(b'"image_id": 1', b'"image_id": 9007199254740993'),
        RESULT.replace(b'"image_id": 1', b'"image_id": 1e300'), RESULT.replace(b'"image_id": 1', b'"image_id": "1"'),
        RESULT.replace(b'"image_id": 1', b'"image_id": true'), RESULT.replace(b"0.5", b"null"), RESULT.replace(b"0.5", b"1e999"),
        RESULT.replace(b"0.5", b'"0.5"'), RESULT.replace(b"[1.5", b"[-1e999"), RESULT.replace(b'"score": 0.5', b'"Score": 0.5'),
        RESULT.replace(b"}", b', "x": "\xff"}'),
    ],
)  # fmt: skip
def test_the_careful_reader_gets_what_is_not_plain(record: bytes) -> None:
    assert results_of(b"[" + RESULT + b"]") is not None
    assert results_of(b"[" + RESULT + b"," + record + b"]") is None


def test_whole_numbers_may_be_spelled_as_fractions_or_powers() -> None:
    found = results_of(b"[" + RESULT.replace(b'"image_id": 1', b'"image_id": 1e2').replace(b": 2,", b": 2.0,") + b"]")
    assert found is not None and (found["image_id"].tolist(), found["category_id"].tolist()) == ([100], [2])


def test_the_last_of_equal_keys_counts_as_in_json() -> None:
    for more in (b'"score": 0.25', b'"sc\\u006fre": 0.25', b'"bbox": [0, 0, 1, 1]', b'"image_id": 7'):
        text = b"[" + RESULT.replace(b"}", b", " + more + b"}") + b"]"
        found = results_of(text)
        assert found is not None
        assert_same(found, json.loads(text))


@pytest.mark.parametrize(
    "more",
    ["", ', "note": "a:b"', ', "note": "\\u00fc\\u96f6"', ', "segmentation": [{"counts": "12:", "size": [1, 2]}]'],
)
@pytest.mark.parametrize(
    "twice", ["", '"bbox": [1, 2, 3, 4]', '"\\u0062box": [1, 2, 3, 4]', '"id": 3', '"attributes": {}', '"xyxy": [1, 2, 4, 6]']
)  # fmt: skip
def test_a_key_of_an_annotation_that_is_given_twice_is_seen(more: str, twice: str) -> None:
    record = '{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "id": 1, "attributes": {"a": {"b": 1}}, "xyxy": [1, 2, 4, 6]'
    text = f"[{record}{more}}}, {record}{more}{', ' + twice if twice else ''}}}]".encode()
    assert (annotations_of(text, once=True) is None) == bool(twice)
    assert annotations_of(text) is not None


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_one_byte_order_mark_is_stepped_over(before: bytes) -> None:
    found = results_of(before + b"[" + RESULT + b"]")
    assert found is not None and found["score"].tolist() == [0.5]


def test_half_a_byte_order_mark_is_not() -> None:
    for before in (b"\xef", b"\xbb\xbf", b"\xbf\xbf", b" \xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf"):
        with pytest.raises((UnicodeDecodeError, json.JSONDecodeError)):
            as_json(before + b"[]")
        assert results_of(before + b"[]") is None, before


def members(text: bytes) -> dict[str, Any] | None:
    try:
        return read_members(io.BytesIO(text), {})
    except NotPlain:
        return None


@settings(max_examples=150)
@given(
    pairs=st.lists(st.tuples(plain_text, value_text(plain_text)), max_size=4, unique_by=lambda p: p[0]),
    gap=space,
    after=space,
)
def test_members_of_an_object_are_those_of_json(pairs: list[tuple[str, str]], gap: str, after: str) -> None:
    text = gap + "{" + gap + ",".join(f"{gap}{json.dumps(k)}{gap}:{gap}{v}{gap}" for k, v in pairs) + "}" + after
    found = members(text.encode())
    if found is None:
        assert any(json.dumps(k)[1:-1] != k or twice_inside(v) for k, v in pairs)
    else:
        assert found == json.loads(text)


def twice_inside(text: str) -> bool:
    """Whether an object somewhere in a value gives a key twice."""
    met: list[bool] = []
    json.loads(text, object_pairs_hook=lambda pairs: met.append(len(dict(pairs)) < len(pairs)))
    return any(met)


@settings(max_examples=200)
@given(data=st.binary(max_size=12), at=st.integers(0, 60))
def test_members_of_damaged_objects_are_those_of_json_or_none(data: bytes, at: int) -> None:
    text = b'{"annotations": [{"a": 1}], "images": [], "x": {"y": 1.5}} '
    damaged = text[:at] + data + text[at + len(data) // 2 :]
    found = members(damaged)
    if found is not None:
        assert found == json.loads(damaged)


@pytest.mark.parametrize("size", [1 << 15, 1 << 18])
def test_members_longer_than_a_look_are_read_whole(size: int) -> None:
    tree = {"info": "ü" * size, "licenses": [{"name": "x" * size}], "year": 2026}
    for ascii_only in (False, True):
        assert members(json.dumps(tree, ensure_ascii=ascii_only).encode()) == tree


@pytest.mark.parametrize(
    "text",
    [
        b'{"images": [], "annotations": [], "images": []}', b'{"images": [], "annotations": [{"x": 1}', b'{"annotations": \xef\xbb\xbf[]}',
        b'{"images": [], "annotations": []} x', b"", b"{", b'{"annotations"', b'{"annotations": [', b'{"annotations": []', b"[]",
        b'{"im\\u0061ges": [], "annotations": []}', b'{"a": "\xff", "annotations": []}', b'{"annotations": [] "a": 1}',
    ],
)  # fmt: skip
def test_objects_that_are_not_plain_are_left_to_the_careful_reader(text: bytes) -> None:
    with pytest.raises(NotPlain):
        annotations_in(io.BytesIO(text), once=False)


def test_utf8_is_seen_to_in_what_is_stepped_over() -> None:
    record = b'{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "note": "\xc3\xbc"}'
    assert annotations_of(b"[" + record + b"]") is not None
    assert annotations_of(b"[" + record.replace(b"\xc3\xbc", b"\xc3") + b"]") is None


def test_memory_is_that_of_a_piece_and_the_columns(tmp_path: Path) -> None:
    pieces_met: list[int] = []
    count = 20_000
    (tmp_path / "dt.json").write_bytes(b"[" + b",\n".join([RESULT] * count) + b"]")
    with pytest.MonkeyPatch.context() as patch, (tmp_path / "dt.json").open("rb") as file:
        decoded = pieces.records_of
        patch.setattr(pieces, "records_of", lambda text, decode: pieces_met.append(len(text)) or decoded(text, decode))
        rows = results_in(file)
    assert len(rows.score) == count
    assert max(pieces_met) <= pieces.PIECE + len(RESULT) + 3 and sum(pieces_met) < 1.1 * count * (len(RESULT) + 3)


TRUTH = {
    "images": [{"id": 7, "file_name": "b.jpg", "height": 40, "width": 50}, {"id": 3, "file_name": "a.jpg"}],
    "categories": [{"id": 9, "name": "dog"}, {"id": 2, "name": "cat"}],
    "annotations": [
        {"id": 5, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3.5, 4], "area": 12.25, "iscrowd": 0, "segmentation": [[1, 2]]},
        {"image_id": 3, "category_id": 9, "bbox": [0.1, 0.2, 0.30000000000000004, 1e-7], "iscrowd": 1},
    ],
}  # fmt: skip


def both_ways(read: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """What a reader gives of a plain file, and what its careful half gives; an error's class where it raises."""

    def outcome() -> Any:
        try:
            return read()
        except FormatError as error:
            return error

    fast = outcome()
    with monkeypatch.context() as patch:
        read_carefully(patch)
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
    assert result_rows(tmp_path / "dt.json") is None
    assert annotation_rows(tmp_path / "dt.json", once=True) is None
    assert annotations_of(HOSTILE[name]) is None and members(HOSTILE[name]) is None
    with pytest.raises(FormatError):
        read_results(tmp_path / "dt.json", truth)
    with pytest.raises(FormatError):
        read_truth(tmp_path / "dt.json")
    assert time.process_time() - begin < 10
