"""The loop chooses a trial as late as it can, so that it knows the results of the trials before it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

import pytest

from automl.search.budget import Budget
from automl.search.forecast import RuntimeModel
from automl.search.loop import search
from automl.search.racing import Racing
from automl.search.trial_limits import Limits
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.component import TableTraits
from pipelines.configuration import Configuration

TRAITS = TableTraits("binary", 100_000, 10, 2)


class TimedExecutor:
    """Two workers that wait for a given time in place of a training."""

    n_workers, memory_limit, fleet_size = 2, None, 1

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.slots = threading.Semaphore(self.n_workers)

    def submit(self, trials, time_limit):
        future: Future[list[TrialResult]] = Future()
        threading.Thread(target=self._run, args=(trials[0], future), daemon=True).start()
        return future

    def _run(self, trial, future):
        with self.slots:
            time.sleep(self.seconds)
        fold = FoldResult(0.5, self.seconds, 0.0)
        future.set_result([TrialResult(trial, Status.OK, dict.fromkeys(trial.folds, fold), self.seconds)])


class Numbered:
    """A searcher with an endless supply of configurations, which notes what was known at each request."""

    def __init__(self):
        self.n_known: list[int] = []

    def suggest(self, history, n):
        self.n_known.append(len(history.results))
        return [Trial(Configuration({"model": "lightgbm", "number": len(history.tried) + i})) for i in range(n)]


@pytest.mark.alone
@pytest.mark.parametrize(("predicted", "ahead"), [(1.5, 0), (0.3, 1)])
def test_a_trial_is_chosen_ahead_only_if_a_worker_is_free_soon(monkeypatch, predicted, ahead):
    monkeypatch.setattr(RuntimeModel, "predict", lambda *known: predicted)
    searcher, executor, history = Numbered(), TimedExecutor(0.3), RunHistory()
    budget = Budget(1.2)
    racing = Racing(searcher, 8, TRAITS.n_rows, RuntimeModel(TRAITS, 0.8), budget, n_workers=2)
    monkeypatch.setattr(racing._limits, "seconds", lambda trials: 20.0)
    search(racing, executor, history, budget, lambda result: None)
    assert len(history.results) >= 4
    early = sum(known == 0 for known in searcher.n_known)  # trials that were chosen without any result
    assert early == 2 + ahead


class InstantExecutor(TimedExecutor):
    """Workers whose trials end at once."""

    def submit(self, trials, time_limit):
        future: Future[list[TrialResult]] = Future()
        self._run(trials[0], future)
        return future


class SlowFirst:
    """A searcher that proposes some slow configurations before fast ones."""

    def __init__(self, n_slow: int):
        self.n_slow = n_slow

    def suggest(self, history, n):
        numbers = [len(history.tried) + i for i in range(n)]
        families = ["lda" if number < self.n_slow else "decision_tree" for number in numbers]
        pairs = zip(families, numbers, strict=True)
        return [Trial(Configuration({"model": family, "number": number})) for family, number in pairs]


def families_of_search(monkeypatch, n_slow, is_stopped=lambda history: False):
    """Return the model families of the proposals that were not started, and of those that ran; 2 may run."""
    monkeypatch.setattr(RuntimeModel, "predict_least", lambda self, c, history: 9.0 if c.family == "lda" else 0.01)
    budget, history = Budget(None, max_trials=2), RunHistory()
    runtime, limits = RuntimeModel(TRAITS, 0.8), Limits(seconds=1.0)
    racing = Racing(SlowFirst(n_slow), 1, TRAITS.n_rows, runtime, budget, n_workers=2, limits=limits)
    search(racing, InstantExecutor(0.0), history, budget, lambda result: None, is_stopped=lambda: is_stopped(history))
    return tuple([r.trial.configuration.family for r in history if r.started == started] for started in (False, True))


@pytest.mark.parametrize("n_slow", [4, 20, 150])
def test_an_idle_search_asks_on_while_proposals_are_too_slow(monkeypatch, n_slow):
    not_started, ran = families_of_search(monkeypatch, n_slow)
    assert not_started == ["lda"] * n_slow
    assert ran == ["decision_tree"] * 2


def test_a_search_ends_where_all_proposals_are_too_slow(monkeypatch):
    not_started, ran = families_of_search(monkeypatch, 10**9)
    assert ran == []
    assert 100 < len(not_started) < 500


def test_a_search_that_cannot_start_its_proposals_can_be_stopped(monkeypatch):
    not_started, _ = families_of_search(monkeypatch, 10**9, lambda history: len(history) > 9)
    assert len(not_started) == 10
