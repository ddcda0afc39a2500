"""Tests of bad input: one clear error before any work names the column or argument and says how to fix it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import f1_score

from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError

X, Y = load_iris(return_X_y=True, as_frame=True)
WORDS = X.assign(**{"sepal width (cm)": "wide"})


def _changed(**columns):
    return X.assign(**columns)


def _no_scorer(y_true, y_predicted):
    return 0.0


_PROC = pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here")
ARGUMENTS = [
    ({"time_budget": 0}, "time_budget"),
    ({"time_budget": -5}, "time_budget"),
    ({"time_budget": "1h"}, "time_budget"),
    ({"time_budget": None, "max_trials": None}, "time_budget, max_trials and max_processor_seconds are all None"),
    ({"max_trials": 0}, "max_trials"),
    ({"memory_limit": 0}, "memory_limit"),
    ({"trial_time_limit": -1}, "trial_time_limit"),
    ({"n_jobs": 0}, "n_jobs"),
    ({"ensemble_size": 0}, "ensemble_size"),
    ({"scoring": "roc_acu"}, "scoring.*roc_auc"),
    ({"scoring": "f1"}, "f1_macro"),
    ({"scoring": "r2"}, "scores regression"),
    ({"searcher": "smak"}, "searcher.*smac"),
    ({"include": ["lightgmb"]}, "include.*lightgbm"),
    ({"exclude": ["catbost"]}, "exclude.*catboost"),
    ({"cv": 1}, "cv"),
    ({"initial_configurations": [{"no model": 1}]}, r"initial_configurations\[0\]"),
    ({"initial_configurations": [{"model": "lda", "scaling": "standrad"}]}, r"\[0\]: scaling.*'standrad'.*'standard'"),
    ({"initial_configurations": [{"model": "ridge", "scalling": "none"}]}, r"\[0\]: 'scalling'.*'scaling'"),
    ({"include": ["elastic_net"]}, "leave no model that suits this table; choose from .*lightgbm"),
    ({"include": "lightgbm"}, "include"),
    ({"scoring": _no_scorer}, r"scoring=_no_scorer takes .*make_scorer\(_no_scorer\)"),
    ({"scoring": f1_score}, "make_scorer"),
    ({"cv": [(np.arange(100), np.arange(50, 150))]}, "cv: fold 0 scores 50 of its training rows"),
    ({"random_state": -1}, "random_state"),
    ({"verbose": "loud"}, "verbose must be 0, 1 or 2"),
    ({"scoring": "aucc"}, "'aucc' is unknown; (?!.*rand_score)(?!.*'r2')"),
    ({"store": "/dev/null/run"}, "store.*name a folder"),
    pytest.param({"store": "/proc/run"}, "store '/proc/run': '/proc' cannot be written", id="/proc", marks=_PROC),
]

TABLES = [
    (X, np.zeros(150), "only 1 class"),
    (X, Y.where(Y.index != 3), "NaN.*row 4"),
    (X, Y[:100], "150 rows.*100"),
    (X, np.linspace(0, 1, 150), "AutoMLRegressor"),
    (pd.concat([X, X.iloc[:, :1]], axis=1), Y, "sepal length.*duplicates"),
    (_changed(nested=[[1, 2]] * 150), Y, "nested.*list"),
    (_changed(endless=np.inf), Y, "endless.*infinite"),
    (X.iloc[:, 0], Y, "X.to_frame"),
    ("train.csv", Y, "X is a path, 'train.csv'.*read_csv"),
    (X, "petal width (cm)", r"y should be a 1d array.*X\.pop\('petal width \(cm\)'\)"),
]


@pytest.mark.parametrize(("arguments", "message"), ARGUMENTS)
def test_the_error_names_an_argument_that_cannot_be_used(arguments, message):
    start = time.monotonic()
    with pytest.raises(InvalidInputError, match=f"(?s){message}"):
        AutoMLClassifier(**{"verbose": 0, **arguments}).fit(X, Y)
    assert time.monotonic() - start < 20  # no search was run, because the time budget is a minute


@pytest.mark.parametrize(("table", "target", "message"), TABLES, ids=[message for *_, message in TABLES])
def test_the_error_names_what_is_wrong_with_a_table_or_target(table, target, message):
    with pytest.raises(InvalidInputError, match=f"(?s){message}"):
        AutoMLClassifier(verbose=0).fit(table, target)


def test_a_regression_target_is_checked():
    with pytest.raises(InvalidInputError, match=r"constant|same value|one value"):
        AutoMLRegressor(verbose=0).fit(X, np.ones(150))
    with pytest.raises(InvalidInputError, match="AutoMLClassifier"):
        AutoMLRegressor(verbose=0).fit(X, np.array(["a", "b", "c"] * 50))
    with pytest.raises(InvalidInputError, match="scores classification"):
        AutoMLRegressor(verbose=0, scoring="roc_auc").fit(X, Y)


def _share(estimator, X, y):
    return float(np.mean(estimator.predict(X) == y))


def test_a_scorer_without_sample_weight_is_refused_if_there_are_weights():
    with pytest.raises(InvalidInputError, match=r"_share.*sample_weight"):
        AutoMLClassifier(scoring=_share, verbose=0).fit(X, Y, sample_weight=np.ones(150))


def test_an_array_after_a_frame_gets_a_warning_about_missing_names():
    clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], cv=2, verbose=0, random_state=0).fit(X, Y)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but AutoMLClassifier was fitted"):
        clf.predict(X.to_numpy())


def test_predict_names_a_missing_column_and_accepts_another_order():
    clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], cv=2, verbose=0, random_state=0).fit(X, Y)
    with pytest.raises(InvalidInputError, match="petal width"):
        clf.predict(X.drop(columns="petal width (cm)"))
    assert (clf.predict(X[X.columns[::-1]]) == clf.predict(X)).all()
    with pytest.raises(InvalidInputError, match="sepal width"):
        clf.predict(WORDS)
