"""The loss that a regressor is trained with, and the transform of its target, as a wrapper around the regressor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from pipelines.component import Component, FitContext, TableTraits
from pipelines.losses import LOG_LINK, SQUARED_ERROR, percentage_weights
from pipelines.models._target import as_values
from pipelines.steps.training_facts import take_training_facts
from pipelines.weights import weighted_rows

Array = NDArray[Any]

LOSS_NAMES = (SQUARED_ERROR, "absolute_error", "huber", "percentage_error", *LOG_LINK)
MAX_KNOTS = 1_000
MARGIN = 0.5  # standard deviations of the transformed target by which predictions may leave its range
_SMALLEST_LEVEL = 1e-3  # quantile level of the lowest target where the transform has no value at 0
_MAX_CORRECTION = 3.0  # largest factor from the median to the mean
_NEAR_ZERO = 1e-3  # share of the median: positive targets below it would be outliers on a logarithmic scale
_MAX_ROWS = 10_000  # training rows that the factor is computed from
_MAX_SPLIT_ROWS = 3_000  # rows that are split into those of a second fit and those that it predicts
_FEWEST_SPLIT_ROWS = 30


def held_out_split(n_rows: int) -> tuple[Array, Array]:
    """Return the rows of a second fit, two thirds of at most 3,000 rows, and the rows that it predicts.

    Returns
    -------
    fitted, predicted : ndarrays of int
        Sorted row numbers; both are empty for fewer than 30 rows.
    """
    rows = np.random.default_rng(0).permutation(n_rows)[: _MAX_SPLIT_ROWS if n_rows >= _FEWEST_SPLIT_ROWS else 0]
    n_predicted = len(rows) // 3
    return np.sort(rows[n_predicted:]), np.sort(rows[:n_predicted])


def log_offset(y: Array) -> float:
    """Return the number to add to a target before its logarithm is taken.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)

    Returns
    -------
    float
        0 for positive targets, 1 for counts, and a tenth of the typical target where other targets are 0 or near 0.
        Negative targets are moved into the positive range.

    Examples
    --------
    >>> [log_offset(np.array(y)) for y in ([1.0, 2.0, 9.0], [0.0, 2.0, 9.0], [0.0, 0.5, 1.5])]
    [0.0, 1.0, 0.1]
    """
    low = float(y.min())
    positive = y[y > 0]
    typical = float(np.median(positive)) if len(positive) else 1.0
    if low > _NEAR_ZERO * typical:
        return 0.0
    if low >= 0 and (y == np.round(y)).all():
        return 1.0
    return max(-low, 0.0) + typical / 10


class Prepared(NamedTuple):
    """The transformed target of one fit, and the weights of its rows."""

    target: Array
    weight: Array | None


class TargetRegressor(RegressorMixin, BaseEstimator):
    """Fit a regressor to a transformed target, or to rows that are weighted for a percentage error.

    Predictions are transformed back. They stay within the range of the training target, with a margin.

    Parameters
    ----------
    regressor : estimator
    transform : {"none", "log_target", "log1p_target", "quantile_target"}
        The logarithm of the target plus `log_offset` or plus one, or the normal scores of the target.
    percentage : bool
        Whether the rows are weighted by the inverse of the target.
    correct_mean : bool
        Whether predictions are multiplied by a factor, so that they are means and not medians: the sum of the training
        target by the sum of the predictions. It is the ratio form of the smearing of Duan (1983, "Smearing estimate: a
        nonparametric retransformation method"). Only logarithms have such a factor.
    held_out_regressor : estimator or None
        A second estimator of the same kind: the predictions for the factor are those for rows that it was not fitted
        to. None for a regressor whose predictions for its own training rows are hardly nearer to their targets.

    Attributes
    ----------
    regressor_ : estimator
    offset_ : float
        The number that is added to the target before the logarithm.
    factor_ : float
        The factor of the predictions.
    range_ : tuple of float
        Lowest and highest prediction of the transformed target.
    floor_ : float
        Lowest prediction after a logarithm is transformed back: half of the lowest target, if no target is negative.
    """

    held_out_regressor: Any = None  # models of earlier versions lack it

    def __init__(
        self,
        regressor: Any,
        transform: str = "none",
        percentage: bool = False,
        correct_mean: bool = False,
        held_out_regressor: Any = None,
    ):
        self.regressor = regressor
        self.transform = transform
        self.percentage = percentage
        self.correct_mean = correct_mean
        self.held_out_regressor = held_out_regressor

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the regressor."""
        X, target, weight = weighted_rows(X, y, sample_weight)
        prepared = self.prepare(target, weight)
        self.regressor_.fit(X, prepared.target, sample_weight=prepared.weight)
        return self.finish(X, target, weight)

    def prepare(self, y: ArrayLike, sample_weight: ArrayLike | None) -> Prepared:
        """Fit the transform, make an unfitted copy of the regressor, and return the target to fit this copy to."""
        target = np.asarray(y, dtype=np.float64)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        self.regressor_, self.factor_, self.offset_ = clone(self.regressor), 1.0, 0.0
        if self.transform == "log_target":
            self.offset_ = log_offset(target)
        elif self.transform == "log1p_target":
            self.offset_ = max(1.0, 1.0 - float(target.min()))
        elif self.transform == "quantile_target":
            self._fit_knots(target)
        self.floor_ = float(target.min()) / 2 if target.min() >= 0 else -np.inf
        transformed = self._transformed(target)
        margin = MARGIN * float(transformed.std())
        self.range_ = (float(transformed.min()) - margin, float(transformed.max()) + margin)
        return Prepared(transformed, self._training_weight(target, weight))

    def finish(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> Self:
        """Take over the number of rounds of the fitted regressor, and compute the factor of the predictions."""
        take_training_facts(self, self.regressor_)
        if self.correct_mean and self.transform.startswith("log"):
            target = np.asarray(y, dtype=np.float64)
            weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
            model, rows = self._judged(X, target, weight)
            weight = None if weight is None else weight[rows]
            predicted = self.back(model.predict(X[rows])) + self.offset_
            ratio = np.average(target[rows] + self.offset_, weights=weight) / np.average(predicted, weights=weight)
            self.factor_ = float(np.clip(ratio, 1 / _MAX_CORRECTION, _MAX_CORRECTION))
        return self

    def _judged(self, X: Any, y: Array, weight: Array | None) -> tuple[Any, Array]:
        """Return a fitted regressor, and the rows whose predictions give the factor."""
        fitted, predicted = held_out_split(len(y))
        if self.held_out_regressor is None or not len(predicted):
            return self.regressor_, np.arange(0, len(y), max(1, len(y) // _MAX_ROWS))
        own = self._training_weight(y, weight)
        model = clone(self.held_out_regressor)
        part = None if own is None else own[fitted]
        return model.fit(X[fitted], self._transformed(y[fitted]), sample_weight=part), predicted

    def _training_weight(self, y: Array, weight: Array | None) -> Array | None:
        """Return the weights that the regressor is fitted with."""
        if not self.percentage:
            return weight
        relative = percentage_weights(y)
        return relative if weight is None else weight * relative

    def predict(self, X: Any) -> Array:
        """Return predictions in the unit of the target, shape (n_samples,), or (n_samples, n_quantiles)."""
        check_is_fitted(self)
        return self.back(self.regressor_.predict(X))

    def back(self, predictions: ArrayLike) -> Array:
        """Return predictions of the regressor in the unit of the target."""
        values = as_values(np.asarray(predictions, dtype=np.float64))
        if self.transform == "none":
            return values
        values = np.clip(values, *self.range_)
        if self.transform == "quantile_target":
            return np.asarray(np.interp(values, self.scores_, self.knots_))
        return np.maximum(self.factor_ * np.exp(values) - self.offset_, self.floor_)

    def _transformed(self, y: Array) -> Array:
        if self.transform == "none":
            return y
        if self.transform == "quantile_target":
            return np.asarray(np.interp(y, self.knots_, self.scores_))
        return np.log(y + self.offset_)

    def _fit_knots(self, y: Array) -> None:
        """Store quantiles of the target and their normal scores; equal quantiles share the mean of their scores."""
        levels = (np.arange(min(len(y), MAX_KNOTS)) + 0.5) / min(len(y), MAX_KNOTS)
        levels[[0, -1]] = np.clip(levels[[0, -1]], _SMALLEST_LEVEL, 1 - _SMALLEST_LEVEL)
        quantiles = np.quantile(y, levels)
        quantiles[[0, -1]] = y.min(), y.max()
        self.knots_, codes = np.unique(quantiles, return_inverse=True)
        scores = norm.ppf(levels)
        self.scores_ = np.bincount(codes, scores) / np.bincount(codes)


def corrects_mean(transform: str, traits: TableTraits) -> bool:
    """Return whether predictions with a transform of the target get a factor that makes them means."""
    return traits.predicts_mean and transform == "log_target"


def _loss(name: str) -> Component:
    def applies(traits: TableTraits) -> bool:
        return name in traits.losses

    return Component(
        name, lambda params, context: "passthrough", applies=applies, accepts_sparse=True, keeps_order=True
    )


def _transform(name: str) -> Component:
    def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator | str:
        percentage = params.get("loss") == "percentage_error"
        if name == "none" and not percentage:
            model: BaseEstimator = params["estimator"]
            return model
        mean = corrects_mean(name, context.traits)
        return TargetRegressor(params["estimator"], name, percentage, mean, params.get("held_out_estimator"))

    def applies(traits: TableTraits) -> bool:
        return name in traits.target_transforms

    return Component(name, make, applies=applies, accepts_sparse=True, keeps_order=True)


LOSSES = tuple(_loss(name) for name in LOSS_NAMES)
TARGET = tuple(_transform(name) for name in ("none", "log_target", "log1p_target", "quantile_target"))
