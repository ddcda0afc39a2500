"""Imputation, encoding and scaling: the steps that treat each column alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.validation import check_is_fitted

from pipelines.component import LARGEST, Component, FitContext, TableTraits, space_of
from pipelines.models._cost import encoded_width
from pipelines.steps.encoders import CodeEncoder, FrequencyEncoder, TargetMeanEncoder
from pipelines.weights import weighted_column_quantiles

Floats = NDArray[np.float64]

MAX_CELLS = 30_000_000  # cells of one-hot columns: 240 MB
MAX_COLUMNS = 1_500  # for transformations that scikit-learn fits to one column after the other, some in 20 ms each
_ZERO = 1e-290  # smaller numbers count as 0; normal floats near this number differ by 1e-306 or more
MAX_OFFSET = 2.0**14  # ratio of the largest number of a column to its range; single precision has 24 bits
MAX_TARGET_COLUMNS = 400  # columns of target encoding: one per category column and class


def column_quantiles(X: Floats, quantiles: Sequence[float], weight: Floats | None = None) -> Floats:
    """Return quantiles of each column without its missing cells, shape (n_quantiles, n_features).

    Without weights, the result is that of `numpy.nanquantile`, which treats one column after the other and takes
    seconds for thousands of columns. Each column must have a value.
    """
    if weight is not None:
        return weighted_column_quantiles(X, quantiles, weight)
    ordered = np.sort(X, axis=0)  # NaN sorts last
    last = np.count_nonzero(~np.isnan(X), axis=0) - 1
    found = []
    for quantile in quantiles:
        position = quantile * last
        below = np.floor(position).astype(np.intp)
        low, high = (np.take_along_axis(ordered, at[None], axis=0)[0] for at in (below, np.minimum(below + 1, last)))
        found.append(low + (high - low) * (position - below))
    return np.stack(found)


def constant_columns(X: Any) -> NDArray[np.bool_]:
    """Return which columns of an array or CSR matrix hold one number only, or none, beside their missing cells.

    In training such a column says nothing about the target, but a later number may differ from it by any amount. So
    the scalers divide the column by infinity, or do the like, and it stays constant; without scaling, `ConstantKeeper`
    does this.
    """
    if sparse.issparse(X):
        low, high = (extreme.toarray().ravel() for extreme in (X.min(axis=0), X.max(axis=0)))
    else:
        low, high = (extreme.reduce(np.asarray(X), axis=0) for extreme in (np.fmin, np.fmax))
    return ~(low < high)


class ConstantKeeper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Leaves columns as they are, but a column that is constant in training becomes 0.

    Attributes
    ----------
    factor_ : ndarray of shape (n_features,)
        0 for the constant columns, 1 for the others.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the constant columns."""
        self.n_features_in_ = X.shape[1]
        self.factor_ = 1.0 - constant_columns(X)
        return self

    def transform(self, X: Any) -> Any:
        """Return an array or CSR matrix of the same shape; missing cells stay missing."""
        check_is_fitted(self)
        if self.factor_.all():
            return X  # a copy of a large table takes memory
        if not sparse.issparse(X):
            return np.asarray(X, dtype=float) * self.factor_
        X = X.copy()
        X.data *= self.factor_[X.indices]
        return X


class SafeScaler(StandardScaler):
    """scikit-learn's `StandardScaler`, in which a column that is constant in training becomes 0."""

    __metadata_request__fit: ClassVar = {"row_weights": True}  # scikit-learn passes weights on

    def fit(self, X: Any, y: Any = None, row_weights: Floats | None = None) -> Self:
        """Learn the mean and the scale of each column."""
        super().fit(X, sample_weight=row_weights)
        self.scale_[constant_columns(X)] = np.inf
        return self


