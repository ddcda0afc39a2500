"""How long a fit will take: the components' own guesses, corrected by what the run has measured."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from automl.history import RunHistory
from meta_db.store import MetaDatabase, MetaDatabaseError, memory_files
from metalearning.runtime import NOTHING_LEARNT, RuntimeCorrection, recall
from pipelines.build import predicted_seconds
from pipelines.component import TableTraits
from pipelines.configuration import Configuration

logger = logging.getLogger(__name__)


def recall_runtime() -> RuntimeCorrection:
    """What the shipped memory says of the components' guesses; no correction where it cannot be read."""
    try:
        with MetaDatabase(memory_files()[0]) as memory:
            return recall(memory)
    except MetaDatabaseError as error:
        logger.debug("fit times are guessed without a memory: %s", error)
        return NOTHING_LEARNT


class RuntimeModel:
    """Seconds of one fold of a configuration.

    A configuration that has run is as slow as it was. Others get the component's guess for the training rows of a
    fold, times the median ratio of measured to guessed seconds: of their family, else of the whole run.

    Parameters
    ----------
    traits : TableTraits
        Of the whole table.
    train_share : float
        Share of the rows that a fold trains on.
    learnt : RuntimeCorrection
        What the memory says of the components' guesses.
    """

    def __init__(self, traits: TableTraits, train_share: float, learnt: RuntimeCorrection = NOTHING_LEARNT):
        self._traits = replace(traits, n_rows=max(1, int(traits.n_rows * train_share)))
        self._learnt = learnt
        self._guesses: dict[Configuration, float] = {}
        self._seen = (0, 0)
        self._ratios: dict[str, float] = {}  # of measured seconds to the guesses, when that was seen

    def guess(self, configuration: Configuration) -> float:
        """The guess from before the run; a function of configuration and table alone."""
        if configuration not in self._guesses:
            factor, _ = self._learnt.factors(configuration.family, self._traits)
            self._guesses[configuration] = factor * max(1e-3, predicted_seconds(configuration, self._traits))
        return self._guesses[configuration]

    def upper(self, configuration: Configuration) -> float:
        """What nine of ten such fits stay below, before the run has measured anything."""
        middle, upper = self._learnt.factors(configuration.family, self._traits)
        return self.guess(configuration) * upper / middle

    def predict(self, configuration: Configuration, history: RunHistory) -> float:
        """Expected seconds of one fold."""
        known = history.evaluations.get(configuration)
        if known is not None and known.folds:
            return history.cost(known)
        seen = (id(history), len(history.results))
        if self._seen != seen:  # this is asked for every running trial before every suggestion
            self._seen, self._ratios = seen, self._measure(history)
        return self.guess(configuration) * self._ratios.get(configuration.family, self._ratios[""])

    def _measure(self, history: RunHistory) -> dict[str, float]:
        """Median ratio of measured to guessed seconds of each family, and of all under the empty name."""
        ratios: dict[str, list[float]] = {}
        for e in history.evaluations.values():
            if e.folds:
                ratios.setdefault(e.configuration.family, []).append(history.cost(e) / self.guess(e.configuration))
        everything = [ratio for own in ratios.values() for ratio in own]
        return {"": float(np.median(everything or [1.0])), **{name: float(np.median(r)) for name, r in ratios.items()}}
