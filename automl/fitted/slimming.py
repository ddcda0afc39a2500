"""The methods `slim` and `choose` of a fitted estimator, which return another ensemble of its `frontier_`."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from automl.checks.predictions import RowPredictions
from automl.ensemble.attribute_rules import Subject
from automl.ensemble.copies import derived_copy
from automl.ensemble.frontier import (
    Entry,
    FrontierRecord,
    choose_entry,
    entry_estimate,
    find_entries,
    kept_fold_bags,
    smaller_ensemble,
    smaller_record,
)
from automl.ensemble.missing import SLIM
from automl.ensemble.out_of_fold_scores import scores_of_frontier
from automl.ensemble.single_scores import singles_of_frontier
from automl.ensemble.slimming import known_record
from automl.errors import InvalidInputError
from automl.refit.model import ModelWithRows, RefitModel
from automl.task.validation import is_number, is_whole_number


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
        limits = {"milliseconds": milliseconds, "megabytes": megabytes, "max_loss": max_loss}
        for name, value in limits.items():
            if value is not None and (not is_number(value) or not value >= 0):
                raise InvalidInputError(f"{name} must be a number that is not negative; got {value!r}")
        if all(value is None for value in limits.values()):
            raise InvalidInputError("slim needs a limit: milliseconds, megabytes or max_loss")
        record = known_record(self)
        return _with_entry(self, record, choose_entry(find_entries(record, self._ensemble), **limits))

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
        record = known_record(self)
        entries = find_entries(record, self._ensemble)
        if not is_whole_number(row) or not 0 <= row < len(entries):
            raise InvalidInputError(
                f"row must be the number of a row of frontier_, from 0 to {len(entries) - 1}; got {row!r}"
            )
        return _with_entry(self, record, entries[row])


def _with_entry(estimator: RefitModel, record: FrontierRecord, entry: Entry) -> RefitModel:
    """Return a copy of a fitted estimator with the ensemble of an entry of its frontier."""
    new = derived_copy(estimator, SLIM, (Subject.MODELS, Subject.MEMBERS))
    known, larger = vars(estimator), estimator._ensemble
    new._ensemble = smaller_ensemble(record, larger, entry)
    new._fold_bags = kept_fold_bags(known.get("_fold_bags") or [*larger.bags, *record.bags], new._ensemble)
    new._frontier = own = smaller_record(record, entry)
    new._conformal = scores_of_frontier(own, new._ensemble)
    new._estimate = entry_estimate(entry)
    new._single_scores = singles_of_frontier(record, larger.bags, known.get("history_"))
    new._row_predictions = _row_predictions(own, known.get("_row_predictions"))
    return new


def _row_predictions(record: FrontierRecord, larger: RowPredictions | None) -> RowPredictions | None:
    """Return the out-of-fold predictions of a smaller ensemble; None where the rows are not known.

    Parameters
    ----------
    larger : RowPredictions or None
        Those of the larger ensemble.
    """
    if larger is None or record.rows is None:
        return None
    rows, first, place = np.unique(record.rows, return_index=True, return_inverse=True)
    each = np.tensordot(record.weights, record.predictions.astype(np.float64), 1)
    sums = np.zeros((len(rows), *each.shape[1:]))
    np.add.at(sums, place, each)  # a row has several predictions where folds are repeated
    mean = (sums.T / np.bincount(place)).T.astype(larger.predictions.dtype)
    weight = None if record.sample_weight is None else record.sample_weight[first]
    return RowPredictions(
        rows.astype(np.int32), record.y[first].astype(larger.y.dtype), mean, weight, larger.table_rows
    )
