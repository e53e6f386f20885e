"""From planted errors to the share of boxes like this that are errors.

Pictures are dealt to parts; the boxes of a part are judged by trees that learnt from the others, so that a true error, which
stands among the right ones while learning, is not remembered as right. How much of the trees is taken beside the plain formula
is chosen by the average precision on planted errors of unseen parts. What comes out are odds of being planted. Among the
surest, planted and true errors are all there is: the share of planted ones there (Elkan and Noto's c, KDD 2008) turns the odds
of being planted into the share of errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boxwright.labels.audit.boosted import fit_boosted
from boxwright.statistics import fit_logistic, logit

_MOST_REST = 6000  # rows that are not planted errors, drawn for learning
_MOST_PLANTED = 1500
_SUREST = 0.25  # of the planted errors
_EPS = 1e-3
_MIXES = (0.0, 0.25, 0.5, 1.0)  # shares of the trees in the odds; the planted errors of unseen parts choose
_DEARER = 0.02  # average precision that the trees must gain
_GAPS, _TOP, _LEAST_TOP, _MOST = 0.05, 0.9, 0.8, 0.995  # of held_to_precision
_FEW = 5000  # rows; with fewer, four parts instead of two


@dataclass(frozen=True)
class Rows:
    """Boxes to learn from or to judge.

    Attributes:
        figures: (n, features).
        plain: (n,) plain score of the kind, in [0, 1].
        image: (n,) picture.
        planted: (n,) whether it is a planted error of the kind.
    """

    figures: NDArray
    plain: NDArray
    image: NDArray
    planted: NDArray


def learnt_share(
    lessons: Sequence[Rows], asked: Rows, *, rng: np.random.Generator, trees: int, ridge: float
) -> NDArray[np.float64]:
    """(n,) share of errors among boxes like those asked about, in [0, 1]; half the plain score where nothing is planted.

    Args:
        lessons: one per round of planting.
        asked: the boxes as they are.
        rng: draws the rows to learn from.
        trees, ridge: of the trees.
    """
    parts = 2 if len(asked.plain) > _FEW else 4
    figures = np.concatenate([np.zeros((0, asked.figures.shape[1])), *(r.figures for r in lessons)])
    plain, image, planted = (
        np.concatenate([getattr(asked, name)[:0], *(getattr(r, name) for r in lessons)])
        for name in ("plain", "image", "planted")
    )
    if planted.sum() < 2 * parts or not len(asked.plain):
        return 0.5 * asked.plain
    base, base_asked = _odds(plain), _odds(asked.plain)
    odds, odds_asked = np.zeros((2, len(plain))), np.zeros((2, len(asked.plain)))  # by the formula, by the trees
    for part in range(parts):
        chosen, weight = _drawn(planted, np.flatnonzero(image % parts != part), rng, parts)
        if not planted[chosen].any() or planted[chosen].all():
            return 0.5 * asked.plain
        a, b = _logistic(base[chosen], planted[chosen], weight)
        fitted = fit_boosted(figures[chosen], planted[chosen], weight, a + b * base[chosen], trees=trees, ridge=ridge)
        mine, mine_asked = image % parts == part, asked.image % parts == part
        odds[0, mine], odds_asked[0, mine_asked] = a + b * base[mine], a + b * base_asked[mine_asked]
        odds[1, mine] = fitted(figures[mine], odds[0, mine])
        odds_asked[1, mine_asked] = fitted(asked.figures[mine_asked], odds_asked[0, mine_asked])
    mixed = max(_MIXES, key=lambda w: _average_precision((1 - w) * odds[0] + w * odds[1], planted) - _DEARER * w)
    odds, odds_asked = ((1 - mixed) * both[0] + mixed * both[1] for both in (odds, odds_asked))
    chosen, weight = _drawn(planted, np.arange(len(odds)), rng, parts)
    a, b = _logistic(odds[chosen], planted[chosen], weight)
    threshold = np.quantile(odds[planted], 1 - _SUREST)
    sure = odds >= threshold
    c = (planted[sure].sum() + 0.5) / (sure.sum() + 1.0)
    ratio = np.exp(np.minimum(a + b * odds_asked, 30)) * (1 - c) / c
    return np.where(ratio < 0.8, ratio, 1 - 0.2 * np.exp(-(ratio - 0.8) / 0.2))  # keeps the order near 1


def held_to_precision(share: NDArray, sure: NDArray, owned: NDArray) -> NDArray[np.float64]:
    """(m,) the same order of detections on nothing, with shares that the detector's own precision allows.

    Planted gaps cannot tell true gaps from what a weak detector makes up: both lie on nothing and neither was planted. But
    how often detections like this agree with a label says how often they are objects (q); where one label in twenty is
    missing, an object lies free with odds of q / 20 to 1 - q. Scores are the geometric mean of these odds and those learnt.

    Args:
        share: (m,) as learnt, 0 where a detection is no candidate.
        sure: (m,) how often detections like this agree with a label; labels are wrong now and then, so its upper end
            (`_TOP` of those that lie on a label, at least `_LEAST_TOP`) stands for certainty.
        owned: (m,) bool, whether it lies on a label.
    """
    top = max(float(np.quantile(sure[owned], _TOP)), _LEAST_TOP) if owned.any() else 1.0
    q, learnt = np.clip(sure / top, 0, _MOST), np.clip(share, 1e-6, _MOST)
    odds = np.sqrt(_GAPS * q / (1 - q) * learnt / (1 - learnt))
    held = np.where(share > 0, np.minimum(odds / (1 + odds), sure), 0)
    out = np.zeros(len(share))
    out[np.argsort(share, kind="stable")] = np.sort(held)
    return np.where(share > 0, out, 0)


def _average_precision(odds: NDArray, planted: NDArray) -> float:
    """Of the planted errors among all rows, the likeliest first."""
    hit = planted[np.argsort(-odds, kind="stable")]
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean())


def _drawn(
    planted: NDArray, among: NDArray, rng: np.random.Generator, parts: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows to learn from and what each stands for."""
    chosen, weight = [], []
    for rows, most in ((among[planted[among]], _MOST_PLANTED), (among[~planted[among]], _MOST_REST)):
        most = most * 2 // parts if parts == 2 else most
        drawn = np.sort(rng.choice(rows, most, replace=False)) if len(rows) > most else rows
        chosen.append(drawn)
        weight.append(np.full(len(drawn), len(rows) / max(len(drawn), 1)))
    return np.concatenate(chosen), np.concatenate(weight)


def _odds(share: NDArray) -> NDArray[np.float64]:
    return logit(np.clip(share, _EPS, 1 - _EPS))


def _logistic(x: NDArray, y: NDArray, weight: NDArray) -> tuple[float, float]:
    """Intercept and slope (at least 0.05) of a weighted logistic regression.

    A little ridge holds the slope near 1 where the two sides can be told apart altogether.
    """
    a, b = fit_logistic(
        np.stack([np.ones(len(x)), x], axis=1),
        y,
        start=np.array([np.log((weight[y].sum() + 0.5) / (weight[~y].sum() + 0.5)), 0.3]),
        weight=weight,
        ridge=np.array([1e-3, 1.0]),
        towards=np.array([0.0, 1.0]),
    )
    return float(a), max(float(b), 0.05)
