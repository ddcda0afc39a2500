"""The contract of searchers for every searcher of the catalog, and rules for the catalog itself."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace

from automl.search.catalog import SEARCHERS, make_searcher
from automl.testing import SearcherContract, small_loss, small_space
from automl.testing.searchers import finish, search
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult

pytest.importorskip("optuna")
NAMES = sorted(set(SEARCHERS) - {"gp", "nsga_ii"})
BY_RUNGS = {"successive_halving", "hyperband", "bohb"}  # they also suggest known configurations


class TestSearchers(SearcherContract):
    searchers: ClassVar = {name: partial(make_searcher, name) for name in NAMES}


def run(name, n, seed=0):
    return search(make_searcher(name, small_space(), seed), n)


@pytest.mark.parametrize("name", sorted({*NAMES} - BY_RUNGS))
def test_searchers_find_many_configurations(name):
    assert len(run(name, 40).evaluations) == 40


@pytest.mark.parametrize("name", sorted({*NAMES} - BY_RUNGS))
def test_failures_do_not_reduce_the_number_of_suggestions(name):
    searcher, history = make_searcher(name, small_space(), 0), RunHistory()
    for number in range(25):
        history.append(finish(searcher.suggest(history, 1)[0], failed=number % 2 == 0))
    assert len(history.evaluations) == 25


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_gives_other_suggestions(name):
    first, second = run(name, 10, seed=0), run(name, 10, seed=1)
    assert [r.trial for r in first.results] != [r.trial for r in second.results]


@pytest.mark.parametrize("name", NAMES)
def test_several_suggestions_fill_the_request(name):
    searcher, history = make_searcher(name, small_space(), 0), run(name, 15)
    running = searcher.suggest(history, 4)
    for trial in running:
        history.start(trial)
    assert len({trial.configuration for trial in [*running, *searcher.suggest(history, 4)]}) == 8


@pytest.mark.parametrize("name", NAMES)
def test_initial_configurations_come_first_and_in_order(name):
    initial = [r.trial.configuration for r in run("random", 3, seed=5).results]
    searcher = make_searcher(name, small_space(), 0, initial)
    history = RunHistory()
    assert [t.configuration for t in searcher.suggest(history, 3)] == initial
    history.append(finish(Trial(initial[0])))
    assert searcher.suggest(history, 1)[0].configuration == initial[1]


@pytest.mark.parametrize("name", NAMES)
def test_most_of_a_finite_space_is_found(name):
    space = ConfigurationSpace({"model": ["a", "b"], "size": [1, 2, 3]})
    searcher, history = make_searcher(name, space, 0), RunHistory()
    for _ in range(6):
        for trial in searcher.suggest(history, 1):
            history.append(TrialResult(trial, Status.OK, {0: FoldResult(1.0, 0.1, 0.0)}, 0.1))
    # Optuna's samplers may end before the last configuration.
    assert 4 <= len(history.evaluations) <= 6


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name == "tpe" else [])  # Optuna's own, and the slowest
        for name in sorted({"smac", "genetic", "tpe"} & set(NAMES))
    ],
)
def test_searchers_that_learn_from_the_history_beat_random_search(name):
    def mean_best(strategy):
        return np.mean([min(small_loss(c) for c in run(strategy, 60, seed=s).evaluations) for s in range(3)])

    assert mean_best(name) < mean_best("random")
