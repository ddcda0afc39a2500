"""The adapter of Optuna's samplers: its caches change no suggestion."""

from __future__ import annotations

import pytest

from automl.search.optuna_sampler import OptunaSearcher, to_distribution
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
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
