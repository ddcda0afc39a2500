"""How long a fit will take: the components' own guesses, corrected by what the run has measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from automl.history import RunHistory
from pipelines.build import predicted_seconds
from pipelines.component import TableTraits
from pipelines.configuration import Configuration


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
    """

    def __init__(self, traits: TableTraits, train_share: float):
        self._traits = replace(traits, n_rows=max(1, int(traits.n_rows * train_share)))
        self._guesses: dict[Configuration, float] = {}

    def guess(self, configuration: Configuration) -> float:
        """The guess from before the run; a function of configuration and table alone."""
        if configuration not in self._guesses:
            self._guesses[configuration] = max(1e-3, predicted_seconds(configuration, self._traits))
        return self._guesses[configuration]

    def predict(self, configuration: Configuration, history: RunHistory) -> float:
        """Expected seconds of one fold."""
        known = history.evaluations.get(configuration)
        if known is not None and known.folds:
            return history.cost(known)
        done = [e for e in history.evaluations.values() if e.folds]
        same = [e for e in done if e.configuration.family == configuration.family]
        ratios = [history.cost(e) / self.guess(e.configuration) for e in (same or done)]
        return self.guess(configuration) * (float(np.median(ratios)) if ratios else 1.0)
