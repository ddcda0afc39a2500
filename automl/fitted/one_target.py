"""One of several targets of a fitted estimator, in the form of an estimator of this target alone.

What is written for estimators of one target, such as the metrics of predictions, then works for each of several.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.selection import Ensemble
from automl.task.metrics import Metric, default_scoring, make_metric
from automl.task.target_metrics import TargetsScorer
from pipelines.component import task_type
from pipelines.targets import TargetLayout

Array = NDArray[Any]


@dataclass(frozen=True)
class OneTarget:
    """The facts of a fitted estimator that belong to one of its targets; it has no models.

    Attributes
    ----------
    name : str
    classes_ : ndarray of shape (n_classes,) or None
        The classes; None for a number.
    positive_label : None
        Several targets have no class of interest of their own.
    decision_threshold_ : float
        Of two classes, the more probable one is predicted.
    """

    name: str
    classes_: Array | None
    _metric: Metric
    _ensemble: Ensemble
    positive_label: None = None
    decision_threshold_: float = 0.5

    @property
    def _is_classifier(self) -> bool:
        return self.classes_ is not None

    @property
    def scorer_(self) -> Any:
        """The scorer of the target: ``scorer(estimator, X, y)``, greater is better."""
        return self._metric.scorer


def layout_of(estimator: FittedModel) -> TargetLayout:
    """Return the layout of the targets of an estimator, of which the caller knows that there are several."""
    layout = estimator._ensemble.targets
    assert layout is not None
    return layout


def each_target(estimator: FittedModel) -> list[OneTarget]:
    """Return the targets of an estimator of several targets.

    The metric of a target is that of the search; the default one where `scoring` scores all targets at once.
    """
    layout, metric = layout_of(estimator), estimator._metric
    classes = [np.asarray(own) for own in estimator.classes_] if estimator._is_classifier else [None] * layout.n_targets
    found = []
    for j, (name, labels) in enumerate(zip(layout.names, classes, strict=True)):
        n_classes = layout.classes_of(j)
        if isinstance(metric.scorer, TargetsScorer):
            own = metric.scorer.each[j]
        else:
            task = task_type(n_classes)
            own = make_metric(default_scoring(task), task, labels)
        alone = replace(
            estimator._ensemble, bags=[], n_classes=n_classes, targets=None, calibration=None, prediction_range=None
        )
        found.append(OneTarget(name, labels, own, alone))
    return found
