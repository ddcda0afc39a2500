from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from pipelines.steps.balancing import BalancedClassifier


def test_balancing_gives_classes_the_same_weight_or_number_of_rows():
    X, y = np.zeros((100, 1)), np.repeat([0, 1], [90, 10])
    for strategy in ("weights", "oversample", "undersample"):
        model = BalancedClassifier(DummyClassifier(), strategy, power=1.0).fit(X, y)
        assert model.predict_proba(X[:1])[0] == pytest.approx([0.5, 0.5], abs=0.01)
        half = BalancedClassifier(DummyClassifier(), strategy, power=0.5).fit(X, y)
        assert 0.1 < half.predict_proba(X[:1])[0, 1] < 0.5


def test_undersampling_leaves_at_least_ten_rows_to_a_class_that_has_them():
    X, y = np.zeros((100, 1)), np.repeat([0, 1], [98, 2])
    model = BalancedClassifier(DummyClassifier(), "undersample", power=1.0).fit(X, y)
    assert model.predict_proba(X[:1])[0] == pytest.approx([10 / 12, 2 / 12])
