"""The methods of fitted estimators that follow from their predictions: `score` and `predict_log_proba`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.selection import Ensemble
from automl.fitted.several_targets import class_probabilities
from automl.task.quantiles import QuantilesScorer
from automl.task.target_score import score_labels, score_numbers

Array = NDArray[Any]


class LabelScores:
    """The methods of a classifier."""

    _predict: Any
    _ensemble: Ensemble
    predict: Any
    classes_: Any

    def predict_log_proba(self, X: Any) -> Any:
        """
        Predict the logarithm of the probability of each class for each row.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            A table with the columns of the training table.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of ndarray for several targets
            Natural logarithms of `predict_proba`; minus infinity for a probability of 0.

        Raises
        ------
        InvalidInputError
            If the table cannot be used.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
        >>> clf.predict_log_proba(X).shape
        (150, 3)
        """
        with np.errstate(divide="ignore"):
            logarithms = np.log(self._predict(X))
        return class_probabilities(self._ensemble, logarithms)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """
        Return the accuracy of `predict` on a labeled table.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            A table with the columns of the training table.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The true labels, in any type that `fit` accepts. A label that is no class of the model is wrong, and a
            warning names it.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.

        Returns
        -------
        float
            The share of the rows whose label is predicted, or whose labels of all targets are predicted.

        Raises
        ------
        InvalidInputError
            If the table or the target cannot be used.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
        >>> clf.score(X, y) > 0.9
        True
        """
        return score_labels(y, X, self.predict(X), self.classes_, sample_weight, self._ensemble.targets)


class NumberScores:
    """The methods of a regressor."""

    predict: Any
    _ensemble: Ensemble

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """
        Return the coefficient of determination of `predict` on a labeled table, or the score of its quantiles.

        Parameters
        ----------
        X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
            A table with the columns of the training table.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The true values, in any type that `fit` accepts.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows.

        Returns
        -------
        float
            1 for perfect predictions, 0 for predictions that are as good as the mean; the mean over several targets.
            Of an estimator with `quantiles`, the negative mean pinball loss.

        Raises
        ------
        InvalidInputError
            If the table or the target cannot be used.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> reg.score(X, y) > 0.3
        True
        """
        if self._ensemble.quantiles:
            return QuantilesScorer(self._ensemble.quantiles)(self, X, y, sample_weight)
        return score_numbers(y, X, self.predict(X), sample_weight, self._ensemble.targets)
