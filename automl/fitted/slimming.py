"""The methods `slim` and `choose` of a fitted estimator, which return another ensemble of its `frontier_`."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from automl.checks.predictions import RowPredictions
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.slimming import choose, known_record, slim
from automl.refit.model import ModelWithRows, RefitModel


class Slimming(ModelWithRows):
    """Smaller ensembles of the models that are already fitted."""

    def slim(
        self, milliseconds: float | None = None, megabytes: float | None = None, max_loss: float | None = None
    ) -> Self:
        """
        Return a fitted copy whose ensemble is smaller: the best entry of `frontier_` within the limits.

        The copy has a calibration of its own, and a decision threshold of its own where that is clearly better than
        none. Otherwise it keeps the threshold of this estimator, and always one that you have set. No model is fitted
        again.

        Parameters
        ----------
        milliseconds : float, optional
            The longest time for a single row.
        megabytes : float, optional
            The largest size of the models on the disk.
        max_loss : float, optional
            The most that the score may fall below the best score of `frontier_`. Without another limit, the ensemble
            that takes the least time is returned.

        Returns
        -------
        Self
            A new estimator; this one stays as it is.

        Raises
        ------
        InvalidInputError
            If no entry is within the limits; the message names the nearest limits that are possible.
        AttributeError
            If the model has no frontier: see `frontier_`.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=2, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> small = reg.slim(max_loss=5)
        >>> small.predict(X).shape
        (442,)
        """
        check_is_fitted(self, "_ensemble")
        return with_own_predictions(slim(self, milliseconds, megabytes, max_loss), self)

    def choose(self, row: int) -> Self:
        """
        Return a fitted copy that predicts with the ensemble of one row of `frontier_`.

        Row 0 has the best score. The copy has a calibration and a decision threshold as that of `slim`. No model is
        fitted again.

        Parameters
        ----------
        row : int
            Number of the row, as in the index of `frontier_`.

        Returns
        -------
        Self
            A new estimator; this one stays as it is.

        Raises
        ------
        InvalidInputError
            If there is no such row.
        AttributeError
            If the model has no frontier: see `frontier_`.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> settings = {"time_budget": None, "max_trials": 2, "include": ["ridge"], "n_jobs": 1, "verbose": 0}
        >>> reg = AutoMLRegressor(objectives=["score", "megabytes"], **settings).fit(X, y)
        >>> smallest = reg.choose(int(reg.frontier_["megabytes"].idxmin()))
        >>> smallest.frontier_["members"].iloc[0]
        'ridge (1.00, 1 model)'
        """
        check_is_fitted(self, "_ensemble")
        return with_own_predictions(choose(self, row), self)


def with_own_predictions(new: RefitModel, larger: FittedModel) -> RefitModel:
    """Give an estimator the out-of-fold predictions of its smaller ensemble, none where rows are not known."""
    record = known_record(new)
    old: RowPredictions | None = vars(larger).get("_row_predictions")
    if old is not None and record.rows is not None:
        rows, first, place = np.unique(record.rows, return_index=True, return_inverse=True)
        each = np.tensordot(record.weights, record.predictions.astype(np.float64), 1)
        sums = np.zeros((len(rows), *each.shape[1:]))
        np.add.at(sums, place, each)  # a row has several predictions where folds are repeated
        mean = (sums.T / np.bincount(place)).T.astype(old.predictions.dtype)
        weight = None if record.sample_weight is None else record.sample_weight[first]
        y = record.y[first].astype(old.y.dtype)
        new._row_predictions = RowPredictions(rows.astype(np.int32), y, mean, weight, old.table_rows)
    return new
