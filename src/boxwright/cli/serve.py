"""`boxwright serve`: the promoted bundle answers over HTTP."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import Bundle, Verdict
from boxwright.cli.progress import say
from boxwright.cli.terminal import STORE, StoreOption, find, open_store
from boxwright.errors import NotReleasable, ServingError
from boxwright.lifecycle import following
from boxwright.lifecycle.evidence import gather
from boxwright.serving import Wanted


class Format(StrEnum):
    """Formats that the server reads only when it is told to."""

    BMP = "BMP"
    TIFF = "TIFF"
    PPM = "PPM"


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("serve")(serve)


def serve(
    bundle: Annotated[str | None, typer.Argument(help="A bundle; without it, the store's rollout is followed.")] = None,
    verdict: Annotated[str | None, typer.Option("--verdict", help="Passing verdict for exactly this bundle.")] = None,
    host: Annotated[str, typer.Option("--host", help="Beyond this machine only with a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for a free one.")] = 8080,
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Folder of the journal; default STORE/journal.")
    ] = None,
    in_flight: Annotated[int, typer.Option("--in-flight", min=1, help="Requests worked on at once.")] = 2,
    waiting: Annotated[int, typer.Option("--waiting", min=0, help="Requests that may wait; more get 429.")] = 16,
    deadline: Annotated[
        float, typer.Option("--deadline", min=0.001, max=600, help="Seconds for a request whose caller says none.")
    ] = 10.0,
    keep_pictures: Annotated[float, typer.Option("--keep-pictures", min=0, max=1, help="Share kept for review.")] = 1.0,
    flush_to_disk: Annotated[bool, typer.Option("--flush-to-disk", help="Wait for the disk at every record.")] = False,
    also_read: Annotated[
        list[Format] | None, typer.Option("--also-read", help="Format read beside JPEG, PNG and WebP; repeatable.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="Bearer tokens, one a line; requests must carry one.")
    ] = None,
    allowed_hosts: Annotated[
        list[str] | None, typer.Option("--allowed-host", help="Host name to answer for; repeatable, * for any.")
    ] = None,
    allowed_origins: Annotated[
        list[str] | None, typer.Option("--allowed-origin", help="Site whose pages may ask; repeatable.")
    ] = None,
    trusted_proxies: Annotated[
        list[str] | None, typer.Option("--trusted-proxy", help="Address or network whose X-Forwarded-For is believed.")
    ] = None,
    connections: Annotated[int, typer.Option("--connections", min=1, help="Open connections.")] = 512,
    connections_per_address: Annotated[
        int | None, typer.Option("--connections-per-address", min=1, help="Open connections of one client address.")
    ] = None,
    drain_delay: Annotated[
        float, typer.Option("--drain-delay", min=0, help="Seconds of serving after the signal to stop.")
    ] = 5.0,
    store: StoreOption = STORE,
) -> None:
    """Serve `POST /v1/detect`; every answer is in the journal before it leaves."""
    try:
        from boxwright.serving.limits import Limits
        from boxwright.serving.request import callers
        from boxwright.serving.run import run
    except ImportError as error:
        raise ServingError(f"Serving needs: pip install 'boxwright[serve]' ({error}).") from error
    limits = Limits(
        in_flight=in_flight, waiting=waiting, deadline_seconds=deadline, keep_pictures=keep_pictures, drain_delay=drain_delay,
        formats=(*Limits.formats, *dict.fromkeys(form.value for form in also_read or ())),
        connections=connections, connections_per_address=connections_per_address,
        token_digests=callers.read_tokens(token_file, warn=say) if token_file else (),
        allowed_hosts=callers.checked_hosts(allowed_hosts or ()),
        allowed_origins=callers.checked_origins(allowed_origins or ()),
        trusted_proxies=callers.checked_networks(trusted_proxies or ()),
    )  # fmt: skip
    opened = open_store(store)
    if bundle is None:
        wanted = following(opened)
        wanted()  # what is not to be served is refused before anything is opened
        load = lambda digest: opened.get(digest, Bundle)  # noqa: E731
    else:
        fixed = find(store, bundle, Bundle)
        judged = find(store, verdict, Verdict) if verdict else None
        if judged is None or judged.bundle != fixed.digest:
            raise NotReleasable(
                f"Bundle {fixed.digest[:12]} is served only with a passing verdict for exactly this digest (--verdict)."
            )
        gather(opened, judged)
        wanted, load = (lambda: Wanted(fixed.digest, "fixed")), (lambda _digest: fixed)
    run(
        wanted, load, journal=journal or store / "journal", host=host, port=port, limits=limits,
        flush_to_disk=flush_to_disk, tell=say,
    )  # fmt: skip
