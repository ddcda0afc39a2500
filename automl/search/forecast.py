"""Forecasts of the seconds and the memory of a fit: the components' guesses, corrected by measurements."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from automl.task.task import Task
from automl.trials.history import Evaluation, RunHistory
from meta_db import store
from meta_db.store import MetaDatabase, MetaDatabaseError
from metalearning.correction import FIT_MEMORY, NO_CORRECTION, SECONDS, Correction, Cost, load_corrections
from pipelines.component import TableTraits
from pipelines.configuration import Configuration

logger = logging.getLogger(__name__)


def _shipped_corrections() -> dict[str, Correction]:
    """Return the corrections of the components' guesses by the name of the cost; empty if they cannot be read."""
    try:
        with MetaDatabase(store.SHIPPED) as database:
            return load_corrections(database)
    except MetaDatabaseError as error:
        logger.debug("seconds and memory of fits are forecast without the meta-database: %s", error)
        return {}


def make_forecasts(task: Task) -> tuple[RuntimeModel, MemoryModel]:
    """Return the forecasts of seconds and memory for the folds of a task."""
    train_share = float(np.mean([len(train) for train, _ in task.folds])) / len(task.y)
    corrections = _shipped_corrections()
    return (
        RuntimeModel(task.traits, train_share, corrections.get(SECONDS.name, NO_CORRECTION)),
        MemoryModel(task.traits, train_share, corrections.get(FIT_MEMORY.name, NO_CORRECTION)),
    )


class _Forecast:
    """Predicts a cost of one fold of a configuration: its seconds, or its memory.

    The cost of a configuration that has run is the measured one. Any other configuration gets the guess of its
    component for the training rows of a fold, times the median ratio of measured cost to guess in its family, or in the
    whole run where nothing of the family has run.

    Parameters
    ----------
    traits : TableTraits
        Facts about the whole table.
    train_share : float
        Share of the rows on which a fold trains.
    correction : Correction
        Correction of the components' guesses, from the meta-database.
    """

    _cost: Cost

    def __init__(self, traits: TableTraits, train_share: float, correction: Correction = NO_CORRECTION):
        self._traits = replace(traits, n_rows=max(1, int(traits.n_rows * train_share)))
        self._correction = correction
        self._guesses: dict[Configuration, float] = {}
        self._measured_at = (0, 0)  # the history and its length when the ratios were computed
        self._ratios: dict[str, float] = {}  # of measured costs to guesses, by family

    def guess(self, configuration: Configuration) -> float:
        """Return the guess before the run; it depends on the configuration and the table alone."""
        if configuration not in self._guesses:
            factor, _ = self._correction.factors(configuration.family, self._traits)
            guessed = max(self._cost.least, self._cost.guess(configuration, self._traits))
            self._guesses[configuration] = factor * guessed
        return self._guesses[configuration]

    def upper(self, configuration: Configuration) -> float:
        """Return a bound that nine of ten such fits stay below, before the run has measured anything."""
        middle, upper = self._correction.factors(configuration.family, self._traits)
        return self.guess(configuration) * upper / middle

    def predict(self, configuration: Configuration, history: RunHistory) -> float:
        """Return the predicted cost of one fold."""
        known = history.evaluations.get(configuration)
        taken = None if known is None else self._measured_cost(known, history)
        if taken is not None:
            return taken
        now = (id(history), len(history.results))
        if self._measured_at != now:  # predictions for all running trials are needed before every suggestion
            self._measured_at, self._ratios = now, self._measure(history)
        return self.guess(configuration) * self._ratios.get(configuration.family, self._ratios[""])

    def predict_least(self, configuration: Configuration, history: RunHistory) -> float:
        """Return the lower of the prediction and the guess where no configuration of the family has run.

        The ratio in other families says little about a family: on wide tables boosting takes many times its guess,
        linear models do not.
        """
        predicted = self.predict(configuration, history)
        family = configuration.family
        if any(e.configuration.family == family and e.started for e in history.evaluations.values()):
            return predicted
        return min(predicted, self.guess(configuration))

    def _measured_cost(self, evaluation: Evaluation, history: RunHistory) -> float | None:
        """Return the measured cost of a fold of a configuration; None where it is not known."""
        raise NotImplementedError

    def _measure(self, history: RunHistory) -> dict[str, float]:
        """Return the median ratio of measured cost to guess of each family, and of all under the empty name."""
        ratios: dict[str, list[float]] = {}
        for e in history.evaluations.values():
            taken = self._measured_cost(e, history)
            if taken is not None:
                ratios.setdefault(e.configuration.family, []).append(taken / self.guess(e.configuration))
        everything = [ratio for own in ratios.values() for ratio in own]
        return {"": float(np.median(everything or [1.0])), **{name: float(np.median(r)) for name, r in ratios.items()}}


class RuntimeModel(_Forecast):
    """Predicts the seconds of one fold of a configuration."""

    _cost = SECONDS

    def predict(self, configuration: Configuration, history: RunHistory) -> float:
        """Return the predicted seconds of one fold.

        Where the family has no complete result yet, a result of the configuration of a lower fidelity lowers the guess.
        It never raises it: the seconds of a short fit may be those of loading a library.
        """
        predicted = super().predict(configuration, history)
        known = history.evaluations.get(configuration)
        if known is None or not known.low_fidelity or history.repeats:
            return predicted
        if any(e.folds and e.configuration.family == configuration.family for e in history.evaluations.values()):
            return predicted
        folds = known.folds_at(known.fidelity)
        measured = (known.whole_seconds(number) for number in folds)
        return min(predicted, max(self._cost.least, *measured)) if folds else predicted

    def _measured_cost(self, evaluation: Evaluation, history: RunHistory) -> float | None:
        return history.cost(evaluation) if evaluation.folds else None


class MemoryModel(_Forecast):
    """Predicts the MiB that one fold of a configuration adds to its worker at the peak."""

    _cost = FIT_MEMORY

    def _measured_cost(self, evaluation: Evaluation, history: RunHistory) -> float | None:
        if history.repeats:  # measured memory differs from run to run, as seconds do
            return None
        noted = [result.info["memory"] for result in evaluation.folds.values() if "memory" in result.info]
        return max(self._cost.least, *noted) if noted else None
