"""Fast predictions of models inside wrappers are those of the models themselves."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from pipelines.prediction.models import fast_predict
from pipelines.steps.calibration import CalibratedClassifier


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine], ids=["two classes", "three classes"])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize(
    "model", [DecisionTreeClassifier(max_depth=3, random_state=0), KNeighborsClassifier()], ids=str
)
def test_a_calibrated_classifier_predicts_the_same(model, method, load):
    X, y = load(return_X_y=True)
    fitted = CalibratedClassifier(model, method).fit(X[::2], y[::2])
    np.testing.assert_allclose(fast_predict(fitted)(X), fitted.predict_proba(X), rtol=0, atol=1e-12)
