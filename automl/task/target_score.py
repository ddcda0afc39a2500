"""The default scores of the estimators, for targets of every type that `fit` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import r2_score

from automl.errors import InvalidInputError, unknown_label, warn_user
from automl.task.several_targets import take_targets, target_columns
from automl.task.validation import as_numbers, check_score_weight, read_target, warn_of_other_order
from pipelines.targets import TargetLayout


def score_labels(
    y: Any,
    X: Any,
    predicted: NDArray[Any],
    classes: Any,
    sample_weight: Any = None,
    targets: TargetLayout | None = None,
) -> float:
    """Return the share of correct labels; `y` may have any type that `fit` accepts.

    Of several targets, whose layout is `targets`, all labels of a row must be correct. A label that is none of the
    classes is wrong, as for every classifier of scikit-learn, whose cross-validation meets folds that lack a class; a
    warning names it.

    scikit-learn's `accuracy_score` refuses, for example, integers in an object array, and intervals.

    Raises
    ------
    InvalidInputError
        If `y` holds numbers and the labels are texts, or the other way round.
    """
    warn_of_other_order("y", y, X)
    if targets is not None:
        names, columns = target_columns(take_targets(y, targets), X)
        for name, column, own in zip(names, columns, classes, strict=True):
            _warn_of_unknown(f"target {name!r}", column, own)
        return _score_rows(columns, predicted, sample_weight)
    known = read_target(y, X)
    kinds = {_kind(known), _kind(predicted)}
    if kinds == {"number", "text"}:
        raise InvalidInputError(
            f"y holds values such as {known.tolist()[0]!r}, but the classes are of another type, such as "
            f"{predicted.tolist()[0]!r}; convert y with y.astype"
        )
    if known.dtype.kind != predicted.dtype.kind and not {known.dtype.kind, predicted.dtype.kind} <= set("biuf"):
        known, predicted = known.astype(object), predicted.astype(object)
    correct = np.asarray(known == predicted, dtype=bool)
    _warn_of_unknown("y", known[~correct], classes)
    return float(np.average(correct, weights=check_score_weight(sample_weight, len(correct))))


def score_numbers(
    y: Any, X: Any, predicted: NDArray[Any], sample_weight: Any = None, targets: TargetLayout | None = None
) -> float:
    """Return the coefficient of determination; `y` may have any type that `fit` accepts.

    Of several targets, whose layout is `targets`, it is the mean over the targets, as in scikit-learn.
    """
    warn_of_other_order("y", y, X)
    if targets is not None:
        known = np.column_stack([as_numbers(column) for column in target_columns(take_targets(y, targets), X)[1]])
    else:
        known = as_numbers(read_target(y, X))
    return float(r2_score(known, predicted, sample_weight=check_score_weight(sample_weight, len(known))))


def _score_rows(columns: Sequence[NDArray[Any]], predicted: NDArray[Any], sample_weight: Any) -> float:
    """Return the share of the rows in which the labels of all targets are correct."""
    correct = np.all([np.asarray(own == p, dtype=bool) for own, p in zip(columns, predicted.T, strict=True)], axis=0)
    return float(np.average(correct, weights=check_score_weight(sample_weight, len(correct))))


def _warn_of_unknown(holder: str, labels: NDArray[Any], classes: NDArray[Any]) -> None:
    known = classes.tolist()
    unknown = next((label for label in dict.fromkeys(labels.tolist()) if label not in known), None)
    if unknown is not None:
        message = f"{unknown_label(holder, unknown, known)}; score counts them as wrong"
        warn_user(message)


def _kind(labels: NDArray[Any]) -> str:
    if labels.dtype.kind in "biuf":
        return "number"
    is_text = labels.dtype.kind == "U" or (labels.dtype.kind == "O" and all(isinstance(v, str) for v in labels))
    return "text" if is_text else "other"
