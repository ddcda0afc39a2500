"""Tests of the scores of groups of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score

import automl
from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError
from tests.factories import FAST

RIDGE = FAST | {"include": ["ridge"], "max_trials": 1, "cv": None}


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X.iloc[:, :5], y


@pytest.fixture(scope="module")
def clf(cancer):
    X, y = cancer
    weight = np.where(np.arange(400) % 7 == 0, 2.0, 1.0)
    return AutoMLClassifier(**FAST).fit(X.iloc[:400], y.iloc[:400], sample_weight=weight)


def test_scores_of_new_rows_are_those_of_scikit_learn(clf, cancer):
    X, y = cancer[0].iloc[400:], cancer[1].iloc[400:].to_numpy()
    groups = pd.Series(np.where(X["mean radius"] > 14, "large", "small"), name="size")
    table = clf.scores_by_group(groups, X, y)
    assert table.index.tolist() == ["large", "small", "all rows", "largest difference"]
    assert table.index.name == "size"
    for name in ("large", "small"):
        own = (groups == name).to_numpy()
        p, found = clf.predict_proba(X[own])[:, 1], clf.predict(X[own])
        row = table.loc[name]
        assert row["rows"] == own.sum()
        assert row["roc_auc"] == pytest.approx(roc_auc_score(y[own], p))
        assert row["accuracy"] == pytest.approx(accuracy_score(y[own], found))
        assert row["true_positive_rate"] == pytest.approx(recall_score(y[own], found))
        assert row["false_positive_rate"] == pytest.approx(1 - recall_score(y[own], found, pos_label=0))
        assert row["positive_share"] == pytest.approx(y[own].mean())
        assert row["predicted_share"] == pytest.approx(found.mean())
        assert row["mean_probability"] == pytest.approx(p.mean())
    assert table["accuracy"].iloc[-1] == pytest.approx(abs(table["accuracy"].iloc[0] - table["accuracy"].iloc[1]))


def test_without_rows_the_out_of_fold_predictions_count_with_their_weights(clf, cancer, tmp_path):
    X, y = cancer[0].iloc[:400], cancer[1].iloc[:400].to_numpy()
    groups = np.where(X["mean radius"] > 14, "large", None)
    table = clf.scores_by_group(groups)
    rows = clf._row_predictions
    own = np.isin(rows.rows, np.flatnonzero(groups == "large"))
    found = clf._ensemble.decide(clf._ensemble.finish(rows.predictions[own].astype(float)))
    weight = np.where(rows.rows[own] % 7 == 0, 2.0, 1.0)
    assert table.index.tolist() == ["large", "missing", "all rows", "largest difference"]
    assert table.loc["large", "accuracy"] == pytest.approx(
        accuracy_score(y[rows.rows[own]], found, sample_weight=weight)
    )
    assert table.loc["all rows", "rows"] == 400
    clf.save(tmp_path / "model")
    pd.testing.assert_frame_equal(automl.load(tmp_path / "model").scores_by_group(groups), table)


def test_rows_of_a_guard_and_of_a_time_order_keep_their_groups(cancer):
    X, y = cancer
    order = np.random.default_rng(0).permutation(len(y))
    groups = y.map({0: "malignant", 1: "benign"})
    for arguments, settings in (({"time": order}, {}), ({}, {"guard": 0.1})):
        table = AutoMLClassifier(**FAST | {"max_trials": 1} | settings).fit(X, y, **arguments).scores_by_group(groups)
        assert table.loc["malignant", "positive_share"] == 0
        assert table.loc["benign", "positive_share"] == 1
        assert np.isnan(table.loc["benign", "false_positive_rate"])


def test_rows_in_the_order_of_time_keep_their_weights(cancer):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    order = np.random.default_rng(0).permutation(len(y))
    weight = np.where(X["sex"] > 0, 3.0, 1.0) * (1 + np.arange(len(y)) % 3)
    reg = AutoMLRegressor(**FAST | {"max_trials": 1}).fit(X, y, sample_weight=weight, time=order)
    rows = reg._row_predictions
    np.testing.assert_array_equal(rows.sample_weight, weight[rows.rows])
    expected = np.average(rows.predictions - rows.y, weights=weight[rows.rows])
    assert reg.scores_by_group(X["sex"]).loc["all rows", "mean_error"] == pytest.approx(expected)


def test_regression_says_which_groups_are_predicted_too_high():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    reg = AutoMLRegressor(**FAST).fit(X, y)
    quarter = pd.qcut(y, 4, labels=False)
    table = reg.scores_by_group(pd.DataFrame({"quarter": quarter, "sex": X["sex"] > 0}))
    assert table.index.name == "quarter, sex"
    assert table.index[0] == "0, False"
    assert (table["mean_error"].iloc[:2] > 0).all()  # the lowest quarter is predicted too high
    assert (table["mean_error"].iloc[6:8] < 0).all()
    assert table.loc["all rows", "neg_root_mean_squared_error"] < 0


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return X.assign(sex=np.where(X["sex"] > 0, "f", "m")), y


@pytest.fixture(scope="module")
def ridge(diabetes):
    X, y = diabetes
    order = np.random.default_rng(0).permutation(200)
    weight = np.where(X["age"] > 0, 1.0, 5.0)[:200]
    return AutoMLRegressor(**RIDGE).fit(X[:200], y[:200], time=order, sample_weight=weight)


def test_rows_of_weight_0_are_left_out_and_a_group_of_such_rows_does_not_appear(ridge, diabetes):
    X, y = (part[200:] for part in diabetes)
    kept = X["sex"] == "f"
    table = ridge.scores_by_group(X["sex"], X, y, sample_weight=kept.astype(float))
    assert table.index.tolist() == ["f", "all rows", "largest difference"]
    assert table.loc["all rows", "rows"] == kept.sum()
    assert table.loc["f", "mean_error"] == pytest.approx((ridge.predict(X) - y)[kept].mean())


def test_groups_may_be_the_name_or_the_number_of_a_column_of_X(ridge, diabetes):
    X, y = (part[200:] for part in diabetes)
    expected = ridge.scores_by_group(X["sex"], X, y)
    pd.testing.assert_frame_equal(ridge.scores_by_group("sex", X, y), expected)
    with pytest.raises(InvalidInputError, match="X has no column 'gender'; pass the group of each row"):
        ridge.scores_by_group("gender", X, y)
    with pytest.raises(InvalidInputError, match="groups is missing; pass the group of each row, or pass sensitive"):
        ridge.scores_by_group(None)
    for groups in ("sex", 1):
        with pytest.raises(InvalidInputError, match=f"groups is {groups!r}, but there is no X .* pass the group"):
            ridge.scores_by_group(groups)


def test_weights_stay_with_their_rows_in_the_order_of_time(ridge, diabetes):
    """The rows of each group have one weight, so that it changes no mean."""
    young = diabetes[0]["age"][:200] <= 0
    rows = ridge._row_predictions
    error = ridge._ensemble.finish(rows.predictions.astype(float)) - rows.y
    own = young.to_numpy()[rows.rows]
    assert ridge.scores_by_group(young).loc["True", "mean_error"] == pytest.approx(error[own].mean())


def test_validation_rows_need_groups_too(diabetes, tmp_path):
    X, y = diabetes
    reg = AutoMLRegressor(**RIDGE).fit(X[:200], y[:200], X_val=X[200:250], y_val=y[200:250])
    reg.save(tmp_path / "model")
    for model in (reg, automl.load(tmp_path / "model")):
        assert model.scores_by_group(X["sex"][:250]).loc["all rows", "rows"] == 50
        for n_rows in (50, 200, 251):
            with pytest.raises(InvalidInputError, match="the 250 rows that fit got: 200 of X, then 50 of X_val"):
                model.scores_by_group(X["sex"][:n_rows])


def test_several_classes_have_no_positive_class():
    X, y = load_iris(return_X_y=True)
    table = AutoMLClassifier(**FAST | {"max_trials": 1}).fit(X, y).scores_by_group(y)
    assert list(table.columns) == ["rows", "neg_log_loss", "accuracy"]
    assert table.index.tolist() == ["0", "1", "2", "all rows", "largest difference"]


def test_wrong_groups_raise_one_clear_error(clf, cancer):
    for n_rows in (10, 401):  # too many values are an error, too
        message = f"{n_rows} values; without X, pass one for each of the 400 rows of the table that fit got"
        with pytest.raises(InvalidInputError, match=message):
            clf.scores_by_group(np.zeros(n_rows))
    with pytest.raises(InvalidInputError, match="groups has 10 values but X has 5 rows"):
        clf.scores_by_group(np.zeros(10), cancer[0].head(), cancer[1].head())
    with pytest.raises(InvalidInputError, match="y is given without X"):
        clf.scores_by_group(np.zeros(400), y=cancer[1])
    many = cancer[0].sample(1_200, replace=True, random_state=0)
    with pytest.raises(InvalidInputError, match="1,200 different values"):
        clf.scores_by_group(np.arange(1_200), many, cancer[1][many.index])
