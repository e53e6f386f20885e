"""Who may ask: the host that a request names, the site whose page sends it, and the token it carries.

A browser can be made to send requests to a server on its own machine or network, from any site. Two headers that a page cannot
forge stop that: `Host` must name this server (a foreign name that resolves to this address is DNS rebinding), and `Origin`
and `Sec-Fetch-Site` must not speak of another site. Programs that are no browser send neither of the latter.

Tokens are kept as SHA-256 only, and are compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from boxwright.errors import InputError
from boxwright.serving.limits import Limits
from boxwright.serving.request.asked import header_text
from boxwright.serving.request.refusal import Refusal

_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(:[0-9]{1,5})?")  # RFC 9110, section 7.2, without escapes
_LEAST_TOKEN = 16  # characters


class Stranger(Refusal):
    """A request that does not name this server, or comes from another site.

    Args:
        reason: `host` or `origin`.
        status, message: for the client.
    """

    def __init__(self, reason: str, status: int, message: str) -> None:
        super().__init__(status, message)
        self.reason = reason


class CallerRules:
    """Which requests name this server and come from no other site.

    Args:
        limits: allowed hosts and origins.
        host: the host that the server was told to listen on.
    """

    def __init__(self, limits: Limits, *, host: str) -> None:
        more = limits.allowed_hosts or ()
        self._hosts = (
            None if limits.allowed_hosts is None or "*" in more else {*_OWN_NAMES, *map(_host_name, (host, *more))}
        )
        self._origins = {origin.lower().rstrip("/") for origin in limits.allowed_origins}

    def check(self, scope: Scope) -> None:
        """Stranger unless Host and Origin are in order."""
        found: dict[bytes, list[str]] = {b"host": [], b"origin": [], b"sec-fetch-site": [], b"sec-fetch-mode": []}
        for name, value in scope["headers"]:
            if name in found:
                found[name].append(value.decode("latin-1").strip())
        host = self._checked_host(found[b"host"], scope)
        self._check_origin(found, host, scope["method"])

    def _checked_host(self, given: list[str], scope: Scope) -> str:
        """The `Host` as given, in lower case; empty where HTTP/1.0 may leave it out."""
        if not given and scope["http_version"] == "1.0":
            return ""
        match = _HOST.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            raise Stranger("host", 400, f"one valid Host header is expected, found {len(given)}")
        name = match[1].lower()
        if self._hosts is None or name in self._hosts or name == _own_address(scope):
            return match[0].lower()
        message = f"this server does not answer for the host '{name[:100]}'; `--allowed-host {name[:100]}` allows it"
        raise Stranger("host", 421, message)

    def _check_origin(self, found: dict[bytes, list[str]], host: str, method: str) -> None:
        origins = found[b"origin"]
        if len(origins) > 1:
            raise Stranger("origin", 400, "one Origin header is expected at most, found several")
        if origins:
            origin = origins[0].lower()
            if origin in self._origins or (host and _same_host(origin, host)):
                return
            message = f"pages of '{origin[:100]}' may not ask this server; `--allowed-origin` allows them"
            raise Stranger("origin", 403, message)
        followed_a_link = found[b"sec-fetch-mode"] == ["navigate"] and method in ("GET", "HEAD")
        if not followed_a_link and any(
            site.lower() in ("cross-site", "same-site") for site in found[b"sec-fetch-site"]
        ):
            message = "pages of another site may not ask this server; `--allowed-origin` allows them"
            raise Stranger("origin", 403, message)


class Callers:
    """An ASGI application that lets through what the rules allow.

    Args:
        app: what is asked then.
        rules: who may ask.
        registry: where refusals are counted.
    """

    def __init__(self, app: ASGIApp, rules: CallerRules, *, registry: CollectorRegistry) -> None:
        self._app, self._rules = app, rules
        self._refused = Counter(
            "boxwright_callers_refused", "Requests refused for their Host or Origin.", ["reason"], registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._rules.check(scope)
            except Stranger as refusal:
                self._refused.labels(refusal.reason).inc()
                request_id = scope.get("state", {}).get("request_id") or uuid.uuid4().hex  # as `Counted` names it
                response = refusal.response(request_id)
                response.headers["X-Request-Id"] = request_id
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def check_caller(request: Request, limits: Limits) -> None:
    """Refusal unless the request carries one of the tokens that this server asks for."""
    if not limits.token_digests:
        return
    if len(request.headers.getlist("authorization")) > 1:
        raise Refusal(400, "one Authorization header is expected, found several")
    scheme, _, token = header_text(request, "authorization").strip().partition(" ")
    given = token_digest(token.strip())
    matches = [hmac.compare_digest(given, expected) for expected in limits.token_digests]
    if scheme.lower() != "bearer" or not any(matches):
        raise Refusal(
            401, "this server asks for a token: send `Authorization: Bearer TOKEN`", {"WWW-Authenticate": "Bearer"}
        )


def token_digest(token: str) -> bytes:
    """SHA-256 of a token, 32 bytes."""
    return hashlib.sha256(token.encode("utf-8", errors="surrogateescape")).digest()


def read_tokens(path: Path, *, warn: Callable[[str], None]) -> tuple[bytes, ...]:
    """Digests of the tokens in a file, one a line; empty lines and lines that begin with `#` are left out.

    Args:
        path: of the file.
        warn: told when others on this machine can read the file.

    Raises:
        InputError: no token, or one that is short or contains blanks; the message never contains it.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        mode = path.stat().st_mode
    except UnicodeDecodeError as error:
        raise InputError(f"The token file '{path}' is not UTF-8 text. Write one token a line.") from error
    except OSError as error:
        raise InputError(f"The token file '{path}' cannot be read: {error.strerror}.") from error
    if mode & 0o044:
        warn(f"warning: others on this machine can read the token file '{path}'; run: chmod 600 {path}")
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    tokens = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not tokens:
        raise InputError(
            f"The token file '{path}' has no token. Write one a line, at least {_LEAST_TOKEN} characters each."
        )
    for number, token in tokens:
        if len(token) < _LEAST_TOKEN or len(token.split()) > 1:
            found = "contains blanks" if len(token.split()) > 1 else f"has {len(token)} characters"
            raise InputError(
                f"The token in line {number} of '{path}' {found}; at least {_LEAST_TOKEN} characters without blanks are expected."
            )
    return tuple(token_digest(token) for _, token in tokens)


