"""Slow, obvious loops: the referees of the fast forms. Plain Python numbers, one idea each, nothing clever."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import permutations

from boxwright.images.path_ends import subset_of_folder

Box = Sequence[float]


def area_of(box: Box) -> float:
    """Width times height, 0 for a box turned inside out."""
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def iou_of(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; 0 where the union is empty."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    union = area_of(a) + area_of(b) - both
    return both / union if union > 0 else 0.0


def suppress_loop(
    boxes: Sequence[Box], score: Sequence[float], class_id: Sequence[int], *, iou_threshold: float, across_classes: bool
) -> list[int]:
    """Greedy NMS as it is told: take the best, drop what overlaps it too much, again."""
    waiting = sorted(range(len(boxes)), key=lambda i: (-score[i], i))
    kept: list[int] = []
    while waiting:
        best = waiting.pop(0)
        kept.append(best)
        waiting = [
            i
            for i in waiting
            if (class_id[i] != class_id[best] and not across_classes) or iou_of(boxes[i], boxes[best]) <= iou_threshold
        ]
    return kept


def match_loop(iou: Sequence[Sequence[float]], score: Sequence[float], *, iou_threshold: float) -> list[int]:
    """Annotation taken by each detection, best scored first, each the free one it overlaps most; -1 for none."""
    match = [-1] * len(score)
    for i in sorted(range(len(score)), key=lambda i: (-score[i], i)):
        free = [j for j in range(len(iou[i])) if j not in match and iou[i][j] >= iou_threshold]
        if free:
            match[i] = max(free, key=lambda j: (iou[i][j], -j))
    return match


def ks_loop(a: Sequence[float], b: Sequence[float]) -> float:
    """Largest distance of the two empirical distribution functions, looked at in every point of either sample."""
    return max(abs(sum(v <= x for v in a) / len(a) - sum(v <= x for v in b) / len(b)) for x in [*a, *b])


def holm_loop(p_values: Sequence[float]) -> list[float]:
    """Holm: the k-th smallest of n times n - k + 1, never below one before it, at most 1."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, (len(p_values) - rank) * p_values[i])
        corrected[i] = min(highest, 1.0)
    return corrected


def covered_of(box: Box, region: Box) -> float:
    """Share of a box that lies inside a region."""
    width = min(box[2], region[2]) - max(box[0], region[0])
    height = min(box[3], region[3]) - max(box[1], region[1])
    return max(width, 0) * max(height, 0) / area_of(box) if area_of(box) > 0 else 0.0


@dataclass(frozen=True)
class Thing:
    """An annotation, or (with a score) a detection, of the oracles' worlds.

    Attributes:
        image, class_id: row of the picture; class.
        box: xyxy.
        score: of a detection.
        ignore, crowd: of an annotation.
    """

    image: int
    class_id: int
    box: tuple[float, float, float, float]
    score: float = 0.0
    ignore: bool = False
    crowd: bool = False


@dataclass
class Fate:
    """What became of a detection, or of an object.

    Attributes:
        took: object taken, or -1; for an object the detection that took it.
        ignored: it took an annotation that is not asked for.
        kind: TIDE's word, or "" for what is right.
        claims: free object a Loc or Cls error lies on, or -1.
    """

    took: int = -1
    ignored: bool = False
    kind: str = ""
    claims: int = -1


def in_order(detections: Sequence[Thing]) -> list[int]:
    """Pictures in order, and within each the best scored first; ties as they came."""
    return sorted(range(len(detections)), key=lambda d: (detections[d].image, -detections[d].score, d))


