"""Tests of the decision weights: predicted labels score better on new rows, or stay the most probable ones."""

import time

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, make_scorer

from automl.ensemble.threshold import tune_decision_weights
from automl.task.metrics import make_metric
from automl.task.scored_target import ScoredTarget

rng = np.random.default_rng(0)
N = 4_000


def _rare(share, n=N):
    """Return calibrated probabilities with a rare class 1, and class codes drawn from them."""
    p = rng.beta(2 * share, 2 * (1 - share), n)
    return np.column_stack([1 - p, p]), (rng.random(n) < p).astype(int)


def _target(y, scoring, kind="binary", n_classes=2, weight=None):
    return ScoredTarget(y, make_metric(scoring, kind, np.arange(n_classes)), weight)


@pytest.mark.parametrize(
    ("scoring", "score"),
    [("f1", f1_score), ("balanced_accuracy", balanced_accuracy_score), (make_scorer(f1_score), f1_score)],
    ids=["f1", "balanced_accuracy", "own scorer"],
)
def test_decision_weights_for_a_rare_class_improve_the_score_on_new_rows(scoring, score):
    p, y = _rare(0.15)
    weights = tune_decision_weights(_target(y, scoring), p)
    assert weights is not None
    new_p, new_y = _rare(0.15)
    assert score(new_y, (new_p * weights).argmax(axis=1)) > score(new_y, new_p.argmax(axis=1)) + 0.02


def test_balanced_accuracy_of_two_classes_gets_the_share_of_the_rare_class_as_threshold():
    p, y = _rare(0.15)
    weights = tune_decision_weights(_target(y, "balanced_accuracy"), p)
    assert weights[0] / weights.sum() == pytest.approx(0.15, abs=0.07)


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", "average_precision"])
def test_metrics_of_probabilities_get_no_decision_weights(scoring):
    p, y = _rare(0.15)
    assert tune_decision_weights(_target(y, scoring), p) is None


def test_accuracy_of_calibrated_probabilities_gets_no_decision_weights():
    p, y = _rare(0.4)
    assert tune_decision_weights(_target(y, "accuracy"), p) is None


def test_a_gain_within_its_standard_error_gives_no_decision_weights():
    results = [tune_decision_weights(_target(y, "f1"), p) for p, y in (_rare(0.5, n=40) for _ in range(20))]
    assert sum(weights is None for weights in results) > 10


def test_decision_weights_for_three_classes_improve_the_score_on_new_rows():
    y = rng.choice(3, N, p=[0.8, 0.15, 0.05])
    p = rng.dirichlet([3, 3, 3], N) * [0.8, 0.15, 0.05]
    p[np.arange(N), y] *= 4
    p /= p.sum(axis=1, keepdims=True)
    half = N // 2
    weights = tune_decision_weights(_target(y[:half], "balanced_accuracy", "multiclass", 3), p[:half])
    assert weights is not None
    plain = balanced_accuracy_score(y[half:], p[half:].argmax(axis=1))
    assert balanced_accuracy_score(y[half:], (p[half:] * weights).argmax(axis=1)) > plain + 0.02


def test_sample_weights_change_the_decision_weights():
    p, y = _rare(0.15)
    cheap = np.where(y == 0, 0.2, 1.0)  # a false positive costs a fifth
    plain = tune_decision_weights(_target(y, "f1"), p)
    light = tune_decision_weights(_target(y, "f1", weight=cheap), p)
    assert light[0] / light[1] < plain[0] / plain[1]


def test_a_deadline_in_the_past_gives_no_decision_weights():
    p, y = _rare(0.15)
    assert tune_decision_weights(_target(y, "f1"), p, deadline=time.monotonic() - 1) is None


def test_the_tuning_does_not_start_where_the_first_call_of_a_slow_scorer_shows_that_it_ends_too_late():
    calls = []

    def slow(y_true, y_pred):
        calls.append(time.sleep(0.03))
        return balanced_accuracy_score(y_true, y_pred)

    p, y = _rare(0.15, n=200)
    assert tune_decision_weights(_target(y, make_scorer(slow)), p, deadline=time.monotonic() + 1.0) is None
    assert len(calls) == 1


@pytest.mark.slow
def test_rows_of_weight_0_take_no_place_in_the_sample_that_decision_weights_are_tuned_on():
    p, y = _rare(0.05, 40_000)
    weight = np.ones(len(y))
    weight[np.flatnonzero(y)[10:]] = 0
    seen = []

    def f1(y_true, y_pred, sample_weight):
        seen.append(sample_weight.min())
        return f1_score(y_true, y_pred, sample_weight=sample_weight)

    tune_decision_weights(_target(y, make_scorer(f1), weight=weight), p)
    assert len(seen) > 100
    assert min(seen) > 0
