"""Predictions beside the true target: for rows of the user, or out of fold for training rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.checks.predictions import RowPredictions
from automl.ensemble.frontier import FrontierRecord
from automl.ensemble.quantile_shift import shifted_by_other_rows
from automl.errors import InvalidInputError
from automl.explain.parts import encode_target, out_of_fold_parts, predict_quietly
from automl.plurals import plural
from automl.refit.model import ModelWithRows
from automl.task.validation import check_score_weight

Array = NDArray[Any]

_MAX_ROWS = 4_000


@dataclass(frozen=True)
class Predicted:
    """Predictions for rows whose target is known.

    Attributes
    ----------
    y : ndarray of shape (n_samples,)
        Class codes, or floats.
    predictions : ndarray of shape (n_samples, n_classes) or (n_samples,)
        Probabilities, or values.
    sample_weight : ndarray of shape (n_samples,) or None
    out_of_fold : bool
        Whether the rows are training rows, predicted by models that were not trained on them.
    numbers : ndarray of shape (n_samples,) or None
        Number of each row in its table, from 0; None where it is not known.
    table_rows : tuple of int or None
        Number of rows of X and of X_val that `fit` got; None where it is not known.
    units : ndarray of shape (n_samples,) or None
        Number of the group of each row, or of the row itself; None where each prediction is of a row of its own.
    """

    y: Array
    predictions: Array
    sample_weight: Array | None = None
    out_of_fold: bool = False
    numbers: Array | None = None
    table_rows: tuple[int, int] | None = None
    units: Array | None = None

    @property
    def n_rows(self) -> int:
        """The number of rows; there are more predictions where folds are repeated."""
        return len(self.y) if self.numbers is None else len(np.unique(self.numbers))

    @property
    def relative_weight(self) -> Array:
        """The weights divided by their mean, so that they sum up to the number of predictions; ones without weights."""
        return np.ones(len(self.y)) if self.sample_weight is None else self.sample_weight / self.sample_weight.mean()

    @property
    def source(self) -> str:
        """The rows in words, for titles."""
        return plural(self.n_rows, "row") + (", out of fold" if self.out_of_fold else "")


def drawn_rows(estimator: ModelWithRows, X: Any = None, y: Any = None, sample_weight: Any = None) -> Predicted:
    """Return the rows of a figure: those of `scored_rows` with a positive weight, because the others add nothing."""
    return with_weight(scored_rows(estimator, X, y, sample_weight))


def with_weight(rows: Predicted) -> Predicted:
    """Return the rows with a positive weight."""
    if rows.sample_weight is None:
        return rows
    kept = rows.sample_weight > 0
    return replace(
        rows,
        y=rows.y[kept],
        predictions=rows.predictions[kept],
        sample_weight=rows.sample_weight[kept],
        numbers=None if rows.numbers is None else rows.numbers[kept],
        units=None if rows.units is None else rows.units[kept],
    )


def scored_rows(estimator: ModelWithRows, X: Any = None, y: Any = None, sample_weight: Any = None) -> Predicted:
    """Return predictions with the true target: for a table of the user, or out of fold.

    Raises
    ------
    InvalidInputError
        If there is no table and the model has neither out-of-fold predictions nor its training rows.
    """
    if X is not None:
        target = encode_target(estimator, y, X)
        weight = check_score_weight(sample_weight, len(target))
        return Predicted(target, estimator._predict(X), weight)
    if y is not None:
        raise InvalidInputError("y is given without X; pass both, or neither for out-of-fold predictions")
    kept = out_of_fold_rows(estimator)
    if kept is not None:
        return kept
    parts, _ = out_of_fold_parts(estimator, _MAX_ROWS, 0)
    predictions = np.concatenate([predict_quietly(part.ensemble, part.X) for part in parts])
    target = np.concatenate([part.y for part in parts])
    weights = [part.sample_weight for part in parts if part.sample_weight is not None]
    weight = np.concatenate(weights) if weights else None
    return Predicted(target, predictions, weight, out_of_fold=True)


def out_of_fold_rows(estimator: ModelWithRows) -> Predicted | None:
    """Return the out-of-fold predictions of the ensemble that the estimator holds; None if it holds none.

    A model without a frontier, such as one whose rows have an order, holds them with one prediction for each row.
    """
    record: FrontierRecord | None = vars(estimator).get("_frontier")
    if record is None:
        return rows_of_table(estimator)
    p = estimator._ensemble.finish(_mean_predictions(record))
    units = getattr(record, "units", None)
    numbers = getattr(record, "rows", None)
    return Predicted(record.y, p, record.sample_weight, out_of_fold=True, numbers=numbers, units=units)


def rows_of_table(estimator: ModelWithRows) -> Predicted | None:
    """Return one out-of-fold prediction for each row of the table of `fit` that has any; None if there are none."""
    record: RowPredictions | None = vars(estimator).get("_row_predictions")
    if record is None:
        return None
    p = estimator._ensemble.finish(record.predictions.astype(np.float64))
    weight, table_rows = getattr(record, "sample_weight", None), getattr(record, "table_rows", None)
    return Predicted(record.y, p, weight, out_of_fold=True, numbers=record.rows, table_rows=table_rows)


def quantiles_by_other_rows(estimator: ModelWithRows, rows: Predicted) -> Array:
    """Return the quantiles of `rows`, those of `out_of_fold_rows`, with shifts that come from other rows."""
    record: FrontierRecord | None = vars(estimator).get("_frontier")
    if record is None:
        held = estimator._row_predictions
        assert held is not None, "`out_of_fold_rows` has returned rows"
        means = held.predictions
    else:
        means = _mean_predictions(record)
    ensemble = estimator._ensemble
    return shifted_by_other_rows(ensemble.quantile_shift, rows.y, means, ensemble.quantiles, rows.sample_weight)


def _mean_predictions(record: FrontierRecord) -> Array:
    """Return the mean out-of-fold predictions of the members, before the calibration of the ensemble."""
    return np.asarray(np.tensordot(record.weights, record.predictions.astype(np.float64), 1))
