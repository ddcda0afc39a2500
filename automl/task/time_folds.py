"""Forward-only folds: each trains on older rows and scores newer rows, and rows of equal time stay together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import InvalidInputError
from automl.task.splits import Fold
from automl.task.time_order import TimeOrder

Array = NDArray[Any]

DEFAULT_FOLDS = 5
_ONLY_TRAINED = 1 / 3  # share of the oldest rows, which no fold scores


def time_folds(order: TimeOrder, n_splits: int, groups: Array | None, rows: NDArray[np.bool_]) -> list[Fold]:
    """Return forward-only folds, newest first, as pairs of (training rows, scored rows).

    The newest two thirds of the rows are cut into blocks of about equal size. Each fold scores one block, and trains on
    all rows that are older than the block by more than the gap. A cut never separates rows of equal time. Groups are
    taken in the order of their oldest rows, and a group is in one block as a whole. Then a fold leaves out rows of
    older groups that are not older than the block.

    Parameters
    ----------
    order : TimeOrder
        The times, in ascending order.
    n_splits : int
        Largest number of folds; fewer different times give fewer folds.
    rows : ndarray of shape (n_samples,)
        Mask of the rows that may be in a fold.

    Raises
    ------
    InvalidInputError
        If there is no such fold.
    """
    key = _start(order.times, groups)
    places = len(key[rows]) * (_ONLY_TRAINED + (1 - _ONLY_TRAINED) * np.arange(n_splits) / n_splits)
    cuts = _cuts(key[rows], places)
    if not len(cuts):
        raise InvalidInputError(
            "time: all groups begin at the same time, so that no fold can train on older rows only; leave out groups, "
            "or name other groups"
            if groups is not None
            else "time: the rows of the search have one time only; a split by time needs at least 2 different times"
        )
    folds = []
    for i, cut in enumerate(cuts):
        scored = rows & (key >= cut)
        if i + 1 < len(cuts):
            scored &= key < cuts[i + 1]
        train = rows & (order.times < cut - order.gap)
        if train.any():
            folds.append((np.flatnonzero(train), np.flatnonzero(scored)))
    if not folds:
        raise InvalidInputError("gap leaves no rows to train on; use a smaller gap")
    return folds[::-1]


def newest_rows(times: Array, share: float, groups: Array | None) -> NDArray[np.bool_]:
    """Return a mask of about this share of the rows, the newest ones; equal times and groups stay together.

    Raises
    ------
    InvalidInputError
        If all rows have the same time.
    """
    key = _start(times, groups)
    cuts = _cuts(key, np.array([len(key) * (1 - share)]))
    if not len(cuts):
        raise InvalidInputError(
            "the newest rows cannot be held out, because all rows or groups begin at one time; hold out none"
        )
    return np.asarray(key >= cuts[0])


def _start(times: Array, groups: Array | None) -> Array:
    """Return the time by which each row is placed: its own, or that of the oldest row of its group."""
    if groups is None:
        return times
    _, codes = np.unique(groups, return_inverse=True)
    order = np.argsort(times, kind="stable")
    _, first = np.unique(codes[order], return_index=True)
    return np.asarray(times[order][first][codes])


def _cuts(key: Array, places: Array) -> Array:
    """Return the different times, ascending, whose first rows are nearest to some places in the order of time."""
    values, counts = np.unique(key, return_counts=True)
    begins = np.cumsum(counts)[:-1]  # where each time but the oldest begins
    if not len(begins):
        return values[:0]
    nearest = np.unique(np.abs(begins[None] - places[:, None]).argmin(axis=1))
    return np.asarray(values[1:][nearest])
