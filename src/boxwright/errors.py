"""Everything Boxwright can refuse, as one tree.

    BoxwrightError
    ├── InputError               your input is wrong: exit code 2, one sentence, nothing written
    │   ├── BoxError             boxes or detections that break their contract
    │   ├── PictureError         a picture that cannot be trusted or read
    │   ├── FormatError          an annotation file that is not what it should be
    │   ├── SpecError            spec.yaml or recipe.yaml, with the key's path
    │   ├── SplitError           a split that leaks or cannot be made
    │   ├── StoreError           a name, digest or artifact that is not there, or is damaged
    │   │   ├── NameMoved        a name that stands for something else by now: someone else was faster
    │   │   └── ModelError       a model that must not be loaded: not self-contained, endless, too large, crashing, wrong
    │   └── ToolError            a labelling tool that cannot be reached, or does not answer as asked
    ├── ParityError              what was exported does not behave as what was trained
    ├── OutputError              a loaded model answers what no model may: NaN, a score of 7, a wrong shape
    ├── TimeExceeded             a run of a model that was stopped at its time limit
    ├── TrainingError            training that cannot go on (non-finite loss, cannot overfit a handful)
    ├── NotReleasable            a digest without a passing verdict
    └── ServingError             a server that must not start, or a journal that cannot be written

Every message is one full sentence or two: what was expected, what was found, where, what to do.
"""

from __future__ import annotations


class BoxwrightError(Exception):
    """Root of the tree; the command line turns it into one sentence and exit code 2."""


class InputError(BoxwrightError):
    """The caller's input is wrong."""


class BoxError(InputError):
    """Boxes, annotations or detections break their contract."""


class PictureError(InputError):
    """A picture cannot be read, or must not be.

    Attributes:
        reason: one of `empty`, `format`, `pixels`, `damaged`, `frames` (several), `depth` (samples of an unknown range).
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class FormatError(InputError):
    """An annotation file is not what its format asks for."""


class SpecError(InputError):
    """spec.yaml or recipe.yaml says something it may not.

    Attributes:
        key_path: where in the document, such as `classes[2].least_size_px`.
    """

    def __init__(self, message: str, *, key_path: str = "") -> None:
        super().__init__(message)
        self.key_path = key_path


class SplitError(InputError):
    """A split leaks, or cannot be made from this data."""


class StoreError(InputError):
    """A name, digest or artifact is not in the store, or its content does not match its digest."""


class NameMoved(StoreError):
    """A name was moved by someone else since it was read; nothing was lost or overwritten."""


class ModelError(StoreError):
    """A model must not be loaded.

    Attributes:
        reason: `format`, `external` (data outside the file), `operator`, `size`, `nesting`, `signature` (inputs and outputs),
            `runtime` (onnxruntime refuses it), `output`, `time`, `memory`, `crash`, or `child` (it could not be tested here).
        kind: with `output`, that of the OutputError.
    """

    def __init__(self, message: str, *, reason: str = "", kind: str = "") -> None:
        super().__init__(message)
        self.reason, self.kind = reason, kind


class ToolError(InputError):
    """A labelling tool cannot be reached, refuses, or does not answer as asked.

    Attributes:
        status: its HTTP status, or None when there was no answer.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ParityError(BoxwrightError):
    """The exported model does not give the boxes of the checkpoint."""


class OutputError(BoxwrightError):
    """A loaded model gave an output that breaks its contract; there is no answer to the image.

    Attributes:
        kind: `type`, `shape`, `not_finite`, `score_range`, `box_range` (far outside the input), `box_size` (x2 < x1 or y2 < y1),
            `failed` (onnxruntime fails on the image).
    """

    def __init__(self, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class TimeExceeded(BoxwrightError):
    """A run of a model was stopped at its time limit.

    Attributes:
        seconds: the limit.
    """

    def __init__(self, message: str, *, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.seconds = seconds


class TrainingError(BoxwrightError):
    """Training cannot go on."""


class NotReleasable(BoxwrightError):
    """No passing verdict exists for exactly this bundle."""


class ServingError(BoxwrightError):
    """The server must not start, or cannot keep its promise."""
