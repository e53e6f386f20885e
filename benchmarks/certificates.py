"""How often certificates are wrong, and how often they are given where they are deserved.

    python benchmarks/certificates.py [--simulations 1500] [--out certificates.md]

Pictures hold about six answered detections (Poisson, at most 14); whether these are false hangs together within a picture with
the intraclass correlation rho (beta-binomial). True precision 0.95 and claim 0.95: every certificate is false, and at most 5 %
are allowed. True precision 0.97 and 0.98: certificates are deserved. Beside it Clopper and Pearson's bound, which takes
boxes as independent.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from boxwright.evaluation.certificate import certify
from boxwright.statistics import clopper_pearson_lower

CLAIM, CONFIDENCE, CAP, A_PICTURE = 0.95, 0.95, 14, 6
RHOS, UNITS, TRUE = (0.0, 0.1, 0.3), (200, 500, 1000), (0.95, 0.97, 0.98)


def draw(units: int, precision: float, rho: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(units,) false and (units,) kept detections of one simulated test set."""
    kept = np.minimum(rng.poisson(A_PICTURE, units), CAP)
    share = np.full(units, 1 - precision)
    if rho:
        share = rng.beta((1 - precision) * (1 - rho) / rho, precision * (1 - rho) / rho, units)
    return rng.binomial(kept, share), kept


def rates(units: int, precision: float, rho: float, simulations: int) -> tuple[float, float, int | None]:
    """Share certified by bets on pictures, by Clopper and Pearson on boxes; median of the pictures said to be missing."""
    rng = np.random.default_rng([units, int(precision * 1000), int(rho * 10)])
    ours, boxes, missing = 0, 0, []
    for _ in range(simulations):
        false, kept = draw(units, precision, rho, rng)
        found = certify(false, kept, precision=CLAIM, confidence=CONFIDENCE, cap=CAP)
        ours += found.certified
        boxes += clopper_pearson_lower(int((kept - false).sum()), int(kept.sum()), confidence=CONFIDENCE) >= CLAIM
        if not found.certified and found.more_units is not None:
            missing.append(found.more_units)
    return ours / simulations, boxes / simulations, int(np.median(missing)) if missing else None


def table(simulations: int) -> list[str]:
    """The lines of a Markdown table."""
    lines = [
        "| true precision | pictures | rho | certified | Clopper-Pearson on boxes | missing pictures, median where not |",
        "|---|---|---|---|---|---|",
    ]
    for precision in TRUE:
        for units in UNITS:
            for rho in RHOS:
                ours, boxes, missing = rates(units, precision, rho, simulations)
                said = "" if missing is None or precision == CLAIM else str(missing)
                lines.append(f"| {precision} | {units} | {rho} | {ours:.1%} | {boxes:.1%} | {said} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1500)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    text = "\n".join(table(arguments.simulations)) + "\n"
    print(text, end="")
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
