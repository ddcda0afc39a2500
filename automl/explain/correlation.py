"""Raw columns that say nearly the same as another one, so that they share their importance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats

from pipelines.table.reader import TableReader

Array = NDArray[Any]

THRESHOLD = 0.8  # of the absolute rank correlation, above which a column counts as correlated
_MAX_COLUMNS = 2_000  # among which all pairs are compared
_BLOCK = 500
_ROWS_PER_LEVEL = 10  # fewer rows do not show where a level stands among the others


def most_correlated(
    X: Any, columns: Sequence[tuple[int, ...]], reader: TableReader, predictions: Array, importance: Array
) -> tuple[NDArray[np.intp], Array]:
    """Return the most correlated other column of each raw column, where |Spearman's rho| is above 0.8.

    Levels of a category have no order of their own; they are ordered by the mean prediction of their rows. Where a
    column has several output columns, the largest correlation counts. In a wide table, only the most important columns
    are compared.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Output of the table reader.
    predictions : ndarray of shape (n_samples,) or (n_samples, n_classes)
    importance : ndarray of shape (n_columns,)

    Returns
    -------
    partners : ndarray of int of shape (n_columns,)
        Number of the other column, or -1.
    correlations : ndarray of shape (n_columns,)
        NaN without a partner.
    """
    partners, found = np.full(len(columns), -1, dtype=np.intp), np.full(len(columns), np.nan)
    used = [i for i, at in enumerate(columns) if at]
    used = sorted(used, key=lambda i: -np.nan_to_num(importance[i], nan=-np.inf))[:_MAX_COLUMNS]
    positions = np.array([at for i in used for at in columns[i]], dtype=np.intp)[: 2 * _MAX_COLUMNS]
    owner = np.array([k for k, i in enumerate(used) for _ in columns[i]], dtype=np.intp)[: 2 * _MAX_COLUMNS]
    if len(used) < 2 or X.shape[0] < 3:
        return partners, found
    table = X[:, positions].toarray() if sparse.issparse(X) else X[:, positions]
    output = predictions if predictions.ndim == 1 else predictions[:, predictions.var(axis=0).argmax()]
    categorical = set(reader.categorical_)
    ranks = np.column_stack(
        [
            _ranks(_ordered_levels(table[:, k], output) if position in categorical else table[:, k])
            for k, position in enumerate(positions.tolist())
        ]
    )
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    best = np.zeros((len(used), len(used)))
    for start in range(0, ranks.shape[1], _BLOCK):
        block = ranks[:, start : start + _BLOCK].T @ ranks
        highest, lowest = np.maximum.reduceat(block, starts, axis=1), np.minimum.reduceat(block, starts, axis=1)
        grouped = np.where(highest > -lowest, highest, lowest)
        for row, own in zip(grouped, owner[start : start + _BLOCK].tolist(), strict=True):
            best[own] = np.where(np.abs(row) > np.abs(best[own]), row, best[own])
    np.fill_diagonal(best, 0.0)
    for k, i in enumerate(used):
        if k < len(best) and np.abs(best[k]).max() > THRESHOLD:
            other = int(np.abs(best[k]).argmax())
            partners[i], found[i] = used[other], np.clip(best[k, other], -1.0, 1.0)
    return partners, found


def _ranks(values: Array) -> Array:
    """Return centered ranks whose sum of squares is 1; missing cells are 0, and so is a constant column."""
    known = ~np.isnan(values)
    ranks = np.zeros(len(values))
    ranks[known] = stats.rankdata(values[known])
    ranks[known] -= ranks[known].mean() if known.any() else 0.0
    norm = float(np.sqrt((ranks**2).sum()))
    return ranks / norm if norm > 0 else ranks


def _ordered_levels(codes: Array, output: Array) -> Array:
    """Return the mean prediction of the level of each row, if the levels are not too many; else the codes."""
    known = np.flatnonzero(~np.isnan(codes))
    levels, place, counts = np.unique(codes[known], return_inverse=True, return_counts=True)
    if not len(levels) or len(known) < _ROWS_PER_LEVEL * len(levels):
        return codes
    ordered = np.full(len(codes), np.nan)
    ordered[known] = (np.bincount(place, output[known]) / counts)[place]
    return ordered
