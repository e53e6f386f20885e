"""Boxwright: object detectors that hold in production.

Read `lifecycle.py` first: one turn of the loop, from a written promise to a served and corrected detector.
"""

__version__ = "0.1.0"
