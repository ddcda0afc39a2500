"""Scikit-learn's own checks of estimators."""

from __future__ import annotations

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    parametrize_with_checks,
)

from automl import AutoMLClassifier, AutoMLRegressor

SMALL = {
    "time_budget": None,
    "max_trials": 1,
    "n_jobs": 1,
    "cv": 2,
    "initial_configurations": "default",
    "verbose": 0,
    "random_state": 0,
}
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
