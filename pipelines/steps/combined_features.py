"""A union of the table with new columns from combinations of columns, chosen by their correlation with the target.

The kinds of columns follow TabPrep (arXiv:2606.02384).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from pipelines.row_samples import LEAST_ROWS_OF_CLASS, spread_classes
from pipelines.steps.candidates import (
    GroupStatistics,
    OutOfFold,
    TargetMeans,
    codes,
    draw_arithmetic,
    find_groupings,
)
from pipelines.steps.preprocessing import column_quantiles
from pipelines.steps.screening import Screening
from pipelines.weights import relative_weights

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

SCREENED_ROWS = 4_000
MOST_SIMILAR = 0.99  # rank correlation of two chosen columns, or of a chosen column and a number of the table
FEW_VALUES = 30  # a number with at most so many values also serves as a category
MAX_NUMBERS = 60  # numbers that are combined with each other
MAX_GROUPINGS = 20  # columns whose values form groups of rows
MAX_GROUP_PAIRS = 60  # pairs of a grouping column and a number
MAX_CROSSES = 100  # sets of one to three categories
MAX_SUBSETS = 50  # subsets of all columns
MAX_SUBSET_COLUMNS = 60  # columns that subsets are drawn from
MAX_CLASSES = 8  # the most frequent classes have an encoding of their own
MAX_ENCODINGS = 300  # columns of mean targets that compete
MAX_KEYS = 1_000_000  # values of all chosen subsets together: 16 MB for one class
UNIQUE_SHARE = 0.9  # of the rows; a subset with more different values says nothing about other rows


class CombinedFeatures(TransformerMixin, BaseEstimator):
    """Appends arithmetic, group statistics and mean targets of combinations of columns.

    The candidates are sums, differences, products and ratios of two and three numbers; a number divided by its mean
    in the group of rows with the same category, and its percentile rank in this group; the mean target of the rows
    with the same values in one, two or three categories, or in a random subset of all columns, with rounded numbers.
    The candidates with the largest absolute rank correlation with the target are kept. With several classes, the
    correlation is the mean over the classes, each against the others.

    Training rows get the mean targets of other rows: `fit_transform` differs from ``fit(X, y).transform(X)``.

    Parameters
    ----------
    categorical : sequence of int
        Positions of the columns that hold codes of categories.
    n_new : int
        Largest number of new columns.
    classification : bool
        Whether the target holds classes.
    target_means : bool
        Whether mean targets are among the candidates. They help where combinations of categories matter. On few rows
        they overfit: within a group of equal values, a low mean of the other folds goes with a high target.
    """

    def __init__(
        self,
        categorical: Sequence[int] = (),
        n_new: int = 150,
        classification: bool = True,
        target_means: bool = True,
        random_state: int = 0,
    ):
        self.categorical = categorical
        self.n_new = n_new
        self.classification = classification
        self.target_means = target_means
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Choose the new columns, and learn the groups and the mean targets from all rows."""
        self._learn(np.asarray(X, dtype=float), np.asarray(y), sample_weight)
        return self

    def fit_transform(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Floats:
        """Return the table with the new columns at its end; no row is encoded by its own target."""
        X = np.asarray(X, dtype=float)
        return self._join(X, self._learn(X, np.asarray(y), sample_weight))

    def transform(self, X: ArrayLike) -> Floats:
        """Return the table with the new columns at its end."""
        check_is_fitted(self)
        X = np.asarray(X, dtype=float)
        return self._join(X, self.means_.transform(X))

    def _join(self, X: Floats, encoded: Floats) -> Floats:
        out = np.hstack([X, self.arithmetic_.transform(X), self.groups_.transform(X), encoded])
        limited = out[:, X.shape[1] : out.shape[1] - encoded.shape[1]]
        np.clip(limited, *self.limits_, out=limited)
        return out

    def _learn(self, X: Floats, y: NDArray[Any], sample_weight: ArrayLike | None) -> Floats:
        """Choose and learn the new columns; return the mean targets of the training rows, out of fold."""
        rng = np.random.default_rng(self.random_state)
        self.n_features_in_ = X.shape[1]
        weight = _weights(sample_weight, len(X))
        order = rng.permutation(len(X))
        classes = y if self.classification else None
        rows = spread_classes(order, classes, [(SCREENED_ROWS, LEAST_ROWS_OF_CLASS)])[:SCREENED_ROWS]
        screening = Screening(y[rows], weight[rows], self.classification)
        categories, numbers, discrete = self._describe_columns(X, rows)
        strength = screening.add(X[rows][:, numbers])
        strongest = [numbers[i] for i in np.argsort(-strength, kind="stable")]

        arithmetic = draw_arithmetic(sorted(strongest[:MAX_NUMBERS]), rng)
        screening.add(arithmetic.transform(X[rows]), drop_mostly_equal=True)
        groupings = [*categories, *(j for j in strongest if j in discrete)][:MAX_GROUPINGS]
        groups = find_groupings(X, groupings)
        groups.learn(X, weight, _draw_pairs(groups, [j for j in strongest if j not in discrete]))
        screening.add(groups.transform(X[rows]))
        means = _draw_subsets(X, groupings, [*categories, *strongest][:MAX_SUBSET_COLUMNS], self._n_targets(y), rng)
        encoder = OutOfFold(self._targets(y), weight, y, rng)
        levels = _find_levels(X, means) if self.target_means else {}
        n_targets = encoder.weighted.shape[1]
        for at, keys in levels.values():
            screening.add(encoder.encode(at, len(keys), rows)[0])

        chosen = screening.choose(self.n_new, len(numbers), MOST_SIMILAR) - len(numbers)
        n_arithmetic, n_groups = len(arithmetic.terms), 2 * len(groups.ratios)
        self.arithmetic_ = arithmetic.keep(np.sort(chosen[chosen < n_arithmetic]))
        chosen = chosen[chosen >= n_arithmetic] - n_arithmetic
        self.groups_ = groups.keep(np.sort(chosen[chosen < n_groups]))
        kept = [self.arithmetic_.transform(X[rows]), self.groups_.transform(X[rows])]
        self.limits_ = _find_limits(np.hstack(kept))
        chosen = chosen[chosen >= n_groups] - n_groups
        return self._keep_means(means, encoder, levels, chosen // n_targets, chosen % n_targets)

    def _keep_means(
        self, means: TargetMeans, encoder: OutOfFold, levels: dict[int, tuple[Ints, Any]], which: Ints, targets: Ints
    ) -> Floats:
        """Learn the mean targets of the chosen subsets, the best first; return those of the training rows."""
        subsets = list(levels)
        wanted: dict[int, list[int]] = {}
        for number, target in zip(which, targets, strict=True):
            wanted.setdefault(subsets[number], []).append(int(target))
        parts, kept, n_keys = [np.empty((len(encoder.folds), 0))], [], 0
        self.means_ = means
        for subset, own in wanted.items():
            at, keys = levels[subset]
            n_keys += len(keys)
            if n_keys > MAX_KEYS:
                break
            encoded, learned = encoder.encode(at, len(keys))
            parts.append(encoded[:, sorted(own)])
            means.keys.append(keys)
            means.means.append(learned[:, sorted(own)])
            kept.append(subset)
        means.multipliers = means.multipliers[:, kept]
        used = means.multipliers.any(axis=1)
        means.columns, means.steps, means.multipliers = means.columns[used], means.steps[used], means.multipliers[used]
        return np.hstack(parts)

    def _describe_columns(self, X: Floats, rows: Ints) -> tuple[list[int], list[int], set[int]]:
        """Return the positions of categories, of numbers that vary, and of numbers with few different values."""
        categories = [int(j) for j in self.categorical]
        numbers, discrete = [], set()
        known = set(categories)
        for j in range(X.shape[1]):
            if j in known:
                continue
            values = np.unique(X[rows, j])
            n_values = len(values) - int(np.isnan(values[-1]))
            if n_values >= 2:
                numbers.append(j)
                if n_values <= FEW_VALUES:
                    discrete.add(j)
        return categories, numbers, discrete

    def _n_targets(self, y: NDArray[Any]) -> int:
        n_classes = len(np.unique(y)) if self.classification else 1
        return 1 if n_classes <= 2 else min(n_classes, MAX_CLASSES)

    def _targets(self, y: NDArray[Any]) -> Floats:
        """Return the numbers to average, shape (n_samples, n_targets): the target, or flags of classes."""
        if not self.classification:
            return y.astype(float)[:, None]
        classes, counts = np.unique(y, return_counts=True)
        if len(classes) <= 2:
            return (y == classes[-1])[:, None].astype(float)
        largest = np.sort(np.argsort(-counts, kind="stable")[:MAX_CLASSES])
        return (y[:, None] == classes[largest]).astype(float)


def _weights(sample_weight: ArrayLike | None, n: int) -> Floats:
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    counted = weight > 0
    if counted.all():
        return weight if sample_weight is None else relative_weights(weight)
    weight = np.where(counted, weight, 0.0)
    if counted.any():
        weight[counted] = relative_weights(weight[counted])
        return weight
    return np.ones(n)


def _find_limits(new: Floats) -> tuple[Floats, Floats]:
    """Return limits of columns: the percentiles 1 and 99, moved outwards by their distance.

    Ratios and products have long tails, which would dominate linear models. A column that is nearly constant keeps its
    rare values, which carry information.
    """
    new = np.where(np.isnan(new).all(axis=0), 0.0, new)
    low, high = column_quantiles(new, (0.01, 0.99))
    flat, spread = low == high, high - low
    return (
        np.where(flat, np.nanmin(new, axis=0, initial=np.inf), low - spread),
        np.where(flat, np.nanmax(new, axis=0, initial=-np.inf), high + spread),
    )


def _draw_pairs(groups: GroupStatistics, numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return pairs of a grouping column and a number, the strongest numbers first."""
    usable = [g for g, own in enumerate(groups.groups) if own.max() >= 2]
    return [(g, j) for j in numbers for g in usable][:MAX_GROUP_PAIRS]


def _draw_subsets(
    X: Floats, groupings: Sequence[int], columns: Sequence[int], n_targets: int, rng: np.random.Generator
) -> TargetMeans:
    """Return sets of one to three grouping columns, all columns, and random subsets of all columns."""
    share = min(1.0, MAX_ENCODINGS / n_targets / (MAX_CROSSES + MAX_SUBSETS))
    n_crosses, n_subsets = max(10, round(share * MAX_CROSSES)), max(5, round(share * MAX_SUBSETS))
    crosses = [set(cross) for size in (1, 2) for cross in combinations(groupings, size)]
    triples = [set(cross) for cross in combinations(groupings, 3)]
    crosses = [*crosses, *(triples[i] for i in rng.permutation(len(triples)))]
    if len(crosses) > n_crosses:
        singles, others = crosses[: len(groupings)], crosses[len(groupings) :]
        crosses = [*singles, *(others[i] for i in rng.permutation(len(others)))][:n_crosses]
    subsets = [set(columns)] if len(columns) > 1 else []
    if len(columns) > 3:
        for _ in range(n_subsets):
            subsets.append(set(rng.choice(columns, rng.integers(2, len(columns)), replace=False).tolist()))
    unique = list(dict.fromkeys(frozenset(subset) for subset in (*crosses, *subsets)))
    used = np.array(sorted(set().union(*unique)), dtype=np.intp)
    multipliers = rng.integers(0, 2**63, (len(used), len(unique)), dtype=np.uint64) * 2 + 1
    for number, subset in enumerate(unique):
        multipliers[~np.isin(used, list(subset)), number] = 0
    return TargetMeans(used, multipliers, np.array([_step(X[:, j]) for j in used]))


def _step(x: Floats) -> float:
    """Return the unit to which a column is rounded: 1 for whole numbers, else a hundredth of its spread."""
    x = x[~np.isnan(x)]
    if not len(x) or (np.rint(x) == x).all():
        return 1.0
    spread = float(np.std(x))
    return spread / 100 if spread > 0 else 1.0


def _find_levels(X: Floats, means: TargetMeans) -> dict[int, tuple[Ints, Any]]:
    """Return the level of each row and the sorted keys, by the number of the subset."""
    coded = codes(X[:, means.columns], means.steps)
    found = {}
    for number, multipliers in enumerate(means.multipliers.T):
        used = np.flatnonzero(multipliers)
        keys, at = np.unique(coded[:, used] @ multipliers[used], return_inverse=True)
        if 2 <= len(keys) <= UNIQUE_SHARE * len(X):
            found[number] = at, keys
    return found
