"""Three kinds of new columns: arithmetic, statistics of groups, and mean targets of combinations of values.

Each class describes many columns, computes them for any rows, and keeps some of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.component import LARGEST
from pipelines.steps.encoders import find_levels

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Keys = NDArray[np.uint64]

OPERATIONS = ("add", "subtract", "multiply", "divide")
MAX_TERMS = 600  # combinations of two numbers, and of three numbers
MAX_GROUPS = 1_000  # groups of rows of one column
MIN_GROUP = 10  # rows of a group; smaller groups count as unknown
SMOOTH = 10.0  # rows for which the overall mean counts
N_FOLDS = 5
N_QUANTILES = 32
MAX_QUANTILE_CELLS = 4_000_000  # cells that are compared with quantiles at the same time


class Arithmetic:
    """Sums, differences, products and ratios of two or three numbers.

    Parameters
    ----------
    terms : ndarray of shape (n_columns, 5)
        An operation, two columns, and a second operation with a third column, or -1 and -1.
    """

    def __init__(self, terms: Ints):
        self.terms = terms

    def transform(self, X: Floats) -> Floats:
        """Return the columns, shape (n_samples, n_columns); a result that is not finite is a missing cell."""
        operations, first, second, later, third = self.terms.T
        out = np.empty((len(X), len(self.terms)))
        with np.errstate(all="ignore"):
            for number, name in enumerate(OPERATIONS):
                mine = operations == number
                if mine.any():
                    out[:, mine] = getattr(np, name)(X[:, first[mine]], X[:, second[mine]])
            for number, name in enumerate(OPERATIONS):
                mine = later == number
                if mine.any():
                    out[:, mine] = getattr(np, name)(out[:, mine], X[:, third[mine]])
        return finite(out)

    def keep(self, columns: Ints) -> Arithmetic:
        """Return some of the columns."""
        return Arithmetic(self.terms[columns])


def draw_arithmetic(numbers: Sequence[int], rng: np.random.Generator) -> Arithmetic:
    """Return combinations of two numbers, all or a random part, and random combinations of three numbers."""
    pairs = np.array(list(combinations(numbers, 2)), dtype=np.intp).reshape(-1, 2)
    two = [[operation, i, j, -1, -1] for operation in range(4) for i, j in pairs]
    chosen = [two[i] for i in sorted(rng.permutation(len(two))[:MAX_TERMS])]
    if len(numbers) >= 3:
        # A sum and a product of three numbers do not depend on their order; the set leaves out repetitions.
        drawn = set()
        for _ in range(MAX_TERMS):
            i, j, k = (int(numbers[at]) for at in rng.choice(len(numbers), 3, replace=False))
            inner, outer = (int(operation) for operation in rng.integers(0, 4, 2))
            if inner in (0, 2):
                i, j = min(i, j), max(i, j)
            drawn.add((inner, i, j, outer, k))
        chosen += [list(term) for term in sorted(drawn)]
    return Arithmetic(np.array(chosen, dtype=np.intp).reshape(-1, 5))


def finite(out: Floats) -> Floats:
    """Return numbers within the limits of models; a number that is not finite becomes a missing cell."""
    out[~np.isfinite(out)] = np.nan
    return np.clip(out, -LARGEST, LARGEST, out=out)


class GroupStatistics:
    """A number divided by its mean in the group of rows with the same category, and its percentile rank there.

    Parameters
    ----------
    levels : list of ndarray
        The sorted values of each grouping column.
    groups : list of ndarray
        The number of the group of each level, and of an unknown level; 0 for all rows together.
    grouping_columns : sequence of int
    """

    def __init__(self, levels: list[Floats], groups: list[Ints], grouping_columns: Sequence[int]):
        self.levels = levels
        self.groups = groups
        self.grouping_columns = list(grouping_columns)
        self.ratios: list[tuple[int, int]] = []  # numbers of a grouping column and of a column
        self.ranks: list[tuple[int, int]] = []
        self.means: list[Floats] = []  # of the groups, one for each ratio
        self.quantiles: list[Floats] = []  # shape (n_groups, N_QUANTILES), one for each rank

    def learn(self, X: Floats, weight: Floats, pairs: Sequence[tuple[int, int]]) -> None:
        """Learn the mean and the quantiles of each pair of a grouping column and a number."""
        ids = self._find_groups(X, {grouping for grouping, _ in pairs})
        ordered: dict[int, Ints] = {}
        for grouping, column in pairs:
            x = X[:, column]
            if column not in ordered:
                ordered[column] = np.argsort(x, kind="stable")[: int(np.count_nonzero(~np.isnan(x)))]
            n_groups = int(self.groups[grouping].max()) + 1
            self.means.append(_group_means(x, weight, ids[grouping], n_groups))
            self.quantiles.append(_group_quantiles(x, ordered[column], ids[grouping], n_groups))
        self.ratios, self.ranks = list(pairs), list(pairs)

    def transform(self, X: Floats) -> Floats:
        """Return the ratios and then the ranks, shape (n_samples, n_columns)."""
        ids = self._find_groups(X, {grouping for grouping, _ in (*self.ratios, *self.ranks)})
        out = np.empty((len(X), len(self.ratios) + len(self.ranks)))
        with np.errstate(all="ignore"):
            for i, ((grouping, column), means) in enumerate(zip(self.ratios, self.means, strict=True)):
                out[:, i] = X[:, column] / means[ids[grouping]]
        at = len(self.ratios)
        for i, ((grouping, column), quantiles) in enumerate(zip(self.ranks, self.quantiles, strict=True)):
            out[:, at + i] = _percentiles(X[:, column], quantiles, ids[grouping])
        return finite(out)

    def keep(self, columns: Ints) -> GroupStatistics:
        """Return some of the columns."""
        n_ratios = len(self.ratios)
        kept = GroupStatistics(self.levels, self.groups, self.grouping_columns)
        ratios = [int(i) for i in columns if i < n_ratios]
        ranks = [int(i) - n_ratios for i in columns if i >= n_ratios]
        kept.ratios, kept.means = [self.ratios[i] for i in ratios], [self.means[i] for i in ratios]
        kept.ranks, kept.quantiles = [self.ranks[i] for i in ranks], [self.quantiles[i] for i in ranks]
        return kept

    def _find_groups(self, X: Floats, needed: set[int]) -> dict[int, Ints]:
        return {
            grouping: self.groups[grouping][find_levels(self.levels[grouping], X[:, self.grouping_columns[grouping]])]
            for grouping in needed
        }


def find_groupings(X: Floats, columns: Sequence[int]) -> GroupStatistics:
    """Return grouping columns, without pairs; a group has at least ten rows."""
    levels, groups = [], []
    for column in columns:
        own, counts = np.unique(X[:, column], return_counts=True)
        largest = np.argsort(-counts, kind="stable")[:MAX_GROUPS]
        largest = np.sort(largest[counts[largest] >= MIN_GROUP])
        numbers = np.zeros(len(own) + 1, dtype=np.intp)
        numbers[largest] = np.arange(1, len(largest) + 1)
        levels.append(own)
        groups.append(numbers)
    return GroupStatistics(levels, groups, columns)


def _group_means(x: Floats, weight: Floats, ids: Ints, n_groups: int) -> Floats:
    """Return the means of groups without missing cells; the first is that of all rows."""
    known = ~np.isnan(x)
    sums = np.bincount(ids, np.where(known, x, 0.0) * weight, minlength=n_groups)
    counts = np.bincount(ids, known * weight, minlength=n_groups)
    sums[0], counts[0] = sums.sum(), counts.sum()
    with np.errstate(all="ignore"):
        means = sums / counts
    return np.where(np.abs(means) > 1e-8 * np.abs(x[known]).max(initial=0.0), means, np.nan)


def _group_quantiles(x: Floats, ordered: Ints, ids: Ints, n_groups: int) -> Floats:
    """Return quantiles of groups, shape (n_groups, N_QUANTILES); the first are those of all rows.

    Parameters
    ----------
    ordered : ndarray of int
        The rows with a value, sorted by it.
    """
    shares = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
    if not len(ordered):
        return np.zeros((n_groups, N_QUANTILES))
    mine = ids[ordered]
    by_group = x[ordered[np.argsort(mine.astype(np.int16), kind="stable")]]
    counts = np.bincount(mine, minlength=n_groups)
    starts = np.cumsum(counts) - counts
    out = by_group[np.minimum(starts[:, None] + (shares * counts[:, None]).astype(np.intp), len(by_group) - 1)]
    overall = x[ordered[(shares * len(ordered)).astype(np.intp)]]
    out[counts == 0] = overall
    out[0] = overall
    return out


def _percentiles(x: Floats, quantiles: Floats, ids: Ints) -> Floats:
    """Return the share of the quantiles of its group below each value; an equal quantile counts half."""
    out = np.empty(len(x))
    size = MAX_QUANTILE_CELLS // N_QUANTILES
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        own, values = quantiles[ids[part]], x[part, None]
        out[part] = ((own < values).sum(axis=1) + (own <= values).sum(axis=1)) / (2 * N_QUANTILES)
    out[np.isnan(x)] = np.nan
    return out


class TargetMeans:
    """Mean targets of the rows with the same values in some columns, shrunk to the mean of all rows.

    The values of a row become one key: the sum of the codes of its cells, each times a random odd number of the column,
    modulo 2^64. Different rows of values get the same key with a probability of about 2^-64.

    Parameters
    ----------
    columns : ndarray of int
        The columns that occur in any subset.
    multipliers : ndarray of shape (n_columns, n_subsets)
        0 where a column is not part of a subset.
    steps : ndarray of shape (n_columns,)
        The unit to which the cells of a column are rounded.
    """

    def __init__(self, columns: Ints, multipliers: Keys, steps: Floats):
        self.columns = columns
        self.multipliers = multipliers
        self.steps = steps
        self.keys: list[Keys] = []  # sorted, of each subset
        self.means: list[Floats] = []  # shape (n_keys + 1, n_targets); the last row is for an unknown key

    def find_keys(self, X: Floats) -> Keys:
        """Return the keys of rows, shape (n_samples, n_subsets)."""
        return codes(X[:, self.columns], self.steps) @ self.multipliers

    def transform(self, X: Floats) -> Floats:
        """Return the mean targets, shape (n_samples, n_columns)."""
        found = self.find_keys(X)
        parts = [np.empty((len(X), 0))]
        for number, (keys, means) in enumerate(zip(self.keys, self.means, strict=True)):
            at = np.minimum(np.searchsorted(keys, found[:, number]), len(keys) - 1)
            parts.append(means[np.where(keys[at] == found[:, number], at, len(keys))])
        return np.hstack(parts)


def codes(X: Floats, steps: Floats) -> Keys:
    """Return the cells as whole multiples of a step of their column; a missing cell has a code of its own."""
    with np.errstate(invalid="ignore"):
        out = np.clip(np.rint(X / steps), -(2.0**53), 2.0**53)
    return np.where(np.isnan(out), 2.0**54, out).astype(np.int64).view(np.uint64)


class OutOfFold:
    """Encodes the training rows: each row by the mean target of the rows of other folds that share its key.

    Parameters
    ----------
    targets : ndarray of shape (n_samples, n_targets)
    weight : ndarray of shape (n_samples,)
    y : ndarray of shape (n_samples,)
        The folds get about the same distribution of these values.
    """

    def __init__(self, targets: Floats, weight: Floats, y: NDArray[Any], rng: np.random.Generator):
        n = len(y)
        shuffled = rng.permutation(n)
        self.folds = np.empty(n, dtype=np.intp)
        self.folds[shuffled[np.argsort(y[shuffled], kind="stable")]] = np.arange(n) % N_FOLDS
        self.weight = weight
        self.weighted = targets * weight[:, None]
        sums, counts = self._sums(self.folds, N_FOLDS)
        self.prior = sums.sum(axis=0) / counts.sum()
        rest = np.maximum(counts.sum() - counts, 1e-300)[:, None]
        # With a single row there is no other fold to learn from.
        self.priors = np.where(counts.sum() > counts, 1, 0)[:, None] * (sums.sum(axis=0) - sums) / rest
        self.priors[counts.sum() <= counts] = self.prior

    def encode(self, at: Ints, n_levels: int, rows: Ints | slice = slice(None)) -> tuple[Floats, Floats]:
        """Return the encoding of some rows, and the mean targets of the levels for new rows."""
        sums, counts = self._sums(at * N_FOLDS + self.folds, n_levels * N_FOLDS)
        sums, counts = sums.reshape(n_levels, N_FOLDS, -1), counts.reshape(n_levels, N_FOLDS)
        all_sums, all_counts = sums.sum(axis=1), counts.sum(axis=1)
        mine, fold = at[rows], self.folds[rows]
        rest = all_sums[mine] - sums[mine, fold] + SMOOTH * self.priors[fold]
        out = rest / (all_counts[mine] - counts[mine, fold] + SMOOTH)[:, None]
        means = (all_sums + SMOOTH * self.prior) / (all_counts + SMOOTH)[:, None]
        return out, np.vstack([means, self.prior])

    def _sums(self, at: Ints, size: int) -> tuple[Floats, Floats]:
        sums = [np.bincount(at, target, minlength=size) for target in (*self.weighted.T, self.weight)]
        table: Floats = np.column_stack(sums).astype(float)
        return table[:, :-1], table[:, -1]
