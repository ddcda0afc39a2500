from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from pipelines.steps.calibration import CalibratedClassifier


def test_a_classifier_is_not_calibrated_where_a_class_has_too_few_rows():
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = np.repeat([0, 1], [38, 2])
    plain = LogisticRegression().fit(X, y).predict_proba(X)
    assert np.allclose(CalibratedClassifier(LogisticRegression()).fit(X, y).predict_proba(X), plain)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
def test_calibration_keeps_the_order_of_the_rows_where_the_inner_models_have_learned_nothing(method):
    # The inner models of few rows are constant, and a constant is the higher the fewer rows of the class it has not
    # seen; a fitted sigmoid then falls. The last model, on all rows, has learned something.
    X = np.arange(60.0)[:, None]
    y = (X[:, 0] > 29).astype(int)
    weight = np.bincount(np.random.default_rng(0).integers(0, 60, 60), minlength=60).astype(float)
    tree = DecisionTreeClassifier(min_samples_leaf=15)
    fitted = CalibratedClassifier(tree, method).fit(X, y, sample_weight=weight)
    assert roc_auc_score(y, fitted.predict_proba(X)[:, 1]) > 0.9
