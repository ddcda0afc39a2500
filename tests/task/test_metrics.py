"""Tests of the metrics: fast losses agree with scikit-learn, and any scorer can be used."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import (
    get_scorer_names,
    log_loss,
    make_scorer,
    mean_absolute_error,
    r2_score,
    root_mean_squared_error,
)

from automl.task.metrics import arbitrary_predictions, loss_or_nan, make_metric, try_metric

rng = np.random.default_rng(0)
CLASSES = np.array(["a", "b"])
Y = rng.integers(0, 2, 200)
P = np.round(rng.random(200), 1)  # rounded, so that scores tie
PROBABILITIES = np.column_stack([1 - P, P])
WEIGHTS = rng.random(200)
NOT_FOR_MODELS = {  # these scorers are for clusterings, or for several labels in each row
    *("adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score", "fowlkes_mallows_score"),
    *("homogeneity_score", "mutual_info_score", "normalized_mutual_info_score", "rand_score", "v_measure_score"),
    *("f1_samples", "jaccard_samples", "precision_samples", "recall_samples"),
}


_OF_TWO_CLASSES = {"roc_auc", "average_precision", "f1", "precision", "recall"}
_OF_MORE = {"accuracy", "balanced_accuracy", "f1_macro", "f1_weighted"}
_OF_PROBABILITIES = ["roc_auc_ovr", "roc_auc_ovr_weighted", "roc_auc_ovo", "roc_auc_ovo_weighted"]


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("share", [1, 0.4], ids=["both predicted", "one never predicted"])
@pytest.mark.parametrize("name", sorted(_OF_TWO_CLASSES | _OF_MORE))
def test_scores_of_two_classes_and_with_ties_agree_with_scikit_learn(name, share, weights):
    p = np.column_stack([1 - share * P, share * P]) * 0.9 + 0.05
    _assert_agrees(make_metric(name, "binary", CLASSES), Y, p, weights)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("n_true", [4, 3], ids=["all true", "one only predicted"])
@pytest.mark.parametrize("name", sorted(_OF_MORE))
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_scores_of_four_classes_agree_with_scikit_learn(name, n_true, weights):
    y, p = rng.integers(0, n_true, 200), rng.dirichlet(np.ones(4), 200)
    _assert_agrees(make_metric(name, "multiclass", np.array(list("abcd"))), y, p, weights)


@pytest.mark.parametrize("name", _OF_PROBABILITIES)
def test_areas_of_four_classes_agree_with_scikit_learn(name):
    y, p = rng.integers(0, 4, 200), np.round(rng.dirichlet(np.ones(4), 200), 2)
    p = p / p.sum(axis=1, keepdims=True)
    metric = make_metric(name, "multiclass", np.array(list("abcd")))
    _assert_agrees(metric, y, p, None)
    if "ovr" in name:
        _assert_agrees(metric, y, p, WEIGHTS)


def _assert_agrees(metric, y, p, weights):
    assert metric.fast == metric.name
    expected = dataclasses.replace(metric, fast=None).loss(y, p, weights)
    assert metric.loss(y, p, weights) == pytest.approx(expected)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_log_loss_agrees_with_scikit_learn(weights):
    p = np.clip(PROBABILITIES, 0.05, 0.95)
    loss = make_metric("neg_log_loss", "binary", CLASSES).loss(Y, p, weights)
    assert loss == pytest.approx(log_loss(Y, p, sample_weight=weights))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
@pytest.mark.parametrize(
    ("name", "score"), [("rmse", root_mean_squared_error), ("mae", mean_absolute_error), ("r2", r2_score)]
)
@pytest.mark.parametrize("spread", [0, 1])
def test_regression_losses_agree_with_scikit_learn(name, score, weights, spread):
    y, p = 3 + spread * rng.normal(size=200), rng.normal(size=200)
    sign = -1 if name == "r2" else 1
    for predictions in (p, y):
        loss = make_metric(name, "regression", None).loss(y, predictions, weights)
        assert loss == pytest.approx(sign * score(y, predictions, sample_weight=weights))


def test_log_loss_of_a_fold_without_one_of_the_classes_is_finite():
    metric = make_metric(None, "multiclass", np.array(["a", "b", "c"]))
    assert metric.loss(np.array([0, 0, 1]), np.full((3, 3), 1 / 3)) == pytest.approx(np.log(3))


@pytest.mark.parametrize(
    "name", ["f1_macro", "balanced_accuracy", "neg_brier_score", "average_precision", "matthews_corrcoef"]
)
def test_any_named_scorer_sees_labels_and_probabilities(name):
    y = CLASSES[Y] if name not in ("average_precision", "neg_brier_score") else np.array([0, 1])[Y]
    classes = np.unique(y)
    perfect = np.column_stack([Y == 0, Y == 1]).astype(float)
    metric = make_metric(name, "binary", classes)
    assert metric.loss(Y, perfect) < metric.loss(Y, PROBABILITIES)


@pytest.mark.parametrize("name", ["f1", "precision", "average_precision", "neg_brier_score"])
def test_the_second_of_two_labels_is_positive_unless_one_label_is_1(name):
    p = rng.dirichlet([1, 1], len(Y))
    loss = make_metric(name, "binary", np.array([0, 1])).loss(Y, p)
    assert make_metric(name, "binary", CLASSES).loss(Y, p) == pytest.approx(loss)
    first_is_positive = make_metric(name, "binary", np.array([1, 2])).loss(Y, p)
    second = make_metric(name, "binary", np.array([0, 1])).loss(1 - Y, p[:, ::-1])
    assert first_is_positive == pytest.approx(second)


@pytest.mark.parametrize("name", sorted(set(get_scorer_names()) - NOT_FOR_MODELS))
def test_every_scorer_of_scikit_learn_for_models_is_defined_on_arbitrary_predictions(name):
    counts = rng.poisson(2.0, 200).astype(float)
    if name == "neg_mean_gamma_deviance":  # which is for positive targets only
        counts += 1
    targets = [
        ("binary", Y, np.arange(2)),
        ("multiclass", np.arange(200) % 3, np.arange(3)),
        ("regression", counts, None),
    ]
    reasons = []
    for kind, y, classes in targets:
        p = arbitrary_predictions(y, 0 if classes is None else len(classes))
        reasons.append(try_metric(make_metric(name, kind, classes), y, p))
    assert "" in reasons, reasons


def test_the_loss_is_nan_if_a_scorer_raises_an_error():
    def precision(estimator, X, y):
        predicted = estimator.predict(X) == "b"
        return sum(predicted & (y == "b")) / int(predicted.sum())

    metric = make_metric(precision, "binary", CLASSES)
    assert np.isnan(loss_or_nan(metric, Y, np.tile([1.0, 0.0], (200, 1))))


@pytest.mark.parametrize("name", ["roc_auc", "neg_log_loss", "accuracy", "rmse", "mae"])
def test_the_loss_is_nan_if_no_row_has_weight(name):
    kind, p = ("regression", P) if name in ("rmse", "mae") else ("binary", PROBABILITIES)
    metric = make_metric(name, kind, None if kind == "regression" else CLASSES)
    assert np.isnan(metric.loss(Y, p, np.zeros(200)))


def test_a_function_with_the_name_of_a_scorer_is_used_instead_of_the_scorer():
    def accuracy(estimator, X, y):
        return -7.0

    assert make_metric(accuracy, "binary", CLASSES).loss(Y, PROBABILITIES) == 7.0


@pytest.mark.parametrize("name", ["roc_auc", "accuracy", "f1_macro", "matthews_corrcoef", "r2", "neg_log_loss"])
def test_the_worst_score_is_that_of_wrong_predictions(name):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(40) % 2)
    kind = "regression" if name == "r2" else "binary"
    metric = make_metric(name, kind, None if kind == "regression" else np.unique(y))
    wrong = -1e9 * y if kind == "regression" else np.stack([y, 1 - y], axis=1).astype(float)
    score = -metric.loss(y.astype(float) if kind == "regression" else y, wrong)
    assert (score < -10) if metric.worst == -np.inf else (score == metric.worst)
    assert metric.clip(-1e9, 1e9) == (max(-1e9, metric.worst), metric.best)
    assert np.isnan(metric.clip(np.nan, np.nan)).all()


def test_a_scorer_object_is_used_as_it_is():
    metric = make_metric(make_scorer(mean_absolute_error, greater_is_better=False), "regression", None)
    assert metric.loss(np.array([1.0, 2.0]), np.array([2.0, 4.0])) == pytest.approx(1.5)


def test_a_plain_function_is_a_scorer():
    def share_of_first_class(estimator, X, y):
        return float(np.mean(estimator.predict(X) == "a"))

    metric = make_metric(share_of_first_class, "binary", CLASSES)
    assert metric.loss(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]])) == pytest.approx(-0.5)


def test_every_regression_scorer_of_scikit_learn_is_accepted():
    y, p = np.arange(1.0, 11.0), np.arange(1.5, 11.5)
    names = [n for n in get_scorer_names() if n.startswith("neg_") and "error" in n]
    assert len(names) >= 6
    for name in names:
        assert np.isfinite(make_metric(name, "regression", None).loss(y, p)), name
