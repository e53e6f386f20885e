"""The labelling contract of a spec, in the words annotators read.

Every sentence is one key of spec.yaml: who changes a rule changes the spec, and the page follows. What the spec leaves open
is listed as open, so that nobody fills it in alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from boxwright.spec.spec import Spec


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        topic: box, occluded, truncated, size, crowd, difficult or doubt; names the drawing beside it.
        title: in a few words.
        text: what is done.
        key: of spec.yaml that says so.
    """

    topic: str
    title: str
    text: str
    key: str


@dataclass(frozen=True)
class ClassRule:
    """What is said about a class.

    Attributes:
        name: of the class.
        includes, excludes: what counts, and what looks like it and does not.
        least_size_px: shorter side from which on it is judged; 0 for none.
        least_visible: share that must be visible; 0 for none.
    """

    name: str
    includes: tuple[str, ...]
    excludes: tuple[str, ...]
    least_size_px: float
    least_visible: float


@dataclass(frozen=True)
class Guideline:
    """A spec's labelling contract.

    Attributes:
        name: of the spec.
        rules: in general.
        classes: one by one, in the order of class_id.
        agreement: least alpha two annotators must reach.
        notes: further rules, as the spec has them.
        open: what the spec does not say.
    """

    name: str
    rules: tuple[Rule, ...]
    classes: tuple[ClassRule, ...]
    agreement: float
    notes: tuple[str, ...]
    open: tuple[str, ...] = field(default=())


def guideline_of(spec: Spec) -> Guideline:
    """The contract a spec makes with annotators."""
    classes = tuple(ClassRule(c.name, c.includes, c.excludes, c.least_size_px, c.least_visible) for c in spec.classes)
    return Guideline(
        spec.name, tuple(_rules(spec)), classes, spec.labels.agreement, spec.labels.notes, tuple(_left_open(spec))
    )


def _rules(spec: Spec) -> list[Rule]:
    labels = spec.labels
    margin = f" Leave {labels.margin_px:g} px free on every edge." if labels.margin_px else " Leave no margin."
    box = {
        "visible": "Draw the smallest upright box that holds all that can be seen of the object, and nothing else.",
        "amodal": "Draw the smallest upright box that holds the whole object, also the part that is hidden, as it must be.",
    }[labels.box]
    least = [c for c in spec.classes if c.least_visible]
    how_much = (
        f"Draw it when enough of it can be seen ({', '.join(f'{c.name} {100 * c.least_visible:g} %' for c in least)})."
        if least
        else "Draw it as long as it can be recognised."
    )
    occluded = {"draw": how_much, "leave_out": "Do not draw objects that something else covers in part."}[
        labels.occluded
    ]
    to_border = (
        "to the border" if labels.box == "visible" else "as far as the object must reach, never beyond the border"
    )
    truncated = {
        "draw": f"Draw what the picture's border cuts off, {to_border}.",
        "leave_out": "Do not draw objects that the picture's border cuts off.",
    }[labels.truncated]
    difficult = {
        "ignore": "Mark it as difficult: it is neither asked for nor held against a detector.",
        "keep": "Marking it as difficult is for the record only: it is judged as any other.",
    }[labels.difficult]
    doubt = {
        "mark": "If in doubt whether it is one, draw it and mark it as difficult.",
        "leave_out": "If in doubt whether it is one, do not draw it.",
        "ask": "If in doubt whether it is one, ask before you draw, and have the answer written into this page.",
    }[labels.doubt]
    sizes = [c for c in spec.classes if c.least_size_px]
    size = (
        f"Objects whose shorter side is under {', '.join(f'{c.least_size_px:g} px ({c.name})' for c in sizes)} are not judged; draw them only if that costs nothing."
        if sizes
        else "There is no least size: draw every object that can be recognised."
    )
    return [
        Rule("box", "How tight a box is", box + margin, "labels.box"),
        Rule("occluded", "Hidden in part", occluded, "labels.occluded"),
        Rule("truncated", "Cut by the border", truncated, "labels.truncated"),
        Rule("size", "Very small", size, "classes[].least_size_px"),
        Rule("crowd", "Too many to part", "Where objects cannot be told apart, draw one box around all and mark it as a crowd; it is not judged.", "labels.crowd"),
        Rule("difficult", "Hardly to be recognised", difficult, "labels.difficult"),
        Rule("doubt", "In doubt", doubt, "labels.doubt"),
    ]  # fmt: skip


def _left_open(spec: Spec) -> list[str]:
    """What annotators would have to make up."""
    found = []
    bare = [c.name for c in spec.classes if not c.includes and not c.excludes]
    if bare:
        found.append(f"What counts as {', '.join(bare)} and what does not (includes, excludes).")
    if not any(c.least_size_px for c in spec.classes):
        found.append("From which size on an object is drawn (least_size_px).")
    if spec.labels.occluded == "draw" and not any(c.least_visible for c in spec.classes):
        found.append("How much of an object must be visible (least_visible).")
    return found
