"""`boxwright serve`: the promoted bundle answers over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from boxwright.artifacts import Bundle, Verdict
from boxwright.cli.progress import say
from boxwright.cli.terminal import STORE, StoreOption, find, open_store
from boxwright.errors import InputError, NotReleasable, ServingError
from boxwright.lifecycle import following
from boxwright.lifecycle.evidence import gather


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("serve")(serve)


def serve(
    bundle: Annotated[str | None, typer.Argument(help="A bundle; without it, the store's rollout is followed.")] = None,
    verdict: Annotated[str | None, typer.Option("--verdict", help="Passing verdict for exactly this bundle.")] = None,
    host: Annotated[str, typer.Option("--host", help="Beyond this machine only with a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535)] = 8080,
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Folder of the journal; default STORE/journal.")
    ] = None,
    in_flight: Annotated[int, typer.Option("--in-flight", min=1, help="Requests worked on at once.")] = 2,
    waiting: Annotated[int, typer.Option("--waiting", min=0, help="Requests that may wait; more get 429.")] = 16,
    keep_pictures: Annotated[float, typer.Option("--keep-pictures", min=0, max=1, help="Share kept for review.")] = 1.0,
    flush_to_disk: Annotated[bool, typer.Option("--flush-to-disk", help="Wait for the disk at every record.")] = False,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="Bearer token that requests must carry.")
    ] = None,
    store: StoreOption = STORE,
) -> None:
    """Serve `POST /v1/detect`; every answer is in the journal before it leaves."""
    try:
        from boxwright.serving.limits import Limits
        from boxwright.serving.run import run
    except ImportError as error:
        raise ServingError(f"Serving needs: pip install 'boxwright[serve]' ({error}).") from error
    token = token_file.read_bytes().decode("utf-8", errors="replace").strip() if token_file else None
    if token is not None and len(token) < 16:
        raise InputError(f"The token in '{token_file}' has {len(token)} characters; at least 16 are asked for.")
    limits = Limits(in_flight=in_flight, waiting=waiting, keep_pictures=keep_pictures, token=token)
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
        wanted, load = (lambda: fixed.digest), (lambda _digest: fixed)
    say(f"serving on http://{host}:{port}; ask it: curl --data-binary @image.jpg http://{host}:{port}/v1/detect")
    run(
        wanted, load, journal=journal or store / "journal", host=host, port=port, limits=limits,
        flush_to_disk=flush_to_disk, tell=say,
    )  # fmt: skip
