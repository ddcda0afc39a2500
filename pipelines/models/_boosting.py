"""Gradient boosting as scikit-learn estimators that work with any boosting library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from pipelines.component import FitContext
from pipelines.early_stopping import (
    PROBE_ROUNDS,
    ROUNDS_TO_CONVERGE,
    Deadline,
    EarlyStopping,
    RowsToPredict,
    split_rows,
)
from pipelines.losses import LOG_LINK, PINBALL, SQUARED_ERROR, mean_scale, usable_loss
from pipelines.models._quantiles import QuantileModels
from pipelines.models._target import standardize
from pipelines.quantiles import uncrossed
from pipelines.training_part import TrainingPart
from pipelines.weights import weighted_rows

VALIDATION_SHARE = 0.15
MAX_VALIDATION_ROWS = 10_000  # with more rows the loss gets slower, but hardly more certain
REFIT_MAX_ROWS = 20_000
# Parameters of `make` that are no parameters of a boosting library.
NOT_OF_LIBRARY = ("learning_rate", "native_categories", "loss", "monotonic")
REFIT_SHARE = 0.45  # of the time limit; a first training that took longer leaves no time for a second
ROUNDS_WITHOUT_LIMIT = (400, 3000)  # lowest and highest number of rounds of a fit without a time limit
ROUNDS_WITHOUT_VALIDATION = 2.5  # divided by the learning rate: rounds where the rows are too few to validate

Table: TypeAlias = np.ndarray | Any  # or a CSR matrix


@dataclass(frozen=True)
class LabeledRows:
    """Rows to train on or to validate with: features, target (class codes from 0, or floats), weights."""

    X: Table
    y: np.ndarray
    weight: np.ndarray | None

    def take(self, rows: np.ndarray) -> LabeledRows:
        """Return the rows with these numbers."""
        return LabeledRows(self.X[rows], self.y[rows], None if self.weight is None else self.weight[rows])


class Trees(NamedTuple):
    """The model of the best round, and the state with all rounds, which only a part of a training has."""

    model: Any
    state: Any = None


class Library(Protocol):
    """The calls of one boosting library; each implementation extends `LibrarySettings`."""

    @property
    def loss(self) -> str:
        """Loss of regression, see `Component.losses`."""

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Levels of the loss `PINBALL`; more than one for a library that trains all quantiles in one model."""

    def train(
        self,
        rows: LabeledRows,
        validation: LabeledRows | None,
        n_classes: int,
        max_rounds: int,
        stopping: EarlyStopping,
        earlier: Any = None,
    ) -> Trees:
        """Train while ``stopping.step(loss)`` is False, until the model has `max_rounds` rounds.

        A library whose predictions take a part of the seconds of its training calls ``stopping.time_prediction``.

        `n_classes` is 0 for regression. `validation` is None where the training needs no validation loss. `earlier` is
        the state that the training goes on from; `stopping` then has its rounds.
        """

    def predict(self, model: Any, X: Table, n_classes: int) -> np.ndarray:
        """Return probabilities of shape (n_samples, n_classes), or numbers of shape (n_samples,).

        Several quantiles have the shape (n_samples, n_quantiles).
        """


@dataclass(frozen=True)
class LibrarySettings:
    """The settings that each library has; see `Library`.

    Attributes
    ----------
    params : mapping
        The library's own parameters.
    native_categories : int
        Number of leading columns that hold category codes.
    loss : str
        Loss of regression.
    monotonic : tuple of int
        Constraints of the last columns; see `pipelines.monotonic`.
    quantiles : tuple of float
        Levels of the loss "pinball".
    """

    params: Mapping[str, Any]
    native_categories: int = 0
    n_threads: int = 1
    random_state: int = 0
    loss: str = SQUARED_ERROR
    monotonic: tuple[int, ...] = ()
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True)
class Boosting:
    """Settings of one fit that are the same for all libraries.

    Attributes
    ----------
    learning_rate : float
    n_estimators : int
        Largest number of rounds.
    refit : bool
        Whether to train again on all rows with the number of rounds that was best on the validation rows.
    time_limit : float or None
        Seconds of the fit and of the predictions of `n_rows_to_predict` rows.
    least_learning_rate : float
        Learning rate of the search for the best round, if it is above `learning_rate`.
    rounds : int or None
        Number of rounds to train on all rows, without validation rows and time limit; None to search for the best one.
    part : TrainingPart or None
        The part of the training that the fit does; None for the whole.
    """

    learning_rate: float
    n_estimators: int = 3000
    refit: bool = True
    time_limit: float | None = None
    random_state: int = 0
    least_learning_rate: float = 0.0
    rounds: int | None = None
    n_rows_to_predict: int = 0
    part: TrainingPart | None = None


