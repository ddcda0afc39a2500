"""Tests of the trade-off between score and time: `frontier_`, `slim` and `max_predict_milliseconds`."""

import pickle
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import KFold, RepeatedKFold
from sklearn.tree import DecisionTreeRegressor

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.ensemble import frontier
from automl.ensemble.estimate import OF_SMALLER_ENSEMBLE
from automl.ensemble.frontier import find_entries
from automl.ensemble.slimming import within_limit
from automl.errors import InvalidInputError
from automl.task.holdout import choose_holdout
from automl.task.scored_target import ScoredTarget
from pipelines.component import Component
from pipelines.quantiles import pinball_loss
from tests.factories import FAST

rng = np.random.default_rng(0)
X = rng.normal(size=(400, 5))
Y = (X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * rng.normal(size=400) > 0).astype(int)
SETTINGS = {**FAST, "include": ["extra_trees", "logistic_regression", "decision_tree", "qda"], "max_trials": 6}


@pytest.fixture(scope="module")
def clf():
    return AutoMLClassifier(**SETTINGS, scoring="neg_log_loss").fit(X, Y)


def test_the_frontier_is_a_small_table_of_ensembles(clf):
    table = clf.frontier_
    assert list(table) == ["score", "low", "high", "milliseconds", "microseconds_per_row", "megabytes", "members"]
    assert 1 < len(table) <= 10
    assert table["score"].is_monotonic_decreasing
    assert ((table["low"] < table["score"]) & (table["score"] < table["high"])).all()
    assert (table[["milliseconds", "microseconds_per_row", "megabytes"]] > 0).all(axis=None)


def test_no_ensemble_of_the_frontier_has_a_better_score_in_less_time_and_memory_than_another_one(clf):
    # With these times and sizes, some ensembles with all fold models are beaten by one fold model of a better ensemble.
    record = clf._frontier
    for one_row in (record.one_row, np.geomspace(1, 20, len(record.weights)), np.geomspace(20, 1, len(record.weights))):
        entries = find_entries(replace(record, one_row=one_row, megabytes=one_row, first_megabytes=None), clf._ensemble)
        assert len(entries) > 2
        for e in entries:
            assert not [o for o in entries if o.score > e.score and (np.array(o.costs) <= e.costs).all()]


def test_a_slim_estimator_meets_the_limit_and_leaves_the_old_one_alone(clf):
    before, table = clf.predict_proba(X), clf.frontier_
    limit = float(table["milliseconds"].median())
    small = clf.slim(milliseconds=limit)
    assert small.frontier_["milliseconds"].max() <= limit * 1.001
    assert len(small.predict_proba(X)) == len(X)
    assert 0.5 < small.score(X, Y) <= 1
    assert small.leaderboard_["weight"].sum() == pytest.approx(1)
    assert small.estimate_.low <= small.estimate_.score
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(small)).predict_proba(X), small.predict_proba(X))


def test_the_intervals_of_smaller_ensembles_stay_within_the_range_of_the_metric():
    table, y = load_breast_cancer(return_X_y=True)
    settings = {**FAST, "include": ["logistic_regression"], "max_trials": 1}
    clf = AutoMLClassifier(**settings).fit(table[:120], y[:120])
    assert clf.frontier_["high"].max() == 1
    assert clf.slim(max_loss=1).estimate_.high == 1


@pytest.mark.parametrize("n_rows", [4, 20, 60])
def test_a_few_rows_that_are_all_right_give_no_interval(n_rows):
    y = np.arange(n_rows) % 2
    settings = {**FAST, "include": ["decision_tree"], "max_trials": 1, "cv": KFold(2, shuffle=True, random_state=0)}
    clf = AutoMLClassifier(**settings, scoring="accuracy").fit(y[:, None].astype(float), y)
    ends = clf.frontier_[["low", "high"]].to_numpy()
    assert np.isfinite(ends).all() if n_rows == 60 else np.isnan(ends).all()


