"""A labelling tool's REST interface, as far as review needs it: JSON in, JSON out, and a token that stays where it belongs.

The token goes to one address only: over TLS or to this machine (unless told otherwise), never along a redirect, never into
a message. What comes back is untrusted: bounded in size and time, and JSON or refused. A question that changes nothing is asked
again after a broken connection, 429 or 5xx; one that does is asked once, and the caller looks what became of it.
Label Studio's two kinds of token are told apart by their form: a legacy key is sent as it is; a personal access token (JWT) is
exchanged for short-lived access tokens.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import ipaddress
import json
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from boxwright.errors import InputError, ToolError

MOST_BYTES = 256 << 20  # of one answer
_PIECE = 1 << 16
_AGAIN = (429, 500, 502, 503, 504)
_LONGEST_WAIT_S = 20.0


@dataclass(frozen=True)
class File:
    """A file to send.

    Attributes:
        name: without a folder.
        media_type: such as image/png.
        data: its bytes.
    """

    name: str
    media_type: str
    data: bytes


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
        return None


class Connection:
    """One tool at one address.

    Args:
        url: http or https address, with a path when the tool does not live at the root.
        token: what the tool's account page shows.
        insecure: send the token over plain http to another machine all the same.
        timeout_s: for an answer to begin, and between its pieces; a whole answer may take ten times that.
        attempts: at most, for what may be asked again.
        wait: called with seconds between attempts.

    Raises:
        InputError: the address or the token is none, or the token would travel in the clear.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        insecure: bool = False,
        timeout_s: float = 60.0,
        attempts: int = 4,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address, self.path, here = _address(url, insecure=insecure)
        self._token = _checked(token)
        self._exchange = _is_refresh(self._token)
        self._access = "" if self._exchange else self._token
        self._timeout_s, self._attempts, self._wait = timeout_s, max(1, attempts), wait
        proxies = urllib.request.ProxyHandler({}) if here else urllib.request.ProxyHandler()
        self._opener = urllib.request.build_opener(proxies, _NoRedirect())

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        files: Sequence[File] = (),
        again: bool = True,
    ) -> Any:
        """The JSON that the tool answers.

        Args:
            method: GET, POST, PATCH.
            path: from the tool's root, such as `/api/projects/`.
            query: of the address.
            body: JSON to send.
            files: to send instead, as a form.
            again: whether it may be asked twice without harm.

        Raises:
            ToolError: with the status, when the tool cannot be reached or refuses; without, when it broke off.
        """
        address = self.address + path + ("?" + urllib.parse.urlencode(query) if query else "")
        data, kind = (
            _form(files) if files else (None if body is None else json.dumps(body).encode(), "application/json")
        )
        for attempt in range(1, self._attempts + 1):
            try:
                return self._answer(method, address, data, kind)
            except ToolError as error:
                hopeless = error.status is not None and error.status not in _AGAIN
                if hopeless or not again or attempt == self._attempts:
                    raise
            self._wait(min(0.5 * 2 ** (attempt - 1), _LONGEST_WAIT_S))
        raise AssertionError("unreachable")

    def _answer(self, method: str, address: str, data: bytes | None, kind: str) -> Any:
        if self._exchange and not self._access:
            self._refresh()
        try:
            return self._once(method, address, data, kind, self._authorization())
        except ToolError as error:
            if error.status != 401 or not self._exchange:
                raise
        self._refresh()  # an access token lives for minutes
        return self._once(method, address, data, kind, self._authorization())

    def _authorization(self) -> str:
        return f"Bearer {self._access}" if self._token.count(".") == 2 else f"Token {self._token}"

    def _refresh(self) -> None:
        body = json.dumps({"refresh": self._token}).encode()
        found = self._once("POST", self.address + "/api/token/refresh/", body, "application/json", None)
        access = found.get("access") if isinstance(found, dict) else None
        if not isinstance(access, str):
            raise ToolError(f"{self.address} gave no access token for the personal access token.", status=200)
        self._access = _checked(access)

    def _once(self, method: str, address: str, data: bytes | None, kind: str, authorization: str | None) -> Any:
        headers = {"Accept": "application/json", "User-Agent": "boxwright"}
        if data is not None:
            headers["Content-Type"] = kind
        if authorization is not None:
            headers["Authorization"] = authorization
        request = urllib.request.Request(address, data=data, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                text, status = self._read(response), int(response.status)
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from None
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            raise self._unreached(error) from None
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise ToolError(
                f"{self.address} answered {method} {_path(address)} with something that is no JSON "
                f"({len(text)} bytes); is that the tool's own address?",
                status=status,
            ) from None

    def _read(self, response: Any) -> bytes:
        until, pieces, size = time.monotonic() + 10 * self._timeout_s, [], 0
        while piece := response.read1(_PIECE):
            size += len(piece)
            if size > MOST_BYTES:
                raise ToolError(
                    f"{self.address} answered with more than {MOST_BYTES >> 20} MiB; nothing was taken.", status=200
                )
            if time.monotonic() > until:
                raise TimeoutError("the answer did not end in time")
            pieces.append(piece)
        length = response.headers.get("Content-Length")
        if length is not None and length.isdigit() and size < int(length):
            raise OSError(f"the answer broke off after {size} of {length} bytes")
        return b"".join(pieces)

    def _refusal(self, error: urllib.error.HTTPError) -> ToolError:
        status, where = error.code, (error.url or self.address).split("?")[0]
        if status in (401, 403):
            said = (
                f"{self.address} does not accept the token ({status}); take a fresh one from the tool's account page."
            )
        elif status == 404:
            said = f"{where} does not exist (404); check the address, and that the token's owner may see the project."
        elif 300 <= status < 400:
            target = str(error.headers.get("Location", ""))[:200]
            said = f"{where} sends on to '{target}' ({status}); the token is not taken along. Name the final address."
        else:
            said = f"{where} answered {status}: {self._reason(error)}"
        return ToolError(said, status=status)

    def _reason(self, error: urllib.error.HTTPError) -> str:
        """The beginning of what the tool says about its refusal, on one line, without the token."""
        try:
            text = error.read(2000).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            text = ""
        for secret in filter(None, (self._token, self._access)):
            text = text.replace(secret, "...")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300] or "no reason given"

    def _unreached(self, error: Exception) -> ToolError:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(cause, ConnectionRefusedError):
            return ToolError(f"Nothing listens at {self.address}; is the tool started?")
        if isinstance(cause, TimeoutError):
            return ToolError(f"{self.address} did not answer within {self._timeout_s:g} s.")
        return ToolError(f"{self.address} cannot be reached: {str(cause)[:200] or type(cause).__name__}.")


