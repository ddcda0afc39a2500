"""Members that cannot be trained on all rows keep their fold models."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future

import pytest

from automl.ensemble.selection import FoldBag
from automl.errors import NoWorkersError
from automl.execute.evaluate import evaluate
from automl.refit.members import FitFacts, replace_models, train_at_last, train_in_time, train_on_all_rows
from automl.task.task import ALL_ROWS
from automl.trials.artifacts import Artifacts
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from automl.trials.trial import Status, Trial, TrialResult
from pipelines.configuration import Configuration
from pipelines.models.decision_tree import WeightedTreeClassifier
from tests.factories import make_task, tree


class Executor:
    """Trains at once, except the configurations that hang, fail or lose their worker."""

    n_workers, memory_limit, fleet_size = 1, None, 1

    def __init__(self, task, artifacts, hanging=(), failing=(), lost=()):
        self.task, self.artifacts = task, artifacts
        self.hanging, self.failing, self.lost = hanging, failing, lost
        self.limits = {}

    def submit(self, trials, time_limit):
        future = Future()
        configuration = trials[0].configuration
        self.limits[configuration] = time_limit
        if configuration in self.lost:
            future.set_exception(NoWorkersError("all workers died"))
        elif configuration in self.failing:
            future.set_result([TrialResult(trials[0], Status.TIMEOUT, {}, 1.0, reason="took more than 1.0 s")])
        elif configuration not in self.hanging:
            future.set_result(evaluate(self.task, trials, self.artifacts, 1, "cpu", time_limit))
        return future


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(tmp_path)


def test_a_failure_leaves_the_fold_models_and_is_logged(artifacts, caplog):
    good, late, lost = tree(2), tree(3), tree(4)
    executor = Executor(make_task(), artifacts, failing=[late], lost=[lost])
    facts = FitFacts(None, 0.1)
    models, failed = train_on_all_rows(dict.fromkeys((good, late, lost), facts), executor, artifacts, 0)
    assert list(models) == [good]
    assert failed == {late: "timeout: took more than 1.0 s", lost: "crash: all workers died"}
    bags = [FoldBag(c, 1 / 3, ["fold 0", "fold 1"]) for c in (good, late, lost)]
    with caplog.at_level(logging.WARNING):
        replaced = replace_models(bags, models, failed)
    assert [len(bag.models) for bag in replaced] == [1, 2, 2]
    assert f"decision_tree {late.id} keeps the models of its folds" in caplog.text


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_model_that_its_limit_has_cut_counts_only_where_those_of_the_folds_were_cut(artifacts, monkeypatch, is_cut):
    monkeypatch.setattr(WeightedTreeClassifier, "cut_", True, raising=False)
    facts = {tree(2): FitFacts(None, 1.0, is_cut=is_cut)}
    models = train_in_time(facts, Executor(make_task(), artifacts), artifacts, 0, float("inf"))
    assert bool(models) is is_cut


def test_a_later_session_trains_a_member_again_whose_training_its_limit_has_cut(artifacts, monkeypatch):
    task, bags = make_task(), [FoldBag(tree(2), 1.0, ["the newest fold"])]
    history = RunHistory(evaluate(task, [Trial(tree(2), (0, 1))], artifacts, 1, "cpu", None))
    trials = FinishedTrials(history, artifacts, task, 0)
    executor, trained = Executor(task, artifacts), []
    for is_cut, seconds in ((True, 60.0), (True, 60.0), (False, -1.0), (False, 60.0)):
        monkeypatch.setattr(WeightedTreeClassifier, "cut_", is_cut, raising=False)
        executor.limits.clear()
        models, failed = train_at_last(trials, bags, executor, time.monotonic() + seconds)
        assert list(models) == [tree(2)]
        assert not failed
        trained.append(bool(executor.limits))
    assert trained == [True, True, False, True]  # without time for a whole training, the cut model predicts


def test_a_model_that_is_cut_again_leaves_no_files_beside_the_models_of_the_folds(artifacts, monkeypatch):
    monkeypatch.setattr(WeightedTreeClassifier, "cut_", True, raising=False)
    assert not train_in_time({tree(2): FitFacts(None, 1.0)}, Executor(make_task(), artifacts), artifacts, 0, 1e9)
    assert not artifacts.has_fold(tree(2), ALL_ROWS)


def test_a_deadline_ends_the_wait_for_a_training(artifacts):
    task, slow = make_task(), tree(3)
    trial = Trial(slow, tuple(range(3)))
    history = RunHistory(evaluate(task, [trial], artifacts, 1, "cpu", None))
    bags = [FoldBag(slow, 1.0, ["the newest fold"])]
    started = time.monotonic()
    executor = Executor(task, artifacts, hanging=[slow])
    models, failed = train_at_last(FinishedTrials(history, artifacts, task, 0), bags, executor, started + 0.2)
    assert (models, list(failed)) == ({}, [slow])
    assert time.monotonic() - started < 30


def test_a_model_of_all_rows_has_no_loss(artifacts):
    task = make_task()
    result = evaluate(task, [Trial(tree(), (ALL_ROWS,))], artifacts, 1, "cpu", None)[0]
    assert result.status is Status.OK
    assert result.folds[ALL_ROWS].loss != result.folds[ALL_ROWS].loss
    assert artifacts.model(tree(), ALL_ROWS).predict(task.X).shape == task.y.shape


def test_models_that_stop_by_themselves_get_little_more_time_than_expected():
    forest, ridge = Configuration({"model": "extra_trees"}), Configuration({"model": "ridge"})
    assert FitFacts(None, 30.0).limit(forest) == 62.0
    assert FitFacts(None, 30.0).limit(ridge) == 300.0
    assert FitFacts(None, 0.1).limit(ridge) == 60.0
    assert FitFacts(100, 0.1).limit(Configuration({"model": "lightgbm"})) == 60.0
