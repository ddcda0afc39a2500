"""The scores of the members of a fitted ensemble on rows with known labels."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from automl.ensemble.fitted_model import FittedModel, Model
from automl.ensemble.selection import FoldBag
from automl.errors import UnreadCellsWarning
from automl.explain.parts import encode_target
from automl.task.own_objects import check_fitted_scorer


class MemberScores(FittedModel):
    """The method `score_members` of both estimators."""

    def score_members(self, X: Any, y: Any, sample_weight: Any = None) -> pd.DataFrame:
        """
        Return the leaderboard with the scores of the members of the ensemble on rows with known labels.

        Only the members have models. Each one predicts with its own models, without calibration and without a tuned
        decision threshold. ``scorer_(estimator, X, y)`` is the score of the whole ensemble.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            Rows that the search has not seen, with the columns of the training table.
        y : array-like of shape (n_samples,)
            The target of these rows.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.

        Returns
        -------
        DataFrame
            `leaderboard_` with a further column ``test_score`` after ``score``: the score by ``scorer_``, greater is
            better; NaN for configurations that are not in the ensemble.

        Raises
        ------
        InvalidInputError
            If the table or the target cannot be used, for example because a label is no class of the model.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0)
        >>> reg.fit(X[:300], y[:300]).score_members(X[300:], y[300:])[["family", "test_score"]].round(-1)
          family  test_score
        0  ridge       -50.0
        """
        check_is_fitted(self, "_ensemble")
        board: pd.DataFrame = getattr(self, "leaderboard_")  # noqa: B009  a property of the other base class
        check_fitted_scorer(self.scorer_)
        encode_target(self, y, X)  # some scorers do not notice a label that is no class of the model
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        scores = {}
        with warnings.catch_warnings():
            for bag in self._ensemble.bags:
                scores[bag.configuration.id] = float(self.scorer_(_alone(self, bag), X, y, **weight))
                # All members read the same table, so that the first one has warned of its cells.
                warnings.simplefilter("ignore", UnreadCellsWarning)
        board.insert(list(board.columns).index("score") + 1, "test_score", board["id"].map(scores).astype(float))
        return board


def _alone(estimator: Model, bag: FoldBag) -> Model:
    """Return a copy of a fitted estimator whose ensemble has a single member."""
    alone = copy.copy(estimator)
    members = [replace(bag, weight=1.0)]
    alone._ensemble = replace(
        estimator._ensemble, bags=members, calibration=None, decision_weights=None, quantile_shift=None
    )
    return alone
