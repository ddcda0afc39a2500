"""Sensitive features: what is recorded and shown for groups of rows, and differences between groups as objectives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import accuracy_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.errors import InvalidInputError
from automl.report.reproduce import make_reproduce_section
from automl.task.sensitive import fairness_differences, group_codes
from automl.task.split_arguments import in_python, on_command_line, split_arguments
from tests.factories import FAST

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)
GROUPS = pd.Series(np.where(X["mean texture"] > 18.5, "coarse", "fine"), name="texture")
COLUMNS = ["mean smoothness", "mean symmetry", "mean texture"]  # of little use, so that models differ
PARITY, ODDS = "demographic_parity_difference", "equalized_odds_difference"
SETTINGS = FAST | {"include": ["logistic_regression", "decision_tree", "lda"], "max_trials": 6, "cv": 2}
DIABETES = load_diabetes(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def clf():
    clf = AutoMLClassifier(**SETTINGS, objectives=["score", PARITY])
    return clf.fit(X[COLUMNS], Y, sensitive_features=GROUPS)


def test_each_trial_records_the_scores_of_the_groups_and_their_differences(clf):
    board = clf.leaderboard_
    finished = board[board["folds"] > 0]
    assert finished[["score[coarse]", "score[fine]", PARITY, ODDS]].notna().all(axis=None)
    assert finished[[PARITY, ODDS]].min(axis=None) >= 0
    assert finished[[PARITY, ODDS]].max(axis=None) <= 1
    assert finished[PARITY].nunique() > 1


def test_the_groups_of_fit_are_the_default_of_scores_by_group(clf):
    table = clf.scores_by_group()
    pd.testing.assert_frame_equal(table, clf.scores_by_group(GROUPS))
    assert table.index.name == "texture"
    assert table.loc["coarse", "rows"] == (GROUPS == "coarse").sum()
    with pytest.raises(InvalidInputError, match="pass the group of each row of X"):
        clf.scores_by_group(X=X[COLUMNS], y=Y)


def test_scores_of_groups_and_differences_are_those_of_fairlearn(clf):
    fairlearn = pytest.importorskip("fairlearn.metrics")
    predicted = clf.predict(X[COLUMNS])
    metrics = {
        "accuracy": accuracy_score,
        "predicted_share": fairlearn.selection_rate,
        "true_positive_rate": fairlearn.true_positive_rate,
        "false_positive_rate": fairlearn.false_positive_rate,
    }
    frame = fairlearn.MetricFrame(metrics=metrics, y_true=Y, y_pred=predicted, sensitive_features=GROUPS)
    table = clf.scores_by_group(GROUPS, X[COLUMNS], Y)
    for name in metrics:
        np.testing.assert_allclose(table[name].iloc[:2].astype(float), frame.by_group[name], err_msg=name)
        assert table.loc["largest difference", name] == pytest.approx(frame.difference()[name])
    rng = np.random.default_rng(0)
    y, p, groups, w = rng.integers(0, 2, 200), rng.integers(0, 2, 200), rng.integers(0, 3, 200), rng.random(200)
    found = fairness_differences(y, p, groups, w)
    for name in (PARITY, ODDS):
        expected = getattr(fairlearn, name)(y, p, sensitive_features=groups, sample_weight=w)
        assert found[name] == pytest.approx(expected)


def test_the_frontier_has_fairer_models_and_one_of_them_can_be_chosen(clf):
    table = clf.frontier_
    row = int(table[PARITY].idxmin())
    assert table[PARITY].iloc[row] < table[PARITY].iloc[0]
    fair = clf.choose(row)
    shares = [fair.predict(X[COLUMNS])[group == GROUPS].mean() for group in ("coarse", "fine")]
    first = [clf.predict(X[COLUMNS])[group == GROUPS].mean() for group in ("coarse", "fine")]
    assert abs(shares[0] - shares[1]) < abs(first[0] - first[1])
    found = fair.scores_by_group()
    assert found.loc["all rows", "roc_auc"] == pytest.approx(table["score"].iloc[row])
    assert found.loc["largest difference", "predicted_share"] == pytest.approx(fair.frontier_[PARITY].iloc[0])


def test_a_smaller_ensemble_has_its_own_scores_of_groups_also_after_saving(clf, tmp_path):
    table = clf.frontier_
    small = clf.slim(milliseconds=float(table["milliseconds"].min()))
    found = small.scores_by_group()
    assert found.loc["all rows", "roc_auc"] == pytest.approx(small.frontier_["score"].iloc[0])
    assert found.loc["largest difference", "predicted_share"] == pytest.approx(small.frontier_[PARITY].iloc[0])
    small.save(tmp_path / "small")
    pd.testing.assert_frame_equal(load(tmp_path / "small").scores_by_group(), found)


def test_differences_are_those_over_the_rows_of_all_folds_and_not_the_mean_of_the_folds():
    groups = np.where(np.arange(len(X)) < 3, "rare", GROUPS)  # it misses in at least one fold of four
    settings = SETTINGS | {"include": ["lda"], "max_trials": 1, "cv": KFold(4), "ensemble_size": 1}
    clf = AutoMLClassifier(**settings | {"scoring": "accuracy"}).fit(X[COLUMNS], Y, sensitive_features=groups)
    [entry] = clf.history_.evaluations.values()
    values, table = clf.leaderboard_.iloc[0], clf._row_predictions
    p = np.empty(len(X))
    p[table.rows] = table.predictions[:, 1] > 0.5
    shares = [p[groups == group].mean() for group in ("rare", "coarse", "fine")]
    assert len(entry.folds) == 4
    assert values[PARITY] == pytest.approx(max(shares) - min(shares))
    assert values["score[rare]"] == pytest.approx((p[:3] == Y[:3]).mean())
    assert clf.cv_results_[f"mean_test_{PARITY}"][0] == pytest.approx(values[PARITY])


def test_a_saved_model_keeps_the_groups_except_for_prediction(clf, tmp_path):
    clf.save(tmp_path / "model")
    again = load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.scores_by_group(), clf.scores_by_group())
    assert again.frontier_.equals(clf.frontier_)
    with pytest.raises(InvalidInputError, match="pass sensitive_features to fit"):
        load(tmp_path / "model", for_prediction=True).scores_by_group()


@pytest.mark.slow
def test_the_report_has_a_table_of_the_groups(clf, tmp_path):
    for name, title in (("html", "<caption>Scores of the groups by texture"), ("markdown", "### Groups by texture")):
        clf.report(tmp_path / "report", format=name)
        text = (tmp_path / "report").read_text(encoding="utf-8")
        assert title in text
        assert "selection rate" in text
        assert "largest difference" in text
        assert "demographic parity difference" in text


def test_the_report_repeats_the_call_with_the_groups(clf):
    assert "fit(X, y, sensitive_features=groups_of_rows)" in make_reproduce_section(clf, None).python
    named = split_arguments("day", 2, None, "sex")
    assert in_python(named) == ", time='day', gap=2, sensitive_features='sex'"
    assert on_command_line(named) == ["--time", "day", "--gap", "2", "--sensitive-features", "sex"]


def test_refit_keeps_the_groups_of_the_training_rows_only(clf):
    pd.testing.assert_frame_equal(clf.refit().scores_by_group(), clf.scores_by_group())
    with pytest.raises(InvalidInputError, match="pass sensitive_features to fit"):
        clf.refit(X[COLUMNS], Y).scores_by_group()


def test_scikit_learn_routes_the_groups_to_fit():
    with sklearn.config_context(enable_metadata_routing=True):
        reg = AutoMLRegressor(**SETTINGS | {"include": ["ridge"], "max_trials": 1})
        pipeline = make_pipeline("passthrough", reg.set_fit_request(sensitive_features=True))
        pipeline.fit(*DIABETES, sensitive_features=DIABETES[0]["sex"] > 0)
    assert pipeline[-1].scores_by_group().index.tolist()[:2] == ["False", "True"]


@pytest.mark.parametrize("more", [{"time": np.arange(442)[::-1]}, {"guard": 0.1}])
def test_groups_stay_with_their_rows_in_the_order_of_time_and_with_a_guard(more):
    table, y = DIABETES
    settings = SETTINGS | {"include": ["ridge"], "max_trials": 1} | {k: v for k, v in more.items() if k == "guard"}
    arguments = {k: v for k, v in more.items() if k == "time"}
    reg = AutoMLRegressor(**settings).fit(table, y, sensitive_features="sex", **arguments)
    pd.testing.assert_frame_equal(reg.scores_by_group(), reg.scores_by_group(table["sex"]))


@pytest.mark.parametrize(
    ("frame", "labels", "codes"),
    [
        ({"a": ["all rows", "largest difference", "b"]}, ["'all rows'", "'largest difference'", "b"], [0, 1, 2]),
        ({"a": [None, "missing", np.nan]}, ["'missing'", "missing"], [1, 0, 1]),
        ({"a": [1, "1", 1]}, ["'1'", "1"], [1, 0, 1]),
        ({"a": ["x, y", "x"], "b": ["z", "y, z"]}, ["'x', 'y, z'", "'x, y', 'z'"], [1, 0]),
        ({"a": [0.05068011873981862, -0.044641636506989, 2.0]}, ["-0.0446416", "0.0506801", "2.0"], [1, 0, 2]),
        ({"a": [0.1, 0.1000000001]}, ["0.1", "0.1000000001"], [0, 1]),
        ({"a": [10, 9, 10]}, ["9", "10"], [1, 0, 1]),
    ],
)
def test_different_values_are_different_groups_with_different_short_labels(frame, labels, codes):
    found = group_codes(pd.DataFrame(frame), "groups")
    assert found[1] == labels
    assert found[0].tolist() == codes


def test_wrong_groups_are_an_error_before_the_search():
    clf = AutoMLClassifier(**SETTINGS)
    with pytest.raises(InvalidInputError, match=r"sensitive_features has 10 values, but fit got 569 rows"):
        clf.fit(X, Y, sensitive_features=GROUPS[:10])
    with pytest.raises(InvalidInputError, match=r"pass X\[\['mean area', 'mean texture'\]\]"):
        clf.fit(X, Y, sensitive_features=["mean area", "mean texture"])
    with pytest.raises(InvalidInputError, match="sensitive_features has no columns"):
        clf.fit(X, Y, sensitive_features=X[[]])
    with pytest.raises(InvalidInputError, match="has the single group 'fine', apart from rows of weight 0"):
        clf.fit(X, Y, sensitive_features=GROUPS, sample_weight=(GROUPS == "fine").astype(float))
    for name in (PARITY, "score[fine]"):
        named = AutoMLClassifier(**SETTINGS, scoring={"roc_auc": "roc_auc", name: "accuracy"})
        with pytest.raises(InvalidInputError, match="is a column of leaderboard_ with sensitive_features"):
            named.fit(X, Y, sensitive_features=GROUPS)
    with pytest.raises(InvalidInputError, match="sensitive_features: X has no column 'sex'"):
        clf.fit(X, Y, sensitive_features="sex")
    with pytest.raises(InvalidInputError, match="has the single group 'a'"):
        clf.fit(X, Y, sensitive_features=["a"] * len(X))
    fair = AutoMLClassifier(**SETTINGS, objectives=["score", ODDS])
    with pytest.raises(InvalidInputError, match="compares groups of rows; pass them to fit"):
        fair.fit(X, Y)
    with pytest.raises(InvalidInputError, match="is for one target with two classes"):
        fair.fit(X, np.arange(len(X)) % 3, sensitive_features=GROUPS)
    with pytest.raises(InvalidInputError, match="sensitive_features is for one target"):
        clf.fit(X, np.column_stack([Y, 1 - Y]), sensitive_features=GROUPS)


def test_a_group_of_few_rows_gives_a_warning(caplog):
    X_small, y = DIABETES
    groups = np.where(np.arange(len(y)) < 12, "few", np.where(np.arange(len(y)) % 2, "odd", "even"))
    reg = AutoMLRegressor(**FAST | {"include": ["ridge"], "max_trials": 1}).fit(X_small, y, sensitive_features=groups)
    found = [each for each in reg.warnings_ if each.code == "small_groups"]
    assert len(found) == 1
    assert found[0].message.startswith("1 group of 3 by group has fewer than 30 rows (the smallest one, 'few', has 12)")
    with pytest.warns(UserWarning, match="group 'few' has 12 rows; with fewer than 30 rows"):
        reg.scores_by_group()
