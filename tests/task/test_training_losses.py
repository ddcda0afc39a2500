"""The losses and transforms of the target that a search offers follow from the metric and the target."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import d2_tweedie_score, make_scorer, mean_absolute_error

from automl import AutoMLRegressor
from automl.task.metrics import make_metric
from automl.task.training_losses import with_objective

rng = np.random.default_rng(0)
PRICES = np.exp(rng.normal(size=300))
SYMMETRIC = rng.normal(size=300)
SQUARED = ("squared_error",)


def choices(scoring, y=PRICES):
    metric = with_objective(make_metric(scoring, "regression", None), y)
    return metric.losses, metric.target_transforms


@pytest.mark.parametrize("scoring", ["r2", "neg_root_mean_squared_error", "neg_max_error", None])
def test_squared_error_is_the_only_choice_for_a_symmetric_target(scoring):
    assert choices(scoring, SYMMETRIC) == (SQUARED, ("none",))


@pytest.mark.parametrize(
    ("scoring", "first"),
    [
        ("neg_mean_absolute_error", "absolute_error"),
        ("neg_median_absolute_error", "absolute_error"),
        ("d2_absolute_error_score", "absolute_error"),
        (make_scorer(mean_absolute_error, greater_is_better=False), "absolute_error"),
        ("neg_mean_absolute_percentage_error", "absolute_error"),
        ("neg_mean_poisson_deviance", "poisson"),
        ("neg_mean_gamma_deviance", "gamma"),
        (make_scorer(d2_tweedie_score, power=1.5), "tweedie"),
        (make_scorer(d2_tweedie_score, power=2), "gamma"),
        (make_scorer(d2_tweedie_score), "squared_error"),
        (make_scorer(lambda y, p: -abs(y - p).max()), "squared_error"),
    ],
)
def test_the_loss_of_the_metric_comes_first(scoring, first):
    losses, _ = choices(scoring)
    assert losses[0] == first
    assert "squared_error" in losses


def test_losses_without_a_value_for_the_target_are_left_out():
    counts = rng.poisson(2.0, 300).astype(float)
    assert choices("neg_mean_gamma_deviance", counts)[0] == ("tweedie", "squared_error")
    assert choices("neg_mean_poisson_deviance", SYMMETRIC)[0] == SQUARED


def test_a_skewed_target_gets_a_logarithm_where_the_metric_asks_for_medians():
    assert choices("neg_mean_absolute_error")[1][0] == "log_target"
    assert choices("neg_mean_absolute_error", SYMMETRIC)[1] == ("none",)
    assert choices("neg_mean_absolute_percentage_error", 100 + SYMMETRIC)[1] == ("log_target", "none")
    assert choices("r2") == (("squared_error", "poisson", "tweedie"), ("none", "log_target"))


def test_a_logarithmic_error_transforms_the_target():
    for scoring in ("neg_mean_squared_log_error", "neg_root_mean_squared_log_error"):
        assert choices(scoring) == (SQUARED, ("log1p_target", "none"))


@pytest.fixture(scope="module")
def regressor():
    X = np.arange(120.0)[:, None] % 2
    y = np.exp(rng.normal(size=120) * 2) + X[:, 0]
    reg = AutoMLRegressor(
        scoring="neg_mean_absolute_error", include=["lightgbm"], time_budget=None, max_trials=1, n_jobs=1, cv=2,
        verbose=0, random_state=0, initial_configurations=[{"model": "lightgbm"}],
    )  # fmt: skip
    return reg.fit(X, y), X, y


def test_a_search_for_the_absolute_error_predicts_medians(regressor):
    reg, X, y = regressor
    for kind in (0, 1):
        rows = X[:, 0] == kind
        share_below = (y[rows] < reg.predict(X[rows])[0]).mean()
        assert 0.4 < share_below < 0.6, "the mean of this target lies above more than four fifths of its rows"


def test_refits_keep_the_loss(regressor):
    reg, X, y = regressor
    again = reg.refit()
    assert (y < again.predict(X)).mean() == pytest.approx(0.5, abs=0.12)
    later = reg.refit(np.r_[X, X], np.r_[y, -y])
    assert later.best_params_["loss"] == "absolute_error"