def boosting_settings(learning_rate: float, context: FitContext) -> Boosting:
    """Return the settings of one fit on the table of the context.

    Without a time limit, the number of rounds is limited by the number of rows, so that a repeatable fit on few rows
    ends in seconds, and the learning rate is raised where these rounds would not suffice.
    """
    unlimited = context.time_limit is None
    most = int(np.clip(context.traits.n_rows, *ROUNDS_WITHOUT_LIMIT)) if unlimited else ROUNDS_WITHOUT_LIMIT[1]
    return Boosting(
        learning_rate=float(learning_rate if context.learning_rate is None else context.learning_rate),
        n_estimators=most,
        least_learning_rate=ROUNDS_TO_CONVERGE / most if unlimited else 0.0,
        refit=context.traits.n_rows <= REFIT_MAX_ROWS,
        time_limit=context.time_limit,
        random_state=context.random_state,
        rounds=context.rounds,
        n_rows_to_predict=context.n_rows_to_predict,
        part=context.part,
    )


class Trained(NamedTuple):
    """A trained model, its rounds, and the rounds and the learning rate of a training on all rows.

    `cut` is True if the time limit has ended the training.
    """

    model: Any
    rounds: int
    full_rounds: int
    learning_rate: float
    cut: bool = False


def _train(library: Library, rows: LabeledRows, n_classes: int, settings: Boosting) -> Trained:
    """Train with early stopping, then on all rows where the time allows it."""
    if settings.rounds is not None:
        # A training that the clock cuts would be worse than the model that its number of rounds comes from.
        stopping = EarlyStopping(settings.learning_rate, Deadline(None))
        model = library.train(rows, None, n_classes, settings.rounds, stopping).model
        return Trained(model, stopping.rounds, settings.rounds, settings.learning_rate)
    earlier = None if settings.part is None else settings.part.begin(rows.X, rows.y, rows.weight)
    stopping, rate = _stopping(settings, earlier, RowsToPredict.like(rows.X, settings.n_rows_to_predict))
    share = min(VALIDATION_SHARE, MAX_VALIDATION_ROWS / len(rows.y))
    train, validation = split_rows(
        rows.y, fraction=share, classification=n_classes > 0, random_state=settings.random_state
    )
    if len(validation) == 0:
        max_rounds = min(settings.n_estimators, round(ROUNDS_WITHOUT_VALIDATION / rate))
        model = _train_part(library, rows, None, n_classes, max_rounds, stopping, settings.part, earlier)
        cut = stopping.share == 1 and stopping.rounds < max_rounds
        return Trained(model, stopping.best_round, max_rounds, rate, cut)
    parts = rows.take(train), rows.take(validation)
    model = _train_part(library, *parts, n_classes, settings.n_estimators, stopping, settings.part, earlier)
    best, cut = max(stopping.best_round, 1), stopping.is_cut(settings.n_estimators)
    # With more rows a model overfits after more rounds.
    more = len(rows.y) / len(train)
    full_rounds, mean_rate = max(1, round(more * best)), stopping.best_sum / best or rate
    too_late = stopping.deadline.passed(REFIT_SHARE, reserve=stopping.prediction_seconds)
    if not settings.refit or too_late or stopping.learning_rate != rate or stopping.share < 1:
        return Trained(model, best, full_rounds, mean_rate, cut)
    again = EarlyStopping(rate, stopping.deadline, stopping.to_predict)
    refitted = library.train(rows, None, n_classes, max(1, round(best * more)), again).model
    if again.rounds < best:  # the time was up
        return Trained(model, best, full_rounds, mean_rate, cut)
    return Trained(refitted, again.rounds, full_rounds, mean_rate, cut)


def _stopping(settings: Boosting, earlier: Any, to_predict: RowsToPredict) -> tuple[EarlyStopping, float]:
    """Return what stops the training, or the part of it that the settings name, and the initial learning rate.

    The deadline is that of the whole training, so that a part has the learning rates that the whole training has then.
    """
    rate = max(settings.learning_rate, settings.least_learning_rate)
    if settings.part is None:
        return EarlyStopping(rate, Deadline(settings.time_limit), to_predict), rate
    share, spent = settings.part.share, 0.0 if earlier is None else earlier["stopping"]["spent"]
    whole = min(settings.n_estimators, ROUNDS_TO_CONVERGE / rate)
    stopping = EarlyStopping(
        rate,
        Deadline.of_part(settings.time_limit, share, spent),
        to_predict,
        share,
        max(PROBE_ROUNDS, round(share * whole)) if share < 1 else None,
    )
    if earlier is not None:
        stopping.go_on(earlier["stopping"])
    return stopping, rate


