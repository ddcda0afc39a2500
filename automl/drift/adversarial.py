"""An adversarial model: can it distinguish the new rows from the training rows?

A classifier two-sample test (Lopez-Paz and Oquab, 2017): if both samples have the same distribution, no model can
rank the rows of one sample above the rows of the other one, and its area under the ROC curve on held-out rows is 0.5.
It also finds differences in how columns belong together, which no test of a single column sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

Array = NDArray[Any]

LEAST_ROWS = 20  # of each sample
_MOST_ROWS = 4_000  # of each sample
_MOST_CELLS = 4_000_000  # of both samples together
_MOST_COLUMNS = 100  # whose importance is measured
_FOLDS = 5
_TREES = 60
_LEAVES = 8


@dataclass(frozen=True)
class AdversarialResult:
    """The result of an adversarial model.

    Attributes
    ----------
    auc : float
        Mean area under the ROC curve on held-out rows; 0.5 if the samples cannot be distinguished.
    p : float
        The p value of the sum of the folds' rank sums, one-sided, corrected for the rows that the folds share.
    importance : ndarray of shape (n_columns,)
        Share of each column in the fall of the area under the curve when the cells of one column are permuted; NaN
        where it was not measured, and everywhere if the model does not distinguish the samples.
    """

    auc: float
    p: float
    importance: NDArray[np.float64]


def compare_rows(
    old: Any, new: Any, columns: Sequence[Sequence[int]], level: float, random_state: int
) -> AdversarialResult:
    """Train boosted trees that distinguish two samples of rows, and score them on held-out rows.

    Parameters
    ----------
    old, new : ndarray or CSR matrix of shape (n_rows, n_features)
        The rows as the table reader reads them; of many rows, some are drawn.
    columns : sequence of sequence of int
        Positions of the features of each column, the most suspicious columns first.
    level : float
        The p value up to which the importance of the columns is measured.
    """
    rng = np.random.default_rng(random_state)
    limit = max(LEAST_ROWS, min(_MOST_ROWS, _MOST_CELLS // (2 * max(1, old.shape[1]))))
    X = np.concatenate([_draw(old, limit, rng), _draw(new, limit, rng)])
    is_new = np.repeat([0, 1], [min(old.shape[0], limit), min(new.shape[0], limit)])
    excess, variance, scored = 0.0, 0.0, []
    for train, test in StratifiedKFold(_FOLDS, shuffle=True, random_state=random_state).split(is_new, is_new):
        model = HistGradientBoostingClassifier(
            max_iter=_TREES,
            max_leaf_nodes=_LEAVES,
            early_stopping=False,
            class_weight="balanced",
            random_state=random_state,
        )
        model.fit(X[train], is_new[train])
        auc, own_excess, own_variance = _rank_sum(model.predict_proba(X[test])[:, 1], is_new[test] == 1)
        excess, variance = excess + own_excess, variance + own_variance
        scored.append((model, X[test], is_new[test] == 1, auc))
    # The folds share training rows, so that their scores depend on each other (Nadeau and Bengio, 2003).
    variance *= 1 + _FOLDS / (_FOLDS - 1)
    p = float(stats.norm.sf(excess / np.sqrt(variance))) if variance > 0 else 1.0
    importance = np.full(len(columns), np.nan)
    if p <= level:
        falls = [_falls(*each, columns[:_MOST_COLUMNS], rng) for each in scored]
        importance[:_MOST_COLUMNS] = np.maximum(0, np.mean(falls, axis=0))
        importance /= max(float(np.nansum(importance)), np.finfo(float).tiny)
    return AdversarialResult(float(np.mean([auc for *_, auc in scored])), p, importance)


def _falls(
    model: Any,
    X: Array,
    is_new: NDArray[np.bool_],
    auc: float,
    columns: Sequence[Sequence[int]],
    rng: np.random.Generator,
) -> Array:
    """Return how much the area under the curve falls on held-out rows when the cells of one column are permuted."""
    order = rng.permutation(len(X))
    falls = []
    for positions in columns:
        changed = X.copy()
        at = np.asarray(positions, dtype=np.intp)
        changed[:, at] = X[np.ix_(order, at)]
        falls.append(auc - _rank_sum(model.predict_proba(changed)[:, 1], is_new)[0])
    return np.array(falls)


def _rank_sum(scores: Array, is_new: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the area under the ROC curve, and the U statistic less its expectation, with its variance.

    The variance is that of the Mann-Whitney test, corrected for ties.
    """
    ranks = stats.rankdata(scores)
    m, n = int(is_new.sum()), int((~is_new).sum())
    u = float(ranks[is_new].sum()) - m * (m + 1) / 2
    ties = np.unique(scores, return_counts=True)[1].astype(np.float64)
    total = m + n
    variance = m * n / 12 * (total + 1 - float((ties**3 - ties).sum()) / (total * (total - 1)))
    return u / (m * n), u - m * n / 2, variance


def _draw(X: Any, limit: int, rng: np.random.Generator) -> Array:
    """Return at most `limit` rows as a dense array."""
    if X.shape[0] > limit:
        X = X[np.sort(rng.choice(X.shape[0], limit, replace=False))]
    return np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
