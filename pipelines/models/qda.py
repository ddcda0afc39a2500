"""Quadratic discriminant analysis: one normal distribution per class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from ConfigSpace import ConfigurationSpace, Float
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, solve_triangular
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law
from pipelines.weights import weighted_rows

MAX_COLUMNS = 500  # one covariance matrix per class


class RegularizedQDA(ClassifierMixin, BaseEstimator):
    """Normal class densities whose covariances are shrunk towards a sphere and towards the pooled covariance.

    scikit-learn's estimator refuses classes with fewer rows than columns; this estimator accepts classes of a single
    row. The covariance of a class is ``(1 - reg_param) * (w * own + (1 - w) * pooled) + reg_param * s * identity`` with
    ``w = n_class / (n_class + n_features)`` and ``s`` the mean pooled variance.

    Parameters
    ----------
    reg_param : float
        Between 0 and 1, as in scikit-learn's ``QuadraticDiscriminantAnalysis``.
    """

    def __init__(self, reg_param: float = 0.01):
        self.reg_param = reg_param

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Estimate prior, mean and covariance of each class."""
        table, target, weight = weighted_rows(np.asarray(X, dtype=np.float64), y, sample_weight)
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, the target has only {self.classes_[0]!r}")
        weight = np.ones(len(codes)) if weight is None else weight
        k, d = len(self.classes_), table.shape[1]
        mass = np.maximum(np.bincount(codes, weights=weight, minlength=k), 1e-12)
        self.means_ = np.stack([weight[codes == c] @ table[codes == c] / mass[c] for c in range(k)])
        centered = table - self.means_[codes]
        pooled = (centered * weight[:, None]).T @ centered / weight.sum()
        sphere = max(np.trace(pooled) / d, 1e-12) * np.eye(d)
        self.factors_, log_dets = [], []
        for c in range(k):
            rows = centered[codes == c]
            own = (rows * weight[codes == c, None]).T @ rows / mass[c]
            share = mass[c] / (mass[c] + d)
            covariance = (1 - self.reg_param) * (share * own + (1 - share) * pooled) + self.reg_param * sphere
            factor = cho_factor(covariance + 1e-9 * sphere, lower=True)[0]
            self.factors_.append(np.tril(factor))
            log_dets.append(2 * np.log(np.diag(factor)).sum())
        self.offsets_ = np.log(mass / mass.sum()) - 0.5 * np.array(log_dets)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return class probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        X = np.asarray(X, dtype=np.float64)
        scores = [
            offset - 0.5 * (solve_triangular(factor, (X - mean).T, lower=True) ** 2).sum(axis=0)
            for mean, factor, offset in zip(self.means_, self.factors_, self.offsets_, strict=True)
        ]
        out: np.ndarray = softmax(np.column_stack(scores), axis=1)
        return out

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable classes, shape (n_samples,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return RegularizedQDA(reg_param=params.get("reg_param", 0.01))


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(Float("reg_param", (1e-4, 1.0), log=True, default=0.02))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    width = encoded_width(traits)
    statistics = power_law(traits, 0.006, rows=0.5, columns=0.4, classes=0.1, width=width)
    covariance = power_law(traits, 0.0003, rows=1.0, columns=2.0, width=width)  # dominates on wide tables
    return statistics + covariance


COMPONENT = Component(
    name="qda",
    make=make,
    space=space,
    applies=lambda traits: traits.is_classification and encoded_width(traits) <= MAX_COLUMNS,
    accepts_weights=True,
    seconds=seconds,
    predict_milliseconds=(0.07, 1.3),
)

_PREPARED = {"model": "qda", "encoding": "one_hot", "imputation": "median", "scaling": "robust_clip"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {
        **_PREPARED,
        "model:qda:reg_param": 0.1,
    },
)
