"""Start the server in this process, and keep it to this machine unless it asks who is calling."""

from __future__ import annotations

import functools
import ipaddress
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import uvicorn

from boxwright.artifacts import Bundle
from boxwright.errors import ServingError
from boxwright.images import quiet_decoders
from boxwright.serving.app import Server
from boxwright.serving.connection.connections import OVERFLOW, Connections
from boxwright.serving.connection.protocol import BoundedProtocol
from boxwright.serving.journal import Journal
from boxwright.serving.limits import Limits
from boxwright.serving.observed.logs import logging_to
from boxwright.serving.observed.sink import Sink
from boxwright.serving.primary.slot import Following, Slot
from boxwright.serving.primary.wanted import Wanted
from boxwright.serving.request.callers import CallerRules, Callers
from boxwright.serving.stopping import (
    ACCEPTED_AT_ONCE,
    Serving,
    StopSignals,
    flush_streams,
    leave,
    leave_later,
    longest_stop,
    stay,
)

_TELL_SECONDS = 1.0  # for the last sentences, when the server stops
_SWITCH_SECONDS = 0.0005  # at Python's 5 ms the event loop and the workers wait for each other at every turn
_START_SECONDS = (
    600.0  # for the first load: whoever starts the server is told, instead of waiting for a store that hangs
)
_OTHER_FILES = 128  # descriptors for what is no connection: journal, images, models, threads' pipes


def run(
    wanted: Callable[[], Wanted],
    load: Callable[[str], Bundle],
    *,
    journal: Path,
    host: str,
    port: int,
    limits: Limits,
    flush_to_disk: bool = False,
    tell: Callable[[str], None],
) -> None:
    """Serve until told to stop; requests in flight are finished.

    Args:
        wanted: what should answer; asked again and again.
        load: digest to bundle.
        journal: folder of the journal.
        host, port: where to listen; 0 for a free port.
        limits: what is taken on.
        flush_to_disk: wait for the disk at every record.
        tell: where sentences about the start, failures and the end go; called in a thread of its own, and may block or fail there.

    Raises:
        ServingError: a host beyond this machine without a token, an address that cannot be listened on, or no bundle can be
            loaded.
    """
    if not limits.token_digests and not _is_loopback(host):
        raise ServingError(
            f"Listening on '{host}' lets others in; give a token (`--token-file`), or listen on 127.0.0.1."
        )
    quiet_decoders()
    opened = Journal(journal, flush_to_disk=flush_to_disk)
    with StopSignals() as signals, logging_to(journal), _telling(tell) as hand_over, _switching_soon():
        sockets = _bind(host, port)
        try:
            _run(wanted, load, signals, sockets, journal=opened, host=host, limits=limits, tell=hand_over)
        except OSError as error:
            raise _cannot_listen(host, port, error) from error
        finally:
            for one in sockets:
                one.close()
    if signals.asked and threading.current_thread() is threading.main_thread() and not flush_streams():
        leave()  # the interpreter would flush them again at its end, and hang there or not end with 0