def _train_part(
    library: Library,
    rows: LabeledRows,
    validation: LabeledRows | None,
    n_classes: int,
    max_rounds: int,
    stopping: EarlyStopping,
    part: TrainingPart | None,
    earlier: Any,
) -> Any:
    """Train, or go on with an earlier part of the training unless that has ended it; return the best model."""
    if part is None:
        return library.train(rows, validation, n_classes, max_rounds, stopping).model
    if earlier is not None and "model" in earlier:
        part.keep(earlier)
        return earlier["model"]
    state = None if earlier is None else earlier["state"]
    trees = library.train(rows, validation, n_classes, max_rounds, stopping, state)
    ended = stopping.rounds >= max_rounds or (validation is not None and stopping.waited_enough)
    left = {"model": trees.model} if ended else {"state": trees.state}
    part.keep({"stopping": stopping.state(), **left})
    return trees.model


def as_table(X: ArrayLike | sparse.spmatrix) -> Table:
    """Return the table in single precision, which halves the memory traffic; no library bins finer than that."""
    if sparse.issparse(X):
        return sparse.csr_matrix(X, dtype=np.float32)
    return np.ascontiguousarray(X, dtype=np.float32)


class BoostedClassifier(ClassifierMixin, BaseEstimator):
    """Classify with boosted trees, stopped at the best round on validation rows.

    Parameters
    ----------
    library : Library
        Trains the trees.
    settings : Boosting

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_iter_ : int
        Rounds of boosting in the model.
    full_rounds_ : int
        Rounds that a training on all rows takes; a refit carries them over.
    mean_learning_rate_ : float
        Mean learning rate of the rounds, which is above that of the configuration where the time was short.
    cut_ : bool
        Whether the time limit has ended the training before the validation loss had stopped falling.
    """

    def __init__(self, library: Library, settings: Boosting):
        self.library = library
        self.settings = settings

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the trees; raises ValueError where the target has a single class."""
        table, target, weight = weighted_rows(as_table(X), y, sample_weight)
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, the target has only {self.classes_[0]!r}")
        rows = LabeledRows(table, codes, weight)
        trained = _train(self.library, rows, len(self.classes_), self.settings)
        self.model_, self.n_iter_, self.full_rounds_, self.mean_learning_rate_, self.cut_ = trained
        self.n_features_in_ = rows.X.shape[1]
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return class probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return self.library.predict(self.model_, as_table(X), len(self.classes_))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable classes, shape (n_samples,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


class BoostedRegressor(RegressorMixin, BaseEstimator):
    """Predict numbers with boosted trees, stopped at the best round on validation rows.

    Parameters and attributes are those of `BoostedClassifier`, without classes. `fit` standardizes the target, so that
    penalties and thresholds of a library do not depend on the unit of the target. For the losses with a logarithmic
    link, it divides the target by its mean.

    Attributes
    ----------
    library_ : Library
        The library with the loss that the target allows.
    """

    def __init__(self, library: Library, settings: Boosting):
        self.library = library
        self.settings = settings

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the trees."""
        table, target, weight = weighted_rows(as_table(X), y, sample_weight)
        self.library_ = replace(self.library, loss=usable_loss(self.library.loss, target))  # type: ignore[type-var]
        scale = mean_scale if self.library_.loss in LOG_LINK else standardize
        scaled, self.mean_, self.scale_ = scale(target.astype(np.float64), weight)
        rows = LabeledRows(table, scaled, weight)
        trained = _train(self.library_, rows, 0, self.settings)
        self.model_, self.n_iter_, self.full_rounds_, self.mean_learning_rate_, self.cut_ = trained
        self.n_features_in_ = rows.X.shape[1]
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return predictions of shape (n_samples,), or (n_samples, n_quantiles) of several quantiles."""
        check_is_fitted(self)
        return self.finish(self.fitted_library.predict(self.model_, as_table(X), 0))

    def finish(self, output: np.ndarray) -> np.ndarray:
        """Return the output of the library in the unit of the target; quantiles never cross."""
        values = self.mean_ + self.scale_ * output
        return uncrossed(values) if values.ndim == 2 else values

    @property
    def fitted_library(self) -> Library:
        """The library that predicts; models that earlier versions have stored have one library only."""
        fitted: Library = vars(self).get("library_", self.library)
        return fitted


def make_estimator(
    library: Library, learning_rate: float, context: FitContext, joint_quantiles: bool = False
) -> BaseEstimator:
    """Return the unfitted estimator for the task of the context.

    Parameters
    ----------
    joint_quantiles : bool
        Whether the library trains all quantiles in one model.
    """
    levels, settings = context.traits.quantiles, boosting_settings(learning_rate, context)
    if not levels:
        estimator = BoostedClassifier if context.traits.is_classification else BoostedRegressor
        return estimator(library, settings)

    def of(*some: float) -> BoostedRegressor:
        return BoostedRegressor(replace(library, loss=PINBALL, quantiles=some), own)  # type: ignore[type-var]

    if joint_quantiles and len(levels) > 1:
        own = settings
        return of(*levels)
    limit = settings.time_limit
    own = replace(settings, time_limit=None if limit is None else limit / len(levels))
    return QuantileModels([of(level) for level in levels])
