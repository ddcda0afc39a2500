"""Networks for ordered classes: one output for each class but the last one, and layers that all outputs share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin

from pipelines.nets.estimator import MIN_PROBABILITY, NetEstimator, NetSettings, NetTable, checked_rows, net_inputs
from pipelines.ordered_codes import places_of

Array = NDArray[Any]


class OrderedNetClassifier(ClassifierMixin, NetEstimator):
    """Classify ordered classes with networks that ask for each class whether the true one is above it.

    A row counts only for the questions up to its own class, so the probabilities are products and are never negative
    (CORN; Shi, Cao and Raschka, 2023, "Deep neural networks for rank-consistent ordinal regression based on conditional
    probabilities", section 3).

    Parameters
    ----------
    settings : NetSettings
    ranks : sequence of int
        Rank of each class code; empty if the codes are in the order of the classes.

    Attributes
    ----------
    classes_, weights_, n_iter_ : as for `NetClassifier`
    """

    def __init__(self, settings: NetSettings, ranks: Sequence[int] = ()):
        super().__init__(settings)
        self.ranks = ranks

    def _table(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> NetTable:
        X, values, weight = checked_rows(X, y, sample_weight)
        self.classes_, self.places_, own = places_of(values, self.ranks)
        questions = np.arange(len(self.classes_) - 1)
        answers = np.where(own[:, None] >= questions, own[:, None] > questions, -1).astype(np.int64)
        blocks = (2,) * len(questions)
        return NetTable(net_inputs(X, self.settings), answers, weight.astype(np.float32), 2 * len(questions), blocks)

    def predict_proba(self, X: Any) -> Array:
        """Return class probabilities of shape (n_samples, n_classes)."""
        return self._finish(self._outputs(X))

    def _finish(self, outputs: Array) -> Array:
        above = np.cumprod(outputs[:, 1::2], axis=1)
        p = np.clip(-np.diff(above, axis=1, prepend=1.0, append=0.0), MIN_PROBABILITY, None)
        return np.asarray(p / p.sum(axis=1, keepdims=True))[:, self.places_]

    def predict(self, X: Any) -> Array:
        """Return the most probable classes, shape (n_samples,)."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])
