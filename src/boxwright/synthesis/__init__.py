"""A generated packing line: pictures with exact labels, for demos, tests and lessons.

Takes a number of frames, a season and a seed; returns frames, each with its picture, annotations and conditions.
Guarantees that boxes are tight around the visible pixels, that the same arguments give the same bytes, and that a
longer run only adds frames to a shorter one. Winter changes the light, two packages and the clutter.
"""

from boxwright.synthesis.packages import CLASSES, SEASONS
from boxwright.synthesis.world import Frame, packing_line

__all__ = ["CLASSES", "SEASONS", "Frame", "packing_line"]
