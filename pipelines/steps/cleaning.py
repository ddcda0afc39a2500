"""Cleaning of labels, as a wrapper around the classifier that leaves out rows whose label is probably wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from ConfigSpace import ConfigurationSpace, Float
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import StratifiedKFold

from pipelines.component import Component, FitContext, TableTraits, space_of
from pipelines.confident_learning import LEAST_MARGIN, find_suspects
from pipelines.steps.training_facts import take_training_facts
from pipelines.weights import fit_weighted, weighted_rows

N_SPLITS = 3
N_FITS = N_SPLITS + 1  # the last fit is on the rows that are left
LEAST_CLASS_ROWS = 2 * N_SPLITS  # with fewer rows, the models of the inner folds cannot know a class


class CleanedClassifier(ClassifierMixin, BaseEstimator):
    """Trains a classifier without the rows whose label is probably wrong.

    Clones of the classifier predict the rows out of fold, and confident learning finds suspicious rows in these
    predictions. At most half of the weight of a class is left out, and no row of a class with few rows.

    Parameters
    ----------
    classifier : estimator
    margin : float
        How much more probable than its label another class must be, so that a row is left out.
    """

    def __init__(self, classifier: Any, margin: float = LEAST_MARGIN, random_state: int = 0):
        self.classifier = classifier
        self.margin = margin
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Find the suspicious rows, and fit the classifier to the others."""
        X, target, weight = weighted_rows(X, y, sample_weight)
        self.classes_ = np.unique(target)
        kept = self._kept_rows(X, target, weight)
        self.n_left_out_ = len(target) - len(kept)
        self.classifier_ = self._fit_rows(X, target, weight, kept)
        take_training_facts(self, self.classifier_)
        return self

    def _kept_rows(self, X: Any, y: NDArray[Any], weight: NDArray[np.float64] | None) -> NDArray[np.intp]:
        """Return the numbers of the rows whose label is not suspicious."""
        codes = np.searchsorted(self.classes_, y)
        counts = np.bincount(codes)
        if np.sum(counts >= LEAST_CLASS_ROWS) < 2:
            return np.arange(len(codes))
        # Rows of rare classes are always trained on; they would only disturb the split.
        rows = np.flatnonzero(counts[codes] >= LEAST_CLASS_ROWS)
        probabilities = np.zeros((len(codes), len(counts)))
        folds = StratifiedKFold(N_SPLITS, shuffle=True, random_state=self.random_state)
        for train, test in folds.split(rows, codes[rows]):
            model = self._fit_rows(X, y, weight, rows[train])
            known = np.searchsorted(self.classes_, model.classes_)
            probabilities[np.ix_(rows[test], known)] = model.predict_proba(X[rows[test]])
        weights = np.ones(len(codes)) if weight is None else weight
        suspects, _ = find_suspects(codes[rows], probabilities[rows], self.margin, weights[rows])
        suspects = rows[suspects]
        left_out = [suspects[:0]]
        for code in range(len(counts)):
            own = suspects[codes[suspects] == code]
            most = 0.5 * weights[codes == code].sum() * (1 + 1e-9)  # the sums are rounded
            left_out.append(own[np.cumsum(weights[own]) <= most])
        return np.setdiff1d(np.arange(len(codes)), np.concatenate(left_out))

    def _fit_rows(self, X: Any, y: NDArray[Any], weight: NDArray[np.float64] | None, rows: NDArray[np.intp]) -> Any:
        return fit_weighted(clone(self.classifier), X[rows], y[rows], None if weight is None else weight[rows])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return class probabilities of shape (n_samples, n_classes)."""
        return np.asarray(self.classifier_.predict_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable classes, shape (n_samples,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return CleanedClassifier(params["estimator"], params.get("margin", LEAST_MARGIN), context.random_state)


def _space(traits: TableTraits) -> ConfigurationSpace:
    return space_of(Float("margin", (0.0, 0.6), default=LEAST_MARGIN))


CLEANING = (
    Component("none", lambda params, context: "passthrough", accepts_sparse=True, keeps_order=True),
    Component("confident_learning", _make, _space, accepts_sparse=True, keeps_order=True),
)
