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
from boxwright.serving.slot import Slot

_DRAIN_SECONDS = 25


def run(
    wanted: Callable[[], str],
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
        wanted: digest of the bundle that should answer; asked again and again.
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
    failures: list[str] = []

    def note(sentence: str) -> None:
        failures.append(sentence)
        tell(sentence)

    slot = Slot(wanted, load, on_failure=note)
    slot.follow()
    if slot.detector is None:
        raise ServingError(f"No bundle can answer: {failures[-1] if failures else 'none is wanted'}")
    server = Server(slot, Journal(journal, flush_to_disk=flush_to_disk), limits)
    config = uvicorn.Config(
        server.app(), host=host, port=port, log_level="warning", access_log=False, timeout_keep_alive=65,
        timeout_graceful_shutdown=_DRAIN_SECONDS, server_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
