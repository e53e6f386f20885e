"""A page runs its own script and style and nothing else: the policy names both by their hash, and no markup needs more."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from markupsafe import escape

from boxwright.pages import queue_page, verdict_page
from tests.pages.conftest import full_queue, full_verdict
from tests.pages.tabs import open_page
from tests.worlds import digest_of, queue, queue_item

INJECTED = (
    "<script>window.hacked = 1; document.title = 'hacked'</script>",
    "<img src=x onerror='window.hacked = 2'>",
    "<svg onload='window.hacked = 3'></svg>",
    "<style>main { display: none }</style>",
    "<p id=red style='color: rgb(255, 0, 0)'>x</p>",
    "<a id=away href='javascript:window.hacked = 4'>x</a>",
    "<script src='data:text/javascript,window.hacked=5'></script>",
    "<iframe srcdoc='<script>parent.hacked = 6</script>'></iframe>",
    "<base href='http://evil.example/'>",
    "<link rel=stylesheet href='data:text/css,main{display:none}'>",
    "<object data='data:text/html,<script>parent.hacked = 7</script>'></object>",
)
NAMES = (
    "<script>window.hacked=1</script>", "\"><script>window.hacked=1</script>", "'><img src=x onerror=window.hacked=1>",
    "</title><script>window.hacked=1</script>", "</style><script>window.hacked=1</script>", "</script><script>window.hacked=1</script>",
    "<svg/onload=window.hacked=1>", "\" onmouseover=\"window.hacked=1\" x=\"", "' autofocus onfocus='window.hacked=1", "javascript:window.hacked=1",
    "&lt;script&gt;window.hacked=1&lt;/script&gt;", "<!--<img src=\"--><img src=x onerror=window.hacked=1>", "]]><script>window.hacked=1</script>",
    "<math><mtext></form><form><mglyph><style></math><img src=x onerror=window.hacked=1>", "<details open ontoggle=window.hacked=1>",
    "{{ 7*7 }}<script>window.hacked=1</script>", "{% raw %}<img src=x onerror=window.hacked=1>", "\u003cscript\u003ewindow.hacked=1\u003c/script\u003e",
    "<iframe src=javascript:window.hacked=1>", "<meta http-equiv=refresh content='0;url=javascript:window.hacked=1'>",
)  # fmt: skip


class Seen(HTMLParser):
    """Attributes that run or style something, the texts of style and script elements, and the policy."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.texts: dict[str, list[str]] = {"style": [], "script": []}
        self.policy, self._inside = "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inline += [f"{tag} {name}" for name, _ in attrs if name == "style" or name.startswith("on")]
        self.inline += [
            f"{tag} {value}" for _, value in attrs if (value or "").strip().lower().startswith("javascript:")
        ]
        self._inside = tag if tag in self.texts else ""
        found = dict(attrs)
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside].append(data)


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_names_exactly_what_the_page_holds(page: str) -> None:
    seen = Seen()
    seen.feed(page)
    assert seen.inline == []
    assert [len(texts) for texts in seen.texts.values()] == [1, 1]
    assert "unsafe" not in seen.policy and seen.policy.startswith("default-src 'none'; img-src data:;")
    for kind, texts in seen.texts.items():
        assert f"{kind}-src {hash_of(texts[0])};" in seen.policy


def test_an_empty_page_holds_nothing_inline_either(empty_page: str) -> None:
    seen = Seen()
    seen.feed(empty_page)
    assert seen.inline == [] and "unsafe" not in seen.policy


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_its_own_policy(browser: Any, page: str, scheme: str) -> None:
    tab, complaints = open_page(browser, page, width=1000, scheme=scheme)
    try:
        for heading in tab.locator("table.sortable thead th").all()[:3]:
            if heading.is_visible():
                heading.click()
        assert complaints == []
        assert tab.evaluate("document.styleSheets.length") == 1
        wrong = """() => [...document.querySelectorAll('[class*="depth-"]')].filter(cell => {
            const told = Number(cell.getAttribute('class').match(/depth-([0-9]+)/)[1]) / 100;
            return Math.abs(Number(getComputedStyle(cell).getPropertyValue('--depth')) - told) > 1e-9; }).length"""
        assert tab.evaluate(wrong) == 0
    finally:
        tab.context.close()


def test_what_is_injected_into_a_page_does_not_run(browser: Any) -> None:
    for payload in INJECTED:
        tab, complaints = open_page(
            browser, verdict_page(full_verdict()).replace("</main>", f"{payload}</main>"), width=800
        )
        try:
            if "id=away" in payload:
                tab.locator("#away").click()
            tab.wait_for_timeout(50)
            assert tab.evaluate("window.hacked") is None
            assert tab.title() != "hacked"
            assert tab.locator("main").is_visible()
            if "id=red" in payload:
                assert tab.evaluate("getComputedStyle(document.getElementById('red')).color") != "rgb(255, 0, 0)"
            assert any("Content Security Policy" in c for c in complaints), payload
        finally:
            tab.context.close()


def test_names_from_outside_are_text_on_the_page(browser: Any) -> None:
    items = [
        {**queue_item(f"item-{k}", picture=digest_of(str(k)), file_name=name, camera=name), "reason": "uncertain"}
        for k, name in enumerate(NAMES)
    ]
    rows = queue(items)
    object.__setattr__(rows, "class_names", NAMES)
    for html in (
        queue_page(rows, read_picture=lambda _digest: None),
        queue_page(full_queue(), read_picture=lambda _digest: None),
    ):
        tab, complaints = open_page(browser, html, width=1000)
        try:
            assert tab.evaluate("window.hacked") is None
            assert complaints == []
        finally:
            tab.context.close()
    shown = queue_page(rows, read_picture=lambda _digest: None)
    for name in NAMES:
        assert str(escape(name)) in shown
        assert not re.search(re.escape(name), shown) or "<" not in name
