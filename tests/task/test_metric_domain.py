"""Tests of scorers that read the table, and of scorers that have a value for some predictions only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import make_scorer, root_mean_squared_log_error

from automl import AutoMLClassifier, AutoMLRegressor
from automl.task.metric_domain import adapt_metric
from automl.task.metrics import clip_predictions, make_metric

rng = np.random.default_rng(0)
X = rng.gamma(1.0, 100.0, (80, 2))
COUNTS = rng.poisson(0.5, 80).astype(float)
AMOUNTS = rng.gamma(1.0, 2.0, 80)
SHARES = rng.uniform(0.0, 1.0, 80)
LABELS = np.arange(80) % 2


def saved(estimator, X, y):
    return float((np.asarray(X)[:, 0] * (np.asarray(y) == 1) * (estimator.predict(X) == 1)).sum())


def saved_by_name(estimator, X, y):
    return float((X["amount"].to_numpy() * (np.asarray(y) == 1) * (estimator.predict(X) == 1)).sum())


def saved_on_large_amounts(estimator, X, y):
    large = X["amount"] > 50
    return saved_by_name(estimator, X[large], np.asarray(y)[large])


def share_right(estimator, X, y):
    return float(np.mean(estimator.predict(X) == y))


def log_likelihood(y, p):
    with np.errstate(all="ignore"):
        return float(np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def adapt(scoring, y, task="regression", table=X):
    classes = np.arange(2) if task == "binary" else None
    return adapt_metric(make_metric(scoring, task, classes), table, y, 0 if classes is None else 2, None)


@pytest.mark.parametrize(
    ("scoring", "y", "low"),
    [
        ("neg_root_mean_squared_log_error", COUNTS, 0.0),
        ("neg_mean_squared_log_error", COUNTS - 0.5, -0.5),
        ("neg_mean_poisson_deviance", COUNTS, 1e-3 * COUNTS.mean()),
        ("neg_mean_gamma_deviance", AMOUNTS, min(AMOUNTS.min(), 1e-3 * AMOUNTS.mean())),
        ("neg_mean_absolute_percentage_error", AMOUNTS, None),
        ("neg_max_error", COUNTS, None),
        ("r2", COUNTS, None),
    ],
)
def test_predictions_are_clipped_to_the_values_for_which_a_scorer_is_defined(scoring, y, low):
    metric = adapt(scoring, y)
    if low is None:
        assert metric.prediction_range is None
        return
    assert metric.prediction_range == (pytest.approx(low), np.inf)
    wild = clip_predictions(np.linspace(-1e3, 1e3, 80), metric.prediction_range)
    assert np.isfinite(metric.loss(y, wild))


def test_both_ends_of_a_scorer_of_shares_are_found():
    low, high = adapt(make_scorer(log_likelihood), SHARES).prediction_range
    assert 0 < low < 0.01 < 0.99 < high < 1


def test_probabilities_of_0_are_clipped_for_a_scorer_that_has_no_value_there():
    def log_probability(estimator, X, y):
        with np.errstate(divide="ignore"):
            return float(np.mean(np.log(estimator.predict_proba(X)[np.arange(len(y)), y])))

    metric = adapt(log_probability, LABELS, "binary")
    sure = clip_predictions(np.eye(2)[1 - LABELS], metric.prediction_range)
    assert np.isfinite(metric.loss(LABELS, sure))
    np.testing.assert_allclose(sure.sum(axis=1), 1)
    assert adapt("neg_brier_score", LABELS, "binary").prediction_range is None


@pytest.mark.parametrize(
    ("scoring", "table"),
    [
        (saved, X),
        (saved, X.tolist()),
        (saved_by_name, pd.DataFrame(X, columns=["amount", "other"], index=np.arange(80)[::-1])),
        (lambda estimator, X, y: saved(estimator, X.toarray(), y), sparse.coo_matrix(X)),
    ],
    ids=["array", "list", "frame", "sparse"],
)
def test_a_scorer_that_reads_the_table_gets_its_rows(scoring, table):
    metric = adapt(scoring, LABELS, "binary", table)
    rows = np.array([3, 5, 9, 70])
    expected = (X[rows, 0] * LABELS[rows]).sum()
    assert metric.take(rows).loss(LABELS[rows], np.eye(2)[LABELS[rows]]) == pytest.approx(-expected)
    with pytest.raises(ValueError, match="reads the rows of the table"):
        metric.loss(LABELS[rows], np.eye(2)[LABELS[rows]])


def test_a_scorer_may_choose_rows_of_a_frame_but_not_of_an_array():
    frame = pd.DataFrame(X, columns=["amount", "other"])
    metric = adapt(saved_on_large_amounts, LABELS, "binary", frame)
    expected = (X[:, 0] * LABELS)[X[:, 0] > 50].sum()
    assert metric.loss(LABELS, np.eye(2)[LABELS]) == pytest.approx(-expected)
    with pytest.raises(ValueError, match="predict all of them"):
        adapt(lambda estimator, X, y: float((estimator.predict(X[::2]) == y[::2]).mean()), LABELS, "binary")
    with pytest.raises(ValueError, match="predict all of them"):
        adapt(lambda estimator, X, y: float((estimator.predict(X[::-1]) == y).mean()), LABELS, "binary")


def test_the_table_is_kept_only_for_a_scorer_that_reads_it():
    assert adapt(share_right, LABELS, "binary").table is None
    assert adapt(make_scorer(root_mean_squared_log_error, greater_is_better=False), COUNTS).table is None


def test_a_search_under_a_logarithmic_error_keeps_its_linear_models_and_predicts_no_negative_number():
    signal = np.arange(80) % 2 * 4.0
    reg = AutoMLRegressor(
        time_budget=None, max_trials=2, n_jobs=1, cv=2, verbose=0, random_state=0, include=["ridge", "elastic_net"],
        scoring="neg_root_mean_squared_log_error", exclude=["log1p_target"],
    ).fit(np.column_stack([signal, X]), rng.poisson(signal))  # fmt: skip
    assert (reg.leaderboard_["status"] == "ok").all(), reg.leaderboard_["reason"].tolist()
    far = np.full((1, 3), -1e4)
    assert reg.predict(far)[0] == 0


@pytest.mark.slow
def test_a_search_under_a_scorer_that_reads_the_table_reports_the_score_of_its_rows(tmp_path):
    y = (X[:, 1] > np.median(X[:, 1])).astype(int)
    frame = pd.DataFrame(X, columns=["amount", "other"])
    made = AutoMLClassifier(
        time_budget=None, max_trials=2, n_jobs=1, cv=2, verbose=0, random_state=0, include=["decision_tree"],
        scoring=saved_by_name, guard=0.2, store=tmp_path / "run",
    )  # fmt: skip
    clf = made.fit(frame, y)
    possible = (X[:, 0] * y).sum()
    assert 0.5 * possible / 2 < clf.best_score_ * 1.25 < 2 * possible / 2
    assert clf.estimate_.score > 0
    assert clf._metric.table is None


def test_a_scorer_that_raises_for_some_predictions_is_named_with_its_error_in_the_leaderboard():
    def picky(y, p):
        if len(np.unique(p)) < 10:
            raise ValueError("too few different predictions")
        return float(np.mean((y - p) ** 2))

    reg = AutoMLRegressor(
        time_budget=None, max_trials=2, n_jobs=1, cv=2, verbose=0, random_state=0, include=["ridge", "decision_tree"],
        scoring=make_scorer(picky, greater_is_better=False),
        initial_configurations=[{"model": "ridge"}, {"model": "decision_tree"}],
    )  # fmt: skip
    board = reg.fit(X, X[:, 0]).leaderboard_
    assert board["status"].tolist() == ["ok", "invalid"]
    reason = board["reason"].tolist()[1]
    assert reason.endswith("has no value on fold 0: ValueError: too few different predictions")
