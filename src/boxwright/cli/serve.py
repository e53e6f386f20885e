"""`boxwright serve`: the promoted bundle answers over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from boxwright.artifacts import Bundle, Verdict
from boxwright.cli.grouped import grouped
from boxwright.cli.progress import say
from boxwright.cli.terminal import STORE, StoreOption, find, open_store
from boxwright.errors import NotReleasable, ServingError
from boxwright.lifecycle import following
from boxwright.lifecycle.evidence import gather
from boxwright.serving import Wanted

if TYPE_CHECKING:
    from boxwright.serving.limits import Limits


class Format(StrEnum):
    """Formats that the server reads only when it is told to."""

    BMP = "BMP"
    TIFF = "TIFF"
    PPM = "PPM"


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("serve")(serve)


@dataclass(frozen=True)
class Listening:
    """Where the server listens, and how many may be connected."""

    host: Annotated[str, typer.Option("--host", help="Beyond this machine only with a token.")] = "127.0.0.1"
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for a free one.")] = 8080
    connections: Annotated[int, typer.Option("--connections", min=1, help="Open connections.")] = 512
    connections_per_address: Annotated[
        int | None, typer.Option("--connections-per-address", min=1, help="Open connections of one client address.")
    ] = None
    drain_delay: Annotated[
        float, typer.Option("--drain-delay", min=0, help="Seconds of serving after the signal to stop.")
    ] = 5.0


@dataclass(frozen=True)
class Work:
    """How much is taken on at once, and what is read."""

    in_flight: Annotated[int, typer.Option("--in-flight", min=1, help="Requests worked on at once.")] = 2
    waiting: Annotated[int, typer.Option("--waiting", min=0, help="Requests that may wait; more get 429.")] = 16
    deadline: Annotated[
        float, typer.Option("--deadline", min=0.001, max=600, help="Seconds for a request whose caller says none.")
    ] = 10.0
    also_read: Annotated[
        list[Format] | None, typer.Option("--also-read", help="Format read beside JPEG, PNG and WebP; repeatable.")
    ] = None


@dataclass(frozen=True)
class Kept:
    """What is kept of every answer."""

    journal: Annotated[Path | None, typer.Option("--journal", help="Folder of the journal; default STORE/journal.")] = (
        None
    )
    keep_pictures: Annotated[float, typer.Option("--keep-pictures", min=0, max=1, help="Share kept for review.")] = 1.0
    flush_to_disk: Annotated[bool, typer.Option("--flush-to-disk", help="Wait for the disk at every record.")] = False


@dataclass(frozen=True)
class Callers:
    """Who may ask."""

    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="Bearer tokens, one a line; requests must carry one.")
    ] = None
    allowed_hosts: Annotated[
        list[str] | None, typer.Option("--allowed-host", help="Host name to answer for; repeatable, * for any.")
    ] = None
    allowed_origins: Annotated[
        list[str] | None, typer.Option("--allowed-origin", help="Site whose pages may ask; repeatable.")
    ] = None
    trusted_proxies: Annotated[
        list[str] | None, typer.Option("--trusted-proxy", help="Address or network whose X-Forwarded-For is believed.")
    ] = None


@grouped
def serve(
    listening: Listening,
    work: Work,
    kept: Kept,
    who: Callers,
    bundle: Annotated[str | None, typer.Argument(help="A bundle; without it, the store's rollout is followed.")] = None,
    verdict: Annotated[str | None, typer.Option("--verdict", help="Passing verdict for exactly this bundle.")] = None,
    store: StoreOption = STORE,
) -> None:
    """Serve `POST /v1/detect`; every answer is in the journal before it leaves."""
    try:
        from boxwright.serving.run import run
    except ImportError as error:
        raise ServingError(f"Serving needs: pip install 'boxwright[serve]' ({error}).") from error
    limits = _limits(listening, work, kept, who)
    wanted, load = _followed(store) if bundle is None else _fixed(store, bundle, verdict)
    run(
        wanted, load, journal=kept.journal or store / "journal", host=listening.host, port=listening.port, limits=limits,
        flush_to_disk=kept.flush_to_disk, tell=say,
    )  # fmt: skip


def _limits(listening: Listening, work: Work, kept: Kept, who: Callers) -> Limits:
    from boxwright.serving.limits import Limits
    from boxwright.serving.request import callers

    return Limits(
        in_flight=work.in_flight, waiting=work.waiting, deadline_seconds=work.deadline,
        formats=(*Limits.formats, *dict.fromkeys(form.value for form in work.also_read or ())),
        keep_pictures=kept.keep_pictures, drain_delay=listening.drain_delay,
        connections=listening.connections, connections_per_address=listening.connections_per_address,
        token_digests=callers.read_tokens(who.token_file, warn=say) if who.token_file else (),
        allowed_hosts=callers.checked_hosts(who.allowed_hosts or ()),
        allowed_origins=callers.checked_origins(who.allowed_origins or ()),
        trusted_proxies=callers.checked_networks(who.trusted_proxies or ()),
    )  # fmt: skip


def _followed(store: Path) -> tuple[Callable[[], Wanted], Callable[[str], Bundle]]:
    """What the store's rollout wants, and how it is loaded; what is not to be served is refused before anything is opened."""
    opened = open_store(store)
    wanted = following(opened)
    wanted()
    return wanted, lambda digest: opened.get(digest, Bundle)


def _fixed(store: Path, bundle: str, verdict: str | None) -> tuple[Callable[[], Wanted], Callable[[str], Bundle]]:
    """One bundle, with a passing verdict for exactly it."""
    opened = open_store(store)
    fixed = find(store, bundle, Bundle)
    judged = find(store, verdict, Verdict) if verdict else None
    if judged is None or judged.bundle != fixed.digest:
        raise NotReleasable(
            f"Bundle {fixed.digest[:12]} is served only with a passing verdict for exactly this digest (--verdict)."
        )
    gather(opened, judged)
    return (lambda: Wanted(fixed.digest, "fixed")), (lambda _digest: fixed)
