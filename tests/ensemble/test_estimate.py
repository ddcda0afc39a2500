"""Tests of the estimate: it is correct for candidates whose true score is known, and for real runs."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.ensemble.bootstrap import estimate_score, estimate_score_before
from automl.ensemble.calibration import calibrate
from automl.ensemble.estimate import Estimate, OutOfFoldRecord, draw_units
from automl.task.metrics import make_metric
from tests.factories import FAST


def _record(predictions, y, scoring, units=None, size=25, sets=None):
    n_candidates, n_rows = predictions.shape[:2]
    classes = np.unique(y) if predictions.ndim == 3 else None
    kind = "regression" if classes is None else "binary" if len(classes) == 2 else "multiclass"
    return OutOfFoldRecord(
        predictions=predictions.astype(np.float32),
        sets=sets or ((n_rows, tuple(range(n_candidates))),),
        families=tuple(f"family {i}" for i in range(n_candidates)),
        y=y,
        sample_weight=None,
        units=np.arange(n_rows) if units is None else units,
        metric=make_metric(scoring, kind, classes),
        n_table_rows=n_rows,
        size=size,
        tunes_decision=False,
        calibrates=False,
        random_state=0,
    )


def _random_candidates(rng, n_rows=600, n_candidates=20):
    """Return candidates that predict at random: their true accuracy and ROC AUC are one half."""
    y = rng.permutation(np.arange(n_rows) % 2)
    p = rng.random((n_candidates, n_rows))
    return np.stack([1 - p, p], axis=2), y


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.slow
def test_the_best_of_many_random_candidates_is_estimated_as_random(size):
    estimates, naive = [], []
    for seed in range(4):
        record = _record(*_random_candidates(np.random.default_rng(seed)), "accuracy", size=size)
        estimates.append(estimate_score(record))
        naive.append(max(-record.metric.loss(record.y, p) for p in record.predictions))
    assert np.mean(naive) > 0.53
    assert np.mean([e.score for e in estimates]) == pytest.approx(0.5, abs=0.03)
    assert sum(e.low < 0.5 < e.high for e in estimates) >= 3


def test_the_interval_is_a_little_wider_than_that_of_a_mean_over_all_rows():
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    record = _record(np.zeros((1, 400)), y, "neg_mean_squared_error")
    estimate = estimate_score(record)
    assert estimate.score == pytest.approx(-np.mean(y**2), rel=0.05)
    expected = 2 * 1.96 * np.std(y**2) / np.sqrt(400)
    assert 1.05 * expected < estimate.high - estimate.low < 1.6 * expected


def test_rows_of_a_group_are_drawn_together_and_widen_the_interval():
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(40), 10)
    y = rng.normal(size=40)[units]
    apart = _record(np.zeros((1, 400)), y, "neg_mean_squared_error")
    together = replace(apart, units=units)
    narrow, wide = estimate_score(apart), estimate_score(together)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_a_unit_is_either_drawn_or_left_out():
    units = np.array([2, 0, 0, 1, 3, 2, 4, 4])
    drawn, left_out = draw_units(units, np.random.default_rng(3))
    assert set(units[drawn]) | set(units[left_out]) == set(range(5))
    assert not set(units[drawn]) & set(units[left_out])
    assert len(left_out) > 0


def test_candidates_without_the_later_folds_are_scored_on_the_first_folds():
    predictions, y = _random_candidates(np.random.default_rng(0), n_candidates=4)
    predictions[3, 300:] = np.nan
    predictions[3, :300] = np.eye(2)[y[:300]]
    record = _record(predictions, y, "neg_log_loss", sets=((600, (0, 1, 2)), (300, (3, 0, 1, 2))))
    assert estimate_score(record).score > -0.4


def test_a_scorer_that_needs_every_class_gets_every_class_in_each_resample():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 30, 3])
    p = rng.dirichlet(np.ones(3), size=(1, len(y)))
    estimate = estimate_score(_record(p, y, "roc_auc_ovr"))
    assert 0 < estimate.low < estimate.score < estimate.high < 1


def test_the_estimate_is_nan_if_the_metric_is_undefined():
    p = np.full((1, 12, 2), 0.5)
    estimate = estimate_score(_record(p, np.arange(12) % 2, "roc_auc", units=np.arange(12) % 2))
    assert np.isnan([estimate.score, estimate.low, estimate.high]).all()


@pytest.mark.parametrize(
    ("n_rows", "is_wrong", "has_interval"),
    [
        (4, True, False),
        (20, False, False),  # all right, which says little of new rows
        (20, True, True),
        (500, False, True),
    ],
)
def test_few_rows_have_an_interval_only_if_their_scores_differ(n_rows, is_wrong, has_interval):
    y = np.arange(n_rows) % 2
    p = np.eye(2)[y]
    if is_wrong:
        p[: max(1, n_rows // 5)] = p[: max(1, n_rows // 5), ::-1]
    estimate = estimate_score(_record(p[None], y, "accuracy"))
    assert np.isfinite([estimate.low, estimate.high]).all() == has_interval
    assert (0 < estimate.score < 1) if is_wrong else (estimate.score == 1)


def test_rows_of_weight_0_do_not_count_for_the_interval():
    y = np.arange(100) % 2
    record = _record(np.eye(2)[y][None], y, "accuracy")
    assert estimate_score(record).low == 1
    assert np.isnan(estimate_score(replace(record, sample_weight=np.where(np.arange(100) < 20, 1.0, 0.0))).low)


def test_the_interval_of_few_rows_stays_within_the_range_of_the_metric():
    p = np.random.default_rng(0).random((1, 6))
    estimate = estimate_score(_record(np.stack([1 - p, p], axis=2), np.arange(6) % 2, "roc_auc"))
    assert (estimate.low, estimate.high) == (0, 1)


def test_the_repr_rounds_the_numbers():
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


def test_the_predictions_are_dropped_once_the_estimate_is_computed():
    X, y = load_diabetes(return_X_y=True)
    reg = AutoMLRegressor(**FAST).fit(X, y)
    before = len(pickle.dumps(reg))
    assert reg.estimate_.score < 0
    assert len(pickle.dumps(reg)) < before


@pytest.mark.slow
def test_weights_groups_and_several_classes_work_together():
    X, y = load_wine(return_X_y=True)
    weights = np.where(y == 0, 1.0, 2.0)
    clf = AutoMLClassifier(**FAST).fit(X, y, sample_weight=weights, groups=np.arange(len(y)) // 2)
    assert -1 < clf.estimate_.low < clf.estimate_.high < 0


@pytest.mark.slow
def test_the_estimate_includes_the_decision_weights():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=400)
    p = 1 / (1 + np.exp(3 - 1.5 * signal))
    y = (rng.random(400) < p).astype(int)
    record = _record(np.stack([1 - p, p], axis=1)[None], y, "balanced_accuracy")
    plain, tuned = estimate_score(record), estimate_score(replace(record, tunes_decision=True))
    assert tuned.score > plain.score + 0.05


def _classes():
    return np.full((1, 60, 12), 1 / 12), np.arange(60) % 12


def _many_classes(n_rows=600, n_classes=12, n_candidates=3):
    """Return a record of a run with calibration, whose resamples are slow."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(n_rows) % n_classes)
    signal = 2.5 * np.eye(n_classes)[y] + rng.normal(size=(n_candidates, n_rows, n_classes))
    p = np.exp(signal) / np.exp(signal).sum(axis=2, keepdims=True)
    return replace(_record(p, y, "neg_log_loss"), calibrates=True)


