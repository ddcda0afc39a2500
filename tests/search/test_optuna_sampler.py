"""The adapter of Optuna's samplers: its caches change no suggestion."""

from __future__ import annotations

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, Float
from scipy.stats import qmc

from automl.search.optuna_sampler import OptunaSearcher, to_distribution
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.configuration import Configuration
from tests.search.spaces import every_kind

optuna = pytest.importorskip("optuna")
SPACE = every_kind()


def result(trial, number, fold=0):
    if number % 5 == 4:
        return TrialResult(trial, Status.CRASH, {}, 0.1)
    loss = (number * 7 % 10) / 10 + fold
    return TrialResult(Trial(trial.configuration, (fold,)), Status.OK, {fold: FoldResult(loss, 0.1, 0.0)}, 0.1)


def plain_trial(searcher, observation):
    """Return an observation as a trial that is made anew."""
    known = dict(observation.configuration)
    state = optuna.trial.TrialState.FAIL if observation.loss is None else optuna.trial.TrialState.COMPLETE
    distributions = {name: to_distribution(SPACE[name]) for name in known}
    return optuna.trial.create_trial(params=known, distributions=distributions, value=observation.loss, state=state)


def suggestions(searcher, n):
    """Return the configurations of a search in which every third configuration gets a second fold."""
    history = RunHistory()
    for number in range(n):
        [trial] = searcher.suggest(history, 1)
        history.append(result(trial, number))
        if number % 3 == 2 and number % 5 != 4:
            history.append(result(trial, number, fold=1))
    return list(history.evaluations)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "nsga_ii"])
def test_the_caches_change_no_suggestion(sampler, monkeypatch):
    found = suggestions(OptunaSearcher(SPACE, sampler=sampler), 30)
    monkeypatch.setattr(OptunaSearcher, "_finished_trial", plain_trial)
    assert suggestions(OptunaSearcher(SPACE, sampler=sampler), 30) == found


def known(points):
    """Return a history of points of a square, whose loss is the distance from a corner."""
    history = RunHistory()
    for x, y in points:
        trial = Trial(Configuration({"x": float(x), "y": float(y)}))
        loss = float(np.hypot(x - 0.9, y - 0.9))
        history.append(TrialResult(trial, Status.OK, {0: FoldResult(loss, 0.1, 0.0)}, 0.1))
    return history


SQUARE = ConfigurationSpace()
SIX = ConfigurationSpace({"model": ["a", "b"], "size": [1, 2, 3]})
SQUARE.add(Float("x", (0.0, 1.0)), Float("y", (0.0, 1.0)))


def points_of(trials):
    return np.array([[trial.configuration["x"], trial.configuration["y"]] for trial in trials])


def test_a_genetic_algorithm_crosses_the_configurations_of_earlier_generations():
    points = np.random.default_rng(0).random((51, 2))  # the first generation has 50
    found = points_of(OptunaSearcher(SQUARE, sampler="nsga_ii").suggest(known(points), 4))
    is_inherited = np.isclose(found[:, None], points, rtol=0, atol=1e-9).any(axis=1)
    assert is_inherited.any()


def test_a_genetic_algorithm_with_fixed_values_crosses_earlier_generations():
    points = np.random.default_rng(0).random((51, 2))
    genetic = optuna.samplers.NSGAIISampler(mutation_prob=0.0, seed=0)  # one free value would always mutate
    sampler = optuna.samplers.PartialFixedSampler({"y": 0.5}, genetic)
    found = points_of(OptunaSearcher(SQUARE, sampler=sampler).suggest(known(points), 4))
    assert (found[:, 1] == 0.5).all()
    assert np.isclose(found[:, :1], points[:, 0], rtol=0, atol=1e-9).any()


GRID = {"x": [0.0, 0.25, 0.5], "y": [0.0, 1.0]}


