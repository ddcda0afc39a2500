"""Conformal prediction: intervals and sets of classes from out-of-fold scores, by CV+.

Each row of training has a score: how far the models that have not seen the row were from its target. An interval or a
set for a new row holds all values whose score is not larger than most of these scores. Barber, Candes, Ramdas and
Tibshirani, "Predictive inference with the jackknife+", Annals of Statistics 49, 2021 (CV+ is in its section 3);
Romano, Sesia and Candes, "Classification with valid and adaptive coverage", NeurIPS 2020.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from automl.errors import InvalidInputError
from automl.plurals import plural
from automl.task.validation import is_number, python_number
from pipelines.weights import relative_weights

Array = NDArray[Any]

_HALVINGS = 46  # of the range of an end of an interval
_ROUNDING = 1e-9  # relative, of sums of weights


def check_level(level: Any) -> float:
    """Return a level as a float.

    Raises
    ------
    InvalidInputError
        If it is not a number between 0 and 1.
    """
    if not is_number(level) or not 0 < level < 1:
        raise InvalidInputError(f"level must be a number between 0 and 1, for example 0.9; got {level!r}")
    return python_number(level)


def needed_units(level: float) -> int:
    """Return the least number of rows from which a level can be computed.

    Examples
    --------
    >>> needed_units(0.5), needed_units(0.9), needed_units(0.99)
    (1, 9, 99)
    """
    return math.ceil(level / (1 - level) - _ROUNDING)


@dataclass(frozen=True)
class Scores:
    """Scores of out-of-fold rows.

    Attributes
    ----------
    values : ndarray of shape (n_rows,)
        Not negative; a large score is a large error.
    folds : ndarray of int, shape (n_rows,)
        The fold whose models have predicted the row. The same row may occur with several folds.
    units : ndarray of int, shape (n_rows,)
        The unit of each row: its group, or the row itself.
    weights : ndarray of shape (n_rows,) or None
        Positive sample weights.
    codes : ndarray of int, shape (n_rows,), or None
        The class of each row; None for regression.
    """

    values: Array
    folds: NDArray[np.int32]
    units: NDArray[np.int32]
    weights: Array | None = None
    codes: NDArray[np.int32] | None = None

    def take(self, rows: Array) -> Self:
        """Return some rows, by their numbers or by a mask."""
        arrays = {name: value[rows] for name, value in vars(self).items() if value is not None}
        return replace(self, **arrays)

    @property
    def n_units(self) -> int:
        """The number of different units."""
        return len(np.unique(self.units))

    def relative(self) -> Array:
        """Return the weight of each row; the weights of all rows sum to 1."""
        weights = np.ones(len(self.values)) if self.weights is None else relative_weights(self.weights)
        return np.asarray(weights / weights.sum())


def target_share(scores: Scores, level: float) -> float:
    """Return the share of the scores that an interval or set must reach; above 1 if the units are too few.

    A new unit may have any place among the units that are known. So the level is multiplied by (n + 1) / n.
    """
    n_units = scores.n_units
    return level * (n_units + 1) / n_units if n_units else math.inf


def _check_units(scores: Scores, level: float) -> float:
    """Return the share of the scores that an interval or set must reach.

    Raises
    ------
    InvalidInputError
        If there are too few rows or groups.
    """
    share = target_share(scores, level)
    if share > 1 + _ROUNDING:
        kind = "row" if scores.n_units == len(scores.values) else "group"
        raise InvalidInputError(
            f"level={level:g} needs at least {plural(needed_units(level), kind)} with out-of-fold predictions, and the "
            f"model has {scores.n_units:,}; use a smaller level, or fit on more {kind}s"
        )
    return share


def largest_level(scores: Scores) -> float:
    """Return the largest level that the rows or groups suffice for."""
    return scores.n_units / (scores.n_units + 1)


def weighted_quantile(values: Array, weights: Array, share: float) -> float:
    """Return the smallest value up to which the weights have a share of all weights."""
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    place = np.searchsorted(sums, share * sums[-1] * (1 - _ROUNDING))
    return float(values[order[min(int(place), len(order) - 1)]])


@dataclass(frozen=True)
class _Sorted:
    """The scores of one fold in ascending order, and the sums of their weights: one more sum than scores."""

    values: Array
    sums: Array


def _sorted_by_fold(scores: Scores, folds: Sequence[int]) -> list[_Sorted]:
    weights, parts = scores.relative(), []
    for fold in folds:
        rows = np.flatnonzero(scores.folds == fold)
        rows = rows[np.argsort(scores.values[rows], kind="stable")]
        parts.append(_Sorted(scores.values[rows].astype(np.float64), np.concatenate([[0.0], np.cumsum(weights[rows])])))
    return parts


def interval_ends(scores: Scores, folds: Sequence[int], centers: Array, scale: Array, level: float) -> Array:
    """Return the ends of intervals by CV+, shape (n_samples, 2).

    Where the models of the folds disagree by more than a small level allows, the lower end would be above the upper
    end. Such an interval becomes the one point that all larger intervals contain.

    Parameters
    ----------
    folds : sequence of int
        The folds that occur in `scores`.
    centers : ndarray of shape (n_folds, n_samples)
        The prediction of the models of each fold.
    scale : ndarray of shape (n_samples,)
        The size of a residual whose score is 1.

    Raises
    ------
    InvalidInputError
        If there are too few rows or groups for the level.
    """
    share = _check_units(scores, level) * (1 - _ROUNDING)
    parts = _sorted_by_fold(scores, folds)
    ends = np.column_stack([-_upper(-centers, scale, parts, share), _upper(centers, scale, parts, share)])
    is_inverted = ends[:, 0] > ends[:, 1]
    if is_inverted.any():
        ends[is_inverted] = _meeting_points(centers[:, is_inverted], scale[is_inverted], parts)[:, np.newaxis]
    return ends


def _reached(values: Array, centers: Array, scale: Array, parts: Sequence[_Sorted]) -> Array:
    """Return, for each value, the weight of the sums of center and scaled score up to the value."""
    reached = np.zeros(len(values))
    for c, part in zip(centers, parts, strict=True):
        reached += part.sums[np.searchsorted(part.values, (values - c) / scale, side="right")]
    return reached


def _meeting_points(centers: Array, scale: Array, parts: Sequence[_Sorted]) -> Array:
    """Return the points at which the lower ends of all levels meet the upper ends."""
    low, high = centers.min(axis=0), centers.max(axis=0)
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        is_above = _reached(middle, centers, scale, parts) >= _reached(-middle, -centers, scale, parts)
        high, low = np.where(is_above, middle, high), np.where(is_above, low, middle)
    return np.asarray(high)


def _upper(centers: Array, scale: Array, parts: Sequence[_Sorted], share: float) -> Array:
    """Return the smallest values up to which the sums of center and scaled score have a share of the weights.

    The values are found by halving a range, which needs no table of all scores for all samples. The range does not
    depend on the share, so that a larger share never gives a smaller value.
    """
    low = centers.min(axis=0)
    high = np.max([c + scale * part.values[-1] for c, part in zip(centers, parts, strict=True)], axis=0)
    high = np.where(_reached(low, centers, scale, parts) >= share, low, high)  # where the range has no length
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        enough = _reached(middle, centers, scale, parts) >= share
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    return np.asarray(high)


def mass_before(probabilities: Array) -> Array:
    """Return, for each class, the sum of the probabilities of more probable classes, shape (n_samples, n_classes).

    This is the score of the class by Romano et al. (2020) without their random tie-break: the smallest sets of the most
    probable classes, one for each mass, take up the class when they must hold more than this mass. It is 0 for the most
    probable class. The scores are rounded to float32, in which they are stored: equal scores stay equal.

    Examples
    --------
    >>> mass_before(np.array([[0.25, 0.625, 0.125]])).tolist()
    [[0.625, 0.0, 0.875]]
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ordered = np.take_along_axis(probabilities, order, axis=1)
    before = np.cumsum(ordered, axis=1) - ordered
    before[:, 0] = 0.0
    is_tie = np.zeros(before.shape, dtype=bool)
    is_tie[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    before = np.maximum.accumulate(np.where(is_tie, 0.0, before), axis=1)  # equal classes have equal scores
    out = np.empty(before.shape, dtype=np.float32)
    np.put_along_axis(out, order, before.astype(np.float32), axis=1)
    return out


def class_sets(
    scores: Scores, folds: Sequence[int], probabilities: Sequence[Array], level: float, by_class: bool = False
) -> NDArray[np.bool_]:
    """Return which classes belong to the set of each sample by CV+, shape (n_samples, n_classes).

    Parameters
    ----------
    folds : sequence of int
        The folds that occur in `scores`.
    probabilities : sequence of ndarray of shape (n_samples, n_classes)
        The prediction of the models of each fold.
    by_class : bool
        Whether a class is compared with the rows of its own class only. A class with too few rows is then in every set.

    Raises
    ------
    InvalidInputError
        If there are too few rows or groups for the level; not with `by_class`.
    """
    new = [mass_before(p) for p in probabilities]
    if not by_class:
        share = _check_units(scores, level)
        return _below(scores, folds, new, share)
    assert scores.codes is not None
    columns = []
    for code in range(new[0].shape[1]):
        own = scores.take(scores.codes == code)
        share = target_share(own, level)
        column = [part[:, [code]] for part in new]
        is_free = share > 1 + _ROUNDING
        columns.append(np.ones((len(new[0]), 1), dtype=bool) if is_free else _below(own, folds, column, share))
    return np.concatenate(columns, axis=1)


def _below(scores: Scores, folds: Sequence[int], new: Sequence[Array], share: float) -> NDArray[np.bool_]:
    """Return for which new scores the smaller ones of the known scores have less than a share of the weights."""
    reached = np.zeros(new[0].shape)
    for own, part in zip(new, _sorted_by_fold(scores, folds), strict=True):
        reached += part.sums[np.searchsorted(part.values, own, side="left")]
    return np.asarray(reached < share * (1 - _ROUNDING))
