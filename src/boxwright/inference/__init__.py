"""Inference: the one Detector, on one picture or many.

Takes a bundle and pictures, returns detections in the pixels of the upright original. Guarantees that what evaluation
measures is what serving answers: same decoding, same letterbox, same suppression, same thresholds.
"""

from boxwright.inference.decode import decode
from boxwright.inference.detector import Detector, agreement, calibrated, compare_detections
from boxwright.inference.predict import hardware, predict
from boxwright.inference.thresholds import Thresholds

__all__ = ["Detector", "Thresholds", "agreement", "calibrated", "compare_detections", "decode", "hardware", "predict"]
