"""Corrections, fitted to the meta-database, of the components' guesses of a fit's seconds and memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta_db.records import DatasetRecord, Results
from meta_db.store import MetaDatabase, MetaDatabaseError
from pipelines.build import predicted_memory, predicted_seconds
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete

TRAIN_SHARE = 2 / 3  # share of a data set's rows that one of three folds trains on
_RIDGE = 3.0  # penalty of the slopes, in numbers of results: a family with few results keeps the guess's slopes
_UPPER = 0.9  # quantile of the residuals that gives the upper bound
_UNKNOWN = 3.0  # upper bound over guess for a family without results
_FEWEST = 20  # results of a family that a line is fitted to


@dataclass(frozen=True)
class Cost:
    """A kind of cost of a fit: seconds or memory.

    Attributes
    ----------
    name : str
        Name of the correction in the database.
    guess : callable
        ``guess(configuration, traits)`` returns the guess of the component itself.
    measured : callable
        ``measured(results)`` returns the measured costs, shape (n_datasets, n_configurations), NaN where unknown.
    least : float
        Smaller costs count as this one.
    """

    name: str
    guess: Callable[[Configuration, TableTraits], float]
    measured: Callable[[Results], NDArray[np.float64]]
    least: float


SECONDS = Cost("runtime", predicted_seconds, lambda results: results.seconds, least=1e-3)
FIT_MEMORY = Cost("memory", predicted_memory, lambda results: results.memory, least=32.0)


@dataclass(frozen=True)
class _Line:
    """The logarithm of measured over guessed cost of one family, as a linear function of the table's size.

    Attributes
    ----------
    slopes : tuple of float
        Coefficients of `_features`; the first feature is constant.
    low, high : tuple of float
        Range of the features in the results; a table outside of it is treated as one at its border.
    upper : float
        Nine of ten residuals are below it.
    """

    slopes: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    upper: float

    def at(self, features: NDArray[np.float64]) -> float:
        return float(np.dot(self.slopes, np.clip(features, self.low, self.high)))


@dataclass(frozen=True)
class Correction:
    """Factors for the components' guesses of a cost at one thread, by family and size of the table."""

    lines: Mapping[str, _Line]

    def factors(self, family: str, traits: TableTraits) -> tuple[float, float]:
        """Return the factors that turn a guess into the median cost and into an upper bound for nine of ten fits."""
        line = self.lines.get(family)
        if line is None:
            return 1.0, _UNKNOWN
        middle = float(np.exp(line.at(_features(traits))))
        return middle, middle * float(np.exp(line.upper))

    def to_json(self) -> str:
        return json.dumps({family: asdict(line) for family, line in self.lines.items()})

    @staticmethod
    def from_json(text: str) -> Correction:
        lines = {}
        for family, values in json.loads(text).items():
            slopes, low, high = (tuple(values[name]) for name in ("slopes", "low", "high"))
            lines[family] = _Line(slopes, low, high, values["upper"])
        return Correction(lines)


NO_CORRECTION = Correction({})


def fit_corrections(database: MetaDatabase) -> None:
    """Fit a correction of each cost to all results of a database, and save the corrections in it."""
    results = database.results()
    for cost in (SECONDS, FIT_MEMORY):
        correction = fit_correction(cost, results, guess_all(cost, results))
        database.save_correction(cost.name, correction.to_json())


def load_corrections(database: MetaDatabase) -> dict[str, Correction]:
    """Return the correction of each cost, by the name of the cost; `NO_CORRECTION` where the database holds none.

    Raises
    ------
    MetaDatabaseError
        If a correction cannot be read.
    """
    return {cost.name: _load(cost, database) for cost in (SECONDS, FIT_MEMORY)}


def _load(cost: Cost, database: MetaDatabase) -> Correction:
    text = database.load_correction(cost.name)
    try:
        return NO_CORRECTION if text is None else Correction.from_json(text)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MetaDatabaseError(f"meta-database '{database.path}' holds a damaged correction of {cost.name}") from error


def guess_all(cost: Cost, results: Results) -> NDArray[np.float64]:
    """Return the components' own guesses, NaN where nothing was measured; shape (n_datasets, n_configurations)."""
    known = np.isfinite(cost.measured(results))
    guesses = np.full(known.shape, np.nan)
    for i, (_, record) in enumerate(results.datasets):
        traits, space = trained_on(record), build_space(record.traits)
        for j in np.flatnonzero(known[i]):
            completed = complete(space, results.configurations[j][1])
            if completed is not None:
                guesses[i, j] = max(cost.least, cost.guess(completed, traits))
    return guesses


def trained_on(record: DatasetRecord) -> TableTraits:
    """Return the traits of the rows that one fit on a data set of the meta-database was trained on."""
    return replace(record.traits, n_rows=max(1, round(TRAIN_SHARE * record.traits.n_rows)))


def fit_correction(cost: Cost, results: Results, guesses: NDArray[np.float64]) -> Correction:
    """Fit one line per family to all its results, by ridge regression that shrinks the slopes to 0."""
    features = np.array([_features(trained_on(record)) for _, record in results.datasets])
    families = np.array([entry.family for _, entry in results.configurations])
    lines = {}
    for family in np.unique(families):
        guess, taken = guesses[:, families == family], cost.measured(results)[:, families == family]
        dataset, column = np.nonzero(np.isfinite(guess) & np.isfinite(taken))
        if len(dataset) >= _FEWEST:
            ratio = np.maximum(cost.least, taken[dataset, column]) / guess[dataset, column]
            lines[str(family)] = _fit_line(features[dataset], np.log(ratio))
    return Correction(lines)


def _fit_line(A: NDArray[np.float64], b: NDArray[np.float64]) -> _Line:
    penalty = _RIDGE * np.diag([0.0, *[1.0] * (A.shape[1] - 1)])
    center = np.array([0.0, *A[:, 1:].mean(axis=0)])
    slopes = np.linalg.solve((A - center).T @ (A - center) + penalty, (A - center).T @ b)
    slopes[0] -= slopes[1:] @ center[1:]
    residuals = b - A @ slopes
    return _Line(
        tuple(slopes.tolist()),
        tuple(A.min(axis=0).tolist()),
        tuple(A.max(axis=0).tolist()),
        float(np.quantile(residuals, _UPPER)),
    )


def _features(traits: TableTraits) -> NDArray[np.float64]:
    levels = sum(traits.cardinalities)
    return np.log([np.e, traits.n_rows, traits.n_features, max(1, traits.n_classes - 1), 1 + levels])
