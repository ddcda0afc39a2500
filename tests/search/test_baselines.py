"""The searchers random, Sobol, grid and genetic."""

from __future__ import annotations

import numpy as np
from ConfigSpace import ConfigurationSpace
from scipy.stats import qmc

from automl.search.baselines import GeneticSearcher, GridSearcher, RandomSearcher, SobolSearcher
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, TrialResult
from tests.search.spaces import every_kind


def square() -> ConfigurationSpace:
    return ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)})


def run(searcher, n, loss=lambda configuration: 0.0):
    history = RunHistory()
    for _ in range(n):
        trials = searcher.suggest(history, 1)
        if not trials:
            break
        fold = FoldResult(float(loss(trials[0].configuration)), 1.0, 0.0)
        history.append(TrialResult(trials[0], Status.OK, {0: fold}, 1.0))
    return [r.trial.configuration for r in history.results]


def points(configurations):
    return np.array([[c["x"], c["y"]] for c in configurations], dtype=float)


def test_sobol_points_fill_the_square_more_evenly_than_random_ones():
    even = qmc.discrepancy(points(run(SobolSearcher(square(), seed=0), 64)))
    random = qmc.discrepancy(points(run(RandomSearcher(square(), seed=0), 64)))
    assert even < random / 3


def test_a_grid_has_few_values_of_each_number_and_a_finer_grid_follows_it():
    visited = points(run(GridSearcher(square(), seed=0), 9 + 16))
    assert {tuple(p) for p in np.round(visited[:9], 3)} == {
        (a, b) for a in (0.167, 0.5, 0.833) for b in (0.167, 0.5, 0.833)
    }
    assert {*np.round(visited[9:], 3).ravel()} == {0.1, 0.3, 0.5, 0.7, 0.9}


def test_a_grid_visits_every_choice():
    names = [f"family{i}" for i in range(17)]
    visited = run(GridSearcher(ConfigurationSpace({"model": names, "x": (0.0, 1.0)}), seed=0), 51)
    assert {str(c["model"]) for c in visited} == set(names)


def test_the_seed_decides_the_order_of_a_grid():
    first, again, other = (run(GridSearcher(square(), seed=seed), 9) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert set(first) == set(other)


def test_genetic_search_improves_from_generation_to_generation():
    def loss(c):
        return (float(c["x"]) - 0.7) ** 2 + (float(c["y"]) - 0.2) ** 2

    found = run(GeneticSearcher(square(), seed=0), 100, loss)
    first, last = ([loss(c) for c in part] for part in (found[:20], found[-20:]))
    assert np.median(last) < np.median(first) / 10


def test_children_of_a_conditional_space_differ_from_their_parents():
    found = run(GeneticSearcher(every_kind(), seed=0), 60, loss=lambda c: float(c["size"]))
    assert len(set(found)) == 60
    assert np.mean([float(c["size"]) for c in found[-20:]]) < np.mean([float(c["size"]) for c in found[:20]])
