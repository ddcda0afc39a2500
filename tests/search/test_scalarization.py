"""Several objectives: scalarization, Pareto fronts, and the search of the default searcher with two objectives."""

from __future__ import annotations

import tracemalloc
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace

from automl.search.baselines import RandomSearcher
from automl.search.catalog import make_searcher
from automl.search.scalarization import (
    draw_weights,
    is_nondominated,
    is_unbeaten,
    normalize,
    pareto_front,
    scalarize,
    scalarized,
    spread,
)
from automl.search.smac import SmacSearcher
from automl.testing import SearcherContract
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.configuration import Configuration

CONCAVE = np.array([[np.sin(a), np.cos(a)] for a in np.linspace(0, np.pi / 2, 9)])


def seconds_of(history):
    """Return the fit seconds as a second objective."""
    rows = [
        [np.mean([f.fit_seconds for f in e.folds.values()]) if e.folds else np.nan]
        for e in history.evaluations.values()
    ]
    return np.array(rows).reshape(-1, 1)


def size_of(history):
    """Return a hyperparameter as a second objective, because the contract forbids measured seconds."""
    return np.array([[float(c.get("model:good:size", 0))] for c in history.evaluations]).reshape(-1, 1)


@pytest.mark.slow
class TestTwoObjectives(SearcherContract):
    searchers: ClassVar = {"smac": partial(make_searcher, "smac", further=size_of)}


def result(family, loss, seconds, status=Status.OK):
    trial = Trial(Configuration({"model": family}))
    folds = {0: FoldResult(loss, seconds, 0.0)} if status is Status.OK else {}
    return TrialResult(trial, status, folds, seconds)


def test_points_in_the_middle_of_a_concave_front_are_the_best_ones_for_some_weights():
    """A weighted sum alone would find the two ends only."""
    rng = np.random.default_rng(0)
    best = {int(scalarize(CONCAVE, draw_weights(2, rng)).argmin()) for _ in range(500)}
    assert best >= {0, 2, 3, 4, 5, 6, 8}


def test_of_two_points_with_the_same_largest_value_the_dominating_one_is_better():
    first, second = scalarize(np.array([[0.5, 0.1], [0.5, 0.2]]), np.array([0.8, 0.2]))
    assert first < second


def test_unknown_and_extreme_values_do_not_hide_the_differences_of_the_others():
    out = normalize(np.array([[0.1, 1.0], [0.2, np.nan], [0.3, 2.0], [1e9, 3.0]]))
    assert out[1, 1] == 1
    assert out[1, 0] - out[0, 0] > 0.1
    assert out.min() == 0
    assert out.max() == 1


def test_dominated_points_are_found_and_equal_points_stay():
    points = np.array([[1.0, 1.0], [1.0, 1.0], [2.0, 1.0], [0.5, 3.0]])
    assert is_nondominated(points).tolist() == [True, True, False, True]


def test_a_point_is_beaten_only_by_one_that_is_better_in_the_first_objective():
    points = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 0.5], [1.0, 1.0]])
    assert is_unbeaten(points).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("n_objectives", [1, 2, 4])
def test_the_front_is_that_of_the_comparison_of_all_pairs(n_objectives):
    rng = np.random.default_rng(n_objectives)
    points = rng.integers(0, 6, (150, n_objectives)).astype(float)
    points[rng.random(points.shape) < 0.02] = np.nan
    better = [[(p <= q).all() and (p < q).any() for p in points] for q in points]
    assert np.array_equal(is_nondominated(points), ~np.any(better, axis=1))


def test_the_front_of_many_points_needs_little_memory():
    points = np.random.default_rng(0).random((5_000, 2))
    tracemalloc.start()
    is_nondominated(points)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000  # all pairs in bytes are 25 MB


def test_the_front_of_a_history_has_no_failed_and_no_dominated_configuration():
    history = RunHistory(
        [result("a", 0.3, 1.0), result("b", 0.1, 5.0), result("c", 0.4, 2.0), result("d", 0.0, 0.0, Status.CRASH)]
    )
    front, costs = pareto_front(history, seconds_of)
    assert [e.configuration.family for e in front] == ["b", "a"]
    np.testing.assert_allclose(costs, [[0.1, 5.0], [0.3, 1.0]])
    assert pareto_front(RunHistory(), seconds_of)[0] == []


def test_a_configuration_on_a_part_of_the_rows_is_neither_on_the_front_nor_in_the_costs_of_the_search():
    part = TrialResult(Trial(Configuration({"model": "x"}), fidelity=0.1), Status.OK, {0: FoldResult(0.0, 1, 1)}, 1.0)
    history = RunHistory([part, result("a", 0.3, 1.0), result("b", 0.1, 5.0)])
    assert [e.configuration.family for e in pareto_front(history, seconds_of)[0]] == ["b", "a"]
    assert [o.configuration.family for o in scalarized(history, seconds_of, np.random.default_rng(0))] == ["a", "b"]


def test_a_part_of_a_front_keeps_its_ends_and_the_best_one_of_each_cost():
    order = np.arange(10.0)[:, None]
    assert spread(list(range(10)), order, 4) == [0, 3, 6, 9]
    assert spread([1, 2], order[:2], 4) == [1, 2]
    assert spread([], np.empty((0, 0)), 4) == []
    for seed in range(20):
        costs = np.random.default_rng(seed).random((30, 4))
        kept = spread(list(range(30)), costs, 10)
        assert set(costs.argmin(axis=0)) <= set(kept)
        assert kept == sorted(set(kept))
        assert len(kept) == 10


def test_the_search_finds_both_ends_of_the_front_and_its_middle():
    """The loss is lowest at x = 1 and the seconds at x = 0; y is useless and should be 0 everywhere."""

    def run(make):
        searcher, history = make(ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)})), RunHistory()
        points = []
        for _ in range(45):
            [trial] = searcher.suggest(history, 1)
            x, y = float(trial.configuration["x"]), float(trial.configuration["y"])
            points.append(((1 - x) ** 2 + y, x**2 + y))
            history.append(TrialResult(trial, Status.OK, {0: FoldResult(points[-1][0], points[-1][1], 0.0)}, 1.0))
        points = np.array(points)
        at = np.linspace(0, 1, 6)  # distances to points of the true front
        return np.mean([np.abs(points - [(1 - x) ** 2, x**2]).sum(axis=1).min() for x in at])

    ours = run(lambda space: SmacSearcher(space, seed=0, further=seconds_of))
    assert ours < 0.5 * run(lambda space: RandomSearcher(space, seed=0))
