"""Export: weights become the bundle that ships.

Takes a checkpoint, the spec and some real pictures, returns a `Bundle`. Guarantees that the bundle's detections were
compared with the checkpoint's on those pictures and agree, and that it carries golden pictures to prove it elsewhere.
"""

from boxwright.export.export import export

__all__ = ["export"]
