"""The quality of predicted classes: confusion, curves, calibration, and the choice of a threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.fitted_model import FittedModel
from automl.explain.calibration import CalibrationBins, calibration_bins
from automl.explain.predictions import Predicted
from automl.fitted.one_target import OneTarget
from automl.report.data import CalibrationBin, ClassificationResult, ClassRow, Curve, ThresholdSweep
from automl.report.words import all_rounded, clean, rounded
from automl.task.positive_class import positive_code

Array = NDArray[Any]

_THRESHOLDS = 101
_POINTS = 120  # of a curve
_CURVES = 6  # classes with a curve of their own
_MAX_PAIRS = 2_000  # of a true and a predicted class


def judge_classes(
    estimator: FittedModel | OneTarget, rows: Predicted, has_threshold: bool = True
) -> ClassificationResult:
    """Return the quality of predicted classes.

    Parameters
    ----------
    has_threshold : bool
        Whether a user may choose the decision threshold of two classes.
    """
    y, p = rows.y, rows.predictions
    labels = tuple(clean(label) for label in np.asarray(estimator.classes_).tolist())
    predicted = estimator._ensemble.decide(p)
    positive = None
    if len(labels) == 2:
        positive = positive_code(np.asarray(estimator.classes_), estimator.positive_label)
    weight = rows.relative_weight
    confusion = np.zeros((len(labels), len(labels)))
    np.add.at(confusion, (y, predicted), weight)
    if positive is None:
        frequent = np.argsort(-np.bincount(y, minlength=len(labels)), kind="stable")[:_CURVES].tolist()
        correct, certainty, of = predicted == y, p[np.arange(len(y)), predicted], "the predicted class"
    else:
        frequent, of = [positive], f"the class {labels[positive]}"
        correct, certainty = y == positive, p[:, positive]
    bins = calibration_bins(certainty, correct, rows.sample_weight)
    has_threshold = has_threshold and positive is not None
    return ClassificationResult(
        labels=labels,
        positive=positive,
        threshold=rounded(estimator.decision_threshold_) if has_threshold else None,
        accuracy=float(f"{np.average(predicted == y, weights=weight):.6g}"),
        sweep=_sweep(y == positive, p[:, positive], weight, estimator.decision_threshold_) if has_threshold else None,
        confusion=_pairs(confusion.round().astype(int)),
        classes=_class_rows(confusion, labels),
        roc=tuple(_roc(y == k, p[:, k], weight, labels[k]) for k in frequent if 0 < (y == k).sum() < len(y)),
        precision_recall=tuple(
            _precision_recall(y == k, p[:, k], weight, labels[k]) for k in frequent if (y == k).any()
        ),
        calibration=_calibration(bins),
        calibration_error=float(f"{bins.error:.4g}"),
        calibration_of=of,
    )


def _pairs(confusion: Array) -> tuple[tuple[int, int, int], ...]:
    """Return the pairs of classes that have rows, those with the most rows first if there are too many."""
    true, predicted = np.nonzero(confusion)
    counts = confusion[true, predicted]
    order = np.argsort(-counts, kind="stable")[:_MAX_PAIRS]
    return tuple((int(true[i]), int(predicted[i]), int(counts[i])) for i in order)


def _class_rows(confusion: Array, labels: tuple[str, ...]) -> tuple[ClassRow, ...]:
    rows = []
    for k, label in enumerate(labels):
        n_true, n_predicted, n_both = confusion[k].sum(), confusion[:, k].sum(), confusion[k, k]
        others = confusion[k].copy()
        others[k] = 0
        rows.append(
            ClassRow(
                label=label,
                n_rows=round(n_true),
                n_predicted=round(n_predicted),
                precision=rounded(n_both / n_predicted, 4) if n_predicted else None,
                recall=rounded(n_both / n_true, 4) if n_true else None,
                f1=rounded(2 * n_both / (n_true + n_predicted), 4) if n_true + n_predicted else None,
                confused_with=labels[int(others.argmax())] if others.any() else "",
            )
        )
    return tuple(rows)


def _sweep(is_positive: Array, probability: Array, weight: Array, threshold: float) -> ThresholdSweep:
    """Return the counts for even thresholds and for the one of the model, which is exact up to the last digit shown."""
    thresholds = np.unique(np.append(np.linspace(0, 1, _THRESHOLDS).round(2), round(threshold, 6)))
    counts = []
    for of_class in (is_positive, ~is_positive):
        order = np.argsort(probability[of_class])
        below = np.append(0.0, np.cumsum(weight[of_class][order]))
        place = np.searchsorted(probability[of_class][order], thresholds, side="right")
        counts.append((tuple(round(n) for n in below[-1] - below[place]), round(below[-1])))
    (true, n_positive), (false, n_negative) = counts
    return ThresholdSweep(all_rounded(thresholds), true, false, n_positive, n_negative)


def _cumulated(is_class: Array, probability: Array, weight: Array) -> tuple[Array, Array]:
    """Return the weights of true and of false positives, as the threshold falls from one distinct value to the next."""
    order = np.argsort(-probability, kind="stable")
    last = np.flatnonzero(np.diff(probability[order], append=-np.inf))
    true, false = (np.cumsum((of_class * weight)[order])[last] for of_class in (is_class, ~is_class))
    return true, false


def _roc(is_class: Array, probability: Array, weight: Array, label: str) -> Curve:
    """Return the share of true positives over the share of false positives."""
    true, false = _cumulated(is_class, probability, weight)
    x, y = np.append(0, false / false[-1]), np.append(0, true / true[-1])
    return _curve(label, x, y, float(np.trapezoid(y, x)))


def _precision_recall(is_class: Array, probability: Array, weight: Array, label: str) -> Curve:
    """Return precision over recall; the area is the average precision."""
    true, false = _cumulated(is_class, probability, weight)
    recall, precision = true / true[-1], true / (true + false)
    area = float((np.diff(recall, prepend=0.0) * precision).sum())
    return _curve(label, np.append(0, recall), np.append(precision[:1], precision), area)


def _curve(label: str, x: Array, y: Array, area: float) -> Curve:
    """Return a curve with few points, which are spread evenly over its length."""
    if len(x) > _POINTS:
        length = np.append(0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
        places = np.searchsorted(length, np.linspace(0, length[-1], _POINTS))
        kept = np.unique(np.append(places, [0, len(x) - 1]))
        x, y = x[kept], y[kept]
    return Curve(label, all_rounded(x, 4), all_rounded(y, 4), rounded(area))


def _calibration(bins: CalibrationBins) -> tuple[CalibrationBin, ...]:
    columns = (all_rounded(each, 4) for each in (bins.mean, bins.share, bins.low, bins.high))
    return tuple(CalibrationBin(*each) for each in zip(*columns, bins.n_rows.tolist(), strict=True))
