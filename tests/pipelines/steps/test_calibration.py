from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from pipelines.steps.calibration import CalibratedClassifier


def test_a_classifier_is_not_calibrated_where_a_class_has_too_few_rows():
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = np.repeat([0, 1], [38, 2])
    plain = LogisticRegression().fit(X, y).predict_proba(X)
    assert np.allclose(CalibratedClassifier(LogisticRegression()).fit(X, y).predict_proba(X), plain)
