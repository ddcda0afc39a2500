"""Tests of the method `more`, which continues a search in its run directory."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import fbeta_score, make_scorer

import automl
from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError
from automl.report.collect import collect
from automl.report.reproduce import make_reproduce_section
from meta_db.files import lock_file
from tests.factories import FAST

N = 120
RNG = np.random.default_rng(0)
X = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.normal(size=N), "day": RNG.permutation(N)})
Y = X["a"] + 0.1 * RNG.normal(size=N)
LABELS = np.where(Y > 0, "yes", "no")
SETTINGS = FAST | {"include": ["decision_tree", "ridge"], "max_trials": 1}
LARGER = SETTINGS | {"max_trials": 3}
STEADY = ["family", "score", "std", "folds", "weight", "id"]


def own_score(y_true, y_pred):
    return fbeta_score(y_true, y_pred, beta=2, pos_label="no")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return AutoMLRegressor(**SETTINGS, store=tmp_path_factory.mktemp("runs") / "run").fit(X, Y)


def check_equal(first, second):
    assert first.leaderboard_[STEADY].equals(second.leaderboard_[STEADY])
    assert [r.trial for r in first.history_.results] == [r.trial for r in second.history_.results]
    np.testing.assert_array_equal(first.predict(X), second.predict(X))
    assert first.stop_reason_ == second.stop_reason_ == "max_trials reached"
    assert first.estimate_ == second.estimate_
    assert first.n_splits_ == second.n_splits_


CASES = {
    "plain": (AutoMLRegressor, Y, {}, {}),
    "guard and several metrics": (
        AutoMLClassifier,
        LABELS,
        {"guard": 0.2, "positive_label": "no", "scoring": {"own": make_scorer(own_score), "auc": "roc_auc"}},
        {},
    ),
    "time": (AutoMLRegressor, Y, {}, {"time": "day", "gap": 2}),
    "validation rows": (AutoMLRegressor, Y, {"cv": None}, {"X_val": X.iloc[:40], "y_val": Y[:40]}),
    "several targets": (AutoMLRegressor, pd.DataFrame({"a": Y, "b": -Y}), {}, {}),
}


@pytest.mark.parametrize("case", ["plain", *(pytest.param(name, marks=pytest.mark.slow) for name in list(CASES)[1:])])
def test_more_gives_the_result_of_a_second_fit_with_a_larger_budget(case, tmp_path):
    make, y, settings, arguments = CASES[case]
    first = make(**SETTINGS | settings, store=tmp_path / "run").fit(X, y, **arguments)
    shutil.copytree(tmp_path / "run", tmp_path / "other")
    fresh = make(**LARGER | settings, store=tmp_path / "other").fit(X, y, **arguments)
    assert first.more(max_trials=2) is first
    check_equal(first, fresh)
    assert len(first.leaderboard_) == 3
    assert first.max_trials == 1
    for name in ("_row_predictions", "_split_arguments", "_target_name"):
        assert repr(getattr(first, name)) == repr(getattr(fresh, name))
    if "guard" in settings:
        steady = ["work", "free"]
        assert first.guard_curve_[steady].iloc[-1].equals(fresh.guard_curve_[steady].iloc[-1])
        assert first.metric_scores_.equals(fresh.metric_scores_)
    if case != "plain":
        first.save(tmp_path / "model")
        loaded = automl.load(tmp_path / "model", trusted=[own_score]).set_params(store=tmp_path / "other")
        check_equal(loaded.more(max_trials=1), first.more(max_trials=1))


def test_the_report_after_more_has_the_seconds_of_all_sessions_and_claims_no_repetition(tmp_path):
    reg = AutoMLRegressor(**SETTINGS, store=tmp_path / "run").fit(X, Y)
    assert make_reproduce_section(reg, None).is_repeatable
    start = time.monotonic()
    reg.more(max_trials=1)
    spent = time.monotonic() - start
    assert collect(reg).verdict.seconds > spent
    reg.report(tmp_path / "report.md", format="markdown")
    assert "repeats bit for bit | no: The model comes from several sessions" in (tmp_path / "report.md").read_text()


@pytest.mark.slow
def test_more_takes_the_seconds_that_it_is_given(tmp_path, caplog):
    reg = AutoMLRegressor(**SETTINGS, store=tmp_path / "run").fit(X, Y)
    n_trials = len(reg.history_)
    with caplog.at_level("INFO", logger="automl"):
        reg.set_params(verbose=1).more(seconds=10)
    assert "continue the search for the best neg_root_mean_squared_error within 10 s" in caplog.text
    assert reg.stop_reason_ != "max_trials reached"
    assert len(reg.history_) > n_trials
    assert reg._fit_seconds < 15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "more needs one of seconds, max_trials and max_processor_seconds"),
        ({"seconds": 5, "max_trials": 5}, "more needs one of seconds, max_trials and max_processor_seconds"),
        ({"seconds": -1}, "seconds must be a finite number of seconds above 0; got -1"),
        ({"max_trials": 1.5}, "max_trials must be a whole number of trials above 0; got 1.5"),
    ],
)
def test_more_needs_one_budget(fitted, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        fitted.more(**arguments)


def test_a_fit_without_store_cannot_be_continued():
    reg = AutoMLRegressor(**SETTINGS).fit(X, Y)
    with pytest.raises(
        InvalidInputError, match='store is None; fit with a folder as store, for example store="runs/a"'
    ):
        reg.more(seconds=5)


def test_only_the_estimator_of_a_fit_can_be_continued(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = automl.load(tmp_path / "model", for_prediction=True)
    for changed in (fitted.slim(max_loss=1), fitted.refit(), loaded):
        with pytest.raises(InvalidInputError, match="call more on that estimator, or call fit"):
            changed.more(max_trials=1)


def test_a_run_directory_that_is_gone_or_in_use_gives_one_error(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = automl.load(tmp_path / "model").set_params(store=tmp_path / "gone")
    with pytest.raises(InvalidInputError, match=r"gone' does not hold the run of this model; .* set_params\(store"):
        loaded.more(max_trials=1)
    lock = lock_file(fitted.store / ".lock")
    try:
        with pytest.raises(InvalidInputError, match="in use by another fit; wait until that fit ends"):
            fitted.more(max_trials=1)
    finally:
        lock.release()


@pytest.mark.parametrize("change", [{"scoring": "r2"}, {"cv": 4}, {"random_state": 1}, {"guard": 0.1}])
def test_a_parameter_of_the_task_must_not_change(fitted, change):
    old = {name: getattr(fitted, name) for name in change}
    with pytest.raises(InvalidInputError, match=f"{next(iter(change))} has changed since fit"):
        fitted.set_params(**change).more(max_trials=1)
    fitted.set_params(**old)


@pytest.mark.slow
def test_an_own_scorer_that_was_not_loaded_gives_one_error(tmp_path):
    settings = SETTINGS | {"scoring": make_scorer(own_score), "store": tmp_path / "run"}
    AutoMLClassifier(**settings).fit(X, LABELS).save(tmp_path / "model")
    with pytest.raises(InvalidInputError, match=r"scoring was .*, which load did not import"):
        automl.load(tmp_path / "model").more(max_trials=1)


def test_more_counts_only_the_trials_that_a_smaller_space_can_use(tmp_path):
    reg = AutoMLRegressor(**LARGER, store=tmp_path / "run").fit(X, Y)
    n_known = (reg.leaderboard_["family"] == "ridge").sum()
    assert 0 < n_known < 3
    reg.set_params(include=["ridge"]).more(max_trials=1)
    assert len(reg.leaderboard_) == n_known + 1
    assert reg.stop_reason_ == "max_trials reached"


def pretend_to_have_used(folder, **columns):
    """Change the seconds that the run in a folder has used."""
    path = folder / "history.jsonl"
    lines = [json.loads(line) | columns for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


class Nothing:
    """A searcher whose space is used up."""

    def suggest(self, history, n):
        return []


@pytest.mark.parametrize("limit", ["seconds", "max_processor_seconds"])
def test_a_session_that_ends_early_says_so_although_most_of_the_budget_of_all_sessions_is_used(limit, tmp_path):
    reg = AutoMLRegressor(**SETTINGS, store=tmp_path / "run").fit(X, Y)
    pretend_to_have_used(tmp_path / "run", elapsed=6_000.0, seconds=6_000.0, processor_seconds=6_000.0)
    reg.set_params(searcher=Nothing()).more(**{limit: 600})
    assert reg.stop_reason_ == "nothing left to try"


@pytest.mark.parametrize("method", ["fit", "more"])
def test_the_work_after_the_search_counts_the_seconds_of_earlier_sessions(method, tmp_path, monkeypatch):
    reg = AutoMLRegressor(**SETTINGS, store=tmp_path / "run").fit(X, Y)
    pretend_to_have_used(tmp_path / "run", elapsed=1_000.0)
    spent = []
    monkeypatch.setattr("automl.fitting.estimate_in_budget", lambda estimator, budget: spent.append(budget.elapsed))
    if method == "fit":
        reg.set_params(max_trials=2).fit(X, Y)
    else:
        reg.more(max_trials=1)
    assert 1_000 < spent[0] < 1_100
