"""What fits take, learnt from the memory: corrections to the components' own guesses of seconds and of MiB."""

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

TRAIN_SHARE = 2 / 3  # of a data set's rows, that one of three folds trains on
_RIDGE = 3.0  # of the slopes, in results: a family with few of them keeps its guess's own slopes
_SURE = 0.9  # quantile of the upper bound
_UNKNOWN = 3.0  # how much more than guessed a fit may take of which nothing is known
_FEWEST = 20  # results of a family that are worth a line


@dataclass(frozen=True)
class Quantity:
    """Something that fits take.

    Attributes
    ----------
    name : str
        Of the lesson in the database.
    guess : callable
        ``guess(configuration, traits)``, by the component itself.
    measured : callable
        ``measured(results)``, shape (n_datasets, n_configurations), NaN where nothing is known.
    least : float
        What is less is not told apart.
    """

    name: str
    guess: Callable[[Configuration, TableTraits], float]
    measured: Callable[[Results], NDArray[np.float64]]
    least: float


SECONDS = Quantity("runtime", predicted_seconds, lambda results: results.seconds, least=1e-3)
MEMORY = Quantity("memory", predicted_memory, lambda results: results.memory, least=32.0)


@dataclass(frozen=True)
class _Line:
    """Of one family: the logarithm of what was measured over what was guessed, linear in the table's size.

    Attributes
    ----------
    slopes : tuple of float
        Of the features of `_features`, the first one constant.
    low, high : tuple of float
        Range of the features where it was learnt; tables outside are taken to be at its border.
    upper : float
        What covers nine of ten residuals.
    """

    slopes: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    upper: float

    def at(self, features: NDArray[np.float64]) -> float:
        return float(np.dot(self.slopes, np.clip(features, self.low, self.high)))


@dataclass(frozen=True)
class Correction:
    """A component's guess of what a fit takes at one thread, times what the memory says of its family."""

    lines: Mapping[str, _Line]

    def factors(self, family: str, traits: TableTraits) -> tuple[float, float]:
        """What to multiply a guess with, for the median and for what nine of ten fits stay below."""
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


NOTHING_LEARNT = Correction({})


def teach(database: MetaDatabase) -> None:
    """Learn from all results of a database, and keep the lesson in it."""
    results = database.results()
    for quantity in (SECONDS, MEMORY):
        learnt = learn(quantity, results, guess_all(quantity, results))
        database.keep_lesson(quantity.name, learnt.to_json())


def recall(quantity: Quantity, database: MetaDatabase) -> Correction:
    """What a database has learnt of a quantity; no correction where it has learnt nothing.

    Raises
    ------
    MetaDatabaseError
        If the lesson cannot be read.
    """
    lesson = database.lesson(quantity.name)
    try:
        return NOTHING_LEARNT if lesson is None else Correction.from_json(lesson)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MetaDatabaseError(f"meta-database '{database.path}' holds a damaged lesson on {quantity.name}") from error


def guess_all(quantity: Quantity, results: Results) -> NDArray[np.float64]:
    """The components' own guesses, NaN where nothing was measured; shape (n_datasets, n_configurations)."""
    known = np.isfinite(quantity.measured(results))
    guesses = np.full(known.shape, np.nan)
    for i, (_, record) in enumerate(results.datasets):
        traits, space = trained_on(record), build_space(record.traits)
        for j in np.flatnonzero(known[i]):
            completed = complete(space, results.configurations[j][1])
            if completed is not None:
                guesses[i, j] = max(quantity.least, quantity.guess(completed, traits))
    return guesses


def trained_on(record: DatasetRecord) -> TableTraits:
    """Traits of the rows of a data set that one fit of the memory was trained on."""
    return replace(record.traits, n_rows=max(1, round(TRAIN_SHARE * record.traits.n_rows)))


def learn(quantity: Quantity, results: Results, guesses: NDArray[np.float64]) -> Correction:
    """Fit one line for each family to all its results, by ridge regression towards no correction of the slopes."""
    features = np.array([_features(trained_on(record)) for _, record in results.datasets])
    families = np.array([entry.family for _, entry in results.configurations])
    lines = {}
    for family in np.unique(families):
        guess, taken = guesses[:, families == family], quantity.measured(results)[:, families == family]
        dataset, column = np.nonzero(np.isfinite(guess) & np.isfinite(taken))
        if len(dataset) >= _FEWEST:
            ratio = np.maximum(quantity.least, taken[dataset, column]) / guess[dataset, column]
            lines[str(family)] = _fit_line(features[dataset], np.log(ratio))
    return Correction(lines)


def _fit_line(A: NDArray[np.float64], b: NDArray[np.float64]) -> _Line:
    penalty = _RIDGE * np.diag([0.0, *[1.0] * (A.shape[1] - 1)])
    centre = np.array([0.0, *A[:, 1:].mean(axis=0)])
    slopes = np.linalg.solve((A - centre).T @ (A - centre) + penalty, (A - centre).T @ b)
    slopes[0] -= slopes[1:] @ centre[1:]
    residuals = b - A @ slopes
    return _Line(
        tuple(slopes.tolist()),
        tuple(A.min(axis=0).tolist()),
        tuple(A.max(axis=0).tolist()),
        float(np.quantile(residuals, _SURE)),
    )


def _features(traits: TableTraits) -> NDArray[np.float64]:
    levels = sum(traits.cardinalities)
    return np.log([np.e, traits.n_rows, traits.n_features, max(1, traits.n_classes - 1), 1 + levels])
