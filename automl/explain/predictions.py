"""Predictions beside the true target: for rows of the user, or out of fold for training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.frontier import FrontierRecord
from automl.errors import InvalidInputError
from automl.explain.parts import encode_target, out_of_fold_parts, predict_quietly
from automl.task.validation import check_sample_weight

Array = NDArray[Any]

_MAX_ROWS = 4_000


@dataclass(frozen=True)
class Scored:
    """Predictions for rows whose target is known.

    Attributes
    ----------
    y : ndarray of shape (n_samples,)
        Class codes, or floats.
    predictions : ndarray of shape (n_samples, n_classes) or (n_samples,)
        Probabilities, or values.
    source : str
        The rows in words, for titles.
    """

    y: Array
    predictions: Array
    sample_weight: Array | None
    source: str


def scored_rows(estimator: Any, X: Any = None, y: Any = None, sample_weight: Any = None) -> Scored:
    """Return predictions with the true target: for a table of the user, or out of fold.

    Raises
    ------
    InvalidInputError
        If there is no table and the model has neither out-of-fold predictions nor its training rows.
    """
    if X is not None:
        target = encode_target(estimator, y, X)
        weight = check_sample_weight(sample_weight, len(target))
        return Scored(target, estimator._predict(X), weight, f"{len(target):,} rows")
    if y is not None:
        raise InvalidInputError("y is given without X; pass both, or neither for out-of-fold predictions")
    ensemble = estimator._ensemble
    record: FrontierRecord | None = vars(estimator).get("_frontier")
    if record is not None:
        p = ensemble.finish(np.tensordot(record.weights, record.predictions.astype(np.float64), 1))
        return Scored(record.y, p, record.sample_weight, f"{len(record.y):,} rows, out of fold")
    parts, _ = out_of_fold_parts(estimator, _MAX_ROWS, 0)
    predictions = np.concatenate([predict_quietly(part.ensemble, part.X) for part in parts])
    target = np.concatenate([part.y for part in parts])
    weights = [part.sample_weight for part in parts if part.sample_weight is not None]
    weight = np.concatenate(weights) if weights else None
    return Scored(target, predictions, weight, f"{len(target):,} rows, out of fold")
