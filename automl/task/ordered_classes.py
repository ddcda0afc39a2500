"""Ordered classes: the order of a target that is an ordered categorical, and the losses and decisions that respect it.

The rank of a class is its place in the order, from 0. Class codes stay in the order of the sorted labels, as elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.errors import InvalidInputError

Array = NDArray[Any]

RANKED_PROBABILITY, RANK_ERROR, KAPPA = NAMES = (
    "neg_ranked_probability_score",
    "neg_mean_rank_error",
    "quadratic_weighted_kappa",
)
_FEWEST_CLASSES = 3  # two classes have no class between them


def ranks_of(y: Any, classes: Array) -> tuple[int, ...]:
    """Return the rank of each class, if the target is an ordered categorical of pandas with three classes or more.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        The target as the user gave it.
    classes : ndarray of shape (n_classes,)
        Sorted labels.

    Raises
    ------
    InvalidInputError
        If the order lacks a class.

    Examples
    --------
    >>> y = pd.Series(["low", "high", "middle"], dtype=pd.CategoricalDtype(["low", "middle", "high"], ordered=True))
    >>> ranks_of(y, np.array(["high", "low", "middle"]))
    (2, 0, 1)
    """
    column = y.iloc[:, 0] if isinstance(y, pd.DataFrame) and y.shape[1] == 1 else y
    dtype = getattr(column, "dtype", None)
    if not isinstance(dtype, pd.CategoricalDtype) or not dtype.ordered or len(classes) < _FEWEST_CLASSES:
        return ()
    places = {label: place for place, label in enumerate(dtype.categories.tolist())}
    unknown = [label for label in classes.tolist() if label not in places]
    if unknown:
        raise InvalidInputError(f"y is an ordered categorical whose categories lack the class {unknown[0]!r}; add it")
    return tuple(np.argsort(np.argsort([places[label] for label in classes.tolist()])).tolist())


def ordered_target(labels: Array, classes: Array, ranks: Sequence[int]) -> pd.Series:
    """Return labels as an ordered categorical with known ranks."""
    order = np.asarray(classes)[np.argsort(ranks)].tolist()
    return pd.Series(pd.Categorical(labels, categories=order, ordered=True))


def median_codes(probabilities: Array, ranks: Sequence[int]) -> NDArray[np.intp]:
    """Return the code of the median class of each row, which has the lowest expected distance of ranks.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
    ranks : sequence of int
        Rank of each class.

    Examples
    --------
    >>> median_codes(np.array([[0.4, 0.25, 0.35]]), (0, 1, 2)).tolist()  # the most probable class is 0
    [1]
    """
    order = np.argsort(ranks)
    reached = np.cumsum(probabilities[:, order], axis=1) >= 0.5 - 1e-9
    reached[:, -1] = True  # the sum of the probabilities may be rounded
    return np.asarray(order[reached.argmax(axis=1)])


def ordered_loss(name: str, y: Array, probabilities: Array, sample_weight: Array | None, ranks: Sequence[int]) -> float:
    """Return the loss (the negated score) of probabilities by one of `NAMES`.

    - The ranked probability score is the mean squared error of the cumulative probabilities (Epstein, 1969).
    - The mean rank error is the mean distance between the ranks of the predicted and the true class.
    - The kappa with quadratic weights (Cohen, 1968) compares the mean squared distance of ranks with that of
      independent labels; NaN if all labels are equal.

    The mean rank error takes the median class of each row, and kappa the most probable one: medians are nearer to the
    middle of the order than the true classes, which lowers kappa.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class codes.
    probabilities : ndarray of shape (n_samples, n_classes)
    """
    places = np.asarray(ranks)
    true = places[y]
    if name == RANKED_PROBABILITY:
        cumulative = np.cumsum(probabilities[:, np.argsort(places)], axis=1)[:, :-1]
        reached = true[:, None] <= np.arange(len(places) - 1)
        return float(np.average(((cumulative - reached) ** 2).mean(axis=1), weights=sample_weight))
    codes = probabilities.argmax(axis=1) if name == KAPPA else median_codes(probabilities, ranks)
    return _rank_loss(name, true, places[codes], sample_weight)


def _rank_loss(name: str, true: Array, predicted: Array, sample_weight: Array | None) -> float:
    """Return the loss of predicted ranks."""
    distances = np.abs(true - predicted)
    if name == RANK_ERROR:
        return float(np.average(distances, weights=sample_weight))
    means = [np.average(ranks, weights=sample_weight) for ranks in (true, predicted)]
    squares = [np.average(ranks**2, weights=sample_weight) for ranks in (true, predicted)]
    by_chance = sum(squares) - 2 * means[0] * means[1]
    return float(np.average(distances**2, weights=sample_weight) / by_chance - 1) if by_chance > 0 else float("nan")


@dataclass(frozen=True)
class OrderedScorer:
    """A score of ordered classes as a scorer: ``scorer(estimator, X, y)``, greater is better.

    Attributes
    ----------
    name : str
        One of `NAMES`.
    labels : tuple
        Labels in ascending order of their ranks.
    """

    name: str
    labels: tuple[Any, ...]

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        places = {label: place for place, label in enumerate(self.labels)}
        true = self._ranks(y, places)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        if self.name != RANKED_PROBABILITY:
            return -_rank_loss(self.name, true, self._ranks(estimator.predict(X), places), weight)
        columns = [places[label] for label in np.asarray(estimator.classes_).tolist()]
        probabilities = np.zeros((len(true), len(places)))
        probabilities[:, columns] = estimator.predict_proba(X)
        return -ordered_loss(self.name, true, probabilities, weight, range(len(places)))

    @staticmethod
    def _ranks(labels: Any, places: dict[Any, int]) -> Array:
        values = np.asarray(labels).tolist()
        unknown = [label for label in values if label not in places]
        if unknown:
            raise ValueError(f"y holds {unknown[0]!r}, which is not a class of the training rows")
        return np.array([places[label] for label in values])
