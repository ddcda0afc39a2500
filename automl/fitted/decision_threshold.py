"""The decision threshold of a fitted classifier for two classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.utils.validation import check_is_fitted

from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.threshold import threshold_of_weights, weights_of_threshold
from automl.errors import InvalidInputError
from automl.task.positive_class import positive_code
from automl.task.validation import is_number


class DecisionThreshold(FittedModel):
    """The attribute `decision_threshold_` of the classifier."""

    @property
    def decision_threshold_(self) -> float:
        """
        The probability of the positive class above which `predict` returns this class; for two classes.

        The positive class is `positive_label`, else the label 1, else the second class. A new value is for `predict`
        only: probabilities do not change, and `estimate_` stays the estimate for the old value. `save`, `slim` and
        `refit` keep it.

        Returns
        -------
        float
            Between 0 and 1. It is 0.5, unless `scoring` judges labels and another value has a clearly better
            out-of-fold score.

        Raises
        ------
        AttributeError
            If there are more than two classes, or several targets.

        Examples
        --------
        >>> from sklearn.datasets import load_breast_cancer
        >>> from automl import AutoMLClassifier
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
        >>> clf.decision_threshold_
        0.5
        >>> clf.decision_threshold_ = 0.1
        >>> bool((clf.predict(X) == (clf.predict_proba(X)[:, 1] > 0.1)).all())
        True
        """
        return threshold_of_weights(self._ensemble.decision_weights, self._positive_code())

    @decision_threshold_.setter
    def decision_threshold_(self, threshold: float) -> None:
        positive = self._positive_code()
        if not is_number(threshold) or not 0 <= threshold <= 1:
            raise InvalidInputError(f"decision_threshold_ must be a number from 0 to 1; got {threshold!r}")
        # Copies of this estimator may have the same ensemble, so it is not changed.
        weights = weights_of_threshold(float(threshold), positive)
        self._ensemble = replace(self._ensemble, decision_weights=weights, decision_is_own=True)

    def _positive_code(self) -> int:
        check_is_fitted(self, "_ensemble")
        if self._ensemble.targets is not None:
            raise AttributeError("decision_threshold_ is for one target of two classes, but y has several targets")
        if len(self.classes_) != 2:
            raise AttributeError(f"decision_threshold_ is for two classes, but y has {len(self.classes_)}")
        return positive_code(np.asarray(self.classes_), self.positive_label)
