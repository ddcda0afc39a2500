"""The predicted quantiles of a fitted regressor, and their scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from automl.checks.predictions import RowPredictions
from automl.ensemble.attribute_rules import Subject
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.missing import NOT_READ, why_missing
from automl.ensemble.quantile_shift import shifted_by_other_rows
from automl.ensemble.selection import Ensemble
from automl.errors import InvalidInputError
from automl.task.dummy import dummy_score
from automl.task.metrics import as_score
from automl.task.quantiles import quantiles_metric
from automl.task.task import Task

Array = NDArray[Any]
QuantileScore = tuple[float, float, float, float]


class Quantiles(FittedModel):
    """The methods and attributes of a regressor that was made with `quantiles`."""

    def predict_quantiles(self, X: Any) -> Array:
        """
        Predict the quantiles of the target for each row.

        The quantiles never cross: in each row, they ascend. The models are trained for the pinball loss, and the
        quantiles are shifted so that on out-of-fold rows the right share of the true values lies below each of them.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            A table with the columns of the training table.

        Returns
        -------
        ndarray of shape (n_samples, n_quantiles)
            The columns are in the order of the parameter `quantiles`.

        Raises
        ------
        InvalidInputError
            If the table cannot be used, or if the estimator was fitted without `quantiles`.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> settings = {"time_budget": None, "max_trials": 1, "include": ["ridge"], "n_jobs": 1, "verbose": 0}
        >>> reg = AutoMLRegressor(quantiles=(0.1, 0.5, 0.9), **settings).fit(X, y)
        >>> low, middle, high = reg.predict_quantiles(X).T
        >>> bool((low <= middle).all()), round(float((y <= high).mean()), 1)
        (True, 0.9)
        """
        check_is_fitted(self, "_ensemble")
        if not self._ensemble.quantiles:
            raise InvalidInputError(
                "predict_quantiles needs an estimator with quantiles: fit AutoMLRegressor(quantiles=(0.1, 0.5, 0.9)); "
                "for this model, predict_interval returns intervals"
            )
        return np.asarray(self._predict(X))

    @property
    def quantile_scores_(self) -> pd.DataFrame:
        """
        Out-of-fold score and coverage of the ensemble for each of the quantiles.

        The scores are in the unit of the target, and not corrected for the search.

        Returns
        -------
        DataFrame
            One row for each quantile: ``quantile`` (its level), ``score`` (the negative pinball loss; greater is
            better), ``constant`` (the score of the best constant) and ``coverage`` (the share of the rows whose true
            value is at most the predicted quantile). For the coverage, the rows are divided into five parts, and the
            shifts of the quantiles of each part come from the other parts: on the rows that a shift comes from, the
            share is right by construction.

        Raises
        ------
        AttributeError
            If the estimator was fitted without `quantiles`, if the fit was interrupted or too short to read the
            out-of-fold predictions, and after `refit` with new rows and `slim`, which change the ensemble.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> settings = {"time_budget": None, "max_trials": 1, "include": ["ridge"], "n_jobs": 1, "verbose": 0}
        >>> reg = AutoMLRegressor(quantiles=(0.1, 0.9), random_state=0, **settings).fit(X, y)
        >>> reg.quantile_scores_["coverage"].round(1).tolist()
        [0.1, 0.9]
        """
        check_is_fitted(self, "_ensemble")
        scores = vars(self).get("_quantile_scores")
        if scores is None:
            no_levels = "the model predicts no quantiles; pass quantiles=(0.1, 0.5, 0.9) to the estimator before fit"
            reason = why_missing(self, NOT_READ, Subject.MEMBERS) if self._ensemble.quantiles else no_levels
            raise AttributeError(f"there are no quantile_scores_: {reason}")
        return pd.DataFrame(scores, columns=["quantile", "score", "constant", "coverage"])


def score_quantiles(task: Task, ensemble: Ensemble, record: RowPredictions | None) -> list[QuantileScore] | None:
    """Return level, score, score of the best constant, and coverage of each quantile; None where there are none.

    Parameters
    ----------
    record : RowPredictions or None
        The out-of-fold predictions of the ensemble for rows of the task.
    """
    if record is None or not ensemble.quantiles:
        return None
    weight, found = task.weights(record.rows.astype(np.intp)), []
    known = record.y, record.predictions, ensemble.quantiles, weight
    by_others = shifted_by_other_rows(ensemble.quantile_shift, *known)
    for level, p, other in zip(ensemble.quantiles, ensemble.finish(record.predictions).T, by_others.T, strict=True):
        metric = quantiles_metric((level,))
        constant, _ = dummy_score(metric, record.y, weight)
        coverage = float(np.average(record.y <= other, weights=weight))
        found.append((level, as_score(metric.loss(record.y, p, weight)), float(constant or 0.0), coverage))
    return found
