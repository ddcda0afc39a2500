"""The expected size of a residual, row by row: intervals are narrow where predictions are good.

The scale is learned from the out-of-fold residuals. Each of several parts of the rows is left out once, so that the
score of a row comes from models that have not seen its residual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.ensemble import ExtraTreesRegressor

from automl.ensemble.conformal import Scores, target_share, weighted_quantile

Array = NDArray[Any]

N_PARTS = 5  # of the rows; each is left out once
_LEAST_UNITS = 100  # below which the scale would overfit
_LEVELS = (0.8, 0.9, 0.95)  # at which widths are compared
_GAIN = 0.01  # by which the mean width must fall, as a share
_MAX_COLUMNS = 200  # of a table from which the scale is learned
_MAX_ROWS = 4_000  # that a forest is trained on
_CONSTANT = 0.5  # of the median residual, which is added to each scale: small scales are the most uncertain ones
_TREES = 25  # of the forest of a part
_LEAVES = 60  # of a tree, at most
_LEAST_LEAF = 5  # rows
_TRIED_COLUMNS = 30  # at each node


@dataclass(frozen=True)
class ResidualScale:
    """The expected size of a residual: the mean of a model for each part of the rows that is left out.

    Attributes
    ----------
    models : tuple of ExtraTreesRegressor
    constant : float
        It is added to the result of each model.
    mean : float
        The mean scale of the rows that it was learned from.
    uses_table : bool
        Whether the models take the columns of the table, too.
    unit : float
        The models take predictions and disagreements in this unit, and return scales in it.
    """

    models: tuple[Any, ...]
    constant: float
    mean: float
    uses_table: bool
    unit: float = 1.0

    def __call__(self, predictions: Array, spreads: Array, X: Any) -> Array:
        """Return the scale of each row, shape (n_samples,).

        Parameters
        ----------
        predictions, spreads : ndarray of shape (n_samples,)
            The prediction, and the disagreement of the members of the ensemble.
        X : ndarray of shape (n_samples, n_features)
            Output of the table reader.
        """
        features = _in_unit(scale_features(predictions, spreads, X if self.uses_table else None), self.unit)
        each = [model.predict(features) for model in self.models]
        return np.asarray(np.mean(each, axis=0)) * self.unit + self.constant


def can_use(X: Any) -> bool:
    """Return whether a table is dense and has few enough columns."""
    return X is not None and not sparse.issparse(X) and X.shape[1] <= _MAX_COLUMNS


def scale_features(predictions: Array, spreads: Array, X: Any) -> Array:
    """Return what the models of the scale take: prediction, disagreement of the members, and the table unless None."""
    own = np.column_stack([predictions, spreads]).astype(np.float64)
    return own if X is None else np.column_stack([own, X])


def parts_of(scores: Scores, random_state: int) -> NDArray[np.intp]:
    """Return the part of each row; the rows of a unit are in the same part."""
    numbers = np.unique(scores.units, return_inverse=True)[1]
    order = np.random.default_rng(random_state).permutation(int(numbers.max()) + 1)
    return np.asarray(order[numbers] % N_PARTS)


def fit_scale(scores: Scores, features: Sequence[Array], random_state: int) -> tuple[Scores, ResidualScale | None]:
    """Learn the scale of the residuals, if it makes intervals narrower.

    Parameters
    ----------
    scores : Scores
        Absolute residuals.
    features : sequence of ndarray of shape (n_rows, n_features)
        Alternatives, from `scale_features`.

    Returns
    -------
    scores : Scores
        The residuals divided by their scales.
    scale : ResidualScale or None
        None if no scale makes the mean width of intervals smaller, by cross-validation.
    """
    residuals, weights = scores.values, scores.relative()
    median = weighted_quantile(residuals, weights, 0.5)
    if scores.n_units < _LEAST_UNITS or not median > 0:
        return scores, None
    parts, unit = parts_of(scores, random_state), _unit(median)
    in_unit = replace(scores, values=residuals / unit)
    best: tuple[float, Scores, ResidualScale | None] = (1 - _GAIN, scores, None)
    for table in (_in_unit(each, unit) for each in features):
        models, scale = [], np.empty(len(residuals))
        for part in range(N_PARTS):
            train, rest = np.flatnonzero(parts != part), parts == part
            models.append(_fit(in_unit.take(train), table[train], random_state + part))
            scale[rest] = models[-1].predict(table[rest]) * unit + _CONSTANT * median
        scaled = replace(scores, values=residuals / scale)
        mean = float(weights @ scale)
        width = _relative_width(scores, scaled, mean)
        if width < best[0]:
            found = ResidualScale(tuple(models), _CONSTANT * median, mean, table.shape[1] > 2, unit)
            best = width, scaled, found
    return best[1:]


def _unit(median: float) -> float:
    """Return the power of two below the median residual.

    Forests take numbers of four bytes, which a target beyond 3e38 exceeds. Division by a power of two rounds nothing.
    """
    return float(2.0 ** np.floor(np.log2(median)))


def _in_unit(features: Array, unit: float) -> Array:
    """Return features with prediction and disagreement in a unit."""
    return np.column_stack([features[:, :2] / unit, features[:, 2:]])


def _relative_width(plain: Scores, scaled: Scores, mean_scale: float) -> float:
    """Return the mean width of scaled intervals, as a share of that of plain intervals; the mean over some levels."""
    weights, ratios = plain.relative(), []
    for level in _LEVELS:
        share = min(1.0, target_share(plain, level))
        constant = weighted_quantile(plain.values, weights, share)
        ratios.append(weighted_quantile(scaled.values, weights, share) * mean_scale / max(constant, 1e-300))
    return float(np.mean(ratios))


def _fit(scores: Scores, X: Array, random_state: int) -> ExtraTreesRegressor:
    """Return a forest that predicts absolute residuals."""
    if len(X) > _MAX_ROWS:
        rows = np.random.default_rng(random_state).choice(len(X), _MAX_ROWS, replace=False)
        scores, X = scores.take(rows), X[rows]
    forest = ExtraTreesRegressor(
        n_estimators=_TREES,
        min_samples_leaf=max(_LEAST_LEAF, len(X) // _LEAVES),
        max_features=min(X.shape[1], _TRIED_COLUMNS),
        random_state=random_state,
    )
    return forest.fit(X, scores.values, sample_weight=scores.relative() * len(X))
