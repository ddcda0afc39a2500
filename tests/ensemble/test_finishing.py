"""The calibration and the decision rule of an ensemble, also of a smaller one."""

from __future__ import annotations

import copy
import time
from dataclasses import replace

import numpy as np
import pytest

from automl import AutoMLClassifier
from automl.ensemble.finishing import finished
from automl.ensemble.selection import Ensemble, FoldBag
from automl.ensemble.threshold import weights_of_threshold
from automl.task.metrics import make_metric
from automl.task.scored_target import ScoredTarget
from tests.factories import FAST, tree

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 4))
Y = (X[:, 0] + 0.7 * rng.normal(size=600) > 1.2).astype(int)
SETTINGS = FAST | {"include": ["logistic_regression"], "max_trials": 1}


@pytest.fixture(scope="module")
def clf():
    return AutoMLClassifier(**SETTINGS, scoring="balanced_accuracy").fit(X, Y)


def _with_weights(clf, decision_weights):
    """Return a copy of an estimator whose ensemble has other decision weights, which the user has not set."""
    new = copy.copy(clf)
    new._ensemble = replace(clf._ensemble, decision_weights=decision_weights)
    return new


def test_a_smaller_ensemble_has_a_threshold_where_the_larger_one_has_none(clf):
    larger = _with_weights(clf, None)
    assert larger.decision_threshold_ == 0.5
    assert larger.slim(max_loss=1).decision_threshold_ < 0.4
    larger.decision_threshold_ = 0.5
    assert larger.slim(max_loss=1).decision_threshold_ == 0.5


def test_a_smaller_ensemble_keeps_the_threshold_where_another_one_is_not_clearly_better():
    clf = AutoMLClassifier(**SETTINGS, scoring="accuracy").fit(X, Y)
    assert clf.slim(max_loss=1).decision_threshold_ == 0.5
    small = _with_weights(clf, weights_of_threshold(0.3, positive=1)).slim(max_loss=1)
    assert small.decision_threshold_ == pytest.approx(0.3)


@pytest.mark.parametrize("scoring", ["balanced_accuracy", "neg_log_loss"])
def test_the_finished_ensemble_is_another_one(scoring):
    y = rng.integers(0, 2, 400)
    p = np.clip(0.2 + 0.1 * y + 0.05 * rng.normal(size=400), 0.01, 0.99)
    ensemble = Ensemble([FoldBag(tree(), 1.0, [], (0, 1))], n_classes=2)
    target = ScoredTarget(y, make_metric(scoring, "binary", np.arange(2)))
    new = finished(ensemble, target, np.column_stack([1 - p, p]), 0, time.monotonic() + 60)
    assert (new.decision_weights is None) == (scoring == "neg_log_loss")
    assert (new.calibration is None) == (scoring != "neg_log_loss")
    assert (ensemble.decision_weights, ensemble.calibration) == (None, None)
