"""Tests of the guard: search and ensemble never use the holdout rows, and diverging scores warn or end the search."""

from __future__ import annotations

import logging
import weakref

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLClassifier, AutoMLRegressor, Guard
from automl.errors import InvalidInputError
from automl.execute.evaluate import evaluate
from automl.guard import GuardMonitor, make_guard
from automl.task.holdout import choose_holdout, split_holdout
from automl.task.prepare import TrainingData, prepare
from automl.task.settings import TaskSettings
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.quantiles import pinball_loss
from tests.factories import FAST, make_task, tree


def test_the_holdout_has_its_share_of_each_class():
    y = np.repeat([0, 1], [900, 100])
    holdout = choose_holdout(y, True, 0.1, None, 0)
    assert (holdout[:900].sum(), holdout[900:].sum()) == (90, 10)


def test_a_group_is_in_the_holdout_as_a_whole_or_not_at_all():
    groups = np.arange(200) // 5
    holdout = choose_holdout(np.arange(200) % 2, True, 0.1, groups, 0)
    assert 10 <= holdout.sum() <= 30
    assert all(holdout[groups == g].all() or not holdout[groups == g].any() for g in groups)


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_the_search_gets_a_task_without_the_holdout_rows(kind):
    task = make_task(kind)
    holdout = choose_holdout(task.y, kind == "binary", 0.1, None, 0)
    rest = split_holdout(task, holdout)
    assert rest.traits.n_rows == len(rest.y) == len(rest.X) == (~holdout).sum()
    assert rest.holdout is not None
    assert np.array_equal(rest.holdout.X, task.X[holdout])
    scored = np.concatenate([test for _, test in rest.folds])
    assert sorted(scored) == list(range(len(rest.y)))
    # A fold of the new task has the cells of the same fold of the whole table, without the holdout rows.
    train = task.folds[1][0]
    assert np.array_equal(rest.X[rest.folds[1][0]], task.X[train[~holdout[train]]])


def test_an_opened_task_has_its_holdout_rows(tmp_path):
    task = make_task()
    task = split_holdout(task, choose_holdout(task.y, True, 0.1, None, 0))
    task.save(tmp_path)
    again = Task.open(tmp_path)
    assert again.holdout is not None
    assert np.array_equal(again.holdout.X, task.holdout.X)
    assert np.array_equal(again.holdout.y, task.holdout.y)


@pytest.mark.parametrize("share", [0.02, 0.026, 0.03, 0.04, 0.05, 0.15, 0.3, 0.4, 0.5])
@pytest.mark.parametrize("grouped", [False, True])
def test_the_holdout_has_the_requested_share_of_the_rows(share, grouped):
    y = np.arange(600) % 3
    groups = np.repeat(np.arange(200), 3) if grouped else None
    assert choose_holdout(y, True, share, groups, 0).mean() == pytest.approx(share, abs=0.006)


@pytest.mark.parametrize("folds", [iter, list, None])
def test_the_holdout_of_forward_chaining_folds_holds_the_newest_rows(folds):
    X, y = load_diabetes(return_X_y=True)
    cv = TimeSeriesSplit(4)
    cv = cv if folds is None else folds(list(cv.split(X)))
    found = prepare(TrainingData(_as_frame(X), y), TaskSettings(cv=cv), classification=False, holdout_share=0.1)
    assert found.task.in_time_order
    assert list(found.positions) == list(range(398))  # of 442 rows
    newest = [397, 318, 239, 160] if folds is None else [397, 353, 265, 177]  # a splitter never sees the holdout rows
    assert [int(test.max()) for _, test in found.task.folds] == newest


@pytest.mark.parametrize("cv", [TimeSeriesSplit(10), TimeSeriesSplit(5, test_size=20), TimeSeriesSplit(5, gap=3)])
def test_a_splitter_in_the_order_of_time_makes_whole_folds_beside_a_guard(cv):
    y = np.random.default_rng(0).normal(size=1000)
    found = prepare(TrainingData(y[:, None], y), TaskSettings(cv=cv), classification=False, holdout_share=0.1)
    expected = list(cv.split(np.zeros(900)))[::-1]
    for (train, test), (own_train, own_test) in zip(expected, found.task.folds, strict=True):
        assert np.array_equal(train, own_train)
        assert np.array_equal(test, own_test)


class RowsOfOneTable:
    """A splitter whose rows are those of one table, as numbers, as masks, or looked up in the table."""

    def __init__(self, kind, pairs):
        self.kind, self.pairs = kind, pairs

    def split(self, X, y=None, groups=None):
        numbers = np.arange(X.shape[0] if self.kind == "looked up" else 60)
        for pair in self.pairs:
            yield tuple(np.isin(numbers, rows) if self.kind == "masks" else numbers[rows] for rows in pair)

    def get_n_splits(self, X=None, y=None, groups=None):
        return len(self.pairs)


