"""Ordered classes as numbers: a regressor predicts the place of the class, and a map gives the probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from pipelines.cumulative_link import class_probabilities, fit_cumulative_logits
from pipelines.ordered_codes import places_of
from pipelines.steps.training_facts import take_training_facts
from pipelines.weights import fit_weighted, weighted_rows

Array = NDArray[Any]

N_SPLITS = 3
N_FITS = N_SPLITS + 1  # the last fit is on all rows


class NumberClassifier(ClassifierMixin, BaseEstimator):
    """Trains a regressor on the places of the classes, and turns its predictions into probabilities.

    The map is a proportional odds model of one column, the prediction of the regressor. It is fitted on predictions for
    rows that the regressor has not seen, because predictions for its own rows are too good. Where these predictions do
    not rise with the class, the probabilities are the shares of the classes.

    Parameters
    ----------
    regressor : estimator
    ranks : sequence of int
        Rank of each class code; empty if the codes are in the order of the classes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    regressor_ : estimator
        Fitted on all rows.
    slope_ : float
        Factor of the predictions.
    thresholds_ : ndarray of shape (n_classes - 1,)
    cut_ : bool
        Whether the training of one of the regressors was cut.
    """

    def __init__(self, regressor: Any, ranks: Sequence[int] = (), random_state: int = 0):
        self.regressor = regressor
        self.ranks = ranks
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the map and the regressor."""
        X, target, weight = weighted_rows(X, y, sample_weight)
        self.classes_, self.places_, own = places_of(target, self.ranks)
        shuffled = np.random.default_rng(self.random_state).permutation(len(own))
        part = np.empty(len(own), dtype=np.intp)
        # Each part gets its share of each class.
        part[shuffled[np.argsort(own[shuffled], kind="stable")]] = np.arange(len(own)) % N_SPLITS
        scores, cut = np.zeros(len(own)), False
        for number in range(N_SPLITS):
            held = part == number
            if held.any() and not held.all():
                model = self._fit_rows(X, own, weight, ~held)
                scores[held] = model.predict(X[held])
                cut |= bool(getattr(model, "cut_", False))
        n_classes = len(self.classes_)
        slope, self.thresholds_, _ = fit_cumulative_logits(scores[:, None], own, n_classes, weight)
        self.slope_ = float(slope[0])
        if self.slope_ < 0:
            self.slope_, shares = 0.0, np.bincount(own, weight, minlength=n_classes)
            reached = np.cumsum(shares)[:-1] / shares.sum()
            self.thresholds_ = np.log(reached / (1 - reached))
        self.regressor_ = self._fit_rows(X, own, weight, np.ones(len(own), dtype=bool))
        take_training_facts(self, self.regressor_)
        self.cut_ = cut or bool(getattr(self.regressor_, "cut_", False))
        return self

    def _fit_rows(self, X: Any, own: Array, weight: Array | None, rows: Array) -> Any:
        part = None if weight is None else weight[rows]
        return fit_weighted(clone(self.regressor), X[rows], own[rows].astype(np.float64), part)

    def predict_proba(self, X: Any) -> Array:
        """Return class probabilities of shape (n_samples, n_classes)."""
        return self.probabilities(self.regressor_.predict(X))

    def probabilities(self, predicted: ArrayLike) -> Array:
        """Return class probabilities from the predictions of the regressor, of shape (n_samples,)."""
        scores = self.slope_ * np.asarray(predicted, dtype=np.float64).ravel()
        return class_probabilities(scores, self.thresholds_)[:, self.places_]

    def predict(self, X: Any) -> Array:
        """Return the most probable classes, shape (n_samples,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