def match_coco_loop(objects: Sequence[Thing], detections: Sequence[Thing]) -> list[Fate]:
    """COCO's greedy match at IoU 0.5: the free object overlapped most, else an ignored one; of equals the later."""
    fates = [Fate() for _ in detections]
    taken: set[int] = set()
    for d in in_order(detections):
        detection, best = detections[d], (-1.0, -1)
        for asked in (True, False):
            for o, thing in enumerate(objects):
                if (thing.image, thing.class_id) != (detection.image, detection.class_id) or thing.ignore == asked:
                    continue
                overlap = (covered_of if thing.crowd else iou_of)(detection.box, thing.box)
                if overlap >= 0.5 and (o not in taken or thing.crowd):
                    best = max(best, (overlap, o))
            if best[1] >= 0:
                break
        fates[d].took = best[1]
        if best[1] >= 0:
            taken.add(best[1])
            fates[d].ignored = objects[best[1]].ignore
    return fates


def tide_loop(objects: Sequence[Thing], detections: Sequence[Thing]) -> tuple[list[Fate], list[str]]:
    """TIDE's kind of every wrong detection, and of every object: found, claimed or missed ("ignored" if not asked for)."""
    fates = match_coco_loop(objects, detections)
    found = {f.took for f in fates if f.took >= 0 and not f.ignored}
    for fate, detection in zip(fates, detections, strict=True):
        if fate.took >= 0 and not fate.ignored:
            continue
        overlaps = [
            (iou_of(detection.box, thing.box), -o) if thing.image == detection.image and not thing.ignore else (0.0, 1)
            for o, thing in enumerate(objects)
        ]
        is_same = [thing.class_id == detection.class_id for thing in objects]
        same = max([v for v, mine in zip(overlaps, is_same, strict=True) if mine], default=(0.0, 1))
        other = max([v for v, mine in zip(overlaps, is_same, strict=True) if not mine], default=(0.0, 1))
        if 0.1 <= same[0] <= 0.5:
            fate.kind, at = "Loc", -same[1]
        elif other[0] >= 0.5:
            fate.kind, at = "Cls", -other[1]
        elif same[0] >= 0.5:
            fate.kind, at = "Dupe", -1
        elif max(same[0], other[0]) <= 0.1:
            fate.kind, at = "Bkg", -1
        else:
            fate.kind, at = "Both", -1
        fate.claims = at if at not in found else -1
    claimed = {f.claims for f in fates if f.claims >= 0}
    states = [
        "ignored" if t.ignore else "found" if o in found else "claimed" if o in claimed else "missed"
        for o, t in enumerate(objects)
    ]
    return fates, states


def ap_loop(curve: Sequence[tuple[float, bool]], objects: int) -> float:
    """AP at 101 recall points of (score, true) pairs; equal scores stay in order. 1 where nothing is left to find."""
    if objects == 0:
        return 1.0
    precision, recall, hits = [], [], 0
    for n, (_, true) in enumerate(sorted(curve, key=lambda e: -e[0]), 1):
        hits += true
        precision.append(hits / n)
        recall.append(hits / objects)
    total = 0.0
    for point in range(101):
        total += max(
            (p for p, r in zip(precision, recall, strict=True) if r >= point * 0.01), default=0.0
        )  # COCO's points, to the bit
    return total / 101


