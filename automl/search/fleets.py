"""Fleets: configurations of one shape that a worker fits together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ConfigSpace import ConfigurationSpace

from automl.search.vectors import VectorSpace
from automl.trials.history import RunHistory
from automl.trials.trial import Trial
from pipelines.build import fits_together
from pipelines.catalog import get_component


class FleetBuilder:
    """Fills a fleet: the searcher proposes the first configuration; the others differ from it in their rates alone.

    The rates are drawn at random, as in Hyperband (Li et al., 2018, JMLR 18). Successive halving inside the fleet
    separates good rates from bad ones, and the searcher learns from all configurations.

    Parameters
    ----------
    space : ConfigurationSpace
    seed : int
    """

    def __init__(self, space: ConfigurationSpace, seed: int):
        self._space, self._seed = VectorSpace(space), seed

    def can_join(self, trial: Trial) -> bool:
        """Return whether a trial can be fitted together with others."""
        component = get_component("model", trial.configuration.family)
        return bool(component.fleet_varies) and fits_together(trial.configuration)

    def fill(self, trial: Trial, n: int, history: RunHistory) -> list[Trial]:
        """Return up to `n` trials of new configurations on the same folds; none where the trial cannot join a fleet."""
        if not self.can_join(trial):
            return []
        family = trial.configuration.family
        rates = [f"model:{family}:{name}" for name in get_component("model", family).fleet_varies]
        columns = [column for column, name in enumerate(self._space.names) if name in rates]
        rng = np.random.default_rng((self._seed, len(history.tried)))
        vectors = np.repeat(self._space.encode([trial.configuration]), n, axis=0)
        drawn = self._space.from_unit(rng.random(vectors.shape))
        vectors[:, columns] = np.where(np.isnan(vectors[:, columns]), np.nan, drawn[:, columns])
        new = dict.fromkeys(map(self._space.decode, self._space.valid(vectors)))
        known = history.tried | {trial.configuration}
        return [replace(trial, configuration=c, origin="fleet") for c in new if c not in known]
