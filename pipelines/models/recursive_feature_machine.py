"""Recursive feature machines: kernel ridge regression in a metric of the features that it learns itself.

A round fits kernel ridge regression. The mean outer product of the gradients of the fit is the metric in which the next
round measures distances (Radhakrishnan et al., 2024, Science 383, arXiv 2212.13881; Beaglehole et al., 2025, arXiv
2508.10053). Rows whose targets the metric was learned from seem to be predicted too well. Therefore bandwidth, ridge
and the number of rounds are chosen by errors of rows that had no part in the metric. At most 3,000 rows are centers of
the kernel, so that a fit adds at most about 300 MiB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from pipelines.component import Component, FitContext, TableTraits, space_of
from pipelines.early_stopping import Deadline, RowsToPredict
from pipelines.models._cost import encoded_width, power_law
from pipelines.models._kernel_ridge import (
    CenterRidge,
    ExponentialKernel,
    between,
    blocks,
    coefficients_of,
    leave_one_out,
    outer_product_of_gradients,
    ridge_path,
    squared_distances,
)
from pipelines.models._margins import apply_softmax, fit_softmax
from pipelines.models._target import standardize
from pipelines.row_samples import LEAST_ROWS_OF_CLASS, spread_classes
from pipelines.weights import weighted_rows

Array = NDArray[Any]

MAX_ROWS = 50_000
MAX_COLUMNS = 1_000
ROWS_OF_METRIC = 2_000  # rows that the metric is learned from
MAX_EXACT_ROWS = 3_000  # with more rows, some rows are centers
N_CENTERS = 2_000
N_FOLDS = 3
MAX_ROUNDS = 4
_PATIENCE = 2  # rounds without a lower error
_ROWS_TO_TUNE = 500  # rows that choose bandwidth and ridge
_ROWS_TO_VALIDATE = 4_000  # rows with leave-one-out errors where some rows are centers
_BANDWIDTHS = 2.0 ** np.arange(-1, 4)  # multiples of the median distance
_RIDGES = 10.0 ** np.arange(-5, 1.5, 0.5)
_RIDGE_FACTORS = (1.0, 0.3, 3.0)  # on all rows, around the ridge of few rows
_MAX_GRADIENT_STEPS = 1e10  # multiplications of one mean of gradients
_MAX_FULL_COLUMNS = 200  # with more columns the metric is diagonal
_MIN_CENTERS = 200
# Seconds of a round with 2,000 rows, of a solution with 2,000 rows, and of a solution with 2,000 centers and 50,000
# rows, in units of the seconds of the first choice of bandwidth and ridge on 500 rows.
_UNITS_OF_ROUND, _UNITS_OF_EXACT, _UNITS_OF_CENTERS = 5.0, 3.0, 100.0


@dataclass(frozen=True)
class MachineSettings:
    """Settings of one fit.

    Attributes
    ----------
    exponent : float
        Of the distance in the kernel.
    diagonal : bool
        Whether the metric only scales the features, and does not mix them.
    power : float
        Power of the mean outer product of gradients that gives the metric; below 1 the metric is closer to that of the
        features as they are.
    time_limit : float or None
        Seconds for the fit and the predictions of `n_rows_to_predict` rows. No round begins that would exceed them.
    """

    exponent: float = 1.4
    diagonal: bool = False
    power: float = 0.5
    time_limit: float | None = None
    random_state: int = 0
    n_rows_to_predict: int = 0


@dataclass(frozen=True)
class Machine:
    """The parts of a fitted machine that predictions need.

    Attributes
    ----------
    metric : ndarray of shape (n_features,) or (n_features, n_features)
        Square root of the metric: factors of the features, or a matrix.
    kernel : ExponentialKernel
    centers : ndarray of shape (n_centers, n_features)
        Rows in the learned metric.
    coefficients : ndarray of shape (n_centers, n_outputs)
    n_rounds : int
        Changes of the metric.
    """

    metric: Array
    kernel: ExponentialKernel
    centers: Array
    coefficients: Array
    n_rounds: int

    def predict(self, X: Array) -> Array:
        """Return the outputs, of shape (n_samples, n_outputs)."""
        Z = _apply(self.metric, X)
        out = np.empty((len(Z), self.coefficients.shape[1]))
        for part in blocks(len(Z), len(self.centers)):
            out[part] = self.kernel.values(squared_distances(Z[part], self.centers)) @ self.coefficients
        return out


class _Fitted(NamedTuple):
    """A machine, and the honest leave-one-out residuals of some rows, with the numbers of these rows."""

    machine: Machine
    rows: Array
    residuals: Array


class _Round(NamedTuple):
    """The metrics of a round (that of all rows last), the bandwidth as a multiple of the median distance, and the fit.

    The metric of a fold is learned from the rows of the other folds.
    """

    number: int
    metrics: list[Array]
    multiple: float
    ridge: float
    loss: float
    machine: Machine


def _apply(metric: Array, X: Array) -> Array:
    return X * metric if metric.ndim == 1 else X @ metric


def _median_distance(squared: Array) -> float:
    few = squared[:_ROWS_TO_TUNE, :_ROWS_TO_TUNE]
    found = float(np.sqrt(np.median(few[np.triu_indices(len(few), 1)]))) if len(few) > 1 else 0.0
    return found if found > 0 else 1.0


@dataclass
class _Learner:
    """The fit of a machine to a standardized target `Y` of shape (n_samples, n_outputs)."""

    X: Array
    Y: Array
    weight: Array
    settings: MachineSettings
    deadline: Deadline
    codes: Array | None = None  # of classes
    _unit: float = field(default=0.0, init=False)  # measured seconds of the first choice of bandwidth and ridge
    _prediction_of_center: float = field(default=0.0, init=False)  # measured seconds for all rows to predict

    def fit(self, with_residuals: bool) -> _Fitted:
        """Learn the metric from some rows, then fit to all rows.

        Parameters
        ----------
        with_residuals : bool
            Whether the caller needs residuals. They are leave-one-out residuals of rows that had no part in the metric.
        """
        n = len(self.X)
        parts = [(_ROWS_TO_TUNE, LEAST_ROWS_OF_CLASS)]
        if n > 1.25 * ROWS_OF_METRIC:
            parts = [(ROWS_OF_METRIC, LEAST_ROWS_OF_CLASS), (_ROWS_TO_VALIDATE, 1)]
        order = np.random.default_rng(self.settings.random_state).permutation(n)
        order = spread_classes(order, self.codes, parts)
        rows = order if len(parts) == 1 else order[:ROWS_OF_METRIC]
        best, rows, folds = self._choose_round(rows)
        if len(rows) < n:
            return self._fit_all(best, rows, order)
        residuals = self._honest_residuals(best, rows, folds) if with_residuals else np.empty((0, 1))
        return _Fitted(best.machine, rows[: len(residuals)], residuals)

    def _choose_round(self, rows: Array) -> tuple[_Round, Array, Array]:
        """Return the round whose fits predict the rows of left-out folds best, its rows, and their folds."""
        n_features = self.X.shape[1]
        diagonal = self.settings.diagonal or n_features > _MAX_FULL_COLUMNS
        start = np.ones(n_features) if diagonal else np.eye(n_features)
        multiple, ridge = self._tune(start, rows, np.ones(len(rows), dtype=bool), _BANDWIDTHS)
        self._unit = self.deadline.spent
        rows = rows[: self._affordable_rows(len(rows))]
        folds = self._folds(rows)
        parts = [rows[folds != fold] for fold in range(N_FOLDS)] + [rows]
        metrics, best = [start] * len(parts), None
        for number in range(MAX_ROUNDS + 1):
            began = self.deadline.spent
            if number:
                multiple, ridge = self._tune(metrics[0], rows, folds == 0, multiple * _BANDWIDTHS[:3])
            fits = [
                self._machine(number, metric, part, multiple, ridge)
                for metric, part in zip(metrics, parts, strict=True)
            ]
            if not number:
                self._time_prediction(fits[-1])
            loss = sum(self._residuals(fits[fold], rows[folds == fold]) for fold in range(N_FOLDS))
            found = _Round(number, metrics, multiple, ridge, loss, fits[-1])
            if best is None or found.loss < best.loss:
                best = found
            updated = [self._update(*pair) for pair in zip(fits, parts, strict=True)]
            metrics = [metric for metric in updated if metric is not None]
            time_left = self.deadline.left - self._seconds_to_finish(len(rows))
            if (
                len(metrics) < len(parts)
                or number - best.number >= _PATIENCE
                or time_left < 1.3 * (self.deadline.spent - began)
            ):
                break
        assert best is not None
        return best, rows, folds

    def _folds(self, rows: Array) -> Array:
        """Return the fold of each row; rows with similar targets are dealt to all folds."""
        target = self.Y[rows] @ np.arange(1, self.Y.shape[1] + 1)
        place = np.argsort(np.argsort(target, kind="stable"), kind="stable")
        return np.asarray(place % N_FOLDS)

    def _residuals(self, fitted: Machine, rows: Array) -> float:
        """Return the sum of the squared residuals of some rows."""
        squares = (self.Y[rows] - fitted.predict(self.X[rows])) ** 2
        return float((self.weight[rows, None] * squares).sum())

    def _tune(self, metric: Array, rows: Array, honest: Array, multiples: Array) -> tuple[float, float]:
        """Return the bandwidth, as a multiple of the median distance, and the ridge with the least error.

        Parameters
        ----------
        honest : ndarray of bool, shape (n_rows,)
            Rows that had no part in the metric; only their leave-one-out errors count.
        """
        half = _ROWS_TO_TUNE if honest.all() else _ROWS_TO_TUNE // 2
        few = np.concatenate([np.flatnonzero(honest)[:half], np.flatnonzero(~honest)[:half]])
        chosen = rows[few]
        counted = np.where(honest[few], self.weight[chosen], 0.0)
        squared = between(_apply(metric, self.X[chosen]))
        median = _median_distance(squared)
        tried = []
        for multiple in multiples:
            K = ExponentialKernel(multiple * median, self.settings.exponent).values(squared)
            losses = ridge_path(K, self.Y[chosen], self.weight[chosen], _RIDGES, counted)
            tried.append((float(losses.min()), float(multiple), float(_RIDGES[np.argmin(losses)])))
        return min(tried)[1:]

    def _machine(self, number: int, metric: Array, rows: Array, multiple: float, ridge: float) -> Machine:
        """Fit to some rows, all of which are centers."""
        Z = _apply(metric, self.X[rows])
        squared = between(Z)
        kernel = ExponentialKernel(multiple * _median_distance(squared), self.settings.exponent)
        coefficients = coefficients_of(kernel.values(squared), self.Y[rows], self.weight[rows], ridge)
        return Machine(metric, kernel, Z, coefficients, number)

    def _honest_residuals(self, best: _Round, rows: Array, folds: Array) -> Array:
        """Return the leave-one-out residuals of all rows, in metrics in which they had no part."""
        residuals = np.empty_like(self.Y[rows])
        held = [folds == fold for fold in range(N_FOLDS)] if best.number else [np.ones(len(rows), dtype=bool)]
        for metric, mine in zip(best.metrics, held, strict=False):
            squared = between(_apply(metric, self.X[rows]))
            kernel = ExponentialKernel(best.multiple * _median_distance(squared), self.settings.exponent)
            K = kernel.values(squared)
            residuals[mine] = leave_one_out(K, self.Y[rows], self.weight[rows], best.ridge)[1][mine]
        return residuals

    def _update(self, fitted: Machine, rows: Array) -> Array | None:
        """Return the metric of the next round from the gradients of a fit; None where they vanish."""
        Z, metric, power = fitted.centers, fitted.metric, self.settings.power / 2
        if len(Z) < 2:
            return None
        most = int(_MAX_GRADIENT_STEPS / (2 * Z.size * self.Y.shape[1]))
        some = slice(0, max(50, most))
        G = outer_product_of_gradients(fitted.kernel, Z[some], Z, fitted.coefficients, self.weight[rows][some])
        if metric.ndim == 1:
            values = metric**2 * np.diag(G)
            return (values / values.max()) ** power if values.max() > 0 else None
        values, vectors = eigh(metric @ G @ metric, check_finite=False)
        if not values.max() > 0:
            return None
        return np.asarray((vectors * (np.maximum(values, 0) / values.max()) ** power) @ vectors.T)

    def _fit_all(self, best: _Round, rows: Array, order: Array) -> _Fitted:
        """Fit to all rows in the metric of a round: with all rows as centers, or with some.

        The ridge is the best one for rows that had no part in the metric.
        """
        n, metric = len(self.X), best.metrics[-1]
        Z = _apply(metric, self.X)
        bandwidth = best.multiple * _median_distance(between(Z[rows[:_ROWS_TO_TUNE]]))
        kernel = ExponentialKernel(bandwidth, self.settings.exponent)
        sample = order[len(rows) :][:_ROWS_TO_VALIDATE]
        n_centers = self._n_centers(n)
        centers, exact = Z[order[:n_centers]], n_centers == n
        if exact:
            centers, K = Z, kernel.values(between(Z))
        else:
            sums = CenterRidge(kernel, Z, self.Y, self.weight, centers)
        found: tuple[float, Array, Array] | None = None
        for factor in _RIDGE_FACTORS:
            began, ridge = self.deadline.spent, factor * best.ridge
            if exact:
                coefficients, residuals = leave_one_out(K, self.Y, self.weight, ridge)
                residuals = residuals[sample]
            else:
                coefficients, residuals = sums.solve(ridge, sample)
            loss = float(np.average((residuals**2).sum(axis=1), weights=self.weight[sample]))
            if found is None or loss < found[0]:
                found = loss, coefficients, residuals
            if self._left_to_train(len(centers)) < 1.5 * (self.deadline.spent - began):
                break
        assert found is not None
        return _Fitted(Machine(metric, kernel, centers, found[1], best.number), sample, found[2])

    def _affordable_rows(self, n: int) -> int:
        """Return how many of `n` rows the metric may be learned from, so that there is time for two rounds."""
        if self.deadline.limit is None:
            return n
        share = 0.2 if len(self.X) > n else 0.4
        units = share * self.deadline.left / max(self._unit, 1e-9) - 1
        affordable = ROWS_OF_METRIC * np.sqrt(max(units, 0.0) / _UNITS_OF_ROUND)
        return n if affordable >= n else min(n, max(_ROWS_TO_TUNE, int(min(affordable, 0.8 * n))))

    def _n_centers(self, n: int) -> int:
        """Return the number of centers: all rows where they are few, fewer where the time is short."""
        n_centers = n if n <= MAX_EXACT_ROWS else N_CENTERS
        while n_centers > _MIN_CENTERS and self._seconds_of_all(n_centers) > 0.8 * self._left_to_train(n_centers):
            n_centers = min(int(0.8 * n_centers), N_CENTERS)
        return n_centers

    def _time_prediction(self, machine: Machine) -> None:
        """Time the prediction of a few rows: its seconds grow with the centers."""
        if self.deadline.limit is not None:
            to_predict = RowsToPredict.like(self.X, self.settings.n_rows_to_predict)
            self._prediction_of_center = to_predict.seconds(machine.predict) / len(machine.centers)

    def _left_to_train(self, n_centers: int) -> float:
        """Return the seconds that are left when the predictions of a machine with these centers are reserved."""
        return self.deadline.left - self._prediction_of_center * n_centers

    def _seconds_of_all(self, n_centers: int) -> float:
        """Return a guess of the seconds of the fit to all rows."""
        n, size = len(self.X), n_centers / N_CENTERS
        exact = n_centers == n
        return self._unit * (_UNITS_OF_EXACT * size**3 if exact else _UNITS_OF_CENTERS * size**2 * (n / MAX_ROWS + 0.1))

    def _seconds_to_finish(self, n_metric: int) -> float:
        """Return a guess of the seconds after the last round, those of the predictions included."""
        if len(self.X) > n_metric:
            n_centers = self._n_centers(len(self.X))
            return self._seconds_of_all(n_centers) + self._prediction_of_center * n_centers
        last = N_FOLDS * self._unit * _UNITS_OF_EXACT * (n_metric / N_CENTERS) ** 3
        return last + self._prediction_of_center * n_metric


class RecursiveFeatureMachineClassifier(ClassifierMixin, BaseEstimator):
    """Regresses class membership on the features; a softmax of leave-one-out predictions gives probabilities.

    One matrix factorization serves all classes.

    Parameters
    ----------
    settings : MachineSettings

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    machine_ : Machine
    n_iter_ : int
        Changes of the metric.
    """

    def __init__(self, settings: MachineSettings):
        self.settings = settings

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the metric, and fit the classes; raises ValueError where the target has a single class."""
        deadline = Deadline(self.settings.time_limit)
        table, target, weight = weighted_rows(np.asarray(X, dtype=np.float64), y, sample_weight)
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, the target has only {self.classes_[0]!r}")
        weight = np.ones(len(table)) if weight is None else weight
        member = np.eye(len(self.classes_))[codes]
        self.mean_ = np.average(member, axis=0, weights=weight)
        self.scale_ = float(np.sqrt((self.mean_ * (1 - self.mean_)).mean()))
        shifted = (member - self.mean_) / self.scale_
        fitted = _Learner(table, shifted, weight, self.settings, deadline, codes).fit(with_residuals=True)
        rows, residuals = fitted.rows, fitted.residuals
        scores = self.mean_ / self.scale_ + shifted[rows] - residuals
        self.theta_ = fit_softmax(scores, codes[rows], weight[rows])
        self.machine_, self.n_iter_ = fitted.machine, fitted.machine.n_rounds
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return class probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        scores = self.machine_.predict(np.asarray(X, dtype=np.float64))
        return apply_softmax(self.mean_ / self.scale_ + scores, self.theta_)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable classes, shape (n_samples,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


class RecursiveFeatureMachineRegressor(RegressorMixin, BaseEstimator):
    """Regresses the standardized target on the features.

    Parameters and attributes are those of `RecursiveFeatureMachineClassifier`, without classes.
    """

    def __init__(self, settings: MachineSettings):
        self.settings = settings

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the metric, and fit the target."""
        deadline = Deadline(self.settings.time_limit)
        table, target, weight = weighted_rows(np.asarray(X, dtype=np.float64), y, sample_weight)
        standard, self.mean_, self.scale_ = standardize(target, weight)
        weight = np.ones(len(table)) if weight is None else weight
        fitted = _Learner(table, standard[:, None], weight, self.settings, deadline).fit(with_residuals=False)
        self.machine_, self.n_iter_ = fitted.machine, fitted.machine.n_rounds
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return means of shape (n_samples,)."""
        check_is_fitted(self)
        return self.mean_ + self.scale_ * self.machine_.predict(np.asarray(X, dtype=np.float64)).ravel()


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    classification = context.traits.is_classification
    kind = RecursiveFeatureMachineClassifier if classification else RecursiveFeatureMachineRegressor
    return kind(
        MachineSettings(
            exponent=float(params.get("exponent", 1.4)),
            diagonal=params.get("metric", "full") == "diagonal",
            power=float(params.get("power", 0.5)),
            time_limit=context.time_limit,
            random_state=context.random_state,
            n_rows_to_predict=context.n_rows_to_predict,
        )
    )


def space(traits: TableTraits) -> ConfigurationSpace:
    return space_of(
        Float("exponent", (0.7, 1.9), default=1.4),
        Categorical("metric", ["full", "diagonal"], default="full"),
        Float("power", (0.25, 1.0), log=True, default=0.5),
    )


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    few = replace(traits, n_rows=min(traits.n_rows, ROWS_OF_METRIC))
    metric = power_law(few, 1.05, rows=1.4, columns=0.1, classes=0.2, width=encoded_width(traits))
    return 0.02 + metric + 0.3 * traits.n_rows / 1000


def memory(params: Mapping[str, Any], traits: TableTraits) -> float:
    return 50 + 3 * 8 * min(traits.n_rows, MAX_EXACT_ROWS) ** 2 / 2**20  # distances, kernel matrix, its factor


COMPONENT = Component(
    name="recursive_feature_machine",
    make=make,
    space=space,
    applies=lambda traits: traits.n_rows <= MAX_ROWS and not traits.sparse and encoded_width(traits) <= MAX_COLUMNS,
    accepts_weights=True,
    reproduces_rows=True,
    interruptible=True,
    limit_factor=2.5,
    seconds=seconds,
    memory=memory,
    predict_milliseconds=(0.75, 10.4),
)

_PREPARED = {"model": "recursive_feature_machine", "encoding": "one_hot", "imputation": "median", "scaling": "standard"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    # a sharp metric that scales the columns: good where few of many columns matter
    {
        **_PREPARED,
        "model:recursive_feature_machine:metric": "diagonal",
        "model:recursive_feature_machine:exponent": 1.0,
        "model:recursive_feature_machine:power": 1.0,
    },
    # a mild metric that also mixes the columns
    _PREPARED,
)
