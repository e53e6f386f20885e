"""The promise as types.

Takes spec.yaml, returns a `Spec` whose clauses compile into checks: coverage of the data, slices of the evaluation,
requirements at the gate, limits of the monitor, deadlines of the review. Guarantees that nothing unknown is accepted
and that every complaint names the key's path.
"""

from boxwright.spec.datasheet import DataSheet, read_sheet, sheet_of
from boxwright.spec.document import Section, parse_document, read_document
from boxwright.spec.overrides import Override, by_document, parse_overrides
from boxwright.spec.requirement import Observed, Requirement, figure_key, parse_requirement
from boxwright.spec.spec import Spec, load_spec, parse_spec
from boxwright.spec.yaml_text import parse_yaml

__all__ = [
    "DataSheet",
    "Observed",
    "Override",
    "Requirement",
    "Section",
    "Spec",
    "by_document",
    "figure_key",
    "load_spec",
    "parse_document",
    "parse_overrides",
    "parse_requirement",
    "parse_spec",
    "parse_yaml",
    "read_document",
    "read_sheet",
    "sheet_of",
]
