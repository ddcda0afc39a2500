"""Tests of several metrics in `scoring`: the first decides, the others are recorded."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import accuracy_score, fbeta_score, make_scorer, mean_absolute_error

import automl
from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError
from tests.factories import FAST

SCORING = {"auc": "roc_auc", "acc": "accuracy", "f2": make_scorer(fbeta_score, beta=2)}


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X.iloc[:, :6], y


@pytest.fixture(scope="module")
def fitted(cancer, tmp_path_factory):
    store = tmp_path_factory.mktemp("runs") / "run"
    return AutoMLClassifier(**FAST, scoring=SCORING, store=store).fit(*cancer)


def test_the_first_metric_decides_and_the_others_change_nothing(fitted, cancer):
    alone = AutoMLClassifier(**FAST, scoring="roc_auc").fit(*cancer)
    np.testing.assert_array_equal(fitted.predict_proba(cancer[0]), alone.predict_proba(cancer[0]))
    shown = fitted.leaderboard_
    assert list(shown.columns[1:6]) == ["score", "std", "acc", "f2", "folds"]
    steady = ["family", "score", "std", "folds", "weight", "id"]
    assert shown[steady].equals(alone.leaderboard_[steady])
    assert "acc" not in alone.leaderboard_


def test_recorded_scores_are_those_of_scikit_learn():
    settings = FAST | {"max_trials": 1, "include": ["ridge"], "ensemble_size": 1}
    reg = AutoMLRegressor(**settings, scoring=["r2", "mae"]).fit(*load_diabetes(return_X_y=True))
    (row,) = reg.leaderboard_.to_dict("records")
    results = reg.cv_results_
    folds = [results[f"split{fold}_test_neg_mean_absolute_error"][0] for fold in range(3)]
    assert row["neg_mean_absolute_error"] == pytest.approx(np.mean(folds))
    assert results["mean_test_neg_mean_absolute_error"][0] == row["neg_mean_absolute_error"]
    rows = reg._row_predictions
    each = dict(zip(reg.metric_scores_["metric"], reg.metric_scores_["score"], strict=True))
    assert each["neg_mean_absolute_error"] == pytest.approx(-mean_absolute_error(rows.y, rows.predictions), rel=1e-4)
    constant = reg.metric_scores_["constant"].tolist()
    assert constant[0] == pytest.approx(0)
    assert constant[1] < each["neg_mean_absolute_error"] < 0


def test_the_scores_of_the_ensemble_by_each_metric(fitted):
    scores = fitted.metric_scores_
    assert scores["metric"].tolist() == ["roc_auc", "acc", "f2"]
    rows = fitted._row_predictions
    labels = fitted._ensemble.decide(fitted._ensemble.finish(rows.predictions.astype(float)))
    assert scores["score"][1] == pytest.approx(accuracy_score(rows.y, labels))
    assert scores["score"][2] == pytest.approx(fbeta_score(rows.y, labels, beta=2))
    assert scores["constant"][0] == 0.5


def test_saved_and_resumed_runs_keep_the_scores(fitted, cancer, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = automl.load(tmp_path / "model")
    assert loaded.metric_scores_.equals(fitted.metric_scores_)
    assert loaded.leaderboard_.equals(fitted.leaderboard_)
    resumed = AutoMLClassifier(**FAST, scoring=SCORING, store=fitted.store).fit(*cancer)
    columns = ["id", "score", "acc", "f2"]
    assert resumed.leaderboard_[columns].equals(fitted.leaderboard_[columns])


def test_a_scorer_of_the_user_may_be_recorded(cancer):
    def share_found(estimator, X, y):
        return float((estimator.predict(X) == y).mean())

    clf = AutoMLClassifier(**FAST | {"max_trials": 1}, scoring=["roc_auc", "accuracy", share_found]).fit(*cancer)
    assert clf.leaderboard_["share_found"].equals(clf.leaderboard_["accuracy"].rename("share_found"))


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        ([], "scoring is empty"),
        (["roc_auc", "roc_auc"], "two scorers named 'roc_auc'"),
        (["roc_auc", "acuracy"], "'acuracy'.*accuracy"),
        (["roc_auc", "r2"], "'r2' scores regression"),
        (["roc_auc", 3], "got int"),
        ({"score": "roc_auc"}, "'score' is a column of leaderboard_"),
        ({1: "roc_auc"}, "keys of scoring must be names"),
        (["roc_auc", None], "scoring holds None"),
        ({"roc_auc", "accuracy"}, "got set"),
        (["accuracy", lambda estimator, X, y: float(X["mean radius"].mean())], "reads the rows of the table"),
    ],
)
def test_wrong_scorers_raise_one_clear_error(cancer, scoring, message):
    with pytest.raises(InvalidInputError, match=message):
        AutoMLClassifier(**FAST, scoring=scoring).fit(*cancer)


def test_a_resumed_run_shows_the_metrics_of_its_last_session(cancer, tmp_path):
    settings = FAST | {"store": tmp_path / "run"}
    AutoMLClassifier(**settings | {"max_trials": 1}, scoring=["roc_auc", "accuracy"]).fit(*cancer)
    clf = AutoMLClassifier(**settings | {"max_trials": 2}, scoring=["roc_auc", "f1"]).fit(*cancer)
    assert list(clf.leaderboard_.columns[1:5]) == ["score", "std", "f1", "accuracy"]
    assert clf.leaderboard_["f1"].notna().sum() == 1


def test_scores_of_numbers_far_from_zero_are_exact():
    X, y = load_diabetes(return_X_y=True)
    settings = FAST | {"include": ["ridge"], "max_trials": 1}
    plain, shifted = (AutoMLRegressor(**settings, scoring=["r2", "mae"]).fit(X, y + shift) for shift in (0, 1e9))
    for name in ("score", "constant"):
        np.testing.assert_allclose(shifted.metric_scores_[name], plain.metric_scores_[name], rtol=1e-4, atol=1e-4)


def test_a_smaller_ensemble_has_no_scores_of_the_larger_one(fitted):
    with pytest.raises(AttributeError, match="slim or choose has made the ensemble smaller"):
        fitted.slim(max_loss=0.5).metric_scores_  # noqa: B018


def test_a_recorded_metric_gets_predictions_within_its_range():
    X, y = load_diabetes(return_X_y=True)
    settings = FAST | {"include": ["ridge"], "max_trials": 1}
    reg = AutoMLRegressor(**settings, scoring=["r2", "neg_mean_squared_log_error"]).fit(X, (y - y.min()) ** 2)
    assert reg.leaderboard_["neg_mean_squared_log_error"].notna().all()
    assert reg.metric_scores_["score"].notna().all()