class SafeMaxAbsScaler(MaxAbsScaler):
    """scikit-learn's `MaxAbsScaler`, in which a column that is constant in training becomes 0."""

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the scale of each column."""
        super().fit(X)
        self.scale_[constant_columns(X)] = np.inf
        return self


class SafeQuantileTransformer(QuantileTransformer):
    """scikit-learn's `QuantileTransformer`, in which a column that is constant in training stays constant."""

    __metadata_request__fit: ClassVar = {"row_weights": True}  # scikit-learn passes weights on

    def fit(self, X: ArrayLike, y: Any = None, row_weights: Floats | None = None) -> Self:
        """Learn the quantiles of each column."""
        super().fit(X)
        if row_weights is not None:
            quantiles = weighted_column_quantiles(np.asarray(X, dtype=float), self.references_, row_weights)
            self.quantiles_ = np.maximum.accumulate(quantiles)  # against rounding, as scikit-learn does
        # Between quantiles such as 1e-310 and 2e-310, the interpolation divides by nearly 0, and would return NaN.
        self.quantiles_[np.abs(self.quantiles_) < _ZERO] = 0.0
        self.quantiles_[:, constant_columns(X)] = np.inf  # all numbers are below the first quantile, as in training
        return self


class QuartileScaler(RobustScaler):
    """scikit-learn's `RobustScaler` for dense tables, which treats all columns together.

    A column that is constant in training becomes 0.
    """

    __metadata_request__fit: ClassVar = {"row_weights": True}  # scikit-learn passes weights on

    def fit(self, X: ArrayLike, y: Any = None, row_weights: Floats | None = None) -> Self:
        """Learn the center and the scale of each column, without its missing cells."""
        X = np.asarray(X, dtype=float)
        X = np.where(np.isnan(X).all(axis=0), 0.0, X)
        self.n_features_in_ = X.shape[1]
        low, high = self.quantile_range
        bottom, self.center_, top = column_quantiles(X, (low / 100, 0.5, high / 100), row_weights)
        spread = top - bottom
        self.scale_ = np.where(spread > 10 * np.finfo(float).eps, spread, 1.0)
        self.scale_[constant_columns(X)] = np.inf
        return self


class RobustClipScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Centers on the median, scales by the interquartile range, and compresses outliers smoothly into (-3, 3).

    This is the scaling of RealMLP (Holzmüller et al., 2024, arXiv:2407.04491, section 3.1). Where both quartiles are
    equal, half of the range replaces the interquartile range. A constant column becomes 0.
    """

    __metadata_request__fit: ClassVar = {"row_weights": True}  # scikit-learn passes weights on

    def fit(self, X: ArrayLike, y: Any = None, row_weights: Floats | None = None) -> Self:
        """Learn the center and the scale of each column, without its missing cells."""
        X = np.asarray(X, dtype=float)
        empty = np.isnan(X).all(axis=0)
        X = np.where(empty, 0.0, X)
        self.n_features_in_ = X.shape[1]
        low, self.center_, high = column_quantiles(X, (0.25, 0.5, 0.75), row_weights)
        spread = high - low
        reach = 0.5 * (np.nanmax(X, axis=0) - np.nanmin(X, axis=0))
        spread = np.where(spread > 0, spread, reach)
        self.factor_ = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return values between -3 and 3, shape (n_samples, n_features)."""
        check_is_fitted(self)
        scaled = (np.asarray(X, dtype=float) - self.center_) * self.factor_
        return scaled / np.sqrt(1.0 + (scaled / 3.0) ** 2)


def offset_columns(X: Floats) -> NDArray[np.bool_]:
    """Return which columns vary far less than their distance from 0, such as seconds since 1970 within a minute.

    In single precision, which most models use, such a column has at most about a thousand different values.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN stands for a missing cell.
    """
    low, high = np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)
    spread = high - low
    return (spread > 0) & (np.maximum(np.abs(low), np.abs(high)) > MAX_OFFSET * spread)


def with_offsets(traits: TableTraits, table: Any) -> TableTraits:
    """Return the traits of a table with what its numbers say of `TableTraits.has_offsets`."""
    if traits.sparse or not traits.numeric:
        return traits
    return replace(traits, has_offsets=bool(offset_columns(table)[list(traits.numeric)].any()))


