"""The contract of searchers; each searcher of the catalog is tested automatically."""

from __future__ import annotations

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    Integer,
)
from ConfigSpace import Configuration as SpaceConfiguration

from automl.search.catalog import SEARCHERS, make_searcher
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from pipelines.space import build_space

pytest.importorskip("optuna")
NAMES = sorted(set(SEARCHERS) - {"cma_es", "gp", "qmc", "nsga_ii"})


def small_space() -> ConfigurationSpace:
    """Return a space of two families, one with an optimum at rate = 0.01, size = 8, and a forbidden combination."""
    space = ConfigurationSpace()
    model = Categorical("model", ["good", "bad"])
    rate = Float("model:good:rate", (1e-4, 1.0), log=True)
    size = Integer("model:good:size", (1, 64), log=True)
    scaling = Categorical("scaling", ["none", "standard", "robust"])
    space.add(model, rate, size, scaling)
    space.add(EqualsCondition(rate, model, "good"), EqualsCondition(size, model, "good"))
    forbidden = ForbiddenAndConjunction(ForbiddenEqualsClause(model, "bad"), ForbiddenEqualsClause(scaling, "robust"))
    space.add(forbidden)
    return space


def loss(configuration: Configuration) -> float:
    if configuration["model"] == "bad":
        return 10.0
    rate, size = float(configuration["model:good:rate"]), float(configuration["model:good:size"])
    return (np.log10(rate) + 2) ** 2 + (np.log2(size) - 3) ** 2 + (configuration["scaling"] != "standard")


def answer(trial: Trial, failed: bool = False) -> TrialResult:
    if failed:
        return TrialResult(trial, Status.CRASH, {}, 0.1, reason="failed")
    return TrialResult(trial, Status.OK, {0: FoldResult(loss(trial.configuration), 0.1, 0.0)}, 0.1)


def run(name: str, n: int, seed: int = 0, history: RunHistory | None = None) -> RunHistory:
    searcher = make_searcher(name, small_space(), seed, [])
    history = RunHistory() if history is None else history
    while len(history.results) < n:
        trials = searcher.suggest(history, 1)
        if not trials:
            break
        history.append(answer(trials[0]))
    return history


@pytest.mark.parametrize("name", NAMES)
def test_suggestions_are_new_valid_and_on_the_first_fold(name):
    space = small_space()
    history = run(name, 40)
    configurations = [r.trial.configuration for r in history.results]
    assert len(configurations) == 40
    assert len(set(configurations)) == 40
    assert all(r.trial.folds == (0,) for r in history.results)
    for configuration in configurations:
        SpaceConfiguration(space, values=dict(configuration)).check_valid_configuration()


@pytest.mark.parametrize("name", NAMES)
def test_a_new_searcher_continues_a_history_in_the_same_way(name):
    whole = run(name, 20)
    resumed = run(name, 20, history=RunHistory(whole.results[:12]))
    assert [r.trial for r in resumed.results] == [r.trial for r in whole.results]


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_gives_other_suggestions(name):
    first, second = run(name, 10, seed=0), run(name, 10, seed=1)
    assert [r.trial for r in first.results] != [r.trial for r in second.results]


@pytest.mark.parametrize("name", NAMES)
def test_initial_configurations_come_first_and_in_order(name):
    initial = [r.trial.configuration for r in run("random", 3, seed=5).results]
    searcher = make_searcher(name, small_space(), 0, initial)
    history = RunHistory()
    assert [t.configuration for t in searcher.suggest(history, 3)] == initial
    history.append(answer(Trial(initial[0])))
    assert searcher.suggest(history, 1)[0].configuration == initial[1]


@pytest.mark.parametrize("name", NAMES)
def test_several_suggestions_differ_from_each_other_and_from_running_trials(name):
    history = run(name, 15)
    searcher = make_searcher(name, small_space(), 0, [])
    running = searcher.suggest(history, 4)
    for trial in running:
        history.start(trial)
    more = searcher.suggest(history, 4)
    assert len({t.configuration for t in [*running, *more]}) == 8


@pytest.mark.parametrize("name", NAMES)
def test_failures_do_not_end_the_search(name):
    searcher = make_searcher(name, small_space(), 0, [])
    history = RunHistory()
    for i in range(25):
        history.append(answer(searcher.suggest(history, 1)[0], failed=i % 2 == 0))
    assert len(history.evaluations) == 25


@pytest.mark.parametrize("name", NAMES)
def test_a_finite_space_is_exhausted_without_an_endless_loop(name):
    space = ConfigurationSpace({"model": ["a", "b"], "size": [1, 2, 3]})
    searcher = make_searcher(name, space, 0, [])
    history = RunHistory()
    for _ in range(6):
        trials = searcher.suggest(history, 1)
        if not trials:
            break
        history.append(TrialResult(trials[0], Status.OK, {0: FoldResult(1.0, 0.1, 0.0)}, 0.1))
    # Optuna's samplers may end before the last configuration; no searcher may repeat one or leave the space.
    assert 4 <= len(history.evaluations) <= 6
    if len(history.evaluations) == 6:
        assert searcher.suggest(history, 1) == []


@pytest.mark.parametrize("name", sorted({"smac", "genetic", "tpe"} & set(NAMES)))
def test_searchers_that_learn_from_the_history_beat_random_search(name):
    def mean_best(strategy: str) -> float:
        return float(np.mean([min(loss(c) for c in run(strategy, 60, seed=s).evaluations) for s in range(3)]))

    assert mean_best(name) < mean_best("random")


@pytest.mark.parametrize("name", ["smac", "random", "sobol", "genetic"])
def test_suggestions_from_the_space_of_whole_pipelines_are_valid(name):
    traits = TableTraits("multiclass", 1_000, 10, 3, (0, 1), (4, 12), has_missing=True)
    space = build_space(traits)
    searcher = make_searcher(name, space, 0, [])
    history = RunHistory()
    rng = np.random.default_rng(0)
    for _ in range(40):
        trial = searcher.suggest(history, 1)[0]
        SpaceConfiguration(space, values=dict(trial.configuration)).check_valid_configuration()
        history.append(TrialResult(trial, Status.OK, {0: FoldResult(float(rng.random()), 0.1, 0.0)}, 0.1))
