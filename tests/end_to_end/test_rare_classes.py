"""Tests of classes with a single row: they are trained on everywhere, scored nowhere, and reported once."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import KFold, LeaveOneOut

from automl import AutoMLClassifier, nested_cross_validate
from automl.errors import InvalidInputError, RareClassWarning
from automl.task.metrics import make_metric
from automl.task.prepare import TrainingData, prepare
from automl.task.splits import SplitRequest, make_folds
from tests.factories import FAST

LONE = 7


def make_target():
    """Return iris with a class of a single row and a class of two rows."""
    X, y = load_iris(return_X_y=True)
    y = np.array(["setosa", "versicolor", "virginica"], dtype=object)[y]
    y[LONE] = "rare"
    y[[60, 70]] = "scarce"
    return X, y


@pytest.fixture(scope="module")
def fitted():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = AutoMLClassifier(**FAST | {"max_trials": 2, "ensemble_size": 1}).fit(*make_target())
    return clf, caught


def test_one_warning_names_a_class_with_a_single_row_and_points_to_the_call_of_fit(fitted):
    _, (caught,) = fitted
    assert caught.category is RareClassWarning
    assert "class 'rare' of y has a single row" in str(caught.message)
    assert caught.filename == __file__


def test_probabilities_have_a_column_for_a_class_with_a_single_row(fitted):
    clf, _ = fitted
    X, _ = make_target()
    assert list(clf.classes_) == ["rare", "scarce", "setosa", "versicolor", "virginica"]
    assert clf.predict_proba(X).shape == (len(X), 5)
    assert (clf.predict_proba(X)[:, 0] > 0).any()
    assert np.isfinite(clf.estimate_.score)
    assert np.isfinite(clf.best_score_)


@pytest.mark.parametrize("cv", [None, 5, KFold(5, shuffle=True), LeaveOneOut()], ids=str)
def test_the_single_row_of_a_class_is_a_training_row_of_every_fold(cv):
    X, y = make_target()
    codes = np.unique(y, return_inverse=True)[1]
    folds = make_folds(SplitRequest(codes, True, cv=cv, X=X))
    assert all(LONE in train and LONE not in test for train, test in folds)
    assert sorted(np.concatenate([test for _, test in folds])) == [row for row in range(len(y)) if row != LONE]


def test_folds_of_groups_and_of_time_order_neither_split_a_group_nor_train_on_the_future():
    _, y = make_target()
    codes = np.unique(y, return_inverse=True)[1]
    groups = np.arange(len(y)) // 10
    folds = make_folds(SplitRequest(codes, True, groups=groups))
    assert all(LONE not in test and not set(groups[train]) & set(groups[test]) for train, test in folds)
    ordered = [(np.arange(100), np.arange(100, 120)), (np.arange(120), np.arange(120, 150))]
    late = np.where(np.arange(150) == 110, 3, np.arange(150) % 3)
    assert all(
        110 not in test and train.max() < test.min() for train, test in make_folds(SplitRequest(late, True, cv=ordered))
    )


def test_the_single_row_of_a_class_with_weight_is_a_training_row_of_every_fold():
    codes, weight = np.arange(60) % 3, np.ones(60)
    weight[codes == 2] = 0
    weight[5] = 1
    assert all(5 in train for train, _ in make_folds(SplitRequest(codes, True, sample_weight=weight)))


@pytest.mark.parametrize("groups", [None, np.arange(150) // 10], ids=["rows", "groups"])
def test_the_guard_takes_no_class_with_a_single_row(groups):
    X, y = make_target()
    with pytest.warns(RareClassWarning):
        task = prepare(TrainingData(X, y, groups=groups), classification=True, holdout_share=0.25).task
    assert 0 in task.y
    assert 0 not in task.holdout.y


@pytest.mark.parametrize(
    "scoring",
    ["neg_log_loss", "roc_auc_ovr", "roc_auc_ovr_weighted", "roc_auc_ovo", "neg_brier_score", "top_k_accuracy"],
)
def test_scorers_of_probabilities_have_a_value_where_the_rows_lack_a_class(scoring):
    classes = np.array(list("abcd"))
    metric = make_metric(scoring, "multiclass", classes)
    rng = np.random.default_rng(0)
    codes, p = rng.integers(0, 3, 60), rng.dirichlet(np.ones(4), 60)
    score = -metric.loss(codes, p)
    assert np.isfinite(score)
    fitted = DummyClassifier(strategy="uniform").fit(np.zeros((4, 1)), classes)
    assert np.isfinite(metric.scorer(fitted, np.zeros((60, 1)), classes[codes]))


def test_outer_folds_accept_a_class_with_a_single_row():
    X, y = make_target()
    y[y == "scarce"] = "versicolor"
    result = nested_cross_validate(
        {"dummy": DummyClassifier()}, X, y, outer_cv=3, scoring=["neg_log_loss", "roc_auc_ovr"], verbose=0
    )
    assert result.scores["score"].notna().all()
    assert result.scores["n_test"].sum() == 2 * (len(y) - 1)


@pytest.mark.parametrize("y", [["a"] * 5 + ["b"], ["a"] * 5 + ["b", "c"]], ids=["two classes", "one class is left"])
def test_a_single_row_is_refused_where_fewer_than_two_other_classes_are_left(y):
    with pytest.raises(InvalidInputError, match="class 'b' of y has a single row"):
        AutoMLClassifier(**FAST).fit(np.arange(len(y))[:, None], y)
