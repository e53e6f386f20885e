"""The stages, with what they need of each other handed in. Stages do not know each other; this file introduces them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boxwright.artifacts import (
    Bundle,
    Checkpoint,
    Comparison,
    Dataset,
    Matches,
    OperatingPoint,
    Predictions,
    Report,
    Rollout,
    Split,
    Verdict,
)
from boxwright.detections import Detections
from boxwright.errors import InputError, SpecError
from boxwright.evaluation import (
    Contender,
    choose,
    compare,
    coverage,
    evaluate,
    match_dataset,
)
from boxwright.evaluation.calibrate import fit_calibration
from boxwright.evaluation.operating import least_scores
from boxwright.gate import OnSet, decide, pair
from boxwright.inference import predict
from boxwright.lifecycle.looks import count_look, looks_at
from boxwright.lifecycle.same_classes import same_classes
from boxwright.lifecycle.validation import Validate, validation
from boxwright.spec import Spec
from boxwright.splitting import split
from boxwright.store import Steps, Store, identity_of

Progress = Callable[[str, int, int, str], None]

ROLLOUT = "rollout"
PARITY_PICTURES = 64


def current_rollout(store: Store) -> Rollout | None:
    """What is promoted now."""
    return store.get(ROLLOUT, Rollout) if store.history(ROLLOUT) else None


class Stages:
    """The stages with what they need of each other handed in."""

    def __init__(self, store: Store, spec: Spec, recipe: Any, work_folder: Path, progress: Progress) -> None:
        self._store, self._spec, self._recipe = store, spec, recipe
        self._work, self._progress = work_folder, progress

    @property
    def of_training(self) -> tuple[Any, ...]:
        """What a checkpoint depends on beside its data; part of the step's key, for the turn and the verb alike."""
        return (self._recipe, self._spec.labels, self._spec.output)

    @property
    def of_export(self) -> tuple[Any, ...]:
        """What a bundle depends on beside its checkpoint and the pictures it is proven on."""
        return (self._spec.name, self._spec.output, self._spec.constraints, self._spec.failure_modes)

    @property
    def of_match(self) -> tuple[Any, ...]:
        """What matches depend on beside the two sides; the number rises when the tables gain a meaning."""
        return (self._spec.conditions, 2)

    @property
    def of_choice(self) -> tuple[Any, ...]:
        """What an operating point depends on beside its matches; the number, as for matches."""
        return (self._spec.output, 2)

    @property
    def of_split(self) -> tuple[Any, ...]:
        """What a split depends on beside its data and an earlier split."""
        return (self._spec.split, self._spec.sets)

    def split(self, dataset: Dataset, keep: Split | None, from_source: bool) -> Split:
        """Whole groups to the sides and the sets, those of an earlier split staying where they were."""
        return split(dataset, self._spec, from_source=from_source, keep=keep, read=self._store.pictures.read)

    def train(self, dataset: Dataset, parts: Split) -> Checkpoint:
        """Training, with looks at val through the code that serves."""
        same_data(parts, dataset)
        same_classes(self._spec, dataset)
        self._check_depth(dataset)
        self._check_input(self._recipe.model.input_hw)
        from boxwright.training import train  # torch is needed here and not by a server

        run = identity_of(dataset, parts, self._recipe, self._spec.labels, self._spec.output)[:16]
        return train(
            dataset,
            parts,
            self._spec,
            self._recipe,
            read=self._store.pictures.read,
            work_folder=self._work / f"train-{run}",
            validate=self._validation(dataset, parts) if len(parts.ids("val")) else None,
            progress=self._progress,
        )

    def _check_depth(self, dataset: Dataset) -> None:
        """InputError where the spec declares another bit depth than the data were ingested with."""
        wanted = self._spec.images.bit_depth
        if wanted is not None and wanted != dataset.bit_depth:
            raise InputError(
                f"images.bit_depth of the spec is {wanted}, but dataset '{dataset.name}' was ingested with "
                f"{dataset.bit_depth or 'none declared'}; ingest it again with this spec (`boxwright ingest SOURCE --spec`)."
            )

    def _validation(self, dataset: Dataset, parts: Split) -> Validate:
        ids = judged_ids(dataset, parts, "val")
        return validation(self._store, dataset, ids, input_hw=self._recipe.model.input_hw, output=self._spec.output)

    def export(self, checkpoint: Checkpoint, dataset: Dataset, parts: Split) -> Bundle:
        """Export, proven on pictures of val (of train where there is no val)."""
        from boxwright.export import export
        from boxwright.training import load_network

        height, width = checkpoint.recipe["model"]["input_hw"]
        self._check_input((height, width))
        ids = parts.ids("val") if len(parts.ids("val")) else parts.ids("train")
        rows = dataset.positions(
            ids[np.unique(np.linspace(0, len(ids) - 1, min(PARITY_PICTURES, len(ids))).astype(int))]
        )
        return export(
            checkpoint,
            self._spec,
            load=load_network,
            pictures=self._store.pictures.read_many([dataset.picture_digests[row] for row in rows]),
            work_folder=self._work / f"export-{checkpoint.digest[:16]}",
            training_side_px=_side_percentiles(dataset, parts),
            bit_depth=dataset.bit_depth,
        )

    def predict(self, bundle: Bundle, dataset: Dataset, parts: Split, side: str) -> Predictions:
        """A bundle on one side of a split."""
        ids = judged_ids(dataset, parts, side)
        return predict_dataset(
            self._store, bundle, dataset, ids, lambda i, n: self._progress(f"predict {side}", i, n, "")
        )

    def match(self, predictions: Predictions, dataset: Dataset, parts: Split, side: str) -> Matches:
        """Predictions met with the annotations of one side."""
        ids = judged_ids(dataset, parts, side)
        groups = parts.groups_of(ids)
        return match_dataset(predictions, dataset, image_ids=ids, groups=groups, conditions=self._spec.conditions)

    def evaluate(
        self,
        matches: Matches,
        predictions: Predictions,
        bundle: Bundle,
        dataset: Dataset,
        parts: Split,
        side: str = "test",
    ) -> Report:
        """The report of a bundle at its thresholds on one side; on a golden set this counts as a look."""
        report = self.report(matches, predictions, bundle, dataset, parts, side)
        if parts.kind_of_set(side) == "golden":
            count_look(self._store, self._spec.name, side, bundle.digest)
        return report

    def report(
        self, matches: Matches, predictions: Predictions, bundle: Bundle, dataset: Dataset, parts: Split, side: str
    ) -> Report:
        """The same, and nobody looks: for those who make a stored report again."""
        report = evaluate(
            matches,
            title=f"{self._spec.name}: bundle {bundle.digest[:12]}" + ("" if side == "test" else f" on {side}"),
            score_thresholds=bundle.contract.score_thresholds or {},
            condition_thresholds=bundle.contract.condition_thresholds,
            spec=self._spec,
            predictions=predictions,
            bundle=bundle,
            covered=coverage(dataset, parts, self._spec),
        )
        return replace(
            report,
            measured={**report.measured, "side": side},
            made_from={**report.made_from, "split": parts.digest},
        )

    def choose(self, matches: Matches, bundle: Bundle) -> OperatingPoint:
        """Calibration fitted on val, then score thresholds by the spec's rule, on calibrated scores.

        Raises:
            InputError: the bundle is calibrated already; its scores cannot be fitted as if they were the model's.
        """
        if bundle.contract.calibration:
            raise InputError(
                f"Bundle {bundle.digest[:12]} is calibrated already, by an earlier choice; choose for the bundle it was "
                f"made from, {bundle.made_from.get('bundle', 'unknown')[:12]}."
            )
        output = self._spec.output
        calibration = fit_calibration(matches) if output.calibration == "fit" else {}
        return choose(matches, bundle, output.operating_point, calibration=calibration)

    def candidate(self, bundle: Bundle, point: OperatingPoint) -> Bundle:
        """The bundle with its calibration and thresholds: what is judged, and what ships."""
        return bundle.with_thresholds(
            point.score_thresholds,
            point=point.digest,
            condition_thresholds=point.condition_thresholds,
            most_answered=point.most_answered,
            calibration=point.calibration,
        )

    def decide(
        self,
        report: Report,
        baseline: Report | None,
        sets: Sequence[OnSet] = (),
        comparisons: Sequence[Comparison] = (),
    ) -> Verdict:
        """The gate's verdict; without a baseline it is a first release."""
        pairs = pair(comparisons, report, baseline=baseline, sets=sets)
        first = baseline is None and not any(on.baseline for on in sets)
        verdict = decide(
            report, self._spec, baseline=baseline, first_release=first, differences=pairs.differences, sets=sets
        )
        return replace(verdict, made_from={**verdict.made_from, **pairs.made_from})

    def judge(self, do: Steps, bundle: Bundle, dataset: Dataset, parts: Split, side: str, who: str = "") -> Report:
        """A bundle predicted, matched and evaluated on one side; `who` marks the steps of another than the candidate."""
        marked = f"{side}{', ' if who else ''}{who}"
        found = do(Predictions, f"predict {marked}", self.predict, bundle, dataset, parts, side)
        met = do(Matches, f"match {marked}", self.match, found, dataset, parts, side, also=self.of_match)
        return do(
            Report, f"evaluate {marked}", self.evaluate, met, found, bundle, dataset, parts, side, also=self._spec
        )

    def baseline(
        self, do: Steps, candidate: Bundle, dataset: Dataset, parts: Split, rollout: Rollout | None
    ) -> Report | None:
        """What is in service beside the candidate does on the pictures that judge it; None at a first release."""
        bundle = self._in_service_beside(candidate, rollout)
        return None if bundle is None else self.judge(do, bundle, dataset, parts, "test", "baseline")

    def sets(
        self, do: Steps, candidate: Bundle, dataset: Dataset, parts: Split, rollout: Rollout | None
    ) -> list[OnSet]:
        """What the candidate does on each set that a clause asks for, and what is in service where that is compared."""
        before = self._in_service_beside(candidate, rollout)
        return [
            self._on_set(do, name, candidate, before, dataset, parts)
            for name in sorted({r.on_set for r in self._spec.requirements if r.on_set})
        ]

    def comparisons(
        self, do: Steps, report: Report, baseline: Report | None, sets: Sequence[OnSet]
    ) -> list[Comparison]:
        """The candidate against what is in service, on the test side and on each set where a clause compares them."""
        wanted = {r.on_set for r in self._spec.requirements if r.against_baseline}
        pairs = [(None, baseline, report), *((on.name, on.baseline, on.report) for on in sets)]
        return [
            do(Comparison, f"compare {name or 'test'}", self.compare, before, after, also=self._spec)
            for name, before, after in pairs
            if name in wanted and before is not None and after is not None
        ]

    def compare(self, before: Report, after: Report) -> Comparison:
        """Two reports of this store, figure by figure on the same pictures."""
        return compare(*(self._contender(report) for report in (before, after)), spec=self._spec)

    def _contender(self, report: Report) -> Contender:
        matches = self._store.get(report.made_from["matches"], Matches)
        contract = self._store.get(report.made_from["bundle"], Bundle).contract  # a report could say other thresholds
        least = least_scores(matches, contract.score_thresholds or {}, contract.condition_thresholds)
        return Contender(report.title, matches, least)

    def _on_set(
        self, do: Steps, name: str, candidate: Bundle, before: Bundle | None, dataset: Dataset, parts: Split
    ) -> OnSet:
        report = self.judge(do, candidate, dataset, parts, name)
        compared = any(r.against_baseline and r.on_set == name for r in self._spec.requirements)
        baseline = self.judge(do, before, dataset, parts, name, "baseline") if before and compared else None
        golden = parts.kind_of_set(name) == "golden"
        looks = looks_at(self._store, self._spec.name, name) if golden else ()
        return OnSet(name, "golden" if golden else "challenge", report, baseline, looks)

    def _in_service_beside(self, candidate: Bundle, rollout: Rollout | None) -> Bundle | None:
        """The bundle in service; when that is the candidate itself, the one before it."""
        if rollout is None:
            return None
        digest = rollout.previous if rollout.primary == candidate.digest else rollout.primary
        if digest is None:
            return None
        bundle = self._store.get(digest, Bundle)
        if bundle.contract.class_names != candidate.contract.class_names:
            raise InputError(
                f"The bundle in service ({digest[:12]}) has the classes {', '.join(bundle.contract.class_names)}, the "
                f"candidate {', '.join(candidate.contract.class_names)}; they cannot be compared. Use another store."
            )
        return bundle

    def _check_input(self, trained_hw: tuple[int, int]) -> None:
        promised = self._spec.constraints.input_hw
        if promised is not None and promised != trained_hw:
            raise SpecError(
                f"spec.yaml promises an input of {promised[0]}x{promised[1]} (constraints.input_hw), training is at "
                f"{trained_hw[0]}x{trained_hw[1]} (model.input_hw). Another scale costs accuracy silently; make them equal.",
                key_path="constraints.input_hw",
            )


