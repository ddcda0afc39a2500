"""The calibration of the probabilities for several targets: each target has a map of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.calibration import FORMS, Calibration, Form, calibrate
from automl.task.scored_target import ScoredTarget
from automl.task.target_metrics import TargetsMetric, TargetsScorer
from pipelines.targets import TargetLayout

Array = NDArray[Any]


@dataclass(frozen=True)
class TargetsCalibration:
    """The maps of the probabilities for several targets, which lie side by side.

    Attributes
    ----------
    layout : TargetLayout
    each : tuple of Calibration or None
        The map of each target; None for a target whose probabilities stay as they are.
    """

    layout: TargetLayout
    each: tuple[Calibration | None, ...]

    def __call__(self, probabilities: Array) -> Array:
        """Return the calibrated probabilities, shape (n_samples, n_columns)."""
        parts = zip(self.each, self.layout.blocks(probabilities), strict=True)
        return np.hstack([block if own is None else own(block) for own, block in parts])

    @property
    def form(self) -> tuple[Form | None, ...]:
        """The form of the map of each target."""
        return tuple(None if own is None else own.form for own in self.each)


def calibrate_for(
    target: ScoredTarget,
    probabilities: Array,
    random_state: int = 0,
    deadline: float = float("inf"),
    form: Form | Sequence[Form | None] | None = None,
    models_per_member: float = 1.0,
) -> Calibration | TargetsCalibration | None:
    """Fit the map of one target, or a map for each of several targets; see `calibrate`.

    Parameters
    ----------
    target : ScoredTarget
        Class codes. The metric of several targets says how the probabilities lie side by side. Its scorer must be the
        mean of a score over the targets: what a scorer of all targets at once needs is not known.
    probabilities : ndarray of shape (n_samples, n_columns)
        Out-of-fold predictions.
    form : str, or sequence of str or None, optional
        The form to fit without a test; of several targets, one for each, and None for a target without a map.

    Returns
    -------
    Calibration, TargetsCalibration or None
        None if no target gets a map.
    """
    metric = target.metric
    if not isinstance(metric, TargetsMetric):
        assert form is None or form in FORMS
        return calibrate(target, probabilities, random_state, deadline, form, models_per_member)
    layout, scorer = metric.layout, metric.scorer
    if not layout.is_classification or not isinstance(scorer, TargetsScorer):
        return None
    wanted: list[Any] = [None] * layout.n_targets if form is None else list(form)
    found = []
    for j, block in enumerate(layout.blocks(layout.normalize(probabilities))):
        is_left_out = form is not None and wanted[j] is None
        own = ScoredTarget(target.y[:, j], scorer.each[j], target.sample_weight)
        found.append(
            None if is_left_out else calibrate(own, block, random_state, deadline, wanted[j], models_per_member)
        )
    return None if all(each is None for each in found) else TargetsCalibration(layout, tuple(found))
