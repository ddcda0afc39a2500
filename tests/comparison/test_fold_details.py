"""The predictions, chosen configurations and estimates that a nested cross-validation keeps for each outer fold."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, recall_score
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC

from automl import AutoMLClassifier, AutoMLRegressor
from tests.comparison.estimators import Recorder, nested, tree
from tests.factories import FAST

SEARCH = FAST | {"max_trials": 1, "include": ["logistic_regression"]}
WORDS = np.array(["benign", "malignant"])


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:240], WORDS[y[:240]]


@pytest.fixture(scope="module")
def result(cancer):
    return nested({"automl": AutoMLClassifier(**SEARCH), "tree": tree()}, cancer, scoring=["roc_auc", "accuracy"])


def test_each_fold_of_a_search_has_its_configuration_and_its_estimate_beside_the_outer_score(result):
    own = result.folds[result.folds["estimator"] == "automl"]
    assert list(own["fold"]) == [0, 1, 2]
    assert set(own["metric"]) == {"roc_auc"}
    assert (own["low"] < own["expected"]).all()
    assert (own["expected"] < own["high"]).all()
    assert set(own["level"]) == {0.95}
    scores = result.scores.query("estimator == 'automl' and metric == 'roc_auc'")["score"]
    assert list(own["outer_score"]) == list(scores)
    assert list(own["covered"]) == list(own["outer_score"].between(own["low"], own["high"]))
    assert [chosen["model"] for chosen in own["configuration"]] == ["logistic_regression"] * 3


def test_an_estimator_without_an_estimate_has_none(result):
    other = result.folds[result.folds["estimator"] == "tree"]
    assert other[["expected", "low", "high", "outer_score", "covered", "configuration"]].isna().all(axis=None)


def test_the_summary_reports_the_coverage_for_the_metric_of_the_search(result):
    covered = result.folds.query("estimator == 'automl'")["covered"].astype(float).mean()
    summary = result.summary().set_index(["metric", "estimator"])["coverage"]
    assert summary["roc_auc", "automl"] == pytest.approx(covered)
    assert summary.drop(("roc_auc", "automl")).isna().all()


def test_each_row_has_one_prediction_of_each_estimator_and_they_give_the_scores(result, cancer):
    made = result.predictions
    for name in ("automl", "tree"):
        own = made[made["estimator"] == name]
        assert sorted(own["row"]) == list(range(240))
        assert list(own["truth"]) == list(cancer[1][own["row"]])
        correct = (own["truth"] == own["prediction"]).groupby(own["fold"]).mean()
        scores = result.scores.query(f"estimator == '{name}' and metric == 'accuracy'")["score"]
        assert list(correct) == pytest.approx(list(scores))
        assert own[["probability_benign", "probability_malignant"]].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-6)


def test_the_outer_score_is_by_the_metric_of_the_search_also_where_the_outer_metrics_lack_it(cancer):
    recall = make_scorer(recall_score, pos_label="benign")
    r = nested({"automl": AutoMLClassifier(**SEARCH)}, cancer, scoring={"roc_auc": recall}, outer_cv=2)
    assert r.folds["outer_score"].between(0.9, 1).all()
    assert set(r.folds["metric"]) == {"roc_auc"}
    assert (r.folds["outer_score"] != r.scores["score"]).any()


def test_a_search_of_scikit_learn_has_its_best_hyperparameters_and_a_regressor_has_values():
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2)
    r = nested({"search": search}, load_diabetes(return_X_y=True), scoring="r2")
    assert {chosen["alpha"] for chosen in r.folds["configuration"]} <= {0.1, 1.0}
    assert r.predictions["prediction"].between(0, 400).all()
    assert list(r.predictions.columns) == ["estimator", "fold", "row", "truth", "prediction"]


def test_a_classifier_without_probabilities_and_a_fold_that_failed(cancer, seen):
    with pytest.warns(match="this fit fails"):
        r = nested({"svc": LinearSVC(), "w": Recorder(fail_on=(2,))}, cancer)
    assert r.predictions.groupby("estimator")["fold"].nunique().to_dict() == {"svc": 3, "w": 2}
    assert "probability_benign" not in r.predictions


# --- the fold store


def test_a_fold_store_keeps_predictions_configurations_and_estimates(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    contenders = {"automl": AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}), "ridge": Ridge()}
    first = nested(contenders, (X, y), scoring=None, store=tmp_path, outer_cv=2)
    n_lines = len((tmp_path / "folds.jsonl").read_text().splitlines())
    again = nested(contenders, (X, y), scoring=None, store=tmp_path, outer_cv=2)
    assert len((tmp_path / "folds.jsonl").read_text().splitlines()) == n_lines == 4
    pd.testing.assert_frame_equal(first.folds, again.folds)
    pd.testing.assert_frame_equal(first.predictions, again.predictions)
    assert first.folds["expected"].notna().sum() == 2


def test_a_store_of_the_format_before_is_read_and_no_fold_runs_again(tmp_path, seen):
    before = nested({"w": Recorder()}, store=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "folds.jsonl").read_text().splitlines()]
    old = [{k: v for k, v in line.items() if k not in ("configuration", "estimate")} for line in lines]
    (tmp_path / "folds.jsonl").write_text("".join(json.dumps(line) + "\n" for line in old))
    about = json.loads((tmp_path / "about.json").read_text())
    assert about["format"] == 3
    (tmp_path / "about.json").write_text(json.dumps(about | {"format": 2}))
    for file in (tmp_path / "predictions").iterdir():
        file.unlink()
    after = nested({"w": Recorder()}, store=tmp_path)
    assert len(seen) == 3
    pd.testing.assert_frame_equal(before.scores, after.scores)
    assert after.predictions.empty
    assert json.loads((tmp_path / "about.json").read_text()) == about


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_damaged_file_of_predictions_costs_only_these_predictions(tmp_path, seen, content):
    nested({"w": Recorder()}, store=tmp_path)
    file = sorted((tmp_path / "predictions").iterdir())[1]
    if content is None:
        np.savez(file, prediction=np.zeros(7))
    else:
        file.write_bytes(content)
    r = nested({"w": Recorder()}, store=tmp_path)
    assert len(seen) == 3
    assert set(r.predictions["fold"]) == {0, 2}
