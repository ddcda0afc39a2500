"""The default searcher, beyond the contract of all searchers."""

from __future__ import annotations

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace

from automl.search.baselines import RandomSearcher
from automl.search.smac import SmacSearcher
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, TrialResult
from metalearning.posterior import ConfigurationPosterior
from pipelines.configuration import Configuration
from pipelines.space import to_configuration
from tests.search.spaces import joint


def square() -> ConfigurationSpace:
    return ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)})


def bowl(configuration) -> float:
    return (float(configuration["x"]) - 0.7) ** 2 + (float(configuration["y"]) - 0.2) ** 2


def result(trial, loss, seconds=1.0):
    return TrialResult(trial, Status.OK, {0: FoldResult(loss, seconds, 0.0)}, seconds)


def run(searcher, loss, n, history=None, seconds=lambda configuration: 1.0):
    history = RunHistory() if history is None else history
    for _ in range(n):
        trial = searcher.suggest(history, 1)[0]
        history.append(result(trial, loss(trial.configuration), seconds(trial.configuration)))
    return history


def test_the_first_configurations_are_random_where_there_are_no_initial_ones():
    history = run(SmacSearcher(square(), seed=0, n_initial=5, random_share=0.0), bowl, 8)
    assert [r.trial.origin for r in history.results] == ["random"] * 5 + ["smac"] * 3


def test_initial_configurations_replace_the_random_ones():
    initial = [r.trial.configuration for r in run(RandomSearcher(square(), seed=9), bowl, 8).results]
    history = run(SmacSearcher(square(), seed=0, initial=initial, random_share=0.0), bowl, 10)
    assert [r.trial.origin for r in history.results] == ["initial"] * 8 + ["smac"] * 2


def test_random_configurations_are_interleaved_to_the_end():
    history = run(SmacSearcher(square(), seed=0, random_share=0.5), bowl, 40)
    assert 5 < sum(r.trial.origin == "random" for r in history.results[8:]) < 27


def test_suggestions_come_closer_to_the_optimum():
    history = run(SmacSearcher(square(), seed=0), bowl, 40)
    assert min(bowl(c) for c in history.evaluations) < 1e-3
    late = [bowl(r.trial.configuration) for r in history.results[-15:]]
    early = [bowl(r.trial.configuration) for r in history.results[:8]]
    assert np.median(late) < np.median(early) / 4


@pytest.mark.slow
def test_fast_configurations_are_preferred_among_equally_good_ones():
    """Both halves of x hold the same losses; the left one takes a minute."""

    def share_of_the_right_half(per_second):
        shares = []
        for seed in range(4):
            history = run(
                SmacSearcher(square(), seed=seed, per_second=per_second, random_share=0.0),
                lambda c: (abs(float(c["x"]) - 0.5) - 0.3) ** 2,
                25,
                seconds=lambda c: 60.0 if float(c["x"]) < 0.5 else 1.0,
            )
            shares.append(np.mean([float(r.trial.configuration["x"]) >= 0.5 for r in history.results[8:]]))
        return np.mean(shares)

    assert share_of_the_right_half(True) > share_of_the_right_half(False) + 0.1


@pytest.mark.parametrize("seed", [0, 1])
def test_a_smooth_loss_is_nearly_optimal_after_few_trials(seed):
    history = run(SmacSearcher(square(), seed=seed), bowl, 40)
    assert min(bowl(c) for c in history.evaluations) < 1e-5


def test_several_suggestions_at_the_same_time_differ():
    searcher = SmacSearcher(square(), seed=0, random_share=0.0)
    history = run(searcher, bowl, 20)
    points = np.array([[t.configuration["x"], t.configuration["y"]] for t in searcher.suggest(history, 4)], dtype=float)
    distances = np.linalg.norm(points[:, None] - points, axis=2)[np.triu_indices(4, 1)]
    assert distances.max() > 0.002  # they are near the known optimum, but not in one point
    assert distances.min() > 1e-6


def test_several_suggestions_equal_single_ones_that_run_meanwhile():
    history = run(SmacSearcher(square(), seed=0), bowl, 15)
    together = SmacSearcher(square(), seed=0).suggest(history, 3)
    one_by_one = []
    for _ in range(3):
        one_by_one += SmacSearcher(square(), seed=0).suggest(history, 1)
        history.start(one_by_one[-1])
    assert [t.configuration for t in together] == [t.configuration for t in one_by_one]


def test_a_hundred_suggestions_at_the_same_time_are_different_and_good():
    history = run(SmacSearcher(square(), seed=0), bowl, 30)
    trials = SmacSearcher(square(), seed=0).suggest(history, 100)
    assert len({t.configuration for t in trials}) == 100
    random = run(RandomSearcher(square(), seed=0), bowl, 100)
    losses = [bowl(t.configuration) for t in trials]
    assert np.median(losses) < np.median([bowl(c) for c in random.evaluations]) / 2


