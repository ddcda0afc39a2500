"""Fast versions of fitted transformers for tables that the table reader has made.

scikit-learn checks the whole table again in each step, and its `ColumnTransformer` changes the warning filters of the
whole process in each call, which disturbs other threads. The functions here do the same arithmetic, in the same order,
so that the results are equal to the last bit. A transformer without a fast version keeps its own method.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtri
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from pipelines.prediction.dispatch import find_maker
from pipelines.steps.encoders import find_levels
from pipelines.steps.preprocessing import ConstantKeeper, OffsetRemover, QuartileScaler, SafePowerTransformer

Array = NDArray[np.float64]
Transform = Callable[[Any], Any]

_BOUND = 1e-7  # scikit-learn's BOUNDS_THRESHOLD of `QuantileTransformer`
_NORMAL_RANGE = (ndtri(_BOUND - np.spacing(1)), ndtri(1 - (_BOUND - np.spacing(1))))


def fast_transform(step: Any) -> Transform:
    """Return a function that gives the output of ``step.transform`` for a table of the table reader.

    Parameters
    ----------
    step : transformer
        A fitted transformer, or "passthrough".
    """
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return lambda X: X
    make = find_maker(_MAKERS, type(step), "transform")
    fast = None if make is None else make(step)
    if fast is None:
        own: Transform = step.transform
        return own
    dense, any_table = fast, step.transform
    return lambda X: dense(X) if type(X) is np.ndarray and X.dtype == np.float64 else any_table(X)


def _pipeline(step: Pipeline) -> Transform:
    parts = [fast_transform(part) for _, part in step.steps]

    def transform(X: Any) -> Any:
        for part in parts:
            X = part(X)
        return X

    return transform


def _column_transformer(step: ColumnTransformer) -> Transform | None:
    branches = []
    for _, transformer, columns in step.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        if not isinstance(columns, list) or any(not isinstance(column, int) for column in columns):
            return None
        if columns:
            branches.append((np.asarray(columns, dtype=np.intp), fast_transform(transformer)))
    if step.sparse_output_ or not branches:
        return None
    return lambda X: np.hstack([transform(X[:, columns]) for columns, transform in branches])


def _simple_imputer(step: SimpleImputer) -> Transform | None:
    missing = step.missing_values
    statistics = np.asarray(step.statistics_)
    if step.add_indicator or not step.keep_empty_features or statistics.dtype != np.float64 or missing == missing:
        return None

    def transform(X: Array) -> Array:
        return np.where(np.isnan(X), statistics, X)

    return transform


def _constant_keeper(step: ConstantKeeper) -> Transform:
    factor = step.factor_
    return (lambda X: X) if factor.all() else (lambda X: X * factor)


def _standard_scaler(step: StandardScaler) -> Transform:
    mean = step.mean_ if step.with_mean else None
    scale = step.scale_ if step.with_std else None
    return _scale(mean, scale)


def _robust_scaler(step: RobustScaler) -> Transform:
    return _scale(step.center_ if step.with_centering else None, step.scale_ if step.with_scaling else None)


def _scale(center: Array | None, scale: Array | None) -> Transform:
    def transform(X: Array) -> Array:
        X = X.copy() if center is None else X - center
        if scale is not None:
            X /= scale
        return X

    return transform


def _function_transformer(step: FunctionTransformer) -> Transform | None:
    if step.validate or step.check_inverse is None or step.kw_args:
        return None
    if step.func is None:
        return lambda X: X
    function: Transform = step.func
    return function


def _one_hot_encoder(step: OneHotEncoder) -> Transform | None:
    supported = not step.sparse_output and step.drop is None and step.handle_unknown == "infrequent_if_exist"
    if not supported or step.dtype is not np.float64 or any(c.dtype != np.float64 for c in step.categories_):
        return None
    starts = np.cumsum([0, *step._n_features_outs])
    places = []  # for each column the output column of each level, and of an unknown level (-1: none)
    for i, levels in enumerate(step.categories_):
        own = np.arange(len(levels) + 1)
        own[-1] = -1
        infrequent = step._infrequent_indices[i] if step._infrequent_enabled else None
        if infrequent is not None:
            own[-1] = infrequent[0]
            own = np.asarray(step._default_to_infrequent_mappings[i])[own]
        places.append(np.where(own >= 0, own + starts[i], -1))

    def transform(X: Array) -> Array:
        out = np.zeros((len(X), int(starts[-1])))
        rows = np.arange(len(X))
        for levels, place, column in zip(step.categories_, places, X.T, strict=True):
            at = place[find_levels(levels, column)]
            known = at >= 0
            out[rows[known], at[known]] = 1.0
        return out

    return transform


def _quantile_transformer(step: QuantileTransformer) -> Transform:
    references, normal = step.references_, step.output_distribution == "normal"
    columns = [(q, -q[::-1]) for q in np.ascontiguousarray(step.quantiles_.T)]
    backwards = -references[::-1]

    def transform(X: Array) -> Array:
        out = np.empty_like(X)
        for i, (quantiles, reverse) in enumerate(columns):
            x = X[:, i]
            missing = np.isnan(x)
            value = 0.5 * (np.interp(x, quantiles, references) - np.interp(-x, reverse, backwards))
            if normal:
                low, high = x - _BOUND < quantiles[0], x + _BOUND > quantiles[-1]
            else:
                low, high = x == quantiles[0], x == quantiles[-1]
            value[high] = 1.0
            value[low] = 0.0
            value[missing] = np.nan
            out[:, i] = value
        return np.clip(ndtri(out), *_NORMAL_RANGE) if normal else out

    return transform


def _power_transformer(step: SafePowerTransformer) -> Transform | None:
    if step.method != "yeo-johnson" or not step.standardize:
        return None
    scale = _standard_scaler(step._scaler)

    def transform(X: Array) -> Array:
        X = step._standardize(X)
        with np.errstate(invalid="ignore"):
            for i, power in enumerate(step.lambdas_):
                X[:, i] = stats.yeojohnson(X[:, i], power)
        return np.clip(scale(X), -step._limit, step._limit)

    return transform


class _FastPreprocessor:
    """The encoder of categories inside scikit-learn's histogram boosting."""

    def __init__(self, transform: Transform):
        self.transform = transform


