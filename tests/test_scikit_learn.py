"""Tests with scikit-learn's own checks of estimators, and inside other tools of scikit-learn."""

from __future__ import annotations

import pickle

import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    parametrize_with_checks,
)

from automl import AutoMLClassifier, AutoMLRegressor

SMALL = {"time_budget": None, "max_trials": 1, "n_jobs": 1, "cv": 2, "verbose": 0, "random_state": 0}
# The inner folds of a calibration hold rows: a row of weight 2 is in one of them, and two rows may be in two of them.
WITHOUT_INNER_FOLDS = {"exclude": ["sigmoid", "isotonic", "temperature"]}
ESTIMATORS = [
    AutoMLClassifier(**SMALL, include=["decision_tree"], **WITHOUT_INNER_FOLDS),
    AutoMLRegressor(**SMALL, include=["decision_tree"]),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_accepts_the_estimator(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize("initial", ["meta", "default"])
@pytest.mark.parametrize(
    "estimator",
    [
        *(AutoMLClassifier(**SMALL, include=[name], **WITHOUT_INNER_FOLDS) for name in ("qda", "bernoulli_nb")),
        *(AutoMLRegressor(**SMALL, include=[name]) for name in ("ridge", "elastic_net")),
    ],
    ids=lambda estimator: estimator.include[0],
)
def test_a_row_of_weight_two_is_the_same_as_two_rows(estimator, initial):
    check_sample_weight_equivalence_on_dense_data("", clone(estimator).set_params(initial_configurations=initial))


def test_the_estimator_works_inside_other_tools_of_scikit_learn():
    X, y = load_iris(return_X_y=True)
    clf = AutoMLClassifier(**{**SMALL, "include": ["lda"]})
    pipeline = make_pipeline(StandardScaler(), clf)
    assert cross_val_score(pipeline, X, y, cv=3, n_jobs=2).mean() > 0.85
    calibrated = CalibratedClassifierCV(clf, cv=2).fit(X, y)
    assert calibrated.score(X, y) > 0.9
    copied = pickle.loads(pickle.dumps(clf.fit(X, y)))
    assert (copied.predict(X) == clf.predict(X)).all()
    assert not hasattr(clone(clf), "classes_")


def test_a_global_transform_output_of_pandas_changes_nothing():
    X, y = load_iris(return_X_y=True, as_frame=True)
    clf = AutoMLClassifier(**{**SMALL, "include": ["logistic_regression"]})
    plain = clf.fit(X, y).predict_proba(X)
    with config_context(transform_output="pandas"):
        assert (clf.fit(X, y).predict_proba(X) == plain).all()
