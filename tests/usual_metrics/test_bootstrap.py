"""The metrics of bootstrap samples are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import get_scorer

from automl.usual_metrics import bootstrap
from automl.usual_metrics.scores import _StoredClassifier, _StoredRegressor


def check(metrics, judged, y, seed):
    """Compare all metrics on one sample, with scikit-learn's on the rows of this sample."""
    rng = np.random.default_rng(seed)
    weights = bootstrap.draw_weights(rng, 3, len(y))
    for name, metric in metrics.items():
        for got, counts in zip(metric(weights), weights, strict=True):
            rows = np.repeat(np.arange(len(y)), counts.astype(int))
            assert got == pytest.approx(get_scorer(name)(judged, rows[:, None], y[rows])), name


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("decimals", [1, 8])
def test_metrics_of_a_classifier(n_classes, decimals):
    rng = np.random.default_rng(n_classes)
    p = rng.dirichlet(np.ones(n_classes), 60).round(decimals)
    p = (p + 1e-3) / (p + 1e-3).sum(axis=1, keepdims=True)
    y = np.array([rng.choice(n_classes, p=row) for row in p])
    predicted = p.argmax(axis=1)
    judged = _StoredClassifier({"predict": predicted, "predict_proba": p}, np.arange(n_classes))
    check(bootstrap.classification(y, predicted, p), judged, y, seed=0)


def test_metrics_of_a_regressor():
    rng = np.random.default_rng(0)
    y = rng.normal(3, 1, 50)
    predicted = y + rng.normal(0, 0.3, 50)
    check(bootstrap.regression(y, predicted), _StoredRegressor({"predict": predicted}), y, seed=1)


def test_scores_that_are_not_defined_are_missing():
    metrics = bootstrap.classification(np.array([0, 0]), np.array([0, 1]), np.array([[0.8, 0.2], [0.4, 0.6]]))
    assert np.isnan(metrics["roc_auc"](np.ones((1, 2))))
    assert metrics["precision"](np.ones((1, 2))) == 0
