"""Start the server in this process, and keep it to this machine unless it asks who is calling."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path

import uvicorn

from boxwright.artifacts import Bundle
from boxwright.errors import ServingError
from boxwright.serving.app import Server
from boxwright.serving.journal import Journal
from boxwright.serving.limits import Limits
from boxwright.serving.logs import logging_to
from boxwright.serving.slot import Following, Slot
from boxwright.serving.wanted import Wanted

_DRAIN_SECONDS = 25


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
        host, port: where to listen.
        limits: what is taken on.
        flush_to_disk: wait for the disk at every record.
        tell: where sentences about failures go.

    Raises:
        ServingError: a host beyond this machine without a token, or no bundle can be loaded.
    """
    if limits.token is None and not _is_loopback(host):
        raise ServingError(
            f"Listening on '{host}' lets others in; give a token (`--token-file`), or listen on 127.0.0.1."
        )
    slot = Slot(wanted, load)
    opened = Journal(journal, flush_to_disk=flush_to_disk)
    with logging_to(journal):
        slot.follow()
        if slot.current is None:
            raise ServingError(_none_answers(slot.state))
        config = uvicorn.Config(
            Server(slot, opened, limits).app(), host=host, port=port, log_config=None, access_log=False, timeout_keep_alive=65,
            timeout_graceful_shutdown=_DRAIN_SECONDS, server_header=False,
        )  # fmt: skip
        uvicorn.Server(config).run()


def _none_answers(state: Following) -> str:
    """Why the server does not start; which other bundle should answer is for people to say, never for the server."""
    if state.failure is None:
        return f"No bundle can answer, the rollout cannot be read: {state.look_failure}"
    return (
        f"No bundle can answer: bundle {state.failure.bundle[:12]} is wanted and was not taken: {state.failure.sentence} "
        "A server starts with the bundle that the rollout names or not at all; export that bundle again, or return to the one before "
        "with `boxwright rollback`."
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
