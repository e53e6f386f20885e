"""Every page in a real browser without a network: nothing asked for, nothing complained of, everything to be seen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pages.tabs import open_page


@pytest.mark.parametrize("width", [1200, 480])
def test_pages_show_without_a_network(browser: Any, page: str, width: int) -> None:
    tab, complaints = open_page(browser, page, width=width)
    try:
        assert complaints == []
        for box in tab.locator("main svg.plot, main svg.view, main svg.bar").all():
            shape = box.bounding_box()
            assert shape and shape["width"] > 20 and shape["height"] > 10
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        cut = """() => [...document.querySelectorAll('svg.plot')].flatMap(plot => {
            const o = plot.getBoundingClientRect();
            return [...plot.querySelectorAll('text')].filter(t => { const b = t.getBoundingClientRect();
              return b.left < o.left - 1 || b.right > o.right + 1 || b.top < o.top - 1 || b.bottom > o.bottom + 1;
            }).map(t => t.textContent); })"""
        assert tab.evaluate(cut) == []
    finally:
        tab.context.close()


def test_tables_sort_and_boxes_hide(browser: Any, shown_report: Any, report: Any) -> None:
    tab, complaints = open_page(browser, shown_report(report), width=1200)
    try:
        first = tab.locator("#classes tbody tr").first
        assert first.locator("th").inner_text().startswith("open")
        tab.locator("#classes thead th", has_text="Objects").click()
        tab.locator("#classes thead th", has_text="Objects").click()
        assert first.locator("td").first.inner_text() == "0"
        annotation = tab.locator("#misses figure .box.annotation").first
        assert annotation.is_visible()
        tab.locator("#misses-a").uncheck()
        assert not annotation.is_visible()
        assert complaints == []
    finally:
        tab.context.close()


def test_pages_work_without_scripts(browser: Any, shown_report: Any, report: Any) -> None:
    tab, complaints = open_page(browser, shown_report(report), width=1200, scripts=False)
    try:
        assert tab.locator("#classes > .scroll tbody tr").count() == 3
        assert tab.locator("#error-types svg.stack").first.is_visible()
        assert tab.locator("figure svg.view").first.is_visible()
        assert [c for c in complaints if "request" in c] == []
    finally:
        tab.context.close()


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_contents_lead_to_their_sections(browser: Any, pages: Any, name: str) -> None:
    tab, complaints = open_page(browser, pages[name](), width=480)
    try:
        links = tab.locator("nav.contents a")
        assert links.count() >= 9
        for link in links.all():
            target = tab.locator(f"section{link.get_attribute('href')}")
            assert target.count() == 1 and target.is_visible()
        assert complaints == []
    finally:
        tab.context.close()


def test_comparison_sorts_by_difference_and_hides_boxes(browser: Any, shown_comparison: Any, comparison: Any) -> None:
    tab, complaints = open_page(browser, shown_comparison(comparison), width=1200)
    try:
        tab.locator("#classes thead th", has_text="AP50").click()
        assert tab.locator("#classes tbody tr").last.locator("td").nth(1).inner_text() == "–"  # the undefined last
        detection = tab.locator("#broken figure .box.detection").first
        assert detection.is_visible()
        tab.locator("#broken-d").uncheck()
        assert not detection.is_visible()
        assert complaints == []
    finally:
        tab.context.close()


def test_expandable_tables_open_without_scripts(browser: Any, shown_report: Any, report: Any) -> None:
    tab, _ = open_page(browser, shown_report(report), width=480, scripts=False)
    try:
        for folded in tab.locator("main details:has(table)").all():
            assert not folded.locator("table").first.is_visible()
            folded.locator("summary").click()
            assert folded.locator("table").first.is_visible()
        assert tab.evaluate("document.documentElement.scrollWidth") <= 480
    finally:
        tab.context.close()