def test_a_slim_estimator_says_that_its_expected_score_is_not_corrected(clf, tmp_path):
    small = clf.slim(milliseconds=float(clf.frontier_["milliseconds"].min()))
    small.save(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "corrected for the search" not in card
    assert "not corrected for the choice of this smaller ensemble" in card
    assert "not corrected" in repr(load(tmp_path / "model").estimate_)
    clf.save(tmp_path / "whole")
    assert "corrected for the search" in (tmp_path / "whole" / "README.md").read_text()
    assert "note" not in repr(clf.estimate_)


def test_a_slim_estimator_has_its_own_calibration(clf):
    small = clf.slim(milliseconds=float(clf.frontier_["milliseconds"].min()))
    assert clf._ensemble.calibration is not None
    assert small._ensemble.calibration is not None
    assert not np.array_equal(small._ensemble.calibration.matrix, clf._ensemble.calibration.matrix)


def test_the_smallest_loss_is_traded_for_time(clf):
    table = clf.frontier_
    widest = float(table["score"].max() - table["score"].min()) + 1e-9
    fastest = clf.slim(max_loss=widest).frontier_["milliseconds"].max()
    assert fastest == pytest.approx(table["milliseconds"].min(), rel=1e-6)


@pytest.mark.parametrize(
    "limits", [{"milliseconds": 1e-9}, {"megabytes": 1e-9}, {"milliseconds": 1e-9, "max_loss": 0.1}]
)
def test_a_limit_that_cannot_be_met_names_the_nearest_one(clf, limits):
    with pytest.raises(InvalidInputError, match="the nearest possible limit is") as caught:
        clf.slim(**limits)
    message = str(caught.value)
    nearest = float(message.split("nearest possible limit is ")[1].split("=")[1].split(" ")[0].rstrip(";"))
    name = next(iter(limits))
    assert clf.slim(**{**limits, name: nearest}).predict(X).shape == (400,)


@pytest.mark.parametrize("limits", [{}, {"milliseconds": -1}, {"megabytes": "2"}, {"max_loss": float("nan")}])
def test_wrong_limits_are_one_error(clf, limits):
    with pytest.raises(InvalidInputError, match=r"slim needs a limit|must be a number"):
        clf.slim(**limits)


def test_a_regressor_has_a_frontier_that_survives_saving(tmp_path):
    reg = AutoMLRegressor(**FAST).fit(X, X[:, 0] + 0.1 * X[:, 1])
    reg.save(tmp_path / "model")
    for again in (pickle.loads(pickle.dumps(reg)), load(tmp_path / "model")):
        assert again.frontier_.equals(reg.frontier_)
        np.testing.assert_array_equal(again.slim(max_loss=1e9).predict(X), reg.slim(max_loss=1e9).predict(X))
    with pytest.raises(AttributeError):
        _ = load(tmp_path / "model", for_prediction=True).frontier_
    small = reg.slim(max_loss=1e9)
    small.save(tmp_path / "small")
    np.testing.assert_array_equal(load(tmp_path / "small").predict(X), small.predict(X))


def test_a_slim_estimator_uses_all_predictions_of_repeated_folds():
    cv = RepeatedKFold(n_splits=4, n_repeats=4, random_state=0)
    settings = {**SETTINGS, "include": ["decision_tree"], "max_trials": 1, "cv": cv}
    clf = AutoMLClassifier(**settings, scoring="neg_log_loss").fit(X, Y)
    slim = clf.slim(max_loss=1e9)  # the same member, with one model
    assert slim.frontier_["members"].str.contains("1 model").all()
    rows, own = clf._row_predictions, slim._row_predictions
    np.testing.assert_array_equal(own.rows, rows.rows)
    np.testing.assert_array_equal(own.y, rows.y)
    np.testing.assert_allclose(own.predictions, rows.predictions, atol=1e-6)


def test_a_limit_on_the_time_of_predictions_holds_and_repeats():
    settings = {**SETTINGS, "max_predict_milliseconds": 0.3}
    first, second = (AutoMLClassifier(**settings).fit(X, Y) for _ in range(2))
    assert "extra_trees" not in set(first.leaderboard_["family"])
    assert first.frontier_["milliseconds"].max() <= 0.3
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def _stump(**facts):
    return Component("stump", lambda params, context: DecisionTreeRegressor(max_depth=1), **facts)


@pytest.mark.parametrize(("facts", "is_tried"), [({"predict_milliseconds": (9.0, 20.0)}, False), ({}, True)])
def test_a_limit_leaves_out_an_own_model_that_says_that_it_is_slower(facts, is_tried):
    settings = {**FAST, "include": ["stump", "ridge"], "max_trials": 2, "max_predict_milliseconds": 5.0}
    reg = AutoMLRegressor(**settings, components=[_stump(**facts)]).fit(X, X[:, 0])
    assert ("stump" in set(reg.leaderboard_["family"])) == is_tried


def test_a_limit_that_an_own_model_alone_exceeds_is_an_error_that_names_its_milliseconds():
    settings = {**FAST, "include": ["stump"], "max_predict_milliseconds": 5.0}
    with pytest.raises(InvalidInputError, match="is too small for each model family; use 9 or more"):
        AutoMLRegressor(**settings, components=[_stump(predict_milliseconds=(9.0, 20.0))]).fit(X, X[:, 0])


def test_a_limit_leaves_the_families_of_which_no_milliseconds_are_known():
    settings = {**FAST, "include": ["decision_tree", "random_forest"], "max_predict_milliseconds": 0.5}
    assert set(AutoMLClassifier(**settings).fit(X, Y).leaderboard_["family"]) == {"decision_tree"}


@pytest.mark.parametrize("names", [{"include": ["ridge", "lda"]}, {"include": [], "exclude": ["sgd", "decision_tree"]}])
def test_a_limit_that_leaves_no_model_of_the_task_is_an_error_with_the_least_limit(names):
    settings = {**FAST, **names, "max_predict_milliseconds": 0.005}
    with pytest.raises(InvalidInputError, match=r"is too small for each model family; use 0\.01 or more"):
        AutoMLRegressor(**settings).fit(X, X[:, 0])


def test_the_estimate_of_an_ensemble_that_a_limit_has_made_smaller_is_its_own():
    settings = {**SETTINGS, "include": ["logistic_regression"], "max_trials": 2, "max_predict_milliseconds": 0.1}
    clf = AutoMLClassifier(**settings).fit(X, Y)
    assert clf.frontier_["milliseconds"].max() <= 0.1
    assert clf.estimate_.score == pytest.approx(clf.frontier_["score"].iloc[0])
    own = clf.scores_by_group(Y).loc["all rows", "roc_auc"]
    assert own == pytest.approx(clf.frontier_["score"].iloc[0])


def test_a_smaller_ensemble_that_cannot_be_scored_has_an_unknown_estimate_with_its_note(monkeypatch):
    monkeypatch.setattr(frontier, "_scores", lambda *_: (np.nan, np.nan, np.nan))
    settings = {**SETTINGS, "include": ["logistic_regression"], "max_trials": 2, "max_predict_milliseconds": 0.1}
    clf = AutoMLClassifier(**settings).fit(X, Y)
    assert clf.frontier_["milliseconds"].max() <= 0.1
    assert np.isnan([clf.estimate_.score, clf.estimate_.low, clf.estimate_.high]).all()
    assert clf.estimate_.note == OF_SMALLER_ENSEMBLE


LIMITED = {**FAST, "include": ["ridge", "lightgbm", "decision_tree"], "max_predict_milliseconds": 0.03}
DIABETES = load_diabetes(return_X_y=True)


@pytest.mark.slow
def test_all_scores_of_an_ensemble_that_a_limit_has_made_smaller_are_its_own():
    features, y = DIABETES
    whole = AutoMLRegressor(**{**LIMITED, "max_predict_milliseconds": None}, guard=0.2).fit(features, y)
    reg = AutoMLRegressor(**LIMITED, scoring=["rmse", "mae"], guard=0.2).fit(features, y)
    own = reg.frontier_["score"].iloc[0]
    assert reg.metric_scores_["score"].iloc[0] == pytest.approx(own)
    assert reg.guard_curve_["work"].iloc[-1] == pytest.approx(own)
    assert reg.guard_curve_["free"].iloc[-1] == pytest.approx(_free_rmse(reg))
    with pytest.raises(AttributeError, match="max_predict_milliseconds"):
        _ = reg.score_over_time_
    assert whole.metric_scores_["score"].iloc[0] != pytest.approx(own)


def _free_rmse(reg):
    """Return the score on the holdout rows of the guard, to which the last row of the curve belongs."""
    features, y = DIABETES
    holdout = choose_holdout(y, False, 0.2, None, 0)
    return -float(np.sqrt(np.mean((reg.predict(features[holdout]) - y[holdout]) ** 2)))


@pytest.mark.slow
def test_the_scores_by_target_and_by_quantile_are_those_of_the_smaller_ensemble():
    features, y = DIABETES
    both = np.column_stack([y, features[:, 2] + features[:, 3] ** 2])
    reg = AutoMLRegressor(**LIMITED, scoring="r2").fit(features, both)
    assert reg.target_scores_["score"].mean() == pytest.approx(reg.estimate_.score)
    reg = AutoMLRegressor(**LIMITED, quantiles=(0.1, 0.5, 0.9)).fit(features, y)
    rows = reg._row_predictions
    loss = pinball_loss(rows.y, reg._ensemble.finish(rows.predictions), reg.quantiles)
    assert reg.quantile_scores_["score"].mean() == pytest.approx(-loss)
    assert reg.metric_scores_["score"].iloc[0] == pytest.approx(-loss)


def test_an_ensemble_within_the_limit_stays_as_it_is():
    features, y = DIABETES
    settings = {**FAST, "include": ["ridge"], "max_trials": 1}
    whole, limited = (
        AutoMLRegressor(**settings, max_predict_milliseconds=limit).fit(features, y) for limit in (None, 5)
    )
    np.testing.assert_array_equal(limited.predict(features), whole.predict(features))
    assert limited.estimate_ == whole.estimate_


def test_time_ordered_rows_have_no_frontier():
    from sklearn.model_selection import TimeSeriesSplit

    settings = {**FAST, "include": ["decision_tree"], "max_trials": 1, "cv": TimeSeriesSplit(3)}
    clf = AutoMLClassifier(**settings).fit(X, Y)
    with pytest.raises(AttributeError, match="no frontier_"):
        _ = clf.frontier_


@pytest.mark.parametrize("limit", [0, -1, "1", float("inf")])
def test_a_wrong_limit_of_the_search_is_one_error(limit):
    with pytest.raises(InvalidInputError, match="max_predict_milliseconds must be a finite number of milliseconds"):
        AutoMLClassifier(**FAST, max_predict_milliseconds=limit).fit(X, Y)


def saved_amount(estimator, table, y):
    """The amounts of the rows that are found; it reads the table beside the predictions."""
    found = np.asarray(estimator.predict(table)) == np.asarray(y)
    return float(np.average(found, weights=np.abs(np.asarray(table)[:, 0])))


@pytest.fixture(scope="module")
def amounts():
    settings = {**SETTINGS, "include": ["logistic_regression", "decision_tree"], "max_trials": 2, "cv": 2}
    return AutoMLClassifier(**settings, scoring=saved_amount).fit(X, Y)


def test_a_scorer_that_reads_the_table_gets_the_rows_of_the_predictions(amounts):
    table = amounts.frontier_
    assert table[["score", "low", "high"]].notna().all(axis=None)
    alone = amounts.leaderboard_["score"].max()
    assert table["score"].max() == pytest.approx(alone, abs=0.05)
    assert amounts.slim(max_loss=1).predict(X).shape == (400,)


def test_rows_for_a_scorer_that_reads_the_table_are_saved_only_on_request(amounts, tmp_path):
    def holds_rows(model):
        metrics = [getattr(value, "metric", None) for value in vars(model).values()]
        return any(getattr(metric, "table", None) is not None for metric in metrics)

    amounts.save(tmp_path / "without")
    amounts.save(tmp_path / "with", rows=True)
    assert holds_rows(load(tmp_path / "with", trusted=[saved_amount]))
    again = load(tmp_path / "without", trusted=[saved_amount])
    assert not holds_rows(again)
    np.testing.assert_array_equal(again.predict(X), amounts.predict(X))
    assert again.estimate_ == amounts.estimate_
    with pytest.raises(AttributeError, match="saved without rows; save it with rows=True"):
        again.slim(max_loss=1)
    small = amounts.slim(max_loss=1)
    small.save(tmp_path / "small")
    assert len(small.frontier_) > 0
    with pytest.raises(AttributeError, match="saved without rows; save it with rows=True"):
        _ = load(tmp_path / "small", trusted=[saved_amount]).frontier_
    assert load(tmp_path / "with", trusted=[saved_amount]).frontier_.equals(amounts.frontier_)


@pytest.mark.slow
def test_after_the_deadline_the_scorer_is_not_called_and_the_limit_is_met(monkeypatch):
    clf = AutoMLClassifier(**SETTINGS, scoring="neg_log_loss").fit(X, Y)
    record, calls = clf._frontier, []
    monkeypatch.setattr(ScoredTarget, "loss", lambda *_: calls.append(1) or 0.5)
    limit = float(clf.frontier_["milliseconds"].median())
    calls.clear()
    ensemble, smaller = within_limit(clf._ensemble, record, limit, None, deadline=time.monotonic() - 1)
    assert not calls
    assert ensemble.predict(X).shape == (400, 2)
    assert find_entries(smaller, ensemble, deadline=time.monotonic() - 1)[0].milliseconds <= limit


def test_a_slow_scorer_gets_no_intervals_but_a_frontier(clf, monkeypatch):
    monkeypatch.setattr(frontier, "_INTERVAL_SECONDS", -1.0)
    table = clf.frontier_
    assert table["score"].notna().all()
    assert table[["low", "high"]].isna().all(axis=None)


def test_the_frontier_of_a_loaded_model_asks_for_the_scorer_of_the_user(amounts, tmp_path):
    amounts.save(tmp_path / "model", rows=True)
    again = load(tmp_path / "model")
    with pytest.raises(InvalidInputError, match="trusted="):
        _ = again.frontier_
    with pytest.raises(InvalidInputError, match="trusted="):
        again.slim(max_loss=1)
    with pytest.raises(InvalidInputError, match="trusted="):
        again.refit(X, Y)


@pytest.mark.parametrize("at", ["automl.ensemble.frontier.prediction_cost", "automl.guard.out_of_fold"])
def test_a_run_that_is_interrupted_after_its_ensemble_was_built_keeps_its_model(monkeypatch, at):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(at, interrupt)
    settings = {**SETTINGS, "include": ["decision_tree"], "max_trials": 1, "cv": 2, "guard": 0.2}
    clf = AutoMLClassifier(**settings).fit(X, Y)
    assert clf.predict(X).shape == (400,)
    if "frontier" in at:
        with pytest.raises(AttributeError, match="Ctrl-C"):
            _ = clf.frontier_
    else:
        assert isinstance(clf.guard_curve_, pd.DataFrame)


@pytest.mark.slow
def test_the_scores_of_a_sample_are_known_where_most_rows_of_a_class_have_weight_0():
    y = np.zeros(20_000, dtype=int)
    y[::200] = 1
    weight = np.ones(len(y))
    weight[y == 1] = np.arange(100) % 20 == 0
    table = np.random.default_rng(0).normal(size=(len(y), 1)) + y[:, None]
    settings = {**FAST, "include": ["decision_tree"], "max_trials": 2, "cv": 2, "random_state": 1}
    clf = AutoMLClassifier(**settings, scoring="roc_auc").fit(table, y, sample_weight=weight)
    assert np.isfinite(clf.frontier_["score"]).all()
    assert np.isfinite(clf.score_over_time_["score"]).all()
    assert np.isfinite(clf.estimate_.score)
