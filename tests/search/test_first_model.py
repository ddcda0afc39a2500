"""A search that the user ends among its cheap trials leaves a model."""

from __future__ import annotations

import logging
from unittest.mock import Mock

import numpy as np
import pytest
from sklearn.datasets import load_digits

from automl import AutoMLClassifier
from automl.search.budget import Budget
from automl.search.first_model import train_first_model
from automl.testing import tree
from automl.trials.history import RunHistory
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import Status, Trial, TrialResult

X, Y = load_digits(return_X_y=True)
SETTINGS = {
    "searcher": "hyperband",
    "time_budget": None,
    "max_trials": 11,
    "n_jobs": 1,
    "random_state": 0,
    "include": ["lda", "gaussian_nb"],
    "initial_configurations": "default",
    "verbose": 0,
}


def interrupt(result, history):
    raise KeyboardInterrupt


def stop(result, history):
    raise StopIteration


@pytest.mark.parametrize(
    ("callback", "reason"),
    [(interrupt, "interrupted"), pytest.param(stop, "a callback stopped it", marks=pytest.mark.slow)],
)
def test_a_search_ended_before_its_first_model_trains_one(callback, reason, caplog):
    first = []

    def once(result, history):
        first.append(result)
        if len(first) == 1:
            callback(result, history)

    with caplog.at_level(logging.WARNING):
        clf = AutoMLClassifier(**SETTINGS, callbacks=[once]).fit(X, Y)
    assert first[0].trial.fidelity < 1
    assert [result.trial.folds for result in clf.history_ if result.trial.fidelity == 1] == [(0,)]
    assert clf.stop_reason_ == reason
    assert np.mean(clf.predict(X) == Y) > 0.8
    assert "has ended before its first model" in caplog.text


def test_a_callback_that_stops_every_search_does_not_prevent_the_second_attempt():
    attempts = [Trial(tree(depth)) for depth in (1, 2)]
    rest, seen = iter([*attempts, None]), []

    def look(result):
        seen.append(result.trial)
        raise StopIteration

    racing = Mock(first_model=lambda history: next(rest), time_limit=lambda trials: None)
    executor = Mock(submit=lambda trials, limit: Mock(result=lambda: [TrialResult(trials[0], Status.CRASH, {}, 1.0)]))
    train_first_model(racing, RunHistory(), Budget(None), lambda: executor, look)
    assert seen == attempts


@pytest.mark.slow
def test_a_program_can_stop_a_search_before_its_first_model(tmp_path):
    def request(result, history):
        if len(history) == 1:
            RunDirectory(tmp_path).request_stop()

    clf = AutoMLClassifier(**SETTINGS, store=tmp_path, callbacks=[request]).fit(X, Y)
    assert clf.stop_reason_ == "stopped by automl stop"
    assert clf.history_.results[-1].trial.fidelity == 1
    assert sum(result.trial.fidelity == 1 for result in clf.history_) == 1