def mended_ap_loop(
    objects: Sequence[Thing],
    detections: Sequence[Thing],
    mended: Set[str],
    *,
    rivals: Set[str] = frozenset({"Cls", "Loc"}),
    errors_first: bool = True,
    forgive: Set[str] = frozenset({"missed"}),
) -> dict[int, float]:
    """AP50 of each class with objects when some kinds of errors are mended.

    Args:
        objects, detections: the world.
        mended: kinds; "Miss" forgives the objects in a state of `forgive`.
        rivals: kinds that compete for an object; only the best scored claimant becomes true.
        errors_first: among equal scores.
        forgive: states, see `tide_loop`.
    """
    fates, states = tide_loop(objects, detections)
    best: dict[int, int] = {}
    for d in in_order(detections):
        if fates[d].claims >= 0 and fates[d].kind in rivals:
            best.setdefault(fates[d].claims, d)
    curves: dict[int, list[tuple[float, bool, bool]]] = {}
    for d in in_order(detections):
        fate, detection = fates[d], detections[d]
        is_error = bool(fate.kind)
        if fate.kind in mended:
            if fate.claims >= 0 and best.get(fate.claims) == d:
                home = objects[fate.claims].class_id
                curves.setdefault(home, []).append((detection.score, True, is_error))
        elif not fate.ignored:
            curves.setdefault(detection.class_id, []).append((detection.score, not is_error, is_error))
    found = {}
    for class_id in {t.class_id for t in objects if not t.ignore}:
        curve = curves.get(class_id, [])
        curve = sorted(curve, key=lambda e: not e[2]) if errors_first else curve
        left = [s for s, t in zip(states, objects, strict=True) if t.class_id == class_id and s != "ignored"]
        left = [s for s in left if s not in forgive] if "Miss" in mended else left
        found[class_id] = ap_loop([(score, true) for score, true, _ in curve], len(left))
    return found


def shapley_loop(players: Sequence[str], worth: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """Mean gain of each player over every order in which they could come."""
    gain = dict.fromkeys(players, 0.0)
    known: dict[frozenset[str], float] = {}
    orders = list(permutations(players))
    for order in orders:
        here: frozenset[str] = frozenset()
        for player in order:
            for team in (here, here | {player}):
                if team not in known:
                    known[team] = worth(team)
            gain[player] += known[here | {player}] - known[here]
            here = here | {player}
    return {player: total / len(orders) for player, total in gain.items()}


def voc_loop(objects: Sequence[Thing], detections: Sequence[Thing], *, class_id: int) -> tuple[list[bool], int]:
    """VOC's development kit, in words: the object overlapped most, or nothing; ignored objects count neither way."""
    taken: set[int] = set()
    told: list[bool] = []
    ranked = sorted(
        (d for d in in_order(detections) if detections[d].class_id == class_id), key=lambda d: -detections[d].score
    )
    for d in ranked:
        best = (0.0, -1)
        for o, thing in enumerate(objects):
            if (thing.image, thing.class_id) == (detections[d].image, class_id):
                overlap = iou_of(detections[d].box, thing.box)
                if overlap > best[0]:
                    best = (overlap, o)
        if best[0] > 0.5 and objects[best[1]].ignore:
            continue
        told.append(best[0] > 0.5 and best[1] not in taken)
        taken |= {best[1]} if told[-1] else set()
    return told, sum(t.class_id == class_id and not t.ignore for t in objects)


def lrp_loop(true_ious: Sequence[float], false: int, missed: int) -> float:
    """Localisation recall precision error at one threshold, tau 0.5."""
    counted = len(true_ious) + false + missed
    return (sum((1 - iou) / 0.5 for iou in true_ious) + false + missed) / counted


def longest_ends(
    parts: list[str], known: list[list[str]], shared: set[tuple[str, ...]], *, from_elsewhere: bool
) -> list[int]:
    """Positions of the known paths that agree longest with the end of one, each compared with it; see `PathEnds.met`."""
    lengths = [_common_end(parts, other) for other in known]
    best = [k for k, length in enumerate(lengths) if length == max(lengths) > 0]
    return best if from_elsewhere else [k for k in best if not _beside(parts, known[k], shared)]


def _beside(parts: list[str], known: list[str], shared: set[tuple[str, ...]]) -> bool:
    return len(parts) == len(known) and parts[:-1] != known[:-1] and tuple(known[:-1]) in shared


def _common_end(a: list[str], b: list[str]) -> int:
    length = 0
    while length < min(len(a), len(b)) and a[-1 - length] == b[-1 - length]:
        length += 1
    subsets = [{s for p in parts[: len(parts) - length] if (s := subset_of_folder(p))} for parts in (a, b)]
    return 0 if subsets[0] and subsets[1] and not subsets[0] & subsets[1] else length
