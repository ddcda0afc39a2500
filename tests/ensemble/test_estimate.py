"""The estimate keeps what it promises on candidates whose true score is known, and on real runs."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.ensemble.estimate import Estimate, Evidence, draw_units, estimate_score
from automl.task.metrics import make_metric
from tests.factories import FAST


def _evidence(predictions, y, scoring, units=None, size=25, sets=None):
    n_candidates, n_rows = predictions.shape[:2]
    classes = np.unique(y) if predictions.ndim == 3 else None
    kind = "regression" if classes is None else "binary" if len(classes) == 2 else "multiclass"
    return Evidence(
        predictions=predictions.astype(np.float32),
        sets=sets or ((n_rows, tuple(range(n_candidates))),),
        families=tuple(f"family {i}" for i in range(n_candidates)),
        y=y,
        sample_weight=None,
        units=np.arange(n_rows) if units is None else units,
        metric=make_metric(scoring, kind, classes),
        n_table_rows=n_rows,
        size=size,
        tunes_labels=False,
        calibrates=False,
        random_state=0,
    )


def _guesses(rng, n_rows=600, n_candidates=20):
    """Candidates that know nothing of the target: their true accuracy and area are one half."""
    y = rng.permutation(np.arange(n_rows) % 2)
    p = rng.random((n_candidates, n_rows))
    return np.stack([1 - p, p], axis=2), y


@pytest.mark.parametrize("size", [1, 5])
def test_the_best_of_many_guesses_is_estimated_as_a_guess(size):
    found, naive = [], []
    for seed in range(4):
        evidence = _evidence(*_guesses(np.random.default_rng(seed)), "accuracy", size=size)
        found.append(estimate_score(evidence))
        naive.append(max(-evidence.metric.loss(evidence.y, p) for p in evidence.predictions))
    assert np.mean(naive) > 0.53
    assert np.mean([e.score for e in found]) == pytest.approx(0.5, abs=0.03)
    assert sum(e.low < 0.5 < e.high for e in found) >= 3


def test_the_interval_is_a_little_wider_than_that_of_a_mean_over_all_rows():
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    evidence = _evidence(np.zeros((1, 400)), y, "neg_mean_squared_error")
    estimate = estimate_score(evidence)
    assert estimate.score == pytest.approx(-np.mean(y**2), rel=0.05)
    expected = 2 * 1.96 * np.std(y**2) / np.sqrt(400)
    assert 1.05 * expected < estimate.high - estimate.low < 1.6 * expected


def test_rows_of_a_group_are_drawn_together_and_widen_the_interval():
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(40), 10)
    y = rng.normal(size=40)[units]
    apart = _evidence(np.zeros((1, 400)), y, "neg_mean_squared_error")
    together = replace(apart, units=units)
    narrow, wide = estimate_score(apart), estimate_score(together)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_a_unit_is_either_drawn_or_left_out():
    units = np.array([2, 0, 0, 1, 3, 2, 4, 4])
    drawn, left_out = draw_units(units, np.random.default_rng(3))
    assert set(units[drawn]) | set(units[left_out]) == set(range(5))
    assert not set(units[drawn]) & set(units[left_out])
    assert len(left_out) > 0


def test_candidates_without_the_later_folds_are_judged_on_the_first():
    predictions, y = _guesses(np.random.default_rng(0), n_candidates=4)
    predictions[3, 300:] = np.nan
    predictions[3, :300] = np.eye(2)[y[:300]]
    evidence = _evidence(predictions, y, "neg_log_loss", sets=((600, (0, 1, 2)), (300, (3, 0, 1, 2))))
    assert estimate_score(evidence).score > -0.4


def test_a_scorer_that_needs_every_class_gets_every_class():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 30, 3])
    p = rng.dirichlet(np.ones(3), size=(1, len(y)))
    estimate = estimate_score(_evidence(p, y, "roc_auc_ovr"))
    assert 0 < estimate.low < estimate.score < estimate.high < 1


def test_where_the_metric_is_undefined_there_is_no_number():
    p = np.full((1, 12, 2), 0.5)
    estimate = estimate_score(_evidence(p, np.arange(12) % 2, "roc_auc", units=np.arange(12) % 2))
    assert np.isnan([estimate.score, estimate.low, estimate.high]).all()


def test_it_is_read_at_a_glance():
    assert repr(Estimate(0.91234, 0.88, 0.94, 0.95)) == "Estimate(score=0.9123, low=0.88, high=0.94, level=0.95)"


def test_a_classifier_has_an_estimate_that_survives_saving(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    clf = AutoMLClassifier(**FAST).fit(X[:200], y[:200])
    clf.save(tmp_path / "model")
    estimate = clf.estimate_
    assert 0.9 < estimate.low < estimate.score < estimate.high <= 1
    assert estimate.level == 0.95
    assert load(tmp_path / "model").estimate_ == estimate
    assert clf.estimate_ is estimate


def test_the_predictions_go_when_the_estimate_is_made():
    X, y = load_diabetes(return_X_y=True)
    reg = AutoMLRegressor(**FAST).fit(X, y)
    before = len(pickle.dumps(reg))
    assert reg.estimate_.score < 0
    assert len(pickle.dumps(reg)) < before


def test_weights_groups_and_several_classes_are_no_obstacle():
    X, y = load_wine(return_X_y=True)
    weights = np.where(y == 0, 1.0, 2.0)
    clf = AutoMLClassifier(**FAST).fit(X, y, sample_weight=weights, groups=np.arange(len(y)) // 2)
    assert -1 < clf.estimate_.low < clf.estimate_.high < 0


@pytest.mark.slow
def test_tuned_labels_are_part_of_the_estimate():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=400)
    p = 1 / (1 + np.exp(3 - 1.5 * signal))
    y = (rng.random(400) < p).astype(int)
    evidence = _evidence(np.stack([1 - p, p], axis=1)[None], y, "balanced_accuracy")
    plain, tuned = estimate_score(evidence), estimate_score(replace(evidence, tunes_labels=True))
    assert tuned.score > plain.score + 0.05
