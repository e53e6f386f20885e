"""Is a verdict true? It is not taken at its word: what it rests on is read again, and decided again.

Takes a store and a verdict, and refuses (`NotReleasable`) a verdict that does not follow from what is stored. Three depths:

    gather           every piece is there, unchanged, and belongs to the others; the gate decides the same again on the stored
                     reports. No image and no table of rows is read: cheap enough for a server.
    measure_again    matches are made again from predictions and annotations, reports from matches, comparisons from both.
    answer_again     the bundle answers some of the judged images again, chosen now and at random.

Promote, rollback and turn do all three. It proves that the figures follow from the stored predictions and annotations, and that the
predictions are the bundle's own as far as a sample tells. It does not prove that the annotations are right, that the images judged
were not trained on, that the latency was measured on an idle machine, or that the promise in the verdict is the one you want.
"""

from boxwright.lifecycle.evidence.answered_again import SAMPLE, answer_again
from boxwright.lifecycle.evidence.gathered import Evidence, gather
from boxwright.lifecycle.evidence.measured_again import measure_again
from boxwright.lifecycle.evidence.pieces import Judged

__all__ = ["SAMPLE", "Evidence", "Judged", "answer_again", "gather", "measure_again"]
