"""Search strategies from the literature, as baselines of measurements and for users who want them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from ConfigSpace import ConfigurationSpace
from scipy.stats import qmc

from automl.search.vectors import Vectors, VectorSpace
from automl.trials.history import RunHistory
from automl.trials.trial import Trial
from pipelines.configuration import Configuration


class _Baseline:
    """Proposes the initial configurations, then the candidates of a subclass; no configuration twice.

    Parameters
    ----------
    space : ConfigurationSpace
    seed : int
    initial : sequence of Configuration
        Tried first, in this order.
    """

    origin = ""

    def __init__(self, space: ConfigurationSpace, *, seed: int = 0, initial: Sequence[Configuration] = ()):
        self._space, self._seed, self._initial = VectorSpace(space), seed, tuple(initial)

    def suggest(self, history: RunHistory, n: int) -> list[Trial]:
        """See `Searcher.suggest`."""
        tried = set(history.tried)
        trials = [Trial(c, origin="initial") for c in self._initial if c not in tried][:n]
        tried.update(trial.configuration for trial in trials)
        while len(trials) < n:
            rng = np.random.default_rng((self._seed, len(tried)))
            candidates = chain(self._candidates(history, len(tried), rng), self._space.samples(rng))
            new = self._space.first_new(candidates, tried)
            if new is None:
                break
            trials.append(Trial(new, origin=self.origin))
            tried.add(new)
        return trials

    def _candidates(self, history: RunHistory, n_tried: int, rng: np.random.Generator) -> Iterator[Vectors]:
        """Yield batches of rows; the first new one is proposed. Random rows follow if all of them are known."""
        raise NotImplementedError


class RandomSearcher(_Baseline):
    """Proposes uniform samples from the space."""

    origin = "random"

    def _candidates(self, history: RunHistory, n_tried: int, rng: np.random.Generator) -> Iterator[Vectors]:
        return iter(())


class SobolSearcher(_Baseline):
    """Proposes the points of a scrambled Sobol sequence (Owen, 1998), which are made valid."""

    origin = "sobol"

    def _candidates(self, history: RunHistory, n_tried: int, rng: np.random.Generator) -> Iterator[Vectors]:
        sequence = qmc.Sobol(len(self._space.names), rng=np.random.default_rng(self._seed))
        if n_tried:
            sequence.fast_forward(n_tried)
        for _ in range(8):  # some points are forbidden; a few blocks always hold a valid one
            yield self._space.valid(self._space.from_unit(sequence.random(64)))


class GridSearcher(_Baseline):
    """Proposes the points of a grid over all choices and a few values of each number, in a random order.

    The order is a function of the seed and of the number of tried configurations. When all points of a grid are tried,
    a finer grid follows.
    """

    origin = "grid"

    def _candidates(self, history: RunHistory, n_tried: int, rng: np.random.Generator) -> Iterator[Vectors]:
        shape = (1024, len(self._space.names))
        for resolution in (3, 5, 9):
            # Points are drawn, not listed: the whole grid of a joint space does not fit into any memory.
            numbers = (rng.integers(0, resolution, shape) + 0.5) / resolution
            yield self._space.valid(self._space.from_unit(np.where(self._space.n_choices, rng.random(shape), numbers)))


class GeneticSearcher(_Baseline):
    """Mutates and crosses the best configurations so far.

    It uses tournament selection and uniform crossover (Eiben and Smith, 2015, chapter 3).
    """

    origin = "genetic"
    population = 20
    mutation = 0.7  # probability that a child is mutated after crossover

    def _candidates(self, history: RunHistory, n_tried: int, rng: np.random.Generator) -> Iterator[Vectors]:
        known = sorted((o for o in history.observations() if o.loss is not None), key=lambda o: o.loss or 0.0)
        if len(known) < self.population // 2:
            return
        parents = self._space.encode([o.configuration for o in known[: self.population]])
        # Rows are sorted by loss, so the smallest of a few random positions wins the tournament.
        mothers, fathers = np.sort(rng.integers(0, len(parents), (2, 100, 3)), axis=2)[:, :, 0]
        mixed = np.where(rng.random((100, parents.shape[1])) < 0.5, parents[mothers], parents[fathers])
        fresh = self._space.from_unit(rng.random(mixed.shape))
        children = self._space.valid(np.where(np.isnan(mixed), fresh, mixed))
        changed, origins = self._space.neighbors(children, 1, 0.2, rng)
        mutants = rng.random(len(changed)) < self.mutation
        children[origins[mutants]] = changed[mutants]
        yield children
