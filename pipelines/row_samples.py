"""Random samples of the rows of a table, in which no class is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]

LEAST_ROWS_OF_CLASS = 50  # of a sample that a model or a choice of columns is learned from, if the class has as many


def sample_rows(rows: Rows, y: NDArray[Any], is_classification: bool, n: int, random_state: int) -> Rows:
    """Return about `n` random rows, sorted: each class has its share of them, and a rare class has more.

    Parameters
    ----------
    rows : ndarray of int
        The rows to choose from, more than `n`.
    y : ndarray of shape (n_samples,)
        Class codes, or floats.
    """
    rng = np.random.default_rng(random_state)
    if not is_classification or y.ndim == 2:
        return np.sort(rng.choice(rows, n, replace=False))
    shuffled = rng.permutation(rows)
    codes = y[shuffled]
    counts = np.bincount(codes)
    wanted = np.minimum(counts, np.maximum(np.rint(counts * n / len(rows)).astype(int), LEAST_ROWS_OF_CLASS))
    return np.sort(shuffled[places_in_class(codes) < wanted[codes]])


def places_in_class(codes: NDArray[np.intp]) -> Rows:
    """Return the place of each row among the rows of its class, from 0."""
    counts = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    place = np.empty(len(codes), dtype=np.intp)
    place[order] = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place


def draw_rows(rng: np.random.Generator, rows: Rows | int, n: int, y: NDArray[Any] | None, least: int = 1) -> Rows:
    """Return `n` random rows with rows of each class, in random order.

    They are those of ``rng.choice(rows, n, replace=False)``, if no class lacks rows there. Further draws of the
    generator do not depend on the classes.

    Parameters
    ----------
    rows : ndarray of int, or int
        The rows to choose from, or their number.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets), optional
        The classes of all rows. None and floats stand for a regression, and all samples are equally likely.
    least : int
        Rows of each class, see `spread_classes`. With the least number, 1, a score on the sample is nearest to that on
        all rows, because more rows of a rare class than its share change the mean of the losses.
    """
    return with_each_class(rng.choice(rows, n, replace=False), rows, y, rng, least)


def with_each_class(
    chosen: Rows, rows: Rows | int, y: NDArray[Any] | None, rng: np.random.Generator, least: int = 1
) -> Rows:
    """Return a sample of rows in which other rows of classes that lack rows take places.

    If no class lacks rows, the sample stays as it is, else its order is random. The arguments are those of `draw_rows`.

    Parameters
    ----------
    chosen : ndarray of int
        The sample.
    """
    if y is None or y.dtype.kind == "f":
        return chosen
    if not isinstance(rows, np.ndarray):
        rows = np.arange(rows)
    n, coded = len(chosen), _code_classes(y)
    wanted = _count_wanted(coded, rows, n, least, 1)
    lacking = rows[_find_lacking(coded, wanted, rows, chosen)]
    if not len(lacking):
        return chosen
    others = np.setdiff1d(lacking, chosen, assume_unique=True)
    return _bring_forward(np.concatenate([chosen, rng.spawn(1)[0].permutation(others)]), coded, wanted, n)[:n]


def rows_to_score(rng: np.random.Generator, rows: Rows, most: int, y: NDArray[Any] | None) -> Rows:
    """Return the rows if they are at most so many, else a random sample of them, sorted; see `draw_rows`."""
    return rows if len(rows) <= most else np.sort(draw_rows(rng, rows, most, y))


def spaced_rows(rows: Rows, most: int, y: NDArray[Any]) -> Rows:
    """Return the rows if they are at most so many, else evenly spaced ones, sorted, with rows of each class.

    Parameters
    ----------
    rows : ndarray of int
        In ascending order.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Class codes of all rows, or floats.
    """
    spaced = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.intp))]
    return np.sort(with_each_class(spaced, rows, y, np.random.default_rng(0), LEAST_ROWS_OF_CLASS))


def spread_classes(order: Rows, y: NDArray[Any] | None, parts: Sequence[tuple[int, int]]) -> Rows:
    """Return a random order of rows in which each class has rows in the parts at the beginning.

    If a class lacks rows in a part, it gets later ones, and evenly spaced rows of other classes take their places.
    Otherwise the order stays as it is.

    Parameters
    ----------
    order : ndarray of int
        Rows in random order.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets), optional
        The classes of all rows. Without classes, the order stays as it is.
    parts : sequence of (int, int)
        Of each part, the number of its rows, and the least number of rows of a class, if the class has as many for each
        part. With many classes they are fewer, so that rare classes do not fill more than about a tenth of a part. The
        first part begins the order, and the next one follows it. A row that two parts lack goes to the first of them.
    """
    if y is None:
        return order
    order, coded = order.copy(), _code_classes(y)
    starts = np.minimum(np.cumsum([0, *(n for n, _ in parts)]), len(order))
    for i in reversed(range(len(parts))):  # the first part chooses last, so that it keeps its rows
        start, end, rest = starts[i], starts[i + 1], starts[-1]
        wanted = _count_wanted(coded, order, end - start, parts[i][1], len(parts))
        late = _find_lacking(coded, wanted, order, order[start:end])
        late = late[(late < start) | (late >= end)]
        # The rows of other parts come last: they move only if no other rows of their class are left.
        late = np.concatenate([late[late >= rest], late[late < rest]])
        if len(late):
            at = np.concatenate([np.arange(start, end), late])
            order[at] = _bring_forward(order[at], coded, wanted, end - start)
    return order


def _code_classes(y: NDArray[Any]) -> list[Rows]:
    """Return the classes of each target as whole numbers from 0, of which some may have no row."""
    return [
        own.astype(np.intp, copy=False)
        if own.dtype.kind in "iu" and own.min() >= 0 and own.max() < len(own)
        else np.unique(own, return_inverse=True)[1]
        for own in (y.T if y.ndim == 2 else (y,))
    ]


def _count_wanted(coded: Sequence[Rows], rows: Rows, n: int, least: int, n_parts: int) -> list[Rows]:
    """Return how many rows a part of `n` rows needs at least, of each class of each target."""
    counts = [np.bincount(codes[rows]) for codes in coded]
    most = np.clip(n // (10 * sum(np.count_nonzero(own) for own in counts)), 1, least)
    return [np.minimum(-(-own // n_parts), most) for own in counts]


def _find_lacking(coded: Sequence[Rows], wanted: Sequence[Rows], rows: Rows, part: Rows) -> Rows:
    """Return the places in `rows` of the rows of classes that lack rows in a part."""
    lacks = [np.bincount(codes[part], minlength=len(own)) < own for codes, own in zip(coded, wanted, strict=True)]
    if not any(own.any() for own in lacks):
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(np.any([own[codes[rows]] for codes, own in zip(coded, lacks, strict=True)], axis=0))


def _bring_forward(order: Rows, coded: Sequence[Rows], wanted: Sequence[Rows], n: int) -> Rows:
    """Return an order with the wanted number of rows of each class among the first `n` ones."""
    is_wanted = np.zeros(len(order), dtype=bool)
    for codes, own in zip(coded, wanted, strict=True):
        is_wanted |= places_in_class(codes[order]) < own[codes[order]]
    spare, late = np.flatnonzero(~is_wanted[:n]), n + np.flatnonzero(is_wanted[n:])
    late = late[: len(spare)]
    early = spare[np.linspace(0, len(spare) - 1, len(late)).astype(np.intp)]
    order = order.copy()
    order[early], order[late] = order[late], order[early]
    return order