def checked_hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    """Names for `allowed_hosts`; InputError for what can stand in no `Host` header."""
    found = tuple(hosts)
    for host in found:
        if host != "*" and not _HOST.fullmatch(f"[{host}]" if host.count(":") > 1 and host[0] != "[" else host):
            raise InputError(
                f"'{host}' is no host name. Give a name or address without scheme, such as detect.example.com."
            )
    return found


def checked_origins(origins: Iterable[str]) -> tuple[str, ...]:
    """Origins for `allowed_origins`; InputError for what no browser sends."""
    found = tuple(origins)
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
            raise InputError(f"'{origin}' is no origin. Give scheme and host, such as https://line.example.com.")
    return found


def checked_networks(networks: Iterable[str]) -> tuple[str, ...]:
    """Addresses or networks for `trusted_proxies`; InputError for what is neither."""
    found = tuple(networks)
    for network in found:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise InputError(
                f"'{network}' is no address or network ({error}). Give one such as 10.0.0.7 or 10.0.0.0/8."
            ) from error
    return found


def _host_name(host: str) -> str:
    """A host as it stands in `Host`, without its port: lower case, IPv6 in brackets."""
    host = host.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    if host.count(":") > 1:
        return f"[{host.partition('%')[0]}]"
    return host.partition(":")[0]


def _own_address(scope: Scope) -> str:
    """The address that this connection reached, as a probe names it."""
    own = str((scope.get("server") or ("",))[0])
    return _host_name(own.removeprefix("::ffff:") if "." in own else own)


def _same_host(origin: str, host: str) -> bool:
    """Whether an origin is of this host; a proxy may have ended TLS, so the port of either scheme may be left out."""
    scheme, _, netloc = origin.partition("://")
    return scheme in ("http", "https") and _without_usual_port(netloc) == _without_usual_port(host)


def _without_usual_port(netloc: str) -> str:
    return netloc.removesuffix(":80").removesuffix(":443")