@pytest.mark.parametrize("kind", ["numbers", "masks", "looked up"])
def test_fixed_rows_of_a_splitter_in_the_order_of_time_stay_the_same_beside_a_guard(kind):
    y = np.random.default_rng(0).normal(size=60)
    pairs = [(np.arange(20), np.arange(20, 40)), (np.arange(40), np.arange(40, 60))]
    cv = RowsOfOneTable(kind, pairs)
    found = prepare(TrainingData(y[:, None], y), TaskSettings(cv=cv), classification=False, holdout_share=0.1)
    assert list(found.positions) == list(range(54))
    folds = found.task.folds
    assert [(len(train), list(test)) for train, test in folds] == [(40, [*range(40, 54)]), (20, [*range(20, 40)])]


def test_fixed_rows_of_a_splitter_stay_the_same_where_other_rows_follow_those_of_the_guard():
    y = np.random.default_rng(0).normal(size=60)
    groups = np.arange(60)
    groups[45:] = [45, 45, 45, 45, 46, 46, 46, 45, 45, 45, 46, 46, 46, 45, 45]
    cv = RowsOfOneTable("numbers", [(np.arange(20), np.arange(20, 40)), (np.arange(45), np.arange(45, 53))])
    data = TrainingData(y[:, None], y, groups=groups)
    found = prepare(data, TaskSettings(cv=cv), classification=False, holdout_share=0.1)
    assert sorted(set(range(60)) - set(found.positions)) == [49, 50, 51, 55, 56, 57]  # the group of the newest rows
    assert [*found.positions[found.task.folds[0][1]]] == [45, 46, 47, 48, 52]


def test_a_guard_that_takes_a_fold_of_fixed_rows_is_refused():
    y = np.random.default_rng(0).normal(size=60)
    cv = RowsOfOneTable("numbers", [(np.arange(20), np.arange(20, 40)), (np.arange(40), np.arange(58, 60))])
    with pytest.raises(InvalidInputError, match="guard takes all training rows or all scored rows of a fold"):
        prepare(TrainingData(y[:, None], y), TaskSettings(cv=cv), classification=False, holdout_share=0.1)


def test_the_holdout_of_forward_chaining_folds_holds_whole_groups():
    y = np.random.default_rng(0).normal(size=60)
    data = TrainingData(y[:, None], y, groups=np.arange(60) // 5)
    cv = [(np.arange(n), np.arange(n, n + 20)) for n in (20, 40)]
    found = prepare(data, TaskSettings(cv=cv), classification=False, holdout_share=0.1)
    assert list(found.positions) == list(range(55))


def test_a_guard_that_takes_all_scored_rows_of_forward_chaining_folds_is_refused():
    X, y = load_diabetes(return_X_y=True)
    settings = TaskSettings(cv=list(TimeSeriesSplit(20).split(X)))
    with pytest.raises(InvalidInputError, match=r"guard takes .* all scored rows of a fold; use a smaller share"):
        prepare(TrainingData(X, y), settings, classification=False, holdout_share=0.1)


@pytest.mark.parametrize("given", [0, 0.6, -0.1, "often", True, Guard(2.0)])
def test_an_impossible_share_is_refused(given):
    with pytest.raises(InvalidInputError, match="guard"):
        make_guard(given)


def test_a_share_that_needs_more_rows_is_refused():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(InvalidInputError, match=r"guard=0\.05 needs at least 40 rows"):
        AutoMLRegressor(**FAST, guard=0.05).fit(X[:30], y[:30])


def _as_frame(X):
    return pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])


@pytest.mark.parametrize("form", [pytest.param(np.asarray, marks=pytest.mark.slow), _as_frame, sparse.coo_matrix])
def test_the_curve_has_a_row_for_each_update_and_for_the_ensemble(form):
    X, y = load_breast_cancer(return_X_y=True)
    clf = AutoMLClassifier(**FAST, guard=0.1).fit(form(X), y)
    curve = clf.guard_curve_
    assert list(curve.columns) == ["seconds", "work", "free", "parted"]
    assert len(curve) >= 2
    assert curve["seconds"].is_monotonic_increasing
    assert curve[["work", "free"]].to_numpy().min() > 0.7
    assert clf.predict_proba(form(X)).shape == (len(y), 2)


def test_the_last_free_score_is_the_score_of_the_ensemble_on_the_holdout_rows():
    X, y = load_diabetes(return_X_y=True)
    reg = AutoMLRegressor(**FAST, guard=0.1).fit(X, y)
    holdout = choose_holdout(y, False, 0.1, None, 0)
    rmse = np.sqrt(np.mean((reg.predict(X[holdout]) - y[holdout]) ** 2))
    assert reg.guard_curve_["free"].iloc[-1] == pytest.approx(-rmse, rel=1e-3)
    assert reg.guard_curve_["work"].iloc[-1] != pytest.approx(-rmse, rel=1e-3)


def test_the_last_free_score_of_quantiles_is_that_of_the_calibrated_ensemble():
    X, y = load_diabetes(return_X_y=True)
    reg = AutoMLRegressor(**FAST | {"max_trials": 1}, guard=0.1, quantiles=(0.1, 0.5, 0.9)).fit(X, y)
    holdout = choose_holdout(y, False, 0.1, None, 0)
    loss = pinball_loss(y[holdout], reg.predict_quantiles(X[holdout]), (0.1, 0.5, 0.9))
    assert reg._ensemble.quantile_shift is not None
    assert reg.guard_curve_["free"].iloc[-1] == pytest.approx(-loss, rel=1e-4)


