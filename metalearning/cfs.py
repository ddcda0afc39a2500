"""Correlation-based feature selection (CFS), for the landmarks that use the best columns only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from metalearning.landmark_models import Encoded
from metalearning.table_sample import Array

BINS = 8
PATIENCE = 5


def select_subset(table: Encoded, targets: Array) -> NDArray[np.bool_]:
    """Return the columns that correlate with the classes and not with each other.

    M. A. Hall, Correlation-based Feature Selection for Machine Learning (1999), section 4.3, as Weka's
    ``CfsSubsetEval``, with symmetrical uncertainty as the correlation. Three things differ: the search is a greedy
    forward search and not best-first, numbers are cut into `BINS` bins of equally many rows and not by a supervised
    discretization, and missing cells are a value of their own.

    Parameters
    ----------
    table : Encoded
    targets : ndarray of shape (n_rows, n_classes)
        Indicators of the classes.

    Returns
    -------
    ndarray of bool of shape (n_columns,)
        Numeric columns first, then category columns; at least one is True.
    """
    correlation = _symmetrical_uncertainty(table, targets)
    with_class, with_others = correlation[:-1, -1], correlation[:-1, :-1]
    chosen: list[int] = []
    best: tuple[float, list[int]] = (-1.0, [])
    relevance, redundancy = 0.0, 0.0
    while len(chosen) < len(with_class) and len(chosen) < len(best[1]) + PATIENCE:
        added = redundancy + 1 + 2 * with_others[:, chosen].sum(axis=1)
        merit = (relevance + with_class) / np.sqrt(added)
        merit[chosen] = -np.inf
        column = int(merit.argmax())
        chosen.append(column)
        relevance, redundancy = relevance + with_class[column], added[column]
        if merit[column] > best[0]:
            best = (float(merit[column]), list(chosen))
    return _with_locally_predictive(best[1], with_class, with_others)


def _with_locally_predictive(chosen: list[int], with_class: Array, with_others: Array) -> NDArray[np.bool_]:
    """Add the columns, best first, that correlate with the classes more than with any column chosen before."""
    kept = np.zeros(len(with_class), dtype=bool)
    kept[chosen] = True
    for column in np.argsort(-with_class, kind="stable"):
        kept[column] |= with_class[column] > with_others[column, kept].max()
    return kept


def _symmetrical_uncertainty(table: Encoded, targets: Array) -> Array:
    """Return the symmetrical uncertainty, from 0 to 1, of all pairs of columns; the class is the last column.

    The shape is (n_columns + 1, n_columns + 1).
    """
    n_numeric = table.numeric.shape[1]
    blocks, owners = _bins(table.numeric), np.repeat(np.arange(n_numeric), BINS + 1)
    belongs = np.eye(table.n_categories)[table.owner]
    missing = 1 - table.indicators @ belongs
    blocks = np.hstack([blocks, table.indicators, missing, targets]).astype(np.float32)
    last = n_numeric + table.n_categories
    owners = np.concatenate([owners, n_numeric + table.owner, np.arange(n_numeric, last), [last] * targets.shape[1]])
    shares = (blocks.T @ blocks).astype(np.float64) / len(blocks)
    gather = np.eye(last + 1)[owners]
    joint = gather.T @ special.entr(shares) @ gather
    own = np.diag(joint)
    total = own[:, None] + own
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(total > 0, 2 * (total - joint) / total, 0.0)
    return np.clip(found, 0.0, 1.0)


def _bins(numeric: Array) -> Array:
    """Return indicators of the bins and the missing cells of each column, shape (n_rows, n_columns * (BINS + 1))."""
    n_rows, n_columns = numeric.shape
    missing = np.isnan(numeric)
    # Missing cells come last when a column is sorted.
    steps = np.arange(1, BINS)[:, None] / BINS * (n_rows - missing.sum(axis=0))
    edges = np.take_along_axis(np.sort(numeric, axis=0), np.minimum(steps.astype(int), n_rows - 1), axis=0)
    codes = (numeric > edges[:, None, :]).sum(axis=0)
    codes[missing] = BINS
    return np.eye(BINS + 1)[codes].reshape(n_rows, n_columns * (BINS + 1))