def judged_ids(dataset: Dataset, parts: Split, side: str) -> NDArray[np.int64]:
    """Ids of one side's pictures that somebody has labelled."""
    same_data(parts, dataset)
    ids = parts.ids(side)
    labelled = dataset.rows.column("labelled").to_numpy(zero_copy_only=False)[dataset.positions(ids)]
    return ids[labelled]


def same_data(parts: Split, dataset: Dataset) -> None:
    """InputError unless the split was made of exactly this dataset: another version's ids may mean other pictures."""
    made_of = parts.made_from.get("dataset")
    if made_of != dataset.digest:
        raise InputError(
            f"The split was made of dataset {str(made_of)[:12]}, not of {dataset.digest[:12]}; "
            f"split this version (`boxwright split --keep` lets groups stay where they were)."
        )


def predict_dataset(
    store: Store,
    bundle: Bundle,
    dataset: Dataset,
    ids: NDArray,
    progress: Callable[[int, int], None] | None = None,
    *,
    threads: int = 1,
    on_answer: Callable[[int, NDArray, Detections], None] | None = None,
) -> Predictions:
    """A bundle on some pictures of a dataset."""
    rows = dataset.positions(ids)
    return predict(
        bundle,
        image_ids=ids.tolist(),
        file_names=[dataset.file_names[row] for row in rows],
        read=lambda position: store.pictures.read(dataset.picture_digests[rows[position]]),
        threads=threads,
        progress=progress,
        on_answer=on_answer,
        made_from={"dataset": dataset.digest},
    )


def _side_percentiles(dataset: Dataset, parts: Split) -> dict[str, float]:
    """Percentiles of the square root of object areas in training, original pixels."""
    boxes = dataset.annotations.take(dataset.positions(parts.ids("train"))).boxes_xyxy
    if not len(boxes):
        return {}
    side = np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    return {f"p{p}": round(float(np.percentile(side, p)), 2) for p in (1, 50, 99)}
