"""The nouns of the flow, one file each, in the order they come to be.

Dataset, Split, Checkpoint, Bundle, OperatingPoint, Predictions, Matches, Report, Comparison, Verdict, Rollout, Events,
Drift, ReviewQueue, Corrections, Agreement, Suspects. Each is frozen, has a digest, and knows the digests of what it was made from.
"""

from boxwright.artifacts.agreement import Agreement
from boxwright.artifacts.artifact import Artifact, Parts, read_manifest
from boxwright.artifacts.bundle import Bundle, Contract
from boxwright.artifacts.checkpoint import Checkpoint
from boxwright.artifacts.comparison import Comparison
from boxwright.artifacts.corrections import CORRECTION_SCHEMA, Corrections
from boxwright.artifacts.dataset import ROW_SCHEMA, Dataset
from boxwright.artifacts.drift import DRIFT_SCHEMA, Drift
from boxwright.artifacts.events import EVENT_SCHEMA, Events
from boxwright.artifacts.matches import Matches
from boxwright.artifacts.operating_point import OperatingPoint
from boxwright.artifacts.predictions import Predictions, detection_table
from boxwright.artifacts.report import Report
from boxwright.artifacts.review_queue import QUEUE_SCHEMA, Doubt, Proposal, ReviewQueue
from boxwright.artifacts.rollout import Rollout
from boxwright.artifacts.split import SIDES, Split
from boxwright.artifacts.suspects import SUSPECT_KINDS, SUSPECT_SCHEMA, Suspects
from boxwright.artifacts.verdict import Check, Verdict

KINDS: dict[str, type[Artifact]] = {
    kind.kind: kind
    for kind in (
        Dataset,
        Split,
        Checkpoint,
        Bundle,
        OperatingPoint,
        Predictions,
        Matches,
        Report,
        Comparison,
        Verdict,
        Rollout,
        Events,
        Drift,
        ReviewQueue,
        Corrections,
        Agreement,
        Suspects,
    )
}

__all__ = [
    "CORRECTION_SCHEMA",
    "DRIFT_SCHEMA",
    "EVENT_SCHEMA",
    "KINDS",
    "QUEUE_SCHEMA",
    "ROW_SCHEMA",
    "SIDES",
    "SUSPECT_KINDS",
    "SUSPECT_SCHEMA",
    "Agreement",
    "Artifact",
    "Bundle",
    "Check",
    "Checkpoint",
    "Comparison",
    "Contract",
    "Corrections",
    "Dataset",
    "Doubt",
    "Drift",
    "Events",
    "Matches",
    "OperatingPoint",
    "Parts",
    "Predictions",
    "Proposal",
    "Report",
    "ReviewQueue",
    "Rollout",
    "Split",
    "Suspects",
    "Verdict",
    "detection_table",
    "read_manifest",
]
