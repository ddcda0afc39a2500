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
        done = [e for e in history.evaluations.values() if e.folds]
        same = [e for e in done if e.configuration.family == configuration.family]
        ratios = [history.cost(e) / self.guess(e.configuration) for e in (same or done)]
        return self.guess(configuration) * (float(np.median(ratios)) if ratios else 1.0)