def test_a_deadline_without_end_changes_nothing():
    record = _record(*_random_candidates(np.random.default_rng(0), n_rows=100, n_candidates=4), "accuracy")
    assert estimate_score_before(record, float("inf")) == estimate_score(record)


@pytest.mark.parametrize("scoring", ["neg_log_loss", "f1_macro"])
def test_there_is_an_estimate_with_an_interval_even_after_the_deadline(scoring):
    record = replace(_many_classes(), metric=_record(*_classes(), scoring).metric, tunes_decision=scoring == "f1_macro")
    estimate = estimate_score_before(record, time.monotonic() - 1.0)
    assert estimate.low < estimate.score < estimate.high


@pytest.mark.slow
def test_many_classes_have_almost_the_same_estimate_in_a_short_time():
    record = _many_classes()
    short, full = estimate_score_before(record, time.monotonic() + 0.5), estimate_score(record)
    width = full.high - full.low
    assert short.score == pytest.approx(full.score, abs=0.5 * width)
    assert 0.5 * width < short.high - short.low < 2 * width


@pytest.mark.slow
def test_the_calibration_of_a_resample_counts_each_row_once():
    """A calibration of many classes that counts some rows several times overfits, and the estimate is too bad."""
    rng = np.random.default_rng(0)
    scores = 2 * rng.normal(size=(200, 12))
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    y = np.minimum((rng.random(200)[:, None] > np.cumsum(p, axis=1)).sum(axis=1), 11)
    record = replace(_record(p[None], y, "neg_log_loss"), calibrates=True)
    half = np.arange(200) % 2 == 0
    maps = [(part, calibrate(record.target.take(part), p[part])) for part in (half, ~half)]
    honest = -np.mean([record.metric.loss(y[~part], found(p[~part])) for part, found in maps])
    assert estimate_score(record).score > honest - 0.04