@contextmanager
def _switching_soon() -> Iterator[None]:
    """A thread of Python that is waited for gives way sooner."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _telling(tell: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """The same, but it never blocks or fails: a terminal that is not read must hold up neither an answer nor the end."""
    sink = Sink("tell", tell)
    try:
        yield sink.put
    finally:
        sink.close(_TELL_SECONDS)


def _run(
    wanted: Callable[[], Wanted],
    load: Callable[[str], Bundle],
    signals: StopSignals,
    sockets: list[socket.socket],
    *,
    journal: Journal,
    host: str,
    limits: Limits,
    tell: Callable[[str], None],
) -> None:
    slot = Slot(wanted, load)
    load_first(slot, signals)
    if slot.current is None:
        raise ServingError(_none_answers(slot.state))
    limits = replace(limits, connections=_connections(limits.connections, tell))
    server = Server(slot, journal, limits)
    connections = Connections(limits, server.meters.registry)

    def stop() -> None:
        connections.draining = True
        server.drain()

    def serving(port: int) -> None:
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        tell(f"serving on {address}; ask it: curl --data-binary @image.jpg {address}/v1/detect")

    signals.on_asked, signals.seconds = stop, longest_stop(limits)
    if signals.asked:
        leave()
    rules = CallerRules(limits, host=host)
    config = uvicorn.Config(
        server.app(lambda app: Callers(app, rules, registry=server.meters.registry)),
        http=functools.partial(BoundedProtocol, connections=connections, early=server.early(rules)),  # type: ignore[arg-type]
        loop="asyncio", ws="none", lifespan="on", interface="asgi3", backlog=ACCEPTED_AT_ONCE, log_config=None, access_log=False,
        server_header=False, proxy_headers=bool(limits.trusted_proxies), forwarded_allow_ips=list(limits.trusted_proxies),
    )  # fmt: skip
    serve = Serving(config, signals=signals, connections=connections, limits=limits, on_serving=serving, tell=tell)
    try:
        serve.run(sockets)
    except SystemExit as error:
        raise ServingError("The server could not start; the reason is above.") from error
    stay()
    if signals.asked and threading.current_thread() is threading.main_thread():
        leave_later()  # a worker that hangs would be waited for at the end of the process


def _none_answers(state: Following) -> str:
    """Why the server does not start; which other bundle should answer is for people to say, never for the server."""
    if state.failure is None:
        return f"No bundle can answer, the rollout cannot be read: {state.look_failure}"
    return (
        f"No bundle can answer: bundle {state.failure.bundle[:12]} is wanted and was not taken: {state.failure.sentence} "
        "A server starts with the bundle that the rollout names or not at all; export that bundle again, or return to the one before "
        "with `boxwright rollback`."
    )


def load_first(slot: Slot, signals: StopSignals, *, seconds: float = _START_SECONDS) -> None:
    """Load the first bundle, in a thread of its own so that a signal ends it at once.

    Raises:
        ServingError: it hangs.
    """
    until = time.monotonic() + seconds
    loading = threading.Thread(target=slot.follow, name="load", daemon=True)
    loading.start()
    while loading.is_alive():
        loading.join(0.05)
        if signals.asked:
            leave()
        if loading.is_alive() and time.monotonic() > until:
            seen = slot.state.wanted
            step = f"bundle {seen.bundle[:12]} is not loaded" if seen else "the rollout is not read"
            raise ServingError(
                f"No bundle can answer: {step} after {seconds:g} s, and no error came. Look whether the store answers "
                "(`boxwright store check`), then start the server again."
            )


def _bind(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address of the host, bound but not yet listening: a port in use is found before a bundle is loaded."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    bound: list[socket.socket] = []
    failed: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        try:
            one = socket.socket(family, kind, protocol)
        except OSError as error:  # a system without IPv6
            failed = error
            continue
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            one.bind((address[0], port, *address[2:]))
        except OSError as error:
            one.close()
            failed = error
            continue
        port = one.getsockname()[1]
        bound.append(one)
    if not bound:
        raise _cannot_listen(host, port, failed) from failed
    return bound


def _cannot_listen(host: str, port: int, error: OSError | None) -> ServingError:
    reason = (error.strerror if error else None) or str(error)
    return ServingError(
        f"Cannot listen on {host}:{port}: {reason}. Stop what uses this port (`ss -ltnp 'sport = :{port}'` names it), or choose "
        f"another with --port."
    )


def _connections(wanted: int, tell: Callable[[str], None]) -> int:
    """How many connections the limit on open files allows; raised as far as this process may raise it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return wanted
    needed = wanted + OVERFLOW + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    allowed = max(1, soft - OVERFLOW - _OTHER_FILES)
    tell(
        f"warning: at most {allowed} connections instead of {wanted}, because only {soft} files may be open (ulimit -n)"
    )
    return allowed


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
