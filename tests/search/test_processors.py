"""The budget in processor seconds."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sklearn.datasets import load_wine

from automl import AutoMLClassifier
from automl.search.budget import Budget
from automl.search.processors import ProcessorBudget
from automl.trials.trial import Status, Trial, TrialResult
from pipelines.configuration import Configuration

SMALL = {"include": ["lda", "decision_tree"], "n_jobs": 1, "random_state": 0, "verbose": 0, "time_budget": None}


def trial(number):
    return Trial(Configuration({"model": "ridge", "model:ridge:alpha": float(number)}))


def ended(number, seconds, processor_seconds):
    return TrialResult(trial(number), Status.OK, {}, seconds, processor_seconds=processor_seconds)


def test_the_search_plans_with_busy_workers():
    processors = ProcessorBudget(60.0, n_workers=4)
    assert Budget(None, processors=processors).planned_seconds == 15.0
    assert Budget(5.0, processors=processors).planned_seconds == 5.0
    assert Budget(None).planned_seconds is None


def test_running_trials_count_with_the_clock(monkeypatch):
    monkeypatch.setattr("automl.search.processors.time", SimpleNamespace(monotonic=lambda: now))
    processors, now = ProcessorBudget(60.0), 100.0
    processors.begin([trial(0)])
    now = 105.0
    assert processors.seconds_left == 55.0
    processors.end([ended(0, 20.0, 10.0)])
    assert processors.spent == 10.0
    assert processors.seconds_left == 100.0  # the worker had half a processor


def test_a_trial_that_was_not_measured_counts_with_its_seconds():
    processors = ProcessorBudget(60.0)
    processors.end([ended(0, 20.0, None)])
    assert processors.share == pytest.approx(1 / 3)


def test_the_share_of_a_session_is_that_of_the_seconds_which_earlier_sessions_have_left():
    processors = ProcessorBudget(660.0)
    processors.resume([ended(0, 600.0, 600.0)])
    processors.end([ended(1, 6.0, 6.0)])
    assert processors.share == pytest.approx(606 / 660)
    assert Budget(None, processors=processors).session_fraction_used == pytest.approx(0.1)


@pytest.mark.slow
def test_a_search_ends_when_the_processor_seconds_are_spent_and_a_resumed_one_counts_earlier_sessions(tmp_path):
    X, y = load_wine(return_X_y=True)
    clf = AutoMLClassifier(max_processor_seconds=2.0, store=tmp_path / "run", **SMALL).fit(X, y)
    used = sum(result.processor_seconds for result in clf.history_ if result.started)
    assert clf.stop_reason_ == "max_processor_seconds spent"
    assert 1.6 < used < 2.4
    n_trials = len(clf.history_)
    again = AutoMLClassifier(max_processor_seconds=2.0, store=tmp_path / "run", **SMALL).fit(X, y)
    assert len(again.history_) <= n_trials + 2
    assert len(again.more(max_processor_seconds=1.0).history_) > n_trials


def test_a_run_whose_processor_seconds_are_spent_is_resumed_with_the_models_that_it_has(tmp_path):
    X, y = load_wine(return_X_y=True)
    settings = SMALL | {"store": tmp_path / "run"}
    n_trials = len(AutoMLClassifier(max_trials=2, **settings).fit(X, y).history_)
    again = AutoMLClassifier(max_processor_seconds=1e-6, **settings).fit(X, y)  # less than any trial has used
    assert again.stop_reason_ == "max_processor_seconds spent"
    assert len(again.history_) == n_trials
