"""The metric of several targets: the mean of a score over the targets, or a scorer that takes all targets at once."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from automl.errors import InvalidInputError
from automl.task.dummy import dummy_score
from automl.task.metric_words import OF_TARGETS, RELATIVE
from automl.task.metrics import ALIASES, Metric, arbitrary_predictions, default_scoring, loss_or_nan, make_metric
from automl.task.scorers import StoredRegressor
from automl.task.several_targets import CheckedTarget, decode_targets, encode_targets
from automl.task.validation import check_metric, check_scoring_classes
from pipelines.component import task_type
from pipelines.targets import TargetLayout

Array = NDArray[Any]

_ALL_AT_ONCE = ("f1_samples", "precision_samples", "recall_samples", "jaccard_samples")  # they need rows of labels
_FAST = "mean of targets"  # the value of `Metric.fast` where each target has a fast loss


class StoredTargetsClassifier(BaseEstimator):
    """A classifier of several targets that returns predictions made earlier, so that a scorer can score them."""

    _estimator_type = "classifier"

    def __init__(self, predictions: Array, classes: Sequence[Array], layout: TargetLayout):
        self.predictions = predictions
        self.classes = classes
        self.layout = layout

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> list[Array]:
        return list(self.classes)

    def predict_proba(self, X: Any) -> list[Array]:
        return self.layout.blocks(self.predictions)

    def predict(self, X: Any) -> Array:
        return decode_targets(self.layout.codes(self.predictions), self.classes)


@dataclass(frozen=True)
class TargetsScorer:
    """The mean of a score over several targets, as a scorer: ``scorer(estimator, X, y)``, greater is better.

    Attributes
    ----------
    name : str
        Name of the scorer of one target.
    each : tuple of Metric
        The metric of each target.
    scales : tuple of float
        For each target, the number that its score is divided by: the loss of the best constant prediction for errors
        of numbers, so that units do not matter; 1 for other scores.
    layout : TargetLayout
    """

    name: str
    each: tuple[Metric, ...]
    scales: tuple[float, ...]
    layout: TargetLayout

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        classes = [metric.classes for metric in self.each if metric.classes is not None] or None
        codes = encode_targets(y, X, classes, self.layout)
        predictions = np.hstack(estimator.predict_proba(X)) if classes else np.asarray(estimator.predict(X))
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return -self.loss(codes, predictions, weight)

    def target_losses(self, y: Array, predictions: Array, sample_weight: Array | None) -> Array:
        """Return the scaled loss of each target; NaN where the metric is undefined, for example without a class."""
        blocks = self.layout.blocks(predictions)
        parts = zip(self.each, self.scales, y.T, blocks, strict=True)
        return np.array([loss_or_nan(metric, own, p, sample_weight) / scale for metric, scale, own, p in parts])

    def loss(self, y: Array, predictions: Array, sample_weight: Array | None) -> float:
        """Return the mean over the targets; NaN where the metric is undefined.

        Rows may lack a class of a rare label, so the mean is over the class targets for which the metric is defined.
        The metric of numbers must be defined for all targets.
        """
        losses = self.target_losses(y, predictions, sample_weight)
        known = losses[np.isfinite(losses)]
        if len(known) < len(losses) and not (self.layout.is_classification and len(known)):
            return float("nan")
        return float(known.mean())


@dataclass(frozen=True)
class TargetsMetric(Metric):
    """The loss of stored predictions for several targets, which lie side by side.

    Attributes
    ----------
    layout : TargetLayout
    labels : tuple of ndarray
        Classes of each target; empty for regression.
    """

    layout: TargetLayout = field(default_factory=lambda: TargetLayout(()))
    labels: tuple[Array, ...] = ()

    def loss(self, y: Array, predictions: Array, sample_weight: Array | None = None) -> float:
        """Return the loss of predictions of shape (n_samples, n_columns) for targets of shape (n_samples, n_targets).

        Returns
        -------
        float
            NaN if the metric is undefined on these rows: for all targets of classes, or for a target of numbers.
        """
        if isinstance(self.scorer, TargetsScorer):
            return self.scorer.loss(y, predictions, sample_weight)
        return super().loss(y, predictions, sample_weight)

    def target_losses(self, y: Array, predictions: Array, sample_weight: Array | None) -> Array:
        """Return the loss of each target; one loss where the scorer takes all targets at once."""
        if isinstance(self.scorer, TargetsScorer):
            return self.scorer.target_losses(y, predictions, sample_weight)
        return np.array([loss_or_nan(self, y, predictions, sample_weight)])

    def needs_table(self, y: Array, predictions: Array, sample_weight: Array | None) -> bool:
        """Return whether the scorer reads the table; the mean of scores over the targets does not."""
        return not isinstance(self.scorer, TargetsScorer) and super().needs_table(y, predictions, sample_weight)

    def _call(self, y: Array, predictions: Array, sample_weight: Array | None, table: Any) -> float:
        if self.labels:
            model: Any = StoredTargetsClassifier(predictions, self.labels, self.layout)
            target = decode_targets(y, self.labels)
        else:
            model, target = StoredRegressor(predictions), y
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        return -float(self.scorer(model, table, target, **weight))


def make_targets_metric(scoring: Any, targets: CheckedTarget, sample_weight: Array | None) -> TargetsMetric:
    """Return the metric of several targets.

    The name of a scorer stands for the mean of this score over the targets. For numbers, an error is divided by the
    error of the best constant prediction. A scorer object gets all targets at once, as in scikit-learn; so do scorers
    whose name ends with ``_samples``.

    Parameters
    ----------
    scoring : str or callable, optional
        None means the root mean squared error of numbers, ROC AUC if all targets have two classes, and log loss
        otherwise.

    Raises
    ------
    InvalidInputError
        If the scorer has no value for a target; the message names the target.
    """
    layout, labels = targets.layout, tuple(targets.classes) if isinstance(targets.classes, list) else ()
    assert layout is not None
    tasks = [task_type(layout.classes_of(j)) for j in range(layout.n_targets)]
    if callable(scoring) or scoring in _ALL_AT_ONCE:
        whole = make_metric(scoring, tasks[0], None)
        best, worst = whole.best, whole.worst
        both = TargetsMetric(whole.name, whole.scorer, best=best, worst=worst, layout=layout, labels=labels)
        return _checked(both, targets)
    if scoring is None:
        scoring = default_scoring("multiclass" if "multiclass" in tasks else tasks[0])
    each, scales = [], []
    for j, (name, task) in enumerate(zip(layout.names, tasks, strict=True)):
        own = labels[j] if labels else None
        try:
            check_scoring_classes(scoring, layout.classes_of(j))
            metric = make_metric(scoring, task, own)
            check_metric(metric, targets.y[:, j], layout.classes_of(j), sample_weight)
        except InvalidInputError as error:
            raise InvalidInputError(f"target {name!r}: {error}") from error
        each.append(metric)
        scales.append(_scale(metric, targets.y[:, j], sample_weight))
    name = ALIASES.get(scoring, scoring)
    scorer = TargetsScorer(name, tuple(each), tuple(scales), layout)
    shown = name + RELATIVE if any(scale != 1 for scale in scales) else name
    fast = _FAST if all(metric.fast is not None for metric in each) else None
    title = shown + OF_TARGETS
    best, worst = each[0].best, each[0].worst
    return TargetsMetric(title, scorer, fast=fast, best=best, worst=worst, layout=layout, labels=labels)


def _scale(metric: Metric, y: Array, sample_weight: Array | None) -> float:
    """Return the number that the loss of a target is divided by, so that targets of all units count the same."""
    if metric.classes is not None or not metric.name.startswith("neg_"):
        return 1.0
    score, _ = dummy_score(metric, y, sample_weight)
    return -score if score is not None and score < 0 else 1.0


def _checked(metric: TargetsMetric, targets: CheckedTarget) -> TargetsMetric:
    """Return the metric of the user's own scorer, if it can score predictions for these targets."""
    predictions = arbitrary_predictions(targets.y, max(metric.layout.n_classes, default=0))
    with warnings.catch_warnings(action="ignore"):
        try:
            loss = metric._call(targets.y, predictions, None, np.zeros((len(targets.y), 1)))
            reason = "" if np.isfinite(loss) else f"it is {-loss}"
        except Exception as error:  # noqa: BLE001  the scorer may be the user's code
            reason = f"{type(error).__name__}: {error}"
    if reason:
        raise InvalidInputError(
            f"scoring={metric.name} cannot score predictions for several targets: {reason}; a scorer object gets y "
            "and predictions of shape (n_samples, n_targets); the name of a scorer is applied to each target"
        )
    return metric
