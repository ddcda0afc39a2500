"""Ordered classes: the order of a target that is an ordered categorical, and the losses and decisions that respect it.

The rank of a class is its place in the order, from 0. Class codes stay in the order of the sorted labels, as elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.errors import InvalidInputError, unknown_label

Array = NDArray[Any]

RANKED_PROBABILITY, RANK_ERROR, KAPPA = NAMES = (
    "neg_ranked_probability_score",
    "neg_mean_rank_error",
    "quadratic_weighted_kappa",
)
_FEWEST_CLASSES = 3  # two classes have no class between them
_SHOWN = 5  # classes in an error message
# Words for missing cells in text files, in lower case.
_MISSING_WORDS = ("na", "n/a", "#n/a", "<na>", "nan", "none", "null")
_MAX_STEPS = 20  # of Dinkelbach's iteration, which needs about five
_TOLERANCE = 1e-6  # of the stretch
_LEAST_AGREEMENT = 0.05  # a lower expected kappa would move all rows to the ends of the order


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


def with_order(y: pd.Series | pd.DataFrame, names: Sequence[str], argument: str) -> pd.Series:
    """Return a target of a file, which keeps no order, as an ordered categorical.

    The names ``1`` and ``1.0`` are the same number. Numbers with fractions become texts, because scikit-learn takes
    them for quantities; see `named_like`.

    Parameters
    ----------
    y : Series
        The target as it was read.
    names : sequence of str
        The classes as texts, the lowest one first.
    argument : str
        The argument that names the classes, for the error messages.

    Raises
    ------
    InvalidInputError
        If the names are not those of all classes of one target, each once, or if there are fewer than three.

    Examples
    --------
    >>> with_order(pd.Series([3, 1, 2, 1]), ["1", "2", "3"], "ordered_classes").cat.codes.tolist()
    [2, 0, 1, 0]
    >>> with_order(pd.Series([1.0, 0.5, 1.5]), ["0.5", "1", "1.5"], "ordered_classes").cat.categories.tolist()
    ['0.5', '1.0', '1.5']
    """
    if not isinstance(y, pd.Series):
        raise InvalidInputError(f"{argument} is for one target; leave it out, because there are {y.shape[1]} targets")
    labels = _named_labels(y)
    numbers = {float(label): name for name, label in labels.items() if _is_number(label)}
    names = [_name_of(text, numbers) for text in names]
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise InvalidInputError(f"{argument} names the class '{twice[0]}' twice; name each class once")
    missing = [name for name in labels if name not in names]
    if missing:
        raise InvalidInputError(
            f"{argument} lacks {_listed(missing)} of '{y.name}'; name all classes, the lowest first"
        )
    unknown = [name for name in names if name not in labels]
    if unknown:
        raise InvalidInputError(
            f"{argument} names {_listed(unknown)}, which '{y.name}' does not hold; its classes are "
            f"{', '.join(map(repr, labels))}{_hint_of_missing_cells(unknown, y)}"
        )
    if len(names) < _FEWEST_CLASSES:
        raise InvalidInputError(f"{argument} needs at least {_FEWEST_CLASSES} classes: two have no class between them")
    if _with_fractions(labels.values()):
        return _as_texts(y).astype(pd.CategoricalDtype(names, ordered=True))
    return y.astype(pd.CategoricalDtype([labels[name] for name in names], ordered=True))


def named_like(y: Any, classes: Iterable[Any]) -> Any:
    """Return the target of other rows with texts for its numbers, where `with_order` has made texts of the classes.

    Parameters
    ----------
    y : Series, or anything else, which is returned as it is
    classes : iterable
        The classes of the training rows.

    Examples
    --------
    >>> named_like(pd.Series([1, 1]), ["0.5", "1.0", "1.5"]).tolist()
    ['1.0', '1.0']
    """
    if not isinstance(y, pd.Series) or not pd.api.types.is_numeric_dtype(y.dtype):
        return y
    texts = _as_texts(y)
    return texts if texts.dropna().isin([*classes]).all() else y


def _named_labels(y: pd.Series) -> dict[str, Any]:
    """Return the labels by the texts that name them, sorted; whole numbers beside missing cells are read as floats."""
    labels = y.dropna().unique().tolist()
    labels.sort(key=lambda label: (0, label, "") if _is_number(label) else (1, 0, str(label)))
    whole = not _with_fractions(labels)
    return {str(int(label)) if whole and isinstance(label, float) else str(label): label for label in labels}


def _is_number(label: Any) -> bool:
    return isinstance(label, int | float) and not isinstance(label, bool)


def _with_fractions(labels: Iterable[Any]) -> bool:
    return any(isinstance(label, float) and not label.is_integer() for label in labels)


def _as_texts(y: pd.Series) -> pd.Series:
    return y.astype(object).map(lambda label: str(float(label)), na_action="ignore")


def _name_of(text: str, numbers: Mapping[float, str]) -> str:
    """Return the name of the number that a text stands for, or the text if there is no such number."""
    try:
        return numbers.get(float(text), text)
    except ValueError:
        return text


def _hint_of_missing_cells(unknown: Sequence[str], y: pd.Series) -> str:
    """Return what to do if a class has been read as missing cells."""
    words = [name for name in unknown if name.casefold() in _MISSING_WORDS]
    if not words or not y.isna().any():
        return ""
    return f". Cells with '{words[0]}' are read as missing cells; write another word for this class in the file"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
    return f"the {'class' if len(names) == 1 else 'classes'} {shown}"


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


@dataclass(frozen=True)
class KappaDecision:
    """The labels with the highest expected kappa: expected ranks, moved away from their mean and rounded.

    Attributes
    ----------
    center : float
        The mean of the expected ranks.
    stretch : float
        How many times the distance of an expected rank from the center grows.
    """

    center: float = 0.0
    stretch: float = 1.0

    def codes(self, probabilities: Array, ranks: Sequence[int]) -> NDArray[np.intp]:
        """Return the code of the label of each row."""
        chosen = self.center + self.stretch * (probabilities @ np.asarray(ranks) - self.center)
        places = np.clip(np.round(chosen), 0, len(ranks) - 1).astype(np.intp)
        return np.asarray(np.argsort(ranks)[places])


def fit_kappa_decision(probabilities: Array, ranks: Sequence[int], sample_weight: Array | None = None) -> KappaDecision:
    """Return the decision with the highest expected kappa for some rows, if their probabilities are right.

    One minus kappa is a ratio of two means of squared distances: of the predicted ranks from the true ones, and of
    independent ranks. For a ratio ``r``, the best rank of a row with the expected rank ``m`` is the one nearest to
    ``c + (m - c) / (1 - r)``, where ``c`` is the mean of all ``m``. The ratio is found by Dinkelbach's iteration (1967,
    "On nonlinear fractional programming").

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
    ranks : sequence of int
        Rank of each class.

    Examples
    --------
    >>> p = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    >>> fit_kappa_decision(p, (0, 1, 2)).codes(p, (0, 1, 2)).tolist()
    [0, 2]
    """
    places = np.asarray(ranks, dtype=np.float64)
    expected = probabilities @ places
    center = float(np.average(expected, weights=sample_weight))
    square = float(np.average(probabilities @ places**2, weights=sample_weight))
    decision = KappaDecision(center)
    for _ in range(_MAX_STEPS):
        chosen = places[decision.codes(probabilities, ranks)]
        moments = (chosen, chosen**2, expected * chosen)
        mean, own_square, product = (float(np.average(values, weights=sample_weight)) for values in moments)
        by_chance = square + own_square - 2 * center * mean
        agreement = 1.0 - (square - 2 * product + own_square) / by_chance if by_chance > 0 else 1.0
        stretch = 1.0 / max(agreement, _LEAST_AGREEMENT)
        if abs(stretch - decision.stretch) < _TOLERANCE:
            break
        decision = KappaDecision(center, stretch)
    return decision


def ordered_loss(name: str, y: Array, probabilities: Array, sample_weight: Array | None, ranks: Sequence[int]) -> float:
    """Return the loss (the negated score) of probabilities by one of `NAMES`.

    - The ranked probability score is the mean squared error of the cumulative probabilities (Epstein, 1969).
    - The mean rank error is the mean distance between the ranks of the predicted and the true class.
    - The kappa with quadratic weights (Cohen, 1968) compares the mean squared distance of ranks with that of
      independent labels; NaN if all labels are equal.

    The mean rank error takes the median class of each row, and kappa the labels of `fit_kappa_decision`: medians are
    nearer to the middle of the order than the true classes, which lowers kappa.

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
    if name == KAPPA:
        codes = fit_kappa_decision(probabilities, ranks, sample_weight).codes(probabilities, ranks)
    else:
        codes = median_codes(probabilities, ranks)
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
            raise unknown_label("y", unknown[0], places)
        return np.array([places[label] for label in values])
