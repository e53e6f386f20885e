"""A verdict as JUnit XML, which every continuous integration shows: one test case per requirement.

A requirement that lacks evidence is a failure like one that is not met, with a type of its own: `skipped` would let the
build pass. Verdicts hold no times, so the file is the same for the same verdict.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from boxwright.artifacts import Check, Verdict
from boxwright.gate.markdown import number, span

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold


def as_junit(verdict: Verdict) -> bytes:
    """The verdict as an XML document in UTF-8."""
    counts = {
        "tests": str(len(verdict.checks)),
        "failures": str(sum(check.status != "met" for check in verdict.checks)),
        "errors": "0",
        "skipped": "0",
        "time": "0",
    }
    root = ET.Element("testsuites", {"name": "boxwright gate", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": _held(verdict.spec_name), **counts})
    properties = ET.SubElement(suite, "properties")
    for role, digest in {"verdict": verdict.digest, "bundle": verdict.bundle, **verdict.digests}.items():
        ET.SubElement(properties, "property", {"name": _held(role), "value": _held(digest)})
    for check in verdict.checks:
        _add_case(suite, check, verdict.spec_name)
    if verdict.looks:
        ET.SubElement(suite, "system-out").text = _held("\n".join(verdict.looks_told))
    ET.indent(root, " ")
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _add_case(suite: ET.Element, check: Check, spec_name: str) -> None:
    names = {"name": _held(check.requirement), "classname": _held(f"gate.{spec_name}"), "time": "0"}
    case = ET.SubElement(suite, "testcase", names)
    found = (
        f"required {number(check.required)}, observed {number(check.observed)}, interval {span(check.low, check.high)}"
    )
    if check.status == "met":
        ET.SubElement(case, "system-out").text = _held("; ".join(part for part in (found, check.note) if part))
        return
    failure = ET.SubElement(case, "failure", {"type": check.status, "message": _held(f"{check.status}: {found}")})
    failure.text = _held(check.note or found)


def _held(text: str) -> str:
    """The text without what XML cannot hold."""
    return _NO_XML.sub("\ufffd", text)
