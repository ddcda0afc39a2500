"""Equal rows on both sides of a fold: a model can remember them, so that its score is too good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from automl.checks.warning import DataWarning, percent
from automl.task.splits import Fold
from automl.task.task import Task

Array = NDArray[Any]

_LEAST_SHARE = 0.01  # of the scored rows
_LEAST_ROWS = 10
_HIGH_SHARE = 0.05
_MAX_CELLS = 10_000_000  # that are hashed; larger tables are compared on some columns first
_SAMPLE = 2_000  # rows that the chance of equal rows is computed from
_SAMPLED_CELLS = 400_000
_CHUNK = 4_096  # rows that are hashed at once, so that they stay in the cache
_DEPENDENCE = 0.5  # share of the information of all columns that remains where the columns depend on each other


def check_equal_rows(task: Task) -> list[DataWarning]:
    """Return a warning if more than a few scored rows of a fold have an equal training row.

    Tables of a few categories have equal rows by chance. There is no warning where chance may explain them, where the
    user has named groups, and where the rows are in the order of time. Rows of weight 0 do not count.
    """
    if task.groups is not None or task.in_time_order:
        return []
    X, y, folds = _counted(task)
    numbers = number_equal_rows(X)
    if len(y) - (int(numbers.max()) + 1) < _LEAST_ROWS or _may_be_chance(X):
        return []
    same, other, n_scored = count_equal(numbers, y, folds)
    n_equal = same + other
    if n_equal < max(_LEAST_ROWS, _LEAST_SHARE * n_scored):
        return []
    targets = "all with the same target"
    if other:
        targets = (
            f"{percent(same / n_scored)} with the same target, {percent(other / n_scored)} only with another target"
        )
    message = (
        f"{percent(n_equal / n_scored)} of the rows equal a row on the other side of a fold in all columns that are "
        f"used ({targets}); "
    )
    if same >= other:
        message += (
            "if they repeat the same case, scores are too good: drop them with X.drop_duplicates(), or pass groups=... "
            "with the number of the case"
        )
    else:
        message += "no model can predict both targets: add columns that differ, or check the target"
    return [DataWarning("equal_rows", None, message, "high" if n_equal >= _HIGH_SHARE * n_scored else "medium")]


def _counted(task: Task) -> tuple[Any, Array, Sequence[Fold]]:
    """Return the table, the target and the folds of the rows that count."""
    rows = task.counted_rows
    if len(rows) == len(task.y):  # a copy of the table would take memory
        return task.X, task.y, task.folds
    number = np.full(len(task.y), -1, dtype=np.intp)
    number[rows] = np.arange(len(rows))
    numbered = [(number[train], number[test]) for train, test in task.folds]
    return task.X[rows], task.y[rows], [(train[train >= 0], test[test >= 0]) for train, test in numbered]


def count_equal(numbers: Array, y: Array, folds: Sequence[Fold]) -> tuple[int, int, int]:
    """Count the scored rows that have an equal training row with the same target, and with another target only.

    Parameters
    ----------
    numbers : ndarray of int, shape (n_samples,)
        Equal rows have the same number.

    Returns
    -------
    same, other, n_scored : int
        Sums over the folds.
    """
    both = pd.factorize(numbers * (int(pd.factorize(y)[0].max()) + 1) + pd.factorize(y)[0])[0]
    same = other = n_scored = 0
    for train, test in folds:
        has_equal = np.bincount(numbers[train], minlength=int(numbers.max()) + 1)[numbers[test]] > 0
        has_same = np.bincount(both[train], minlength=int(both.max()) + 1)[both[test]] > 0
        same += int(has_same.sum())
        other += int((has_equal & ~has_same).sum())
        n_scored += len(test)
    return same, other, n_scored


def number_equal_rows(X: Any) -> Array:
    """Return a number for each row, shape (n_samples,); equal rows have equal numbers, missing cells are equal.

    Large tables are compared on some columns first, and on all columns where rows are equal. If that are too many
    rows, each of the others counts as different from all rows.
    """
    n_rows, n_columns = X.shape
    if sparse.issparse(X) or n_rows * n_columns <= _MAX_CELLS:
        return np.asarray(pd.factorize(_hashes(X))[0])
    columns = np.random.default_rng(0).permutation(n_columns)[: max(8, _MAX_CELLS // n_rows)]
    numbers = pd.factorize(_hashes(X[:, np.sort(columns)]))[0]
    repeated = np.flatnonzero(np.bincount(numbers)[numbers] > 1)[: max(1, _MAX_CELLS // n_columns)]
    result = np.arange(n_rows)
    if len(repeated):
        result[repeated] = n_rows + pd.factorize(_hashes(X[repeated]))[0]
    return np.asarray(pd.factorize(result)[0])


def _hashes(X: Any) -> Array:
    """Return a hash of 64 bits for each row: the sum of the hashes of its cells; a cell of 0 has the hash 0."""
    factors = np.random.default_rng(1).integers(1, 2**63, X.shape[1], dtype=np.uint64) | np.uint64(1)
    if sparse.issparse(X):
        table = X.tocsr()
        sums = np.concatenate([[np.uint64(0)], np.cumsum(_mix(table.data, factors[table.indices]), dtype=np.uint64)])
        return np.asarray(sums[table.indptr[1:]] - sums[table.indptr[:-1]])
    parts = [
        _mix(X[start : start + _CHUNK], factors).sum(axis=1, dtype=np.uint64) for start in range(0, len(X), _CHUNK)
    ]
    return np.concatenate(parts)


def _mix(values: Array, factors: Array) -> Array:
    """Return a hash of each cell; the factor makes it depend on the column."""
    bits = np.array(values, dtype=np.float64) + 0.0  # a copy without negative zeros
    bits[np.isnan(bits)] = np.nan  # one of the many patterns of bits
    mixed: Array = bits.view(np.uint64)
    mixed ^= mixed >> np.uint64(32)  # small whole numbers have all their bits in the upper half
    for multiplier in (factors, np.uint64(0x9E3779B97F4A7C15)):
        mixed *= multiplier
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _may_be_chance(X: Any) -> bool:
    """Return whether some rows of so many would be equal by chance.

    Two rows are equal by chance with the product of the columns' probabilities of equal cells, if the columns are
    independent. Real columns are not, so that only a part of the sum of the logarithms counts.
    """
    n_rows, n_columns = X.shape
    n_sample = min(n_rows, max(100, min(_SAMPLE, _SAMPLED_CELLS // n_columns)))
    rows = np.unique(np.linspace(0, n_rows - 1, n_sample).astype(np.intp))
    sample = X[rows]
    sample = sample.toarray() if sparse.issparse(sample) and sample.shape[1] <= _SAMPLE else sample
    if sparse.issparse(sample):  # so many columns; most of their cells are 0
        filled = np.bincount(sample.indices, minlength=sample.shape[1]) / sample.shape[0]
        bits = -np.log2(filled**2 + (1 - filled) ** 2)
    else:
        ordered = np.sort(sample, axis=0)  # missing cells come last
        bits = np.array([_bits(column) for column in ordered.T])
    return bool(_DEPENDENCE * bits.sum() < 2 * np.log2(n_rows))


def _bits(ordered: Array) -> float:
    """Return minus the binary logarithm of the probability that two cells of a sorted column are equal."""
    n = len(ordered)
    missing = np.isnan(ordered)
    counts = np.diff(np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]])))
    n_missing = int(missing.sum())
    if n_missing:  # missing cells differ from each other in a comparison, but count as equal
        counts = np.append(counts[: len(counts) - n_missing], n_missing)
    pairs = float((counts * (counts - 1.0)).sum())
    return float(-np.log2(max(pairs, 1.0) / (n * (n - 1.0))))
