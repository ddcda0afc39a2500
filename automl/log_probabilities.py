"""The method `predict_log_proba` of a fitted classifier."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl.ensemble.selection import Ensemble
from automl.several_targets import class_probabilities


class LogProbabilities:
    """The logarithms of probabilities, for a class that has `_predict`."""

    _predict: Any
    _ensemble: Ensemble

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
            return class_probabilities(self._ensemble, np.asarray(np.log(self._predict(X))))