class OffsetRemover(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Subtracts the median from the columns of `offset_columns`, and leaves the others as they are.

    Attributes
    ----------
    offset_ : ndarray of shape (n_features,)
        The medians; 0 for the other columns.
    """

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn the medians, without missing cells."""
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        self.offset_, far = np.zeros(X.shape[1]), offset_columns(X)
        if far.any():
            self.offset_[far] = np.nanmedian(X[:, far], axis=0)
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return the table without the offsets."""
        check_is_fitted(self)
        return np.asarray(X, dtype=float) - self.offset_


class WeightedImputer(SimpleImputer):
    """scikit-learn's `SimpleImputer`, which also takes weights of rows."""

    __metadata_request__fit: ClassVar = {"row_weights": True}  # scikit-learn passes weights on

    def fit(self, X: ArrayLike, y: Any = None, row_weights: Floats | None = None) -> Self:
        """Learn the number that fills the missing cells of each column."""
        super().fit(X)
        if row_weights is not None and self.strategy != "constant":
            for j, column in enumerate(np.asarray(X, dtype=float).T):
                known = ~np.isnan(column)
                if known.any():
                    self.statistics_[j] = self._weighted_statistic(column[known], row_weights[known])
        return self

    def _weighted_statistic(self, numbers: Floats, weight: Floats) -> Any:
        if self.strategy == "mean":
            return np.average(numbers, weights=weight)
        if self.strategy == "median":
            return weighted_column_quantiles(numbers[:, None], [0.5], weight)[0, 0]
        values, at = np.unique(numbers, return_inverse=True)
        return values[np.bincount(at, weight).argmax()]


def _imputer(strategy: str) -> Component:
    def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
        return WeightedImputer(
            strategy=strategy, add_indicator=bool(params.get("add_indicator", False)), keep_empty_features=True
        )

    def space(traits: TableTraits) -> ConfigurationSpace:
        return ConfigurationSpace({"add_indicator": [False, True]})

    return Component(strategy, make, space, keeps_order=True)


IMPUTATION = (
    *(_imputer(strategy) for strategy in ("median", "mean", "most_frequent", "constant")),
    Component("none", lambda params, context: "passthrough", accepts_missing=True, keeps_order=True),
)


def _one_hot(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=params.get("min_frequency", 2),
        max_categories=params.get("max_categories", 32),
        sparse_output=False,
    )


def _one_hot_space(traits: TableTraits) -> ConfigurationSpace:
    space = space_of(Integer("min_frequency", (1, 50), log=True, default=2))
    if max(traits.cardinalities, default=0) > 4:
        most = 100
        while most > 8 and traits.n_rows * sum(min(c, most) for c in traits.cardinalities) > MAX_CELLS:
            most //= 2
        space.add(Integer("max_categories", (4, most), log=True, default=min(32, most)))
    return space


def target_encoder(smooth: float, context: FitContext) -> BaseEstimator:
    """Return an encoder that replaces each category by its mean target in other folds, shrunk to the overall mean."""
    return TargetMeanEncoder(smooth, context.traits.is_classification, random_state=context.random_state)


def _target_applies(traits: TableTraits) -> bool:
    columns = len(traits.categorical) * (traits.n_classes if traits.task == "multiclass" else 1)
    return columns <= MAX_TARGET_COLUMNS and traits.n_rows >= 50


ENCODING = (
    Component(
        "one_hot", _one_hot, _one_hot_space, keeps_order=True, width=lambda params, traits: encoded_width(traits)
    ),
    Component("ordinal", lambda params, context: CodeEncoder(), keeps_order=True),
    Component(
        "target",
        lambda params, context: target_encoder(params.get("smooth", 10.0), context),
        lambda traits: space_of(Float("smooth", (0.5, 200.0), log=True, default=10.0)),
        applies=_target_applies,
        reads_target=True,
        keeps_order=True,
    ),
    Component("frequency", lambda params, context: FrequencyEncoder(), keeps_order=True),
    Component(
        "native", lambda params, context: CodeEncoder(keep_missing=True), accepts_categories=True, keeps_order=True
    ),
)


def _quantile(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return SafeQuantileTransformer(
        n_quantiles=int(np.clip(context.traits.n_rows // 10, 10, params.get("n_quantiles", 300))),
        output_distribution=params.get("output_distribution", "normal"),
        random_state=context.random_state,
    )


def clip_numbers(X: Any) -> Any:
    """Return an array or CSR matrix with its numbers clipped to `LARGEST`; missing cells stay missing."""
    if sparse.issparse(X):
        X = X.copy()
        X.data = np.clip(X.data, -LARGEST, LARGEST)
        return X
    return np.clip(X, -LARGEST, LARGEST)


def _clipped(scaler: BaseEstimator) -> BaseEstimator:
    """Return a scaler with clipped output: it divides by scales of training, so that new rows may become too large."""
    return make_pipeline(scaler, FunctionTransformer(clip_numbers, feature_names_out="one-to-one"))


def _standard(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return _clipped(SafeScaler(with_mean=not context.traits.sparse))


def _max_abs(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return _clipped(SafeMaxAbsScaler())


def _robust(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    low = 100 * params.get("quantile_low", 0.25)
    return _clipped(QuartileScaler(quantile_range=(low, 100 - low)))


def _dense(traits: TableTraits) -> bool:
    return not traits.sparse and bool(traits.numeric)


def _few_columns(traits: TableTraits) -> bool:
    return _dense(traits) and traits.n_features <= MAX_COLUMNS


def _seconds_of_columns(params: Mapping[str, Any], traits: TableTraits) -> float:
    """Guess the seconds of a transformation of one column after the other."""
    return 1e-6 * (traits.n_rows * max(1, traits.n_features))


SCALING = (
    Component("none", lambda params, context: "passthrough", accepts_sparse=True, keeps_order=True),
    Component("standard", _standard, accepts_sparse=True, keeps_order=True),
    Component("max_abs", _max_abs, accepts_sparse=True, applies=lambda t: t.sparse, keeps_order=True),
    Component(
        "robust",
        _robust,
        lambda traits: space_of(Float("quantile_low", (0.01, 0.3), default=0.25)),
        applies=_dense,
        keeps_order=True,
    ),
    Component(
        "quantile",
        _quantile,
        lambda traits: space_of(
            Integer("n_quantiles", (10, 1000), log=True, default=300),
            Categorical("output_distribution", ["normal", "uniform"], default="normal"),
        ),
        applies=_few_columns,
        keeps_order=True,
        seconds=_seconds_of_columns,
    ),
    Component(
        "power",
        lambda params, context: SafePowerTransformer(),
        applies=_few_columns,
        keeps_order=True,
        seconds=_seconds_of_columns,
    ),
    Component("robust_clip", lambda params, context: RobustClipScaler(), applies=_dense, keeps_order=True),
)


class SafePowerTransformer(PowerTransformer):
    """Yeo-Johnson transformation whose input and output are clipped to ten standard deviations.

    A column that is constant in training becomes 0.
    """

    _limit = 10.0

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        self._learn_scales(X)
        # A column without any value becomes a constant, which the transformation leaves as it is.
        super().fit(np.where(np.isnan(X).all(axis=0), 0.0, self._standardize(X)))
        return self

    def fit_transform(self, X: ArrayLike, y: Any = None) -> Floats:
        return self.fit(X).transform(X)

    def transform(self, X: ArrayLike) -> Floats:
        out = super().transform(self._standardize(X))
        return np.clip(out, -self._limit, self._limit)

    def _learn_scales(self, X: ArrayLike) -> None:
        X = np.asarray(X, dtype=float)
        X = np.where(np.isnan(X).all(axis=0), 0.0, X)
        self.mean_ = np.nanmean(X, axis=0)
        deviation = np.nanstd(X, axis=0)
        self.deviation_ = np.where(deviation > 0, deviation, 1.0)
        self.deviation_[constant_columns(X)] = np.inf

    def _standardize(self, X: ArrayLike) -> Floats:
        scaled = (np.asarray(X, dtype=float) - self.mean_) / self.deviation_
        return np.clip(scaled, -self._limit, self._limit)
