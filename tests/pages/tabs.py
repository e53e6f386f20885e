"""A page in a tab without a network, and everything the browser complained of."""

from __future__ import annotations

from typing import Any


def open_page(
    browser: Any, html: str, *, width: int, scripts: bool = True, scheme: str = "light"
) -> tuple[Any, list[str]]:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, offline=True, java_script_enabled=scripts, color_scheme=scheme
    )
    complaints: list[str] = []
    tab = context.new_page()
    tab.on("console", lambda message: complaints.append(f"console: {message.text}"))
    tab.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    tab.on("request", lambda r: None if r.url.startswith("data:") else complaints.append(f"request: {r.url[:80]}"))
    tab.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    tab.set_content(html, wait_until="load")
    return tab, complaints