def test_without_a_guard_there_is_no_curve():
    X, y = load_breast_cancer(return_X_y=True)
    clf = AutoMLClassifier(**FAST | {"max_trials": 1}).fit(X, y)
    assert not hasattr(clf, "guard_curve_")


def _monitored(folder, stop=False, second=0.2):
    """Return the monitor of a run of two trees; the second tree has the better work score.

    The first tree is right on the holdout rows. `second` sets how right the second tree is; it is wrong if negative.
    """
    task = make_task()
    task = split_holdout(task, choose_holdout(task.y, True, 0.2, None, 0))
    artifacts = Artifacts(folder)
    monitor = GuardMonitor(Guard(0.2, stop), task, artifacts, 0)
    history = RunHistory()
    truth = np.eye(2)[task.holdout.y]
    for depth, loss, predictions in ((1, -0.9, 0.1 + 0.8 * truth), (2, -0.95, 0.5 + second * (truth - 0.5))):
        np.save(artifacts.holdout_path(tree(depth), 0), predictions.astype(np.float32))
        history.append(TrialResult(Trial(tree(depth)), Status.OK, {0: FoldResult(loss, 0.1, 0.1)}, 0.1))
        monitor.update(history, float(depth))
    return monitor


def test_diverging_scores_are_logged_and_can_end_the_search(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="automl"):
        monitor = _monitored(tmp_path, stop=True, second=-0.2)
    assert monitor.curve["parted"].tolist() == [False, True]
    assert monitor.stops
    assert "work score and free score diverge after 2 s" in caplog.text


def test_a_guard_without_stop_does_not_end_the_search(tmp_path):
    monitor = _monitored(tmp_path, stop=False, second=-0.2)
    assert monitor.curve["parted"].any()
    assert not monitor.stops


def test_a_free_score_that_is_not_worse_does_not_end_the_search(tmp_path):
    assert not _monitored(tmp_path, stop=True, second=0.9).stops


def test_the_monitor_keeps_the_predictions_of_a_single_point(tmp_path, monkeypatch):
    made = []

    def noted(self, *of):
        made.append(weakref.ref(found := mean(self, *of)))
        return found

    mean = GuardMonitor._mean_on_holdout_rows
    monkeypatch.setattr(GuardMonitor, "_mean_on_holdout_rows", noted)
    monitor = _monitored(tmp_path, second=0.9)
    assert len(monitor.curve) == len(made) == 2
    assert sum(known() is not None for known in made) == 1


def test_a_run_ends_when_the_guard_stops_it(monkeypatch):
    monkeypatch.setattr(GuardMonitor, "_diverges_at", lambda self, *point: len(self._points) == 1)
    X, y = load_breast_cancer(return_X_y=True)
    clf = AutoMLClassifier(**FAST | {"max_trials": 30}, guard=Guard(0.1, stop=True)).fit(X, y)
    assert clf.stop_reason_ == "work score and free score diverge"
    assert len(clf.leaderboard_) < 30


def test_a_worker_predicts_the_holdout_rows_with_each_fold_model(tmp_path):
    task = make_task()
    task = split_holdout(task, choose_holdout(task.y, True, 0.1, None, 0))
    artifacts = Artifacts(tmp_path)
    (result,) = evaluate(task, [Trial(tree(), (0, 2))], artifacts, 1, "cpu", None)
    assert result.status is Status.OK
    for fold in (0, 2):
        p = artifacts.holdout_predictions(tree(), fold)
        assert p.shape == (len(task.holdout.y), 2)
        assert np.mean(p.argmax(axis=1) == task.holdout.y) > 0.8


@pytest.mark.slow
def test_a_resumed_run_keeps_its_guard(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    AutoMLClassifier(**FAST | {"max_trials": 2}, guard=0.1, store=tmp_path).fit(X, y)
    clf = clone(AutoMLClassifier(**FAST, guard=Guard(0.1), store=tmp_path)).fit(X, y)
    assert len(clf.leaderboard_) == 4
    assert clf.guard_curve_["free"].iloc[-1] > 0.9


@pytest.mark.parametrize("case", ["weight", "class"])
def test_newest_rows_that_cannot_be_scored_are_refused(case):
    n = 200
    X = pd.DataFrame({"a": np.random.default_rng(0).normal(size=n), "day": np.arange(n)})
    y = np.where((X["a"] > 0) & ((X["day"] < 170) | (case == "weight")), 1, 0)
    weights = np.where(X["day"] < 170, 1.0, 0.0) if case == "weight" else None
    clf = AutoMLClassifier(**FAST, scoring="roc_auc", guard=0.1)
    with pytest.raises(InvalidInputError, match=r"guard: the newest rows cannot score a model: .*larger share"):
        clf.fit(X, y, weights, time="day")
