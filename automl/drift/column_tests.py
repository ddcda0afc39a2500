"""Tests of one column: does it have the same distribution in two samples of rows?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from automl.drift.sketch import ColumnSketch

Array = NDArray[Any]

_LEAST_EXPECTED = 5.0  # rows of a level in the smaller sample; rarer levels are joined


@dataclass(frozen=True)
class ColumnTest:
    """The result of the tests of one column.

    Attributes
    ----------
    test : str
        "Kolmogorov-Smirnov" or "chi-square"; empty if there was nothing to test.
    distance : float
        Largest difference of the distribution functions, or total variation of the levels: 0 for equal distributions,
        1 for distributions without a common value.
    p : float
        The p value, which covers the missing cells, too.
    """

    test: str
    distance: float
    p: float


def compare_numbers(sketch: ColumnSketch, n_rows: int, values: Array) -> ColumnTest:
    """Compare numbers with their sketch by the two-sample Kolmogorov-Smirnov test at the edges of the sketch.

    The statistic at the edges is at most the one over all numbers, so that the p value is not too small.

    Parameters
    ----------
    n_rows : int
        Number of training rows.
    values : ndarray of shape (n_new,)
        The new cells; NaN where a cell is missing.
    """
    known = np.sort(values[~np.isnan(values)])
    missing = _missing_p(sketch, n_rows, values)
    n_old = n_rows - sketch.n_missing
    assert sketch.edges is not None
    if not len(known) or not n_old or not len(sketch.edges):
        return ColumnTest("", np.nan, 1.0 if missing is None else missing)
    new = np.searchsorted(known, sketch.edges, side="right") / len(known)
    distance = float(np.abs(new - sketch.counts / n_old).max())
    size = max(1, round(n_old * len(known) / (n_old + len(known))))
    return ColumnTest("Kolmogorov-Smirnov", distance, _joined(float(stats.kstwo.sf(distance, size)), missing))


def compare_codes(sketch: ColumnSketch, n_rows: int, codes: Array, n_unseen: int = 0) -> ColumnTest:
    """Compare the codes of levels with their sketch by the chi-square test of homogeneity.

    Parameters
    ----------
    codes : ndarray of shape (n_new,)
        NaN where a cell is missing or holds a level without training rows.
    n_unseen : int
        Number of the new cells with a level without training rows.
    """
    known = codes[~np.isnan(codes)].astype(np.int64)
    counts = np.bincount(known, minlength=len(sketch.counts))
    frequent = sketch.counts > 0
    old = np.append(sketch.counts[frequent], sketch.n_rare).astype(np.float64)
    new = np.append(counts[frequent], counts[~frequent].sum() + n_unseen).astype(np.float64)
    missing = _missing_p(sketch, n_rows, np.where(np.isnan(codes), np.nan, 0.0), n_unseen)
    if not old.sum() or not new.sum():
        return ColumnTest("", np.nan, 1.0 if missing is None else missing)
    distance = float(np.abs(old / old.sum() - new / new.sum()).sum() / 2)
    table = _join_rare(np.array([old, new]))
    p = 1.0 if table.shape[1] < 2 else float(stats.chi2_contingency(table, correction=False).pvalue)
    return ColumnTest("chi-square", distance, _joined(p, missing))


def _join_rare(table: Array) -> Array:
    """Return counts of shape (2, n_levels) in which each level has enough expected rows in both samples."""
    table = table[:, np.argsort(-table.sum(axis=0), kind="stable")]
    share = table.sum(axis=1).min() / table.sum()
    is_rare = table.sum(axis=0) * share < _LEAST_EXPECTED
    if not is_rare.any():
        return table
    rest = table[:, is_rare].sum(axis=1)
    table = table[:, ~is_rare]
    if table.shape[1] and rest.sum() * share < _LEAST_EXPECTED:
        table[:, -1] += rest
        return table
    return np.column_stack([table, rest])


def _missing_p(sketch: ColumnSketch, n_rows: int, values: Array, n_unseen: int = 0) -> float | None:
    """Return the p value for the share of missing cells; None if no cell is missing."""
    n_missing = int(np.isnan(values).sum()) - n_unseen
    if not n_missing and not sketch.n_missing:
        return None
    table = np.array(
        [[sketch.n_missing, n_rows - sketch.n_missing], [n_missing, len(values) - n_missing]], dtype=np.int64
    )
    if not table.sum(axis=0).all():
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    if expected.min() >= _LEAST_EXPECTED:
        return float(stats.chi2_contingency(table, correction=False).pvalue)
    return float(stats.fisher_exact(table).pvalue)


def _joined(p: float, other: float | None) -> float:
    """Return the p value of two tests together, by Bonferroni."""
    return p if other is None else min(1.0, 2 * min(p, other))
