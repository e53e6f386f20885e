"""Audit: labels that are probably wrong, and what people say of them.

Takes annotations and detections of the same pictures, returns `Suspects`: one score per box, most suspicious first. Guarantees
that nothing is changed by it: `apply_answers` makes a corrected copy of only what a person answered.
"""

from boxwright.labels.audit.answers import answer_sheet, apply_answers, read_sheet, sheet_text
from boxwright.labels.audit.suspects import SURE_FROM, AuditedImages, suspects

__all__ = ["SURE_FROM", "AuditedImages", "answer_sheet", "apply_answers", "read_sheet", "sheet_text", "suspects"]
