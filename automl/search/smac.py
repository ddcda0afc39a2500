"""Bayesian optimization as in SMAC: a surrogate, expected improvement per second, random interleaving."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain, zip_longest
from types import MappingProxyType

import numpy as np
from ConfigSpace import ConfigurationSpace

from automl.search.acquisition import maximize
from automl.search.prior import PriorDensity
from automl.search.scalarization import FurtherObjectives, scalarized
from automl.search.surrogate import Surrogate
from automl.search.vectors import Vectors, VectorSpace
from automl.trials.history import Observation, RunHistory
from automl.trials.trial import Trial
from metalearning.posterior import ConfigurationPosterior
from pipelines.configuration import Configuration
from pipelines.overrides import Overrides

# A request for many suggestions fits about eight models; each model gives several suggestions, 16 at most.
_MODELS, _MOST_PER_MODEL = 8, 16
_SHARE_OF_PROCESSES = 0.5  # of the models; the others are forests
_N_IN_ORDER = 3  # initial configurations that are tried in their given order, before their results change the order


class SmacSearcher:
    """Suggests the initial configurations first, then configurations of high expected improvement per second.

    Follows SMAC (Hutter et al., 2011; Lindauer et al., 2022, JMLR 23(54)): a random forest over the conditional
    space, local search from the best configurations, and a random configuration from time to time, so that no part of
    the space is left out for ever. A Gaussian process over the family of the best configuration takes turns with the
    forest.

    Parameters
    ----------
    space : ConfigurationSpace
    seed : int
    initial : sequence of Configuration
        Tried first, in this order.
    posterior : ConfigurationPosterior or None
        Chooses the remaining initial configurations once some of them have run.
    n_advised : int
        Number of configurations after which the posterior takes turns with the model.
    n_initial : int
        Configurations before the first model; random ones where `initial` holds fewer.
    random_share : float
        Probability that a suggestion is random.
    per_second : bool
        Whether to divide the expected improvement by the expected seconds.
    overrides : mapping
        The user's changes of hyperparameters, of which the searcher uses the priors.
    further : callable or None
        Returns the values of objectives beside the loss. Each model then predicts another scalarized cost (ParEGO).
    """

    def __init__(
        self,
        space: ConfigurationSpace,
        *,
        seed: int = 0,
        initial: Sequence[Configuration] = (),
        posterior: ConfigurationPosterior | None = None,
        n_advised: int = 20,
        n_initial: int = 8,
        random_share: float = 0.1,
        per_second: bool = True,
        overrides: Overrides = MappingProxyType({}),
        further: FurtherObjectives | None = None,
    ):
        self._space = VectorSpace(space)
        self._prior = PriorDensity(self._space, overrides)
        self._seed, self._initial, self._posterior = seed, tuple(initial), posterior
        self._n_advised, self._n_initial = n_advised, n_initial
        self._random_share, self._per_second, self._further = random_share, per_second, further
        self._vectors: dict[Configuration, Vectors] = {}  # a cache

    def suggest(self, history: RunHistory, n: int) -> list[Trial]:
        """See `Searcher.suggest`."""
        tried = set(history.tried)
        observations = history.observations()
        initial = self._next_initial(observations, tried)
        trials: list[Trial] = []
        enough = sum(o.loss is not None for o in observations) >= min(3, self._n_initial)
        per_model = min(_MOST_PER_MODEL, 1 + n // _MODELS)
        ranked, left = np.empty((0, len(self._space.names))), 0
        while len(trials) < n:
            rng = np.random.default_rng((self._seed, len(tried)))
            if initial and (self._posterior is None or len(tried) < self._n_advised or len(tried) % 2):
                trials.append(Trial(initial.pop(0), origin="initial"))
                tried.add(trials[-1].configuration)
                continue
            if not enough or len(tried) < self._n_initial or rng.random() < self._random_share:
                origin, candidates = "random", self._space.samples(rng)
            else:
                if not left:
                    ranked, left = self._model_based(history, observations, tried, rng), per_model
                left -= 1
                origin, candidates = "smac", chain([ranked], self._space.samples(rng))
            found = self._space.first_new(candidates, tried)
            if found is None:
                break
            trials.append(Trial(found, origin=origin))
            tried.add(found)
        return trials

    def _next_initial(self, observations: list[Observation], tried: set[Configuration]) -> list[Configuration]:
        left = [c for c in self._initial if c not in tried]
        if self._posterior is None:
            return left
        known = tried.intersection(self._posterior.configurations)
        seen = {o.configuration: o.loss for o in observations if o.configuration in known}
        if len(seen) < _N_IN_ORDER:
            return left
        # The posterior knows nothing of some configurations; they take turns with those that it chooses.
        unknown = [c for c in left if c not in self._posterior.configurations]
        n_left = sum(c in self._posterior.configurations for c in self._initial) - len(known)
        ranked = self._posterior.rank_by_improvement(seen, tried)[:n_left] if n_left > 0 else []
        first, second = (unknown, ranked) if len(tried) % 2 else (ranked, unknown)
        return [c for pair in zip_longest(first, second) for c in pair if c is not None]

    def _model_based(
        self,
        history: RunHistory,
        observations: list[Observation],
        tried: set[Configuration],
        rng: np.random.Generator,
    ) -> Vectors:
        if self._further is not None:
            observations = scalarized(history, self._further, rng)
        seen = {o.configuration for o in observations}
        vectors = self._encode([o.configuration for o in observations])
        pending = self._encode(sorted(tried - seen, key=lambda c: c.id))
        seed = int(rng.integers(2**31 - 2))
        space = self._space if rng.random() < _SHARE_OF_PROCESSES else None
        surrogate = Surrogate.fit(vectors, observations, pending, seed, space)
        losses = np.array([np.inf if o.loss is None else o.loss for o in observations])
        bonus = partial(self._prior.bonus, n_results=len(observations)) if self._prior else None
        return maximize(self._space, surrogate, vectors[np.argsort(losses)], rng, self._per_second, bonus)

    def _encode(self, configurations: Sequence[Configuration]) -> Vectors:
        new = [c for c in configurations if c not in self._vectors]
        self._vectors.update(zip(new, self._space.encode(new), strict=True))
        rows = [self._vectors[c] for c in configurations]
        return np.array(rows) if rows else np.empty((0, len(self._space.names)))
