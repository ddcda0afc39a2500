"""The public function nested_cross_validate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from automl import AutoMLClassifier, nested_cross_validate
from automl.errors import FoldFailedWarning, InvalidInputError, NothingFittedError
from tests.comparison.estimators import IRIS, Recorder, nested, tree

CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


def test_scores_are_those_of_scikit_learns_own_cross_validation():
    metrics = ["accuracy", "neg_log_loss", "roc_auc_ovr"]
    folds = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    r = nested({"nb": GaussianNB()}, outer_cv=folds, scoring=metrics)
    expected = cross_validate(GaussianNB(), *IRIS, cv=folds, scoring=metrics)
    for metric in metrics:
        found = r.scores[r.scores["metric"] == metric]
        assert list(found["fold"]) == list(range(6))
        assert list(found["score"]) == pytest.approx(list(expected[f"test_{metric}"]))


def test_one_row_for_each_estimator_fold_and_metric():
    r = nested({"tree": tree(), "dummy": DummyClassifier()}, scoring=["accuracy", "f1_macro"])
    assert len(r.scores) == 2 * 3 * 2
    assert not r.scores.duplicated(["estimator", "fold", "metric"]).any()
    assert (r.scores["n_train"] + r.scores["n_test"] == 150).all()
    assert list(r.scores["estimator"].unique()) == ["tree", "dummy"]


def test_the_summary_has_means_and_spreads_best_first():
    r = nested({"dummy": DummyClassifier(), "tree": tree()})
    summary = r.summary()
    assert list(summary["estimator"]) == ["tree", "dummy"]
    scores = r.scores.loc[r.scores["estimator"] == "tree", "score"]
    best = summary.iloc[0]
    assert (best["mean"], best["std"]) == pytest.approx((scores.mean(), scores.std(ddof=1)))
    assert (best["folds"], best["failed"]) == (3, 0)


@pytest.mark.parametrize(
    ("estimator", "data", "metric"),
    [
        (tree(), CANCER, "roc_auc"),
        (tree(), IRIS, "neg_log_loss"),
        (DecisionTreeRegressor(max_depth=2), DIABETES, "neg_root_mean_squared_error"),
    ],
)
def test_the_default_metric_is_that_of_our_estimators_in_scikit_learns_sign(estimator, data, metric):
    scores = nested({"tree": estimator}, data, scoring=None).scores
    assert set(scores["metric"]) == {metric}
    assert (scores["score"] > 0).all() == (metric == "roc_auc")


@pytest.mark.slow
def test_our_search_and_one_of_scikit_learn_are_compared_on_a_frame_with_strings():
    X, y = load_wine(return_X_y=True, as_frame=True)
    frame = X.assign(word=np.where(y == 0, "a", "b")).set_index(np.arange(len(y))[::-1] * 7)
    ours = AutoMLClassifier(time_budget=None, max_trials=1, n_jobs=1, cv=2, include=["logistic_regression"], verbose=0)
    numbers = make_column_transformer((StandardScaler(), list(X.columns)))
    search = GridSearchCV(make_pipeline(numbers, KNeighborsClassifier()), {"kneighborsclassifier__p": [1, 2]}, cv=2)
    r = nested({"automl": ours, "search": search}, (frame, y), outer_cv=2)
    assert r.scores["score"].min() > 0.6, r.scores[["estimator", "score", "reason"]]


def test_a_sparse_table_has_the_scores_of_the_dense_one():
    dense = nested({"knn": KNeighborsClassifier()})
    packed = nested({"knn": KNeighborsClassifier()}, (sparse.coo_matrix(IRIS[0]), IRIS[1]))
    assert list(dense.scores["score"]) == list(packed.scores["score"])


def test_fits_see_the_training_rows_only(seen):
    y = np.arange(30) % 2
    y[:5] += 10  # labels of the scored rows differ
    nested({"w": Recorder()}, (np.arange(30.0)[:, None], y), outer_cv=[(range(5, 30), range(5))])
    assert [list(np.unique(call["y"])) for call in seen] == [[0, 1]]


def test_a_number_of_folds_is_stratified_for_classes_and_shuffled():
    y = np.repeat([0, 1], [90, 10])
    X = np.arange(100.0)[:, None]
    folds = nested({"dummy": DummyClassifier()}, (X, y), outer_cv=5, scoring={"rare": _share_of_1, "first": _first_row})
    scores = folds.scores.set_index("metric")["score"]
    assert list(scores["rare"]) == [0.1] * 5
    assert scores["first"].nunique() == 5
    assert set(scores["first"]) != {0.0, 20.0, 40.0, 60.0, 80.0}


def _share_of_1(estimator, X, y):
    return float((y == 1).mean())


def _first_row(estimator, X, y):
    return float(X[0, 0])


def test_groups_stay_on_one_side_and_reach_the_search_inside(seen):
    groups = np.arange(150) % 10
    r = nested({"w": Recorder()}, groups=groups, outer_cv=5, scoring={"n": _n_rows})
    assert [len(np.unique(call["groups"])) for call in seen] == [8] * 5
    assert list(r.scores["n_test"]) == [30] * 5
    search = GridSearchCV(tree(), {"max_depth": [1, 2]}, cv=GroupKFold(2))
    assert nested({"s": search}, groups=groups, outer_cv=GroupKFold(5)).scores["score"].notna().all()


def _n_rows(estimator, X, y):
    return float(len(y))


def test_later_rows_are_scored_with_a_time_series_split(seen):
    X, y = IRIS
    order = np.random.default_rng(0).permutation(150)
    r = nested({"w": Recorder()}, (X[order], y[order]), outer_cv=TimeSeriesSplit(3))
    assert list(r.scores["n_train"]) == [39, 76, 113]
    assert all((call["y"] == y[order][: len(call["y"])]).all() for call in seen)


def test_weights_are_used_in_fit_and_score(seen):
    y = IRIS[1]
    weight = np.where(y == 0, 3.0, 1.0)
    r = nested({"w": Recorder()}, sample_weight=weight)
    assert all((call["weight"] == np.where(call["y"] == 0, 3.0, 1.0)).all() for call in seen)
    assert list(r.scores["score"]) == pytest.approx([0.6] * 3, abs=0.02)  # always class 0: 3 of 5
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    weighted = nested({"p": pipeline}, sample_weight=weight, scoring="neg_log_loss").scores["score"]
    assert list(weighted) != list(nested({"p": pipeline}, scoring="neg_log_loss").scores["score"])


def test_missing_seeds_are_set_for_each_fold_and_given_seeds_stay(seen):
    nested({"free": Recorder(), "fixed": Recorder(random_state=7)})
    free, fixed = ([call["seed"] for call in seen[start::2]] for start in (0, 1))
    assert len(set(free)) == 3
    assert None not in free
    assert fixed == [7, 7, 7]


def test_the_same_seed_gives_the_same_scores_and_another_gives_others():
    contenders = {"tree": DecisionTreeClassifier(max_features=1)}
    one, same, other = (nested(contenders, random_state=seed).scores["score"] for seed in (1, 1, 2))
    assert list(one) == list(same)
    assert list(one) != list(other)


def test_the_users_estimators_and_splitter_are_left_as_they_were():
    estimator, splitter = tree(), StratifiedKFold(3, shuffle=True)
    nested({"tree": estimator}, outer_cv=splitter)
    assert not hasattr(estimator, "tree_")
    assert (estimator.random_state, splitter.random_state) == (None, None)


def test_a_failing_fold_is_a_row_with_its_reason_and_one_warning(seen):
    with pytest.warns(FoldFailedWarning, match=r"'w' has no score on outer fold 2 of 3.*this fit fails") as caught:
        r = nested({"w": Recorder(fail_on=(2, 3)), "tree": tree()})
    assert len(caught) == 1
    w = r.scores[r.scores["estimator"] == "w"]
    assert list(w["score"].isna()) == [False, True, True]
    assert list(w["reason"]) == ["", "ArithmeticError: this fit fails", "ArithmeticError: this fit fails"]
    assert list(r.summary()["failed"]) == [0, 2]
    assert r.compare().loc[0, "folds"] == 1


def test_a_metric_that_one_estimator_lacks_costs_no_other_metric():
    with pytest.warns(FoldFailedWarning, match="predict_proba"):
        r = nested({"svc": LinearSVC(), "nb": GaussianNB()}, scoring=["accuracy", "neg_log_loss"])
    missing = r.scores[r.scores["score"].isna()]
    assert set(zip(missing["estimator"], missing["metric"], strict=True)) == {("svc", "neg_log_loss")}


def test_log_loss_is_known_on_a_fold_without_a_class():
    folds = [(np.setdiff1d(np.arange(150), test), test) for test in (np.arange(40), np.arange(60, 90))]
    assert nested({"nb": GaussianNB()}, outer_cv=folds, scoring="neg_log_loss").scores["score"].notna().all()


@pytest.mark.parametrize("scoring", ["f1", "average_precision", "neg_brier_score", "roc_auc"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_second_of_two_labels_is_the_positive_class_if_no_label_is_1(scoring, weighted):
    X, y = load_breast_cancer(return_X_y=True)
    weight = np.random.default_rng(0).random(len(y)) if weighted else None
    options = {
        "outer_cv": 3,
        "random_state": 0,
        "verbose": 0,
        "scoring": [scoring, "accuracy"],
        "sample_weight": weight,
    }
    numbers, words = (
        nested_cross_validate({"tree": DecisionTreeClassifier(max_depth=3)}, X, labels, **options).scores["score"]
        for labels in (y, np.array(["no", "yes"])[y])
    )
    assert len(numbers) == 6
    np.testing.assert_allclose(words, numbers)


def test_a_run_without_any_score_ends_with_an_error(seen):
    with pytest.warns(FoldFailedWarning), pytest.raises(NothingFittedError, match="ArithmeticError: this fit fails"):
        nested({"w": Recorder(fail_on=(1, 2, 3))})


# --- bad input


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"estimators": {}}, "estimators must be a dict.*got an empty one"),
        ({"estimators": GaussianNB()}, "estimators must be a dict.*got GaussianNB"),
        ({"estimators": {1: GaussianNB()}}, "names must be strings"),
        ({"estimators": {"nb": GaussianNB}}, r"'nb' is a class; pass an object, such as GaussianNB\(\)"),
        ({"estimators": {"nb": "GaussianNB"}}, "'nb' is not a scikit-learn estimator"),
        ({"estimators": {"scale": StandardScaler()}}, "'scale' is not a scikit-learn estimator"),
        ({"estimators": {"nb": GaussianNB(), "ridge": Ridge()}}, "'nb' is a classifier, 'ridge' is a regressor"),
        ({"estimators": {"a": AutoMLClassifier(time_budget=-1)}}, "time_budget"),
        ({"estimators": {"a": AutoMLClassifier(store="there")}}, "'a' has a store"),
        ({"estimators": {"a": make_pipeline(AutoMLClassifier(store="there"))}}, "'a' has a store"),
        ({"data": (IRIS[0], IRIS[1][:-1])}, "X has 150 rows but y has 149 values"),
        ({"data": (IRIS[0][:, 0], IRIS[1])}, "Expected 2D array"),
        ({"data": (IRIS[0], np.zeros(150))}, "only 1 class"),
        ({"scoring": "acuracy"}, "scoring: 'acuracy' is unknown; did you mean 'accuracy'"),
        ({"scoring": "roc_auc"}, "use scoring='roc_auc_ovr'"),
        ({"scoring": "r2"}, "scoring='r2' scores regression"),
        ({"scoring": []}, "scoring is empty"),
        ({"scoring": accuracy_score}, "make_scorer"),
        ({"scoring": [make_scorer(accuracy_score), "accuracy", "accuracy"]}, "two scorers named 'accuracy'"),
        ({"scoring": {"share": _n_rows}, "sample_weight": np.ones(150)}, "takes no sample_weight"),
        ({"outer_cv": 1}, "outer_cv must be 2 folds or more"),
        ({"outer_cv": True}, "outer_cv must be a number"),
        ({"outer_cv": "five"}, "outer_cv must be a number"),
        ({"outer_cv": 51}, "outer_cv=51 but class 0 of y has 50 rows; use outer_cv=50"),
        ({"outer_cv": KFold(200)}, "outer_cv cannot split this table"),
        ({"outer_cv": KFold(2).split(IRIS[0][:3])}, "trains on a single class"),
        ({"outer_cv": GroupKFold(3)}, "'groups' parameter should not be None"),
        ({"outer_cv": []}, "gives no fold"),
        ({"outer_cv": [(range(100), range(90, 150))]}, "fold 0 scores 10 of its training rows"),
        ({"outer_cv": [(range(140), range(140, 160))]}, "row numbers outside the 150 rows"),
        ({"outer_cv": [(range(100), [])]}, "fold 0"),
        ({"groups": np.arange(150) % 2}, "outer_cv=3 but the number of groups is 2"),
        ({"groups": np.arange(150) % 10, "outer_cv": KFold(3)}, "10 groups in both of its parts"),
        ({"groups": np.arange(149)}, "groups has 149 values"),
        ({"estimators": {"knn": KNeighborsClassifier()}, "sample_weight": np.ones(150)}, "'knn' cannot use it"),
        ({"random_state": "dice"}, "random_state must be an int"),
        ({"random_state": -1}, "random_state must lie between"),
    ],
)
def test_bad_input_is_one_error_that_names_the_argument_before_any_work(tmp_path, seen, changed, message):
    base = {"estimators": {"w": Recorder()}, "store": tmp_path / "run"}
    with pytest.raises(InvalidInputError, match=message):
        nested(**(base | changed))
    assert seen == []
    assert not (tmp_path / "run").exists()


def test_regression_needs_as_many_rows_as_folds():
    X, y = DIABETES
    with pytest.raises(InvalidInputError, match="outer_cv=5 but X has 4 rows"):
        nested({"dummy": DummyRegressor()}, (X[:4], y[:4]), outer_cv=5, scoring=None)


def test_each_fold_is_one_line_of_the_log_but_not_with_verbose_0(caplog):
    with caplog.at_level("INFO", logger="automl"):
        nested({"tree": tree()}, verbose=0)
        assert caplog.messages == []
        nested({"tree": tree()}, verbose=1)
    assert [message.split(":")[0] for message in caplog.messages] == [f"outer fold {i} of 3, tree" for i in (1, 2, 3)]
