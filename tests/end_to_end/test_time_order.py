"""Where folds train on the past and score the future, models of the newest rows predict."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLRegressor
from automl.task.splits import SplitRequest, is_forward_chaining, make_folds
from tests.factories import FAST

N = 600
TREND = np.arange(N, dtype=float)
X = np.column_stack([TREND, np.random.default_rng(0).normal(size=N)])
TREE = FAST | {"include": ["decision_tree"], "cv": TimeSeriesSplit(5)}


def test_the_newest_rows_are_scored_first():
    folds = make_folds(SplitRequest(TREND, False, cv=TimeSeriesSplit(5), X=X))
    assert is_forward_chaining(folds)
    assert [int(scored.max()) for _, scored in folds] == [599, 499, 399, 299, 199]


def test_shuffled_folds_keep_their_order():
    pairs = [(np.arange(100, 600), np.arange(100)), (np.arange(500), np.arange(500, 600))]
    folds = make_folds(SplitRequest(TREND, False, cv=pairs, X=X))
    assert not is_forward_chaining(folds)
    assert [scored.max() for _, scored in folds] == [99, 599]


def test_a_single_fold_does_not_say_that_the_rows_are_in_the_order_of_time():
    fold = np.arange(450), np.arange(450, N)
    reg = AutoMLRegressor(**TREE | {"cv": [fold], "max_trials": 1}).fit(X, TREND)
    assert reg.estimate_.score < 0
    assert reg.predict(X[-1:])[0] < 450  # no model was trained on the scored rows


@pytest.mark.parametrize("guard", [None, 0.1])
def test_predictions_follow_a_trend_as_far_as_rows_were_trained_on(guard):
    """The mean of all fold models would be near the middle of the trend."""
    reg = AutoMLRegressor(**TREE, guard=guard).fit(X, TREND)
    assert reg.predict(X[-1:])[0] > 0.8 * N
    assert reg.best_pipeline_.predict(X[-1:])[0] > 0.8 * N


def test_the_last_free_score_of_a_guard_is_the_score_of_the_models_that_predict():
    reg = AutoMLRegressor(**TREE, guard=0.1).fit(X, TREND)
    rmse = np.sqrt(np.mean((reg.predict(X[540:]) - TREND[540:]) ** 2))  # the newest tenth of the rows
    assert reg.guard_curve_["free"].iloc[-1] == pytest.approx(-rmse, rel=1e-3)


def test_no_estimate_is_given_for_the_future():
    reg = AutoMLRegressor(**TREE).fit(X, TREND)
    assert not hasattr(reg, "estimate_")
    with pytest.raises(AttributeError, match="cv orders the rows by time"):
        reg.estimate_  # noqa: B018
