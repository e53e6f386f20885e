"""Decoders' remarks about a file are the file's words: they do not belong on the standard error of a program that reads strangers' files.

Set once for the process and not around each call: `warnings.catch_warnings` swaps the filters of all threads, and of two that overlap
the second puts back what the first had set. What is wrong with a file is said by our own checks.
"""

from __future__ import annotations

import logging
import warnings


def quiet_decoders() -> None:
    """Pillow neither warns nor logs in this process from here on; calling it again changes nothing."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logger = logging.getLogger("PIL")
    logger.setLevel(logging.CRITICAL)
    logger.propagate = False