def fast_preprocessor(step: ColumnTransformer) -> Any:
    """Return an object whose method `transform` does the work of the encoder inside histogram boosting.

    Parameters
    ----------
    step : ColumnTransformer
        Encodes the columns of a mask by an `OrdinalEncoder`, and passes the others on.
    """
    if [name for name, _, _ in step.transformers_[:2]] != ["encoder", "numerical"]:
        return step
    (_, encoder, encoded), (_, _, others) = step.transformers_[:2]
    if not all(isinstance(mask, np.ndarray) and mask.dtype == bool for mask in (encoded, others)):
        return step
    levels = [np.asarray(categories, dtype=np.float64) for categories in encoder.categories_]
    codes = [np.where(np.isnan(np.append(own, np.nan)), np.nan, np.arange(len(own) + 1.0)) for own in levels]

    def transform(X: Any) -> Array:
        X = np.asarray(X, dtype=np.float64)
        columns = zip(levels, codes, X[:, encoded].T, strict=True)
        return np.column_stack([*(code[find_levels(own, column)] for own, code, column in columns), X[:, others]])

    return _FastPreprocessor(transform)


_MAKERS: dict[type, Callable[[Any], Transform | None]] = {
    Pipeline: _pipeline,
    ColumnTransformer: _column_transformer,
    ConstantKeeper: _constant_keeper,
    OffsetRemover: lambda step: _scale(step.offset_, None),
    SimpleImputer: _simple_imputer,
    StandardScaler: _standard_scaler,
    RobustScaler: _robust_scaler,
    QuartileScaler: _robust_scaler,
    FunctionTransformer: _function_transformer,
    OneHotEncoder: _one_hot_encoder,
    QuantileTransformer: _quantile_transformer,
    SafePowerTransformer: _power_transformer,
}
