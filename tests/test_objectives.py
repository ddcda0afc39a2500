"""Several objectives of a search through the estimators: what is recorded, the frontier, and the choice from it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.errors import InvalidInputError
from tests.factories import FAST

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)
SETTINGS = FAST | {
    "include": ["extra_trees", "logistic_regression", "lda"],
    "initial_configurations": [{"model": "extra_trees"}, {"model": "logistic_regression"}, {"model": "lda"}],
    "max_trials": 5,
    "cv": 2,
    "ensemble_size": 1,
    "objectives": ["score", "milliseconds", "megabytes"],
}


class ByRungs:
    chooses_fidelity = True

    def suggest(self, history, n):
        return []


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "run"


@pytest.fixture(scope="module")
def clf(store):
    return AutoMLClassifier(**SETTINGS, store=store).fit(X, Y)


def test_the_objectives_of_each_trial_are_recorded(clf):
    board = clf.leaderboard_
    assert (board[["milliseconds", "megabytes"]] > 0).all(axis=None)
    trees = board[board["family"] == "extra_trees"]["megabytes"]
    assert trees.min() > board[board["family"] == "lda"]["megabytes"].max()
    assert clf.cv_results_["mean_test_megabytes"].shape == (len(board),)


def test_every_configuration_of_the_front_has_all_folds(clf):
    board = clf.leaderboard_
    for _, row in board.iterrows():
        is_dominated = ((board["score"] >= row["score"]) & (board["megabytes"] < row["megabytes"])).any()
        assert row["folds"] == 2 or is_dominated


def test_the_frontier_holds_configurations_outside_the_ensemble(clf):
    table = clf.frontier_
    assert table["megabytes"].min() < 0.5 * table["megabytes"].iloc[0]
    others = {bag.configuration for bag in clf._frontier.bags}
    assert others
    assert others.isdisjoint(clf._ensemble.weights)


def test_the_estimator_predicts_with_the_chosen_row_of_the_frontier(clf, tmp_path):
    table, before = clf.frontier_, clf.predict_proba(X)
    row = int(table["megabytes"].idxmin())
    small = clf.choose(row)
    assert small.frontier_["members"].iloc[0] == table["members"].iloc[row]
    assert small.frontier_["megabytes"].iloc[0] == pytest.approx(table["megabytes"].iloc[row])
    assert small.estimate_.score == pytest.approx(table["score"].iloc[row])
    small.save(tmp_path / "small")
    again = load(tmp_path / "small", for_prediction=True)
    np.testing.assert_array_equal(again.predict_proba(X), small.predict_proba(X))
    np.testing.assert_array_equal(clf.predict_proba(X), before)


def test_a_loaded_model_has_the_same_frontier_and_choice(clf, tmp_path):
    clf.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.frontier_.equals(clf.frontier_)
    np.testing.assert_array_equal(again.choose(1).predict_proba(X), clf.choose(1).predict_proba(X))


def test_a_run_directory_keeps_the_objectives(clf, store):
    more = AutoMLClassifier(**SETTINGS, store=store).fit(X, Y).more(max_trials=1)
    assert len(more.history_.evaluations) == 6
    assert more.leaderboard_["megabytes"].notna().all()
    with pytest.raises(InvalidInputError, match="objectives"):
        AutoMLClassifier(**SETTINGS | {"objectives": ("score",)}, store=store).fit(X, Y)


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        ("milliseconds", "objectives must be a list of names"),
        (["score", "milisecond"], "did you mean 'milliseconds'"),
        (["milliseconds"], 'objectives must hold "score"'),
        (["score", "megabytes", "megabytes"], "twice"),
        (["score", 3], "objectives"),
        (None, "objectives must be a list of names"),
    ],
)
def test_wrong_objectives_are_an_error_before_the_search(objectives, message):
    with pytest.raises(InvalidInputError, match=message):
        AutoMLClassifier(**SETTINGS | {"objectives": objectives}).fit(X, Y)


def test_a_search_without_a_frontier_or_for_the_score_alone_refuses_objectives():
    with pytest.raises(InvalidInputError, match="searcher='genetic' optimizes the score alone"):
        AutoMLClassifier(**SETTINGS, searcher="genetic").fit(X, Y)
    with pytest.raises(InvalidInputError, match="searcher='ByRungs' optimizes the score alone"):
        AutoMLClassifier(**SETTINGS, searcher=ByRungs()).fit(X, Y)
    optuna = pytest.importorskip("optuna")
    with pytest.raises(InvalidInputError, match="searcher='TPESampler' optimizes the score alone"):
        AutoMLClassifier(**SETTINGS, searcher=optuna.samplers.TPESampler()).fit(X, Y)
    with pytest.raises(InvalidInputError, match="there is no frontier_"):
        AutoMLRegressor(**SETTINGS | {"cv": TimeSeriesSplit(2), "include": ["ridge"]}).fit(X, Y.astype(float))
    with pytest.raises(InvalidInputError, match="'megabytes' is a column of leaderboard_"):
        AutoMLClassifier(**SETTINGS, scoring={"roc_auc": "roc_auc", "megabytes": "accuracy"}).fit(X, Y)


@pytest.mark.parametrize("row", [-1, 99, 1.5, "0", None])
def test_a_row_that_the_frontier_does_not_have_is_an_error(clf, row):
    with pytest.raises(InvalidInputError, match="row must be the number of a row of frontier_, from 0 to"):
        clf.choose(row)
