"""The default scores of the estimators, for targets of every type that `fit` takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import r2_score

from automl.task.validation import as_numbers, check_sample_weight, read_target


def score_labels(y: Any, X: Any, predicted: NDArray[Any], sample_weight: Any = None) -> float:
    """Return the share of correct labels; `y` may have any type that `fit` accepts.

    scikit-learn's `accuracy_score` refuses, for example, integers in an object array, and intervals.
    """
    known = read_target(y, X)
    if known.dtype.kind != predicted.dtype.kind and not {known.dtype.kind, predicted.dtype.kind} <= set("biuf"):
        known, predicted = known.astype(object), predicted.astype(object)
    correct = np.asarray(known == predicted, dtype=bool)
    return float(np.average(correct, weights=check_sample_weight(sample_weight, len(correct))))


def score_numbers(y: Any, X: Any, predicted: NDArray[Any], sample_weight: Any = None) -> float:
    """Return the coefficient of determination; `y` may have any type that `fit` accepts."""
    known = as_numbers(read_target(y, X))
    return float(r2_score(known, predicted, sample_weight=check_sample_weight(sample_weight, len(known))))
