"""Tests with scikit-learn's own checks of estimators, and inside other tools of scikit-learn."""

from __future__ import annotations

import pickle

from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from automl import AutoMLClassifier, AutoMLRegressor

SMALL = {"time_budget": None, "max_trials": 1, "n_jobs": 1, "cv": 2, "verbose": 0, "random_state": 0}
ESTIMATORS = [
    AutoMLClassifier(**SMALL, include=["decision_tree"]),
    AutoMLRegressor(**SMALL, include=["decision_tree"]),
]
FOLDS = "a repeated row counts twice when rows are assigned to folds, but a row of weight 2 counts once"
ALWAYS = {
    "check_sample_weight_equivalence_on_dense_data": FOLDS,
    "check_sample_weight_equivalence_on_sparse_data": FOLDS,
}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: ALWAYS)
def test_scikit_learn_accepts_the_estimator(estimator, check):
    check(estimator)


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
