"""Random search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ConfigSpace import ConfigurationSpace

from automl.history import RunHistory
from automl.trial import Trial
from pipelines.configuration import Configuration
from pipelines.space import to_configuration


class RandomSearcher:
    """Uniform samples from the space, after the initial configurations."""

    def __init__(self, space: ConfigurationSpace, *, seed: int = 0, initial: Sequence[Configuration] = ()):
        self._space, self._seed, self._initial = space, seed, initial

    def suggest(self, history: RunHistory, n: int) -> list[Trial]:
        """See `Searcher.suggest`."""
        tried = history.tried
        trials = [Trial(c, origin="initial") for c in self._initial if c not in tried][:n]
        self._space.seed(int(np.random.default_rng((self._seed, len(tried))).integers(2**31)))
        while len(trials) < n:
            trials.append(Trial(to_configuration(self._space.sample_configuration()), origin="random"))
        return trials
