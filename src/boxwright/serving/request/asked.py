"""What a request says beside its image: conditions, file name, least score; and what is refused because it would do nothing.

Headers and query parameters are bytes: valid UTF-8 is read as UTF-8, anything else as Latin-1. A value is written in composed
Unicode (NFC), or as the contract writes it, so that journal, thresholds by condition and monitor see one name. A parameter that
nobody reads, a header that is almost one of ours, and two different values of one thing are refused: a request that is
answered in another way than its sender meant is worse than one that is not answered.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from boxwright.plain_text import printable
from boxwright.serving.request.refusal import Refusal

_LONGEST = 200  # characters of a name
_NEAR_QUERY, _NEAR_HEADER = 0.5, 0.8  # least likeness that is taken for a slip; proxies add headers of their own
_OF_A_FILE = (
    "application/octet-stream",
    "binary/octet-stream",
    "application/x-www-form-urlencoded",
)  # the last is curl's
_BARE = ("camera", "file-name", "filename")  # headers that lack their X-


@dataclass(frozen=True)
class Asked:
    """What a request says.

    Attributes:
        conditions: name to value, empty where nothing was said; `camera` is always there.
        file_name: what the client calls the image, or empty.
        least_score: detections at or above it are answered; None: as the contract says.
    """

    conditions: Mapping[str, str]
    file_name: str
    least_score: float | None


def read_asked(request: Request, thresholds: Mapping[str, Mapping[str, Any]], *, known: Iterable[str] = ()) -> Asked:
    """What the request says.

    Args:
        request: headers and query; its body is left alone.
        thresholds: the contract's thresholds by condition and value.
        known: conditions of bundles that answered before; said in vain by now, but no slip.

    Raises:
        Refusal: something said is wrong, or would do nothing.
    """
    conditions = ("camera", *(name for name in thresholds if name != "camera"))
    headers = _headers(request)
    query = [(_text(k), _text(v)) for k, v in _pairs(request.scope["query_string"])]
    _check_content(headers)
    _check_headers(headers, ("file-name", "request-timeout-ms", *conditions))
    _check_query(query, sorted({"min_score", "name", *conditions, *known}))
    said = {name: _condition(name, headers, query, thresholds.get(name, {})) for name in conditions}
    file_name = _one("the file name", [*_of(headers, "x-file-name"), *_of(query, "name")])
    return Asked(said, printable(file_name)[:_LONGEST], _least_score(_of(query, "min_score")))


def header_text(request: Request, name: str) -> str:
    """One header as text, empty where it is absent."""
    return next(iter(_of(_headers(request), name)), "")


def header_texts(request: Request, name: str) -> list[str]:
    """One header as text, once for each time it was sent, without blanks around it."""
    return [text.strip() for text in _of(_headers(request), name)]


def _headers(request: Request) -> list[tuple[str, str]]:
    return [(name.decode("latin-1").lower(), _decoded(value)) for name, value in request.headers.raw]


def _pairs(query: bytes) -> list[tuple[str, str]]:
    """Keys and values with one character per byte."""
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")


def _text(one_character_per_byte: str) -> str:
    return _decoded(one_character_per_byte.encode("latin-1"))


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _of(pairs: list[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in pairs if key == name]


def _one(what: str, values: list[str]) -> str:
    """The one value that was said; a repeated one counts once."""
    told = sorted({value.strip() for value in values if value.strip()})
    if len(told) > 1:
        both = " and ".join(f"'{printable(value)[:40]}'" for value in told[:2])
        raise Refusal(400, f"{what} is given as {both}; send one value, as a header or as a query parameter")
    return told[0] if told else ""


def _condition(
    name: str, headers: list[tuple[str, str]], query: list[tuple[str, str]], known: Mapping[str, Any]
) -> str:
    """Header `X-NAME` (with `-` for `_`), or the query parameter; as the contract spells it where it knows the value."""
    value = _one(name, [*_of(headers, _header_of(name)), *_of(query, name)]).strip()
    if value in known:
        return value
    value = unicodedata.normalize("NFC", value)
    value = next((other for other in known if unicodedata.normalize("NFC", other) == value), printable(value))
    if len(value) > _LONGEST:
        raise Refusal(400, f"{name} must have at most {_LONGEST} characters, found {len(value)}")
    return value


def _header_of(name: str) -> str:
    return f"x-{name.replace('_', '-')}".lower()


def _least_score(values: list[str]) -> float | None:
    if not values:
        return None
    text = _one("min_score", values)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise Refusal(400, f"min_score must be a number in [0, 1], found '{printable(text)[:40]}'")
    return value


def _check_content(headers: list[tuple[str, str]]) -> None:
    """The body is an image file as it is; a form or JSON around it would not be read."""
    for declared in _of(headers, "content-type"):
        kind = declared.partition(";")[0].strip().lower()
        if kind and not kind.startswith("image/") and kind not in _OF_A_FILE:
            raise Refusal(
                415,
                f"the content type is '{printable(kind)[:60]}', but the body must be the image file itself, sent as image/jpeg, "
                "image/png or application/octet-stream (curl --data-binary @image.jpg, not a form and not JSON)",
            )
    for coding in _of(headers, "content-encoding"):
        if coding.strip().lower() not in ("", "identity"):
            raise Refusal(
                415, f"the content encoding '{printable(coding)[:40]}' is not supported; send the file as it is"
            )


def _check_headers(headers: list[tuple[str, str]], names: Iterable[str]) -> None:
    """A header meant for this server that it does not read."""
    known = [_header_of(name) for name in names]
    shown = ", ".join(_shown(name) for name in known)
    for name, _ in headers:
        if name in known:
            continue
        if name.startswith("x-boxwright-"):
            raise Refusal(400, f"the header '{name[:60]}' is unknown and would do nothing; known: {shown}")
        if name.startswith(("x-", "x_")) or name in _BARE:
            meant = name if name not in _BARE else f"x-{name}"
            near = difflib.get_close_matches(meant, known, n=1, cutoff=_NEAR_HEADER)
            if near:
                raise Refusal(
                    400, f"the header '{name[:60]}' is unknown and would do nothing; did you mean {_shown(near[0])}?"
                )


def _shown(header: str) -> str:
    return "-".join(part.capitalize() for part in header.split("-"))


def _check_query(query: list[tuple[str, str]], known: list[str]) -> None:
    for name, _ in query:
        if name in known:
            continue
        near = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=_NEAR_QUERY)
        advice = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
        raise Refusal(400, f"the query parameter '{printable(name)[:60]}' is unknown; {advice}")
