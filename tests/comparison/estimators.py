"""Estimators, tables and a call of nested cross-validation that several test files use."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from automl import nested_cross_validate

IRIS = load_iris(return_X_y=True)


def tree(**settings):
    return DecisionTreeClassifier(max_depth=2, **settings)


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that records the arguments of each fit, and raises an error in the fits that `fail_on` counts."""

    seen: list = []  # noqa: RUF012  shared by clones on purpose

    def __init__(self, fail_on=(), random_state=None):
        self.fail_on = fail_on
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None):
        Recorder.seen.append({"y": y, "weight": sample_weight, "groups": groups, "seed": self.random_state})
        if len(Recorder.seen) in self.fail_on:
            raise ArithmeticError("this fit fails")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def nested(estimators, data=IRIS, **options):
    usual = {"verbose": 0, "random_state": 0, "outer_cv": 3, "scoring": "accuracy"}
    return nested_cross_validate(estimators, *data, **(usual | options))