def _address(url: str, *, insecure: bool) -> tuple[str, str, bool]:
    """The address without a final slash, its path, and whether it is on this machine."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urllib.parse.urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or any(c.isspace() or not c.isprintable() for c in url):
        raise InputError(f"'{url[:200]}' is no address of a server; expected one such as https://labels.example.org.")
    if parts.username is not None or parts.query or parts.fragment:
        raise InputError("The tool's address may hold no password, query or fragment; the token comes by --token-env.")
    here = _is_here(host)
    if parts.scheme == "http" and not here and not insecure:
        raise InputError(
            f"The token would travel to {host} unencrypted; use https, or --insecure where the network is your own."
        )
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}", path, here


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _checked(token: str) -> str:
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError("The token is empty or holds characters that no token has; copy it again.")
    return token


def _is_refresh(token: str) -> bool:
    """Whether a token is a JWT that must be exchanged before it opens anything."""
    parts = token.split(".")
    if len(parts) != 3:
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return False
    return isinstance(claims, dict) and claims.get("token_type") == "refresh"


def _form(files: Sequence[File]) -> tuple[bytes, str]:
    """Files as a multipart form, and its media type; each has a field of its own."""
    border = secrets.token_hex(16)
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="file{k}"; filename="{file.name}"\r\n'
        f"Content-Type: {file.media_type}\r\n\r\n".encode()
        + file.data
        + b"\r\n"
        for k, file in enumerate(files)
    ]
    return b"".join(parts) + f"--{border}--\r\n".encode(), f"multipart/form-data; boundary={border}"


def _path(address: str) -> str:
    return urllib.parse.urlsplit(address).path
