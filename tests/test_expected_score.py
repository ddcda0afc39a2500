"""The expected score: computed within the budget, and the same number in each place; the scores of the members."""

from __future__ import annotations

import json
import logging
import re
import time

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import make_scorer
from sklearn.model_selection import TimeSeriesSplit

import automl
from automl import AutoMLClassifier, AutoMLRegressor
from automl.cli.leaderboard import render
from tests.factories import FAST

CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
TINY = {**FAST, "max_trials": 2}


def fit_and_log(caplog, estimator, X, y):
    """Return the fitted estimator and the lines that its fit has logged."""
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="automl"):
        estimator.fit(X, y)
    return estimator, [record.getMessage() for record in caplog.records if record.name == "automl"]


def numbers(line):
    """Return the expected score and the ends of its interval in a line."""
    found = re.search(r"on new rows: ([\d.]+) \(95% interval ([\d.]+) to ([\d.]+); ", line)
    return [float(number) for number in found.groups()]


@pytest.fixture(scope="module")
def clf():
    return AutoMLClassifier(**TINY).fit(CANCER[0][:300], CANCER[1][:300])


def test_the_last_line_of_a_fit_is_the_expected_score_beside_the_best_of_the_search(caplog):
    clf, lines = fit_and_log(caplog, AutoMLClassifier(**TINY | {"verbose": 1}), CANCER[0][:200], CANCER[1][:200])
    estimate = clf.estimate_
    assert numbers(lines[-1]) == pytest.approx([estimate.score, estimate.low, estimate.high], rel=1e-3)
    assert lines[-1].startswith("expected ROC AUC on new rows: ")
    assert "greater is better" in lines[-1]
    best = f"{clf._single_scores.best:.4g} on the same rows, optimistic as the best of 2"
    assert lines[-1].endswith(f"best single configuration in the search: {best}")
    assert lines[-2].startswith("max_trials reached; 2 configurations; ")
    assert "best" not in lines[-2]


def test_large_errors_are_written_without_an_exponent(caplog):
    reg, lines = fit_and_log(caplog, AutoMLRegressor(**TINY | {"verbose": 1}), DIABETES[0], 1000 * DIABETES[1])
    texts = [lines[-1], render(reg, reg.leaderboard_, 20), reg._repr_html_()]
    assert f"on new rows: {-reg.estimate_.score:,.0f} (" in lines[-1]
    for text in texts:
        assert f"{-reg.estimate_.score:,.0f}" in text
        assert "e+0" not in text


def test_a_loss_is_positive_and_its_interval_begins_with_the_smaller_end(caplog):
    reg, lines = fit_and_log(caplog, AutoMLRegressor(**TINY | {"verbose": 1}), *DIABETES)
    score, low, high = numbers(lines[-1])
    assert 0 < low < score < high
    assert score == pytest.approx(-reg.estimate_.score, rel=1e-3)
    assert "expected root mean squared error on new rows: " in lines[-1]
    assert "lower is better" in lines[-1]
    assert "best of 2" in lines[-1]


def test_rows_in_the_order_of_time_have_no_expected_score_and_the_line_says_so(caplog):
    settings = TINY | {"verbose": 1, "cv": TimeSeriesSplit(3), "include": ["ridge"]}
    reg, lines = fit_and_log(caplog, AutoMLRegressor(**settings), *DIABETES)
    assert lines[-1].startswith("no expected score on new rows, because the rows are in the order of time")
    assert lines[-1].endswith("the mean over folds of older and newer rows")
    assert not hasattr(reg, "estimate_")


def mean_error(y_true, y_predicted):
    return float(np.mean(np.abs(y_true - y_predicted)))


def test_a_slow_scorer_has_no_line_and_its_estimate_is_computed_when_it_is_read(caplog):
    scorer = make_scorer(mean_error, greater_is_better=False)
    settings = TINY | {"verbose": 1, "scoring": scorer, "include": ["ridge"], "max_trials": 1}
    reg, lines = fit_and_log(caplog, AutoMLRegressor(**settings), DIABETES[0][:80], DIABETES[1][:80])
    assert re.fullmatch(
        r"max_trials reached; 1 configuration; best mean error [\d.]+ on 3 of 3 folds; [\d.]+ s", lines[-1]
    )
    assert "<" not in lines[0]
    assert reg.estimate_.score < 0


@pytest.mark.slow
def test_verbose_changes_nothing_in_a_run_that_repeats(clf):
    shown = AutoMLClassifier(**TINY | {"verbose": 1}).fit(CANCER[0][:300], CANCER[1][:300])
    assert shown.estimate_ == clf.estimate_


@pytest.mark.slow
def test_a_fit_with_a_time_budget_has_computed_its_estimate():
    clf = AutoMLClassifier(**FAST | {"time_budget": 60}).fit(*CANCER)
    start = time.process_time()
    assert np.isfinite(clf.estimate_.low)
    assert time.process_time() - start < 0.01  # it was computed within the fit


def test_the_card_and_the_manifest_of_a_saved_model_hold_the_same_number(clf, tmp_path):
    clf.save(tmp_path / "model")
    estimate = clf.estimate_
    score = f"{estimate.score:.4g}"
    assert f"Expected ROC AUC on new rows: {score} (95% interval" in (tmp_path / "model" / "README.md").read_text()
    assert json.loads((tmp_path / "model" / "manifest.json").read_text())["expected_score"]["low"] == estimate.low
    assert automl.load(tmp_path / "model").estimate_ == estimate


# --- the leaderboard


def test_the_leaderboard_has_prediction_times_and_the_main_hyperparameters(clf):
    board = clf.leaderboard_
    assert (board["predict_milliseconds"] > 0).all()
    assert board["hyperparameters"].str.match(r"penalty=\w+, C=[\d.]+").all()


def test_members_are_scored_on_other_rows(clf):
    X, y = CANCER[0][300:], CANCER[1][300:]
    board = clf.score_members(X, y)
    assert list(board.columns).index("test_score") == list(board.columns).index("score") + 1
    members = board["weight"] > 0
    assert board.loc[members, "test_score"].between(0.8, 1).all()
    assert board.loc[~members, "test_score"].isna().all()
    assert "test_score" not in clf.leaderboard_
    if members.sum() == 1:
        assert board["test_score"].iloc[0] == pytest.approx(clf.scorer_(clf, X, y), abs=0.02)


@pytest.mark.slow
@pytest.mark.alone
def test_a_short_fit_of_many_classes_ends_with_the_expected_score(caplog):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(2_000) % 25)
    X = rng.normal(size=(25, 10))[y] + rng.normal(size=(2_000, 10))
    settings = {"time_budget": 15, "n_jobs": 1, "random_state": 0, "verbose": 1}
    clf, lines = fit_and_log(caplog, AutoMLClassifier(**settings), X, y.astype(str))
    score, low, high = numbers(lines[-1])
    assert low < score < high
    assert score == pytest.approx(-clf.estimate_.score, rel=1e-3)


def test_all_scores_of_the_last_line_are_those_of_the_same_rows_together(caplog):
    """The error of all rows of a skewed target is much larger than the mean over the folds."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 2))
    settings = TINY | {"verbose": 1, "include": ["ridge"], "max_trials": 1, "cv": 10}
    reg, lines = fit_and_log(caplog, AutoMLRegressor(**settings), X, np.exp(2 * rng.normal(size=150) + X[:, 0]))
    of_all_rows = -reg.metric_scores_["score"].iloc[0]
    assert of_all_rows > -1.5 * reg.best_score_
    assert lines[-1].endswith(f"; the only configuration of the search has {of_all_rows:.4g}")
