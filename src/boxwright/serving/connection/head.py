"""The head of a request: what the parser lets pass and this server does not read, and a head without its wish to upgrade."""

from __future__ import annotations

from collections.abc import Iterable

import httptools

_OF_UPGRADES = (b"upgrade", b"http2-settings")
Fields = Iterable[tuple[bytes, bytes]]  # lower-case name, value


class Malformed(Exception):
    """Raised in a callback of the parser; what the client is told.

    Args:
        status: HTTP status code.
        sentence: for the client.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def body_size(version: str, target: bytes, fields: Fields) -> int:
    """Bytes of the body that the head states; 0 where it states none.

    Args:
        version: of HTTP, `1.0` or `1.1`.
        target: of the request line.
        fields: the headers.

    Raises:
        Malformed: an encoding or expectation that is not supported, or a target and Host that differ.
    """
    size, hosts = 0, []
    for name, value in fields:
        if name == b"content-length":
            size = int(value)
        elif name == b"transfer-encoding" and (value.strip().lower() != b"chunked" or version == "1.0"):
            raise Malformed(501 if version != "1.0" else 400, "the only transfer encoding that is read is 'chunked'")
        elif name == b"expect" and value.strip().lower() != b"100-continue":
            raise Malformed(417, "the only expectation that is met is '100-continue'")
        elif name == b"host":
            hosts.append(value.strip().lower())
    if not target.startswith(b"/"):
        _check_absolute(target, hosts)
    return size


def without_upgrade(method: bytes, target: bytes, version: bytes, fields: Fields) -> bytes:
    """The same head, without the wish to go on in another protocol."""
    lines = [method, b" ", target, b" HTTP/", version, b"\r\n"]
    for name, value in fields:
        if name == b"connection":
            value = b", ".join(one for one in map(bytes.strip, value.split(b",")) if one.lower() not in _OF_UPGRADES)
        if name not in _OF_UPGRADES and (value or name != b"connection"):
            lines += [name, b": ", value, b"\r\n"]
    return b"".join([*lines, b"\r\n"])


def _check_absolute(target: bytes, hosts: list[bytes]) -> None:
    """A target in absolute form must name the host that the Host header names."""
    named = httptools.parse_url(target)
    if named.userinfo is not None:
        raise Malformed(400, "the request line contains a user's name, which belongs in no address")
    authority = (named.host or b"") + (b":%d" % named.port if named.port else b"")
    if named.schema is not None and hosts != [authority.lower()] and hosts != [(named.host or b"").lower()]:
        raise Malformed(400, "the request line and Host name different hosts")
    if named.schema is None or named.path is None:
        raise Malformed(400, "the request line does not contain a path")
