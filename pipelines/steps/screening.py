"""The screening of many columns by their rank correlation with the target."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

COMPARED_ROWS = 1_000  # rows on which columns are compared with each other
_MAX_COMPARED = 4  # times as many columns are compared as can be chosen
_BLOCK = 500  # columns that are ranked together
_LEAST_VARIANCE = 0.271  # of ranks, as a share of that of different values: 9 of 10 rows have the same value


class Screening:
    """The columns that compete, on a sample of rows, and their absolute rank correlations with the target.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Numbers, or codes of classes.
    weight : ndarray of shape (n_samples,)
    classification : bool
        Whether `y` holds classes. The correlation is then the mean over the classes, each against the others.
    """

    def __init__(self, y: NDArray[Any], weight: Floats, classification: bool):
        if classification:
            classes = np.unique(y)
            targets = (classes[-1:] if len(classes) == 2 else classes)[:, None] == y
        else:
            targets = rank(np.asarray(y, dtype=float)[None, :])[0]
        self._root = np.sqrt(weight / weight.sum())
        self._targets = self._standardize(targets.astype(float))
        self._scores: list[Floats] = []
        self._ranks: list[NDArray[np.float32]] = []
        self._compared = slice(0, COMPARED_ROWS)

    def add(self, columns: Floats, *, drop_mostly_equal: bool = False) -> Floats:
        """Enter columns of shape (n_samples, n_columns); return their scores.

        Parameters
        ----------
        drop_mostly_equal : bool
            Whether a column with the same value in nine of ten rows gets the score 0.
        """
        found = [np.empty(0)]
        for start in range(0, columns.shape[1], _BLOCK):
            ranks, variance = rank(np.ascontiguousarray(columns[:, start : start + _BLOCK].T))
            standard = self._standardize(ranks)
            scores = np.abs(standard @ self._targets.T).mean(axis=1)
            if drop_mostly_equal:
                scores[variance < _LEAST_VARIANCE] = 0.0
            self._ranks.append(standard[:, self._compared].astype(np.float32))
            found.append(scores)
        self._scores += found
        return np.concatenate(found)

    def choose(self, n: int, n_given: int, most_similar: float) -> Ints:
        """Return the positions of at most `n` columns with the largest scores, in order of their score.

        A column that is almost equal to an earlier one is left out. The first `n_given` columns are part of the table,
        and are not chosen.

        Parameters
        ----------
        most_similar : float
            Largest absolute correlation of the ranks of two columns.
        """
        scores = np.concatenate(self._scores)
        ranks = np.concatenate(self._ranks)
        order = n_given + np.argsort(-scores[n_given:], kind="stable")[: _MAX_COMPARED * n]
        order = order[scores[order] > 0]
        candidates = np.concatenate([np.arange(n_given), order])
        compared = ranks[candidates]
        norm = np.sqrt((compared**2).sum(axis=1, keepdims=True))
        compared = compared / np.where(norm > 0, norm, 1.0)
        similar = np.abs(compared @ compared.T) > most_similar
        free = np.ones(len(candidates), dtype=bool)
        for i in range(n_given):
            free &= ~similar[i]
        chosen: list[int] = []
        for i in range(n_given, len(candidates)):
            if len(chosen) == n:
                break
            if free[i]:
                chosen.append(int(candidates[i]))
                free &= ~similar[i]
        return np.array(chosen, dtype=np.intp)

    def _standardize(self, rows: Floats) -> Floats:
        """Return variables, one in each row, such that a product of two is their weighted correlation."""
        centered = (rows - (rows * self._root**2).sum(axis=1, keepdims=True)) * self._root
        norm = np.sqrt((centered**2).sum(axis=1, keepdims=True))
        return centered / np.where(norm > 1e-12, norm, np.inf)


def rank(variables: Floats) -> tuple[Floats, Floats]:
    """Return the ranks of variables, one in each row, and the variance of the ranks as a share of the largest one.

    Equal values share their mean rank. Missing values get the mean of all ranks, 0.5. Ranks lie between 0 and 1.
    """
    missing = np.isnan(variables)
    n = variables.shape[1]
    order = np.argsort(variables, axis=1)
    ordered = np.take_along_axis(variables, order, axis=1)
    at = np.arange(n)
    starts = np.ones(ordered.shape, dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(starts, at, 0), axis=1)
    ends = np.ones(ordered.shape, dtype=bool)
    ends[:, :-1] = starts[:, 1:]
    last = np.minimum.accumulate(np.where(ends, at, n)[:, ::-1], axis=1)[:, ::-1]
    known = n - missing.sum(axis=1, keepdims=True)
    ranks = np.empty(variables.shape)
    np.put_along_axis(ranks, order, (first + last + 1) / (2 * np.maximum(known, 1)), axis=1)
    ranks[missing] = 0.5
    return ranks, 12 * ranks.var(axis=1)