@pytest.mark.parametrize("n", [0, 3])
def test_a_suggestion_does_not_change_the_next_one(n):
    searcher, history = SmacSearcher(square(), seed=0), run(RandomSearcher(square(), seed=0), bowl, 12)
    assert len(searcher.suggest(history, n)) == n
    assert searcher.suggest(history, 2) == SmacSearcher(square(), seed=0).suggest(history, 2)


@pytest.mark.slow
def test_every_configuration_of_a_small_space_is_tried():
    space = ConfigurationSpace({"a": list(range(12)), "b": list(range(12))})
    history = run(SmacSearcher(space, seed=0), lambda c: int(c["a"]) * int(c["b"]), 144)
    assert len(history.evaluations) == 144
    assert SmacSearcher(space, seed=0).suggest(history, 1) == []


def test_the_good_family_is_found_in_the_space_of_whole_pipelines():
    space = joint()

    def loss(configuration):
        return 0.2 if configuration["model"] == "extra_trees" else 0.5

    history = run(SmacSearcher(space, seed=0), loss, 60)
    late = [r.trial.configuration["model"] for r in history.results[-20:]]
    assert late.count("extra_trees") >= 10


def two_kinds_of_data_sets() -> tuple[list[Configuration], ConfigurationPosterior]:
    """Return ten configurations; on each data set either the first five do well, or the last five."""
    space = square()
    space.seed(0)
    known = [to_configuration(drawn) for drawn in space.sample_configuration(10)]
    losses = np.random.default_rng(0).uniform(0.0, 0.2, (12, 10))
    losses[:6, 5:] += 1.5
    losses[6:, :5] += 1.5
    return known, ConfigurationPosterior(tuple(known), losses, np.ones(12), np.ones(10))


@pytest.mark.parametrize("well", [range(5), range(5, 10)])
def test_results_decide_which_initial_configuration_is_next(well):
    known, posterior = two_kinds_of_data_sets()
    good = {known[i] for i in well}
    in_order = [known[0], known[5], known[1]]
    initial = [*in_order, known[6], known[2]]
    searcher = SmacSearcher(square(), initial=initial, posterior=posterior, n_initial=5, random_share=0.0)
    history = run(searcher, lambda c: 0.1 if c in good else 0.9, 7)
    tried = [r.trial.configuration for r in history.results]
    assert tried[:3] == in_order
    assert set(tried[3:5]) <= good  # some of these are not among the initial ones
    assert [r.trial.origin for r in history.results] == ["initial"] * 5 + ["smac"] * 2


def test_configurations_that_the_posterior_does_not_know_take_turns_with_its_choices():
    known, posterior = two_kinds_of_data_sets()
    new = [Configuration({"x": 0.31, "y": 0.1 * i}) for i in range(3)]
    initial = [*known[:3], new[0], known[3], *new[1:], *known[4:7]]
    searcher = SmacSearcher(square(), initial=initial, posterior=posterior, n_initial=10, random_share=0.0)
    history = run(searcher, lambda c: 0.5, 10)
    tried = [r.trial.configuration for r in history.results]
    assert tried[:3] == known[:3]
    assert [tried[i] for i in (3, 5, 7)] == new
    assert set(tried) - set(new) <= set(known)
    assert {r.trial.origin for r in history.results} == {"initial"}


def test_a_posterior_over_many_configurations_takes_turns_with_the_model():
    known, posterior = two_kinds_of_data_sets()
    searcher = SmacSearcher(square(), initial=known, posterior=posterior, n_advised=4, n_initial=4, random_share=0.0)
    history = run(searcher, lambda c: 0.5, 12)
    origins = [r.trial.origin for r in history.results]
    assert origins[:4] == ["initial"] * 4
    assert origins[4:] == ["smac", "initial"] * 4


def test_a_resumed_search_makes_the_suggestions_of_an_uninterrupted_one():
    known, posterior = two_kinds_of_data_sets()

    def make():
        return SmacSearcher(square(), initial=known, posterior=posterior)

    def loss(configuration):
        return known.index(configuration) * 0.7 % 1.0

    whole = run(make(), loss, 9)
    parts = run(make(), loss, 5, run(make(), loss, 4))
    assert [r.trial for r in parts.results] == [r.trial for r in whole.results]


def test_a_search_is_a_function_of_its_history_also_after_many_results():
    whole = run(SmacSearcher(square(), seed=0), bowl, 26)
    parts = run(SmacSearcher(square(), seed=0), bowl, 6, run(SmacSearcher(square(), seed=0), bowl, 20))
    assert [r.trial for r in parts.results] == [r.trial for r in whole.results]
