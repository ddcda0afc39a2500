"""Tests of the limit on the size of a model."""

from __future__ import annotations

import pytest
from sklearn.datasets import load_diabetes
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLRegressor
from automl.errors import InvalidInputError, NothingFittedError
from tests.factories import FAST

X, Y = load_diabetes(return_X_y=True, as_frame=True)
SETTINGS = FAST | {"include": ["decision_tree", "ridge", "random_forest"], "cv": 2, "max_trials": 6}


@pytest.mark.slow
def test_the_ensemble_is_within_the_limit():
    free = AutoMLRegressor(**SETTINGS).fit(X, Y)
    limit = 0.9 * float(free.frontier_["megabytes"].max())
    small = AutoMLRegressor(**SETTINGS, max_model_megabytes=limit).fit(X, Y)
    record = small._frontier
    counts = [len(bag.models) for bag in [*small._ensemble.bags, *record.bags]]
    used = sum(n * size for n, size, weight in zip(counts, record.megabytes, record.weights, strict=True) if weight)
    assert 0 < used <= limit
    assert sum(bag.weight for bag in small._ensemble.bags) == pytest.approx(1.0)


def test_a_configuration_above_the_limit_ends_with_its_first_fold():
    first = [{"model": "random_forest"}, {"model": "ridge"}]
    settings = SETTINGS | {"initial_configurations": first, "max_trials": 2}
    limited = AutoMLRegressor(**settings, max_model_megabytes=0.2).fit(X, Y)
    forests = limited.leaderboard_[limited.leaderboard_["family"] == "random_forest"]
    assert len(forests)
    assert set(forests["status"]) == {"invalid"}
    assert all("MB, more than max_model_megabytes=0.2" in reason for reason in forests["reason"])
    assert "random_forest" not in {bag.configuration.family for bag in limited._ensemble.bags}


@pytest.mark.slow
def test_the_limit_also_holds_in_the_order_of_time():
    settings = SETTINGS | {"cv": TimeSeriesSplit(2), "max_trials": 3}
    limited = AutoMLRegressor(**settings, max_model_megabytes=0.2).fit(X, Y)
    assert "random_forest" not in {bag.configuration.family for bag in limited._ensemble.bags}


def test_a_limit_that_no_model_meets_is_an_error_with_the_size():
    settings = SETTINGS | {"include": ["ridge"], "max_trials": 1}
    with pytest.raises(NothingFittedError, match="MB, more than max_model_megabytes=1e-06"):
        AutoMLRegressor(**settings, max_model_megabytes=1e-6).fit(X, Y)


@pytest.mark.parametrize("limit", [0, -1, "5", True])
def test_a_limit_must_be_a_positive_number(limit):
    with pytest.raises(InvalidInputError, match="max_model_megabytes must be a finite number of MB above 0"):
        AutoMLRegressor(**SETTINGS, max_model_megabytes=limit).fit(X, Y)
