"""What a copy of a store says about itself: `copy.json` in the copy, with the store it was made from and how far it is.

A copy that was stopped is refused by everything but the copying that finishes it.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

from boxwright.errors import StoreError
from boxwright.store.atomic import write_json
from boxwright.store.plain_file import read_text

RECORD = "copy.json"


@dataclass(frozen=True)
class Copied:
    """How a copy came to be.

    Attributes:
        source: folder of the store it was made from, as it was called then.
        begun: when the newest run began, in seconds since 1970.
        finished: when it was done; None while it is at work, or where it was stopped.
        verified: whether everything in it was read again and matched its digest.
        verified_pictures: how many pictures of the table, from the first on, were.
    """

    source: str
    begun: float
    finished: float | None = None
    verified: bool = True
    verified_pictures: int = 0

    @classmethod
    def read(cls, root: Path) -> Copied | None:
        """What the folder says of itself; None where it is no copy.

        Raises:
            StoreError: it cannot be read.
        """
        path = root / RECORD
        try:
            found = cls(**json.loads(read_text(path)))
            if not (
                isinstance(found.source, str)
                and isinstance(found.verified, bool)
                and type(found.verified_pictures) is int
            ):
                raise TypeError("a value has another type")
            return found
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            return None
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise StoreError(
                f"'{path}' says how this copy of a store was made, and cannot be read: {error}. Copy to another, empty folder."
            ) from error

    def write(self, root: Path) -> None:
        write_json(root / RECORD, asdict(self))


def refuse_unfinished(root: Path) -> None:
    """StoreError where the folder is a copy that was stopped before it was finished."""
    copied = Copied.read(root)
    if copied is None or copied.finished is not None:
        return
    again = f"boxwright store copy {shlex.quote(copied.source)} {shlex.quote(str(root))}"
    raise StoreError(
        f"'{root}' is an unfinished copy of '{copied.source}'. Finish it: {again}. If '{copied.source}' is lost, what was copied "
        f"until now can be used once you delete '{root / RECORD}': names are copied last, after what they stand for."
    )
