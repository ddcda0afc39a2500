"""Tests of scikit-learn's callbacks: each trial of a search is a task."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from automl import AutoMLClassifier, load
from automl.errors import InvalidInputError
from tests.factories import FAST

X, Y = load_iris(return_X_y=True)
SMALL = FAST | {"include": ["decision_tree"], "max_trials": 3, "cv": 2}


class Record:
    """A callback that keeps what it is called with, and ends the search after a number of trials."""

    def __init__(self, last=None):
        self.last = last
        self.events = []
        self.fitted = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.events.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        self.events.append(("end", context.task_name, context.task_id))
        self.fitted.append(fitted_estimator)
        self.data = X, y, metadata
        return context.parent is not None and context.task_id == self.last


@pytest.fixture(scope="module")
def watched():
    record, monitor = Record(), ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    clf = AutoMLClassifier(**SMALL).set_callbacks(record, monitor)
    return clf.fit(X, Y, sample_weight=np.ones(len(Y))), record, monitor


def test_each_trial_is_a_task_inside_the_task_of_the_fit(watched):
    clf, record, _ = watched
    n_trials = len(clf.history_.results)
    trials = [event for number in range(n_trials) for event in (("begin", "trial", number), ("end", "trial", number))]
    assert record.events == ["setup", ("begin", "fit", 0), *trials, ("end", "fit", 0), "teardown"]


def test_a_task_gets_the_data_and_an_estimator_that_predicts_as_if_the_search_had_ended(watched):
    clf, record, _ = watched
    for fitted in record.fitted:
        check_is_fitted(fitted)
        assert fitted is not clf
        assert fitted.predict_proba(X).shape == (len(X), 3)
        assert len(fitted.leaderboard_)
    assert (record.fitted[-1].predict(X) == clf.predict(X)).all()
    given, y, metadata = record.data
    assert given is X
    assert y is Y
    assert metadata["sample_weight"].sum() == len(Y)


def test_the_estimators_of_a_second_fit_have_nothing_of_the_first_one():
    clf = AutoMLClassifier(**SMALL | {"max_trials": 1}).fit(X, Y).refit(X, Y)
    clf.warn_of_drift = True
    record, rows = Record(), slice(None, None, 2)
    clf.set_callbacks(record).fit(X[rows], Y[rows])
    seen = record.fitted[0]
    assert set(vars(seen)) <= set(vars(clf)) | {"_callback_fit_ctx", "_skl_callbacks_to_teardown"}
    assert seen.warn_of_drift
    assert not hasattr(seen, "refit_report_")
    with pytest.raises(InvalidInputError, match="the training rows are not there"):
        seen.refit()
    with pytest.raises(AttributeError, match="the search goes on; use the estimator of its end"):
        _ = seen.frontier_


def test_the_scoring_monitor_has_scores_of_each_trial(watched):
    clf, _, monitor = watched
    log = monitor.get_logs().data_as_pandas
    assert (log["task_name"] == "trial").sum() == len(clf.history_.results)
    assert log[["accuracy", "neg_log_loss"]].notna().all(axis=None)


@pytest.mark.slow
def test_a_fitted_estimator_with_callbacks_is_copied_and_saved(watched, tmp_path):
    clf, _, _ = watched
    clf.set_callbacks(Record())
    assert (pickle.loads(pickle.dumps(clf)).predict(X) == clf.predict(X)).all()
    clf._skl_callbacks[0].unpicklable = lambda: None
    clf.save(tmp_path / "model")
    assert not hasattr(load(tmp_path / "model"), "_skl_callbacks")


@pytest.mark.slow
def test_a_callback_saves_the_model_at_the_end_of_the_fit_and_reads_the_history_after_each_trial(tmp_path):
    class Saving(Record):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "trial":
                self.events.append(len(context.history))
            else:
                estimator.save(tmp_path / "model")

    record = Saving()
    clf = AutoMLClassifier(**SMALL).set_callbacks(record).fit(X, Y)
    assert (load(tmp_path / "model").predict(X) == clf.predict(X)).all()
    assert [event for event in record.events if isinstance(event, int)] == list(range(1, len(clf.history_) + 1))


def test_a_true_value_at_the_end_of_a_task_ends_the_search():
    record = Record(last=1)
    clf = AutoMLClassifier(**SMALL).set_callbacks(record).fit(X, Y)
    assert clf.stop_reason_ == "a callback stopped it"
    assert len(clf.history_.results) == 2
    assert record.events[-2:] == [("end", "fit", 0), "teardown"]


def test_an_error_of_a_callback_ends_the_fit_and_is_followed_by_the_teardown():
    class Failing(Record):
        def on_fit_task_end(self, estimator, context):
            raise OSError("no space left for the log")

    record = Failing()
    with pytest.raises(OSError, match="no space left for the log"):
        AutoMLClassifier(**SMALL).set_callbacks(record).fit(X, Y)
    assert record.events[-1] == "teardown"


def test_a_progress_bar_of_a_search_around_it_shows_its_trials(capsys):
    search = GridSearchCV(
        make_pipeline(StandardScaler(), AutoMLClassifier(**SMALL | {"max_trials": 1})),
        {"automlclassifier__ensemble_size": [1]},
        cv=2,
    )
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, Y)
    shown = capsys.readouterr().out
    assert "AutoMLClassifier - fit" in shown
    assert "100%" in shown