@pytest.mark.parametrize("n", [1, 4])
def test_a_search_goes_on_after_the_last_point_of_a_grid(n):
    searcher, history = OptunaSearcher(SQUARE, sampler=optuna.samplers.GridSampler(GRID, seed=0)), RunHistory()
    trials = []
    while len(trials) < 8:
        for trial in searcher.suggest(history, n):
            trials.append(trial)
            history.append(result(trial, len(trials)))
    assert {tuple(point) for point in points_of(trials[:6])} == {(x, y) for x in GRID["x"] for y in GRID["y"]}
    assert [trial.origin for trial in trials[:8]] == ["optuna"] * 6 + ["random"] * 2


def test_a_sampler_of_all_values_ends_with_the_space():
    searcher, history = OptunaSearcher(SIX, sampler=optuna.samplers.BruteForceSampler(seed=0)), RunHistory()
    for number in range(6):
        [trial] = searcher.suggest(history, 1)
        history.append(result(trial, number))
    assert searcher.suggest(history, 1) == []


def test_a_sequence_of_even_points_goes_on_where_it_has_ended():
    points = points_of(OptunaSearcher(SQUARE, sampler="qmc").suggest(RunHistory(), 22))
    (trial,) = OptunaSearcher(SQUARE, sampler="qmc").suggest(known(points), 1)
    assert trial.origin == "optuna"
    cells = np.floor(4 * points[1:17]) @ [1, 4]  # the first point is random, because no space is known
    assert len(set(cells)) > 13
    other = points_of(OptunaSearcher(SQUARE, seed=1, sampler="qmc").suggest(RunHistory(), 3))
    assert not np.isin(other, points).any()


def test_a_sequence_goes_on_from_the_number_of_its_last_point_without_asking_again(monkeypatch):
    asked = count_asked(monkeypatch)
    points = np.random.default_rng(0).random((60, 2))
    OptunaSearcher(SQUARE, sampler="qmc").suggest(known(points), 1)
    assert len(asked) <= 3


def test_several_suggestions_ask_for_the_known_trials_once(monkeypatch):
    asked = count_asked(monkeypatch)
    points = np.random.default_rng(0).random((20, 2))
    assert len(OptunaSearcher(SQUARE, sampler="nsga_ii").suggest(known(points), 8)) == 8
    assert len(asked) < 40


@pytest.mark.parametrize("wrap", [False, True], ids=["sampler", "wrapped"])
def test_points_of_a_sequence_are_the_same_one_by_one_and_together(wrap):
    def make():
        sampler = optuna.samplers.QMCSampler(seed=3, scramble=True)
        return optuna.samplers.PartialFixedSampler({}, sampler) if wrap else sampler

    together = points_of(OptunaSearcher(SQUARE, sampler=make()).suggest(known([(0.5, 0.5)]), 12))
    np.testing.assert_allclose(together, qmc.Sobol(2, seed=3, scramble=True).random(12))
    searcher, history, apart = OptunaSearcher(SQUARE, sampler=make()), known([(0.5, 0.5)]), []
    for number in range(12):
        apart += searcher.suggest(history, 1)
        history.start(apart[-1])
        if number % 2:  # the others go on running
            history.append(result(apart[-1], number))
    np.testing.assert_allclose(points_of(apart), together)


def count_asked(monkeypatch):
    """Return a list that gets an entry whenever a study is asked for a trial."""
    asked, ask = [], optuna.study.Study.ask
    monkeypatch.setattr(optuna.study.Study, "ask", lambda study: asked.append(study) or ask(study))
    return asked


class Watcher(optuna.samplers.RandomSampler):
    """A sampler that notes the trials of each study."""

    def __init__(self):
        super().__init__(seed=0)
        self.seen = []

    def before_trial(self, study, trial):
        self.seen.append(study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE]))


def test_the_descriptions_of_known_trials_are_made_once():
    watcher, history = Watcher(), RunHistory()
    searcher = OptunaSearcher(SPACE, sampler=watcher)
    for number in range(6):
        [trial] = searcher.suggest(history, 1)
        history.append(result(trial, number))
    earlier, later = watcher.seen[-2:]
    assert len(later) >= len(earlier) >= 3
    for old, new in zip(earlier, later, strict=False):
        assert old is not new
        assert all(new.distributions[name] is known for name, known in old.distributions.items())
