"""Gradient boosting as scikit-learn estimators, whatever library grows the trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from pipelines.component import FitContext
from pipelines.early_stopping import Deadline, Monitor, split_rows

VALIDATION_SHARE = 0.15
MAX_VALIDATION_ROWS = 10_000  # more rows make the loss no surer, only slower
REFIT_MAX_ROWS = 20_000
REFIT_SHARE = 0.45  # of the time limit: a first training that took more leaves no time for a second
UNWATCHED_ROUNDS = 2.5  # divided by the learning rate: rounds where there are too few rows to watch

Table: TypeAlias = np.ndarray | Any  # or a CSR matrix


@dataclass(frozen=True)
class Part:
    """Rows to train on or to watch: features, target (class codes from 0, or floats), weights."""

    X: Table
    y: np.ndarray
    weight: np.ndarray | None

    def take(self, rows: np.ndarray) -> Part:
        return Part(self.X[rows], self.y[rows], None if self.weight is None else self.weight[rows])


class Library(Protocol):
    """What a boosting library must be able to do; implementations are frozen dataclasses of its settings."""

    def grow(self, train: Part, watched: Part | None, n_classes: int, rounds: int, monitor: Monitor) -> Any:
        """Train up to `rounds` rounds while ``monitor.step(loss)`` is False; return the model at its best round.

        `n_classes` is 0 for regression. `watched` is None where no validation loss is wanted.
        """

    def predict(self, model: Any, X: Table, n_classes: int) -> np.ndarray:
        """Probabilities of shape (n_samples, n_classes), or means of shape (n_samples,)."""


@dataclass(frozen=True)
class Boosting:
    """Settings shared by all libraries.

    Attributes
    ----------
    learning_rate : float
    n_estimators : int
        Largest number of rounds.
    refit : bool
        Train again on all rows with the number of rounds found on the validation part.
    time_limit : float or None
        Seconds.
    """

    learning_rate: float
    n_estimators: int = 3000
    refit: bool = True
    time_limit: float | None = None
    random_state: int = 0


def boosting(learning_rate: float, context: FitContext) -> Boosting:
    """Settings for one fit on a table of this size."""
    return Boosting(
        learning_rate=float(learning_rate),
        refit=context.traits.n_rows <= REFIT_MAX_ROWS,
        time_limit=context.time_limit,
        random_state=context.random_state,
    )


def _grow(library: Library, part: Part, n_classes: int, settings: Boosting) -> tuple[Any, int]:
    """Train with early stopping, then on all rows where that is affordable: the model and its rounds."""
    deadline = Deadline(settings.time_limit)
    share = min(VALIDATION_SHARE, MAX_VALIDATION_ROWS / len(part.y))
    train, watched = split_rows(
        part.y, fraction=share, classification=n_classes > 0, random_state=settings.random_state
    )
    monitor = Monitor(settings.learning_rate, deadline)
    if len(watched) == 0:
        rounds = min(settings.n_estimators, round(UNWATCHED_ROUNDS / settings.learning_rate))
        return library.grow(part, None, n_classes, rounds, monitor), monitor.best_round
    model = library.grow(part.take(train), part.take(watched), n_classes, settings.n_estimators, monitor)
    best = max(monitor.best_round, 1)
    if not settings.refit or deadline.passed(REFIT_SHARE) or monitor.learning_rate != settings.learning_rate:
        return model, best
    # More rows carry more rounds before they overfit.
    rounds = max(1, round(best * len(part.y) / len(train)))
    again = Monitor(settings.learning_rate, deadline)
    refitted = library.grow(part, None, n_classes, rounds, again)
    if again.rounds < best:  # the clock cut it short
        return model, best
    return refitted, again.rounds


def _as_table(X: ArrayLike | sparse.spmatrix) -> Table:
    """Single precision: half the memory traffic, and no library bins finer than that."""
    if sparse.issparse(X):
        return sparse.csr_matrix(X, dtype=np.float32)
    return np.ascontiguousarray(X, dtype=np.float32)


def _as_weight(sample_weight: ArrayLike | None) -> np.ndarray | None:
    return None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)


class BoostedClassifier(ClassifierMixin, BaseEstimator):
    """Classify with boosted trees that stop at the best round on rows set aside.

    Parameters
    ----------
    library : Library
        Grows the trees.
    settings : Boosting

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_iter_ : int
        Rounds of boosting in the model.
    """

    def __init__(self, library: Library, settings: Boosting):
        self.library = library
        self.settings = settings

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Grow the trees; raises ValueError for a single class."""
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, the target has only {self.classes_[0]!r}")
        part = Part(_as_table(X), codes, _as_weight(sample_weight))
        self.model_, self.n_iter_ = _grow(self.library, part, len(self.classes_), self.settings)
        self.n_features_in_ = part.X.shape[1]
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Class probabilities, shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return self.library.predict(self.model_, _as_table(X), len(self.classes_))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Most probable class, shape (n_samples,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


class BoostedRegressor(RegressorMixin, BaseEstimator):
    """Predict means with boosted trees that stop at the best round on rows set aside.

    Parameters and attributes are those of `BoostedClassifier`, without classes. The target is standardised inside,
    so that penalties and thresholds of a library mean the same whatever its unit.
    """

    def __init__(self, library: Library, settings: Boosting):
        self.library = library
        self.settings = settings

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Grow the trees."""
        target = np.asarray(y, dtype=np.float64)
        self.mean_ = float(target.mean())
        self.scale_ = float(target.std()) or 1.0
        part = Part(_as_table(X), (target - self.mean_) / self.scale_, _as_weight(sample_weight))
        self.model_, self.n_iter_ = _grow(self.library, part, 0, self.settings)
        self.n_features_in_ = part.X.shape[1]
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Means, shape (n_samples,)."""
        check_is_fitted(self)
        return self.mean_ + self.scale_ * self.library.predict(self.model_, _as_table(X), 0)


def boosted(library: Library, learning_rate: float, context: FitContext) -> BaseEstimator:
    """The estimator for a table's task."""
    estimator = BoostedClassifier if context.traits.is_classification else BoostedRegressor
    return estimator(library, boosting(learning_rate, context))
