"""Tests of the calibration of an ensemble: its probabilities have a lower log loss on new rows."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import accuracy_score, log_loss, make_scorer, roc_auc_score

from automl import AutoMLClassifier
from automl.ensemble.calibration import calibrate
from automl.task.metrics import make_metric
from automl.task.scored_target import ScoredTarget
from tests.factories import FAST


def underconfident(
    n_classes: int, n: int, seed: int, factor: float = 0.5, scale: float = 2.5
) -> tuple[np.ndarray, np.ndarray]:
    """Return class codes and probabilities that rank the rows well but are too close to equal probabilities."""
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=(n, n_classes))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return y, softmax(factor * logits, axis=1)


def calibrated(y: np.ndarray, p: np.ndarray, new_p: np.ndarray) -> np.ndarray:
    """Return new probabilities after a calibration on known ones, or as they are if no map lowers the loss."""
    calibration = fitted_map(y, p)
    return new_p if calibration is None else calibration(new_p)


def fitted_map(y, p, scoring: object = "neg_log_loss", weight=None, **settings):
    """Return the map of out-of-fold probabilities of all classes."""
    n_classes = p.shape[1]
    metric = make_metric(scoring, "binary" if n_classes == 2 else "multiclass", np.arange(n_classes))
    return calibrate(ScoredTarget(y, metric, weight), p, **settings)


@pytest.mark.parametrize("n_classes", [2, 4, 40])
def test_underconfident_probabilities_get_a_lower_loss_on_new_rows(n_classes):
    y, p = underconfident(n_classes, 2_000, seed=0)
    new_y, new_p = underconfident(n_classes, 2_000, seed=1)
    calibration = fitted_map(y, p)
    answer = calibration(new_p)
    np.testing.assert_allclose(answer.sum(axis=1), 1)
    true_loss = log_loss(new_y, underconfident(n_classes, 2_000, seed=1, factor=1.0)[1])
    before, after = log_loss(new_y, new_p), log_loss(new_y, answer)
    assert after - true_loss < 0.2 * (before - true_loss)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_few_rows_suffice_for_the_temperature(n_classes):
    gains = []
    for seed in range(5):
        y, p = underconfident(n_classes, 150, seed)
        new_y, new_p = underconfident(n_classes, 2_000, seed + 100)
        true_loss = log_loss(new_y, underconfident(n_classes, 2_000, seed + 100, factor=1.0)[1])
        gains.append((log_loss(new_y, calibrated(y, p, new_p)) - true_loss) / (log_loss(new_y, new_p) - true_loss))
    assert np.mean(gains) < 0.15


def test_the_mean_of_several_models_gets_sharper_probabilities_than_one_model():
    rng = np.random.default_rng(0)
    logits = 2.0 * rng.normal(size=(4_000, 3))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    each = softmax(logits + rng.normal(size=(8, *logits.shape)), axis=2)
    known, new = slice(0, 2_000), slice(2_000, None)
    out_of_fold, mean = each[0, known], each[:, new].mean(axis=0)
    one = fitted_map(y[known], out_of_fold)
    eight = fitted_map(y[known], out_of_fold, models_per_member=8)
    np.testing.assert_allclose(eight.matrix / one.matrix, 1.0525)
    assert log_loss(y[new], eight(mean)) < log_loss(y[new], one(mean))


def test_a_class_that_the_models_confuse_with_another_is_corrected():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=12_000)
    # A third of the rows with the features of class 1 belong to class 2, and the models do not know it.
    seen = np.where((y == 2) & (rng.random(12_000) < 0.5), 1, y)
    p = np.full((12_000, 3), 0.05)
    p[np.arange(12_000), seen] = 0.9
    calibration = fitted_map(y[:6_000], p[:6_000])
    assert calibration([[0.05, 0.9, 0.05]])[0] == pytest.approx([0.0, 2 / 3, 1 / 3], abs=0.05)
    assert log_loss(y[6_000:], calibration(p[6_000:])) < 0.8 * log_loss(y[6_000:], p[6_000:])


def test_few_rows_without_an_error_do_not_give_probabilities_of_one():
    y = np.arange(40) % 2
    p = np.where(np.eye(2)[y] == 1, 0.9, 0.1)
    assert fitted_map(y, p)(p).max() < 0.995


def test_calibrated_probabilities_lose_almost_nothing():
    y, p = underconfident(3, 1_000, seed=0, factor=1.0)
    new_y, new_p = underconfident(3, 5_000, seed=1, factor=1.0)
    assert log_loss(new_y, calibrated(y, p, new_p)) < 1.02 * log_loss(new_y, new_p)


def test_few_rows_of_many_classes_change_the_probabilities_little():
    new_y, new_p = underconfident(8, 5_000, seed=99, factor=1.0)
    answers = [calibrated(*underconfident(8, 200, seed=seed, factor=1.0), new_p) for seed in range(5)]
    losses = [log_loss(new_y, answer) for answer in answers]
    assert np.mean(losses) < 1.03 * log_loss(new_y, new_p)


@pytest.mark.parametrize("factor", [0.9, 1.0])
def test_no_matrix_is_fitted_to_the_few_errors_of_good_models_of_many_classes(factor):
    settings = {"factor": factor, "scale": 6.0}
    new_y, new_p = underconfident(16, 5_000, seed=99, **settings)
    answers = [calibrated(*underconfident(16, 600, seed=seed, **settings), new_p) for seed in range(3)]
    losses = [log_loss(new_y, answer) for answer in answers]
    assert np.mean(losses) < 1.02 * log_loss(new_y, new_p)


def test_rows_of_weight_zero_do_not_change_the_calibration():
    y, p = underconfident(2, 600, seed=0)
    flipped = np.concatenate([y, 1 - y])
    doubled = np.concatenate([p, p])
    weights = np.repeat([1.0, 0.0], 600)
    weighted = fitted_map(flipped, doubled, weight=weights)(p)
    np.testing.assert_allclose(weighted, fitted_map(y, p)(p), atol=1e-6)
    assert fitted_map(y, p, weight=np.zeros(600)) is None


@pytest.mark.parametrize("scoring", ["accuracy", "f1", make_scorer(accuracy_score)], ids=["accuracy", "f1", "own"])
def test_metrics_of_labels_get_no_calibration(scoring):
    assert fitted_map(*underconfident(2, 500, seed=0), scoring) is None


def test_a_ranking_metric_is_calibrated_for_two_classes_without_changing_ranks():
    y, p = underconfident(2, 500, seed=0)
    answer = fitted_map(y, p, "roc_auc")(p)
    assert roc_auc_score(y, answer[:, 1]) == pytest.approx(roc_auc_score(y, p[:, 1]), abs=1e-12)
    assert log_loss(y, answer) < log_loss(y, p)
    assert fitted_map(*underconfident(3, 500, seed=0), "roc_auc_ovr") is None


def test_a_deadline_in_the_past_still_gives_a_calibration():
    y, p = underconfident(3, 500, seed=0)
    assert fitted_map(y, p, deadline=time.monotonic() - 1)(p).shape == p.shape


FOREST = {**FAST, "include": ["random_forest"], "max_trials": 1}


@pytest.mark.slow
@pytest.mark.parametrize("scoring", [None, "log_loss"])
def test_a_fitted_classifier_predicts_calibrated_probabilities(scoring):
    X, y = load_digits(return_X_y=True) if scoring is None else load_breast_cancer(return_X_y=True)
    model = AutoMLClassifier(**FOREST, scoring=scoring).fit(X[::2], y[::2])
    p = model.predict_proba(X[1::2])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    model._ensemble.calibration, calibration = None, model._ensemble.calibration
    assert calibration is not None
    assert log_loss(y[1::2], p) < log_loss(y[1::2], model.predict_proba(X[1::2]))


@pytest.mark.slow
def test_the_estimate_includes_the_calibration():
    X, y = load_digits(return_X_y=True)
    model = AutoMLClassifier(**FOREST).fit(X[::2], y[::2])
    estimate, score = model.estimate_, -log_loss(y[1::2], model.predict_proba(X[1::2]))
    model._ensemble.calibration = None
    plain = -log_loss(y[1::2], model.predict_proba(X[1::2]))
    assert estimate.low > plain  # without the calibration, the loss of the forest is much higher
    assert estimate.low < score < estimate.high
