"""The forests predict costs and seconds of configurations."""

from __future__ import annotations

import numpy as np
import pytest

from automl.search.surrogate import Forest, Surrogate, impute_inactive, scaled_costs
from automl.trials.history import Observation
from pipelines.configuration import Configuration


def observations(losses, seconds=None):
    seconds = [1.0] * len(losses) if seconds is None else seconds
    return [Observation(Configuration({"x": i}), *pair) for i, pair in enumerate(zip(losses, seconds, strict=True))]


def test_inactive_entries_lie_outside_the_range_of_active_ones():
    imputed = impute_inactive(np.array([[0.0, np.nan], [1.0, 2.0]]))
    np.testing.assert_array_equal(imputed, [[0.0, -1.0], [1.0, 2.0]])


def test_costs_keep_the_order_of_losses_and_spread_the_good_ones():
    costs = scaled_costs(observations([0.10, 0.11, 0.2, 0.3, 0.4]))
    assert np.all(np.diff(costs) > 0)
    assert costs[1] - costs[0] > costs[4] - costs[3]  # 0.01 among the best losses counts more than 0.1 among the worst


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
def test_a_failure_costs_as_much_as_the_worst_loss(bad):
    costs = scaled_costs(observations([0.1, bad, 0.5, 0.3]))
    assert np.isfinite(costs).all()
    assert costs[1] == costs[2] == costs.max()


def test_one_huge_loss_keeps_the_differences_between_the_others():
    without = scaled_costs(observations([0.1, 0.2, 0.3, 0.4]))
    with_huge_loss = scaled_costs(observations([0.1, 0.2, 0.3, 0.4, 1e9]))
    assert with_huge_loss[3] - with_huge_loss[0] > 0.3 * (without[3] - without[0])


@pytest.mark.parametrize("losses", [[None, None], [0.5], [0.5, 0.5, 0.5]])
def test_costs_without_differences_are_finite_and_equal(losses):
    costs = scaled_costs(observations(losses))
    assert np.isfinite(costs).all()
    assert np.ptp(costs) == 0


def test_a_forest_predicts_its_training_targets():
    rng = np.random.default_rng(0)
    X = rng.random((200, 3)).astype(np.float32)
    X[:, 0] *= 0.5
    y = np.sin(6 * X[:, 0].astype(float)) + X[:, 1]
    forest = Forest.fit(X, y, 24, seed=0)
    mean, deviation = forest.predict(X)
    assert np.corrcoef(mean, y)[0, 1] > 0.95
    assert (deviation > 0).all()


def test_a_forest_is_a_function_of_its_seed():
    X = np.random.default_rng(0).random((50, 3)).astype(np.float32)
    y = X.sum(axis=1).astype(float)
    first, again, other = (Forest.fit(X, y, 8, seed).predict(X)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_seconds_are_modeled_only_where_they_differ():
    vectors = np.random.default_rng(0).random((30, 2))
    losses = list(vectors[:, 0])
    equal = Surrogate.fit(vectors, observations(losses), vectors[:0], seed=0)
    slow = [30.0 if v > 0.5 else 1.0 for v in vectors[:, 1]]
    differing = Surrogate.fit(vectors, observations(losses, slow), vectors[:0], seed=0)
    assert equal.log_seconds is None
    fast, slow_one = differing.log_seconds.predict(impute_inactive(np.array([[0.5, 0.1], [0.5, 0.9]])))[0]
    assert slow_one - fast > 1.5  # the logarithm of 31 / 2 is 2.7


def test_configurations_that_were_not_started_do_not_count_as_fast():
    vectors = np.random.default_rng(0).random((60, 2))
    refused = vectors[:, 1] > 0.6
    losses = [None if bad else v for v, bad in zip(vectors[:, 0], refused, strict=True)]
    equal = [0.0 if bad else 5.0 for bad in refused]
    growing = [0.0 if bad else 1.0 + 40 * v for v, bad in zip(vectors[:, 1], refused, strict=True)]
    none = Surrogate.fit(vectors, observations([None] * 60, [0.0] * 60), vectors[:0], seed=0)
    same, differing = (Surrogate.fit(vectors, observations(losses, s), vectors[:0], seed=0) for s in (equal, growing))
    assert none.log_seconds is None
    assert same.log_seconds is None
    fast, like_refused = differing.log_seconds.predict(impute_inactive(np.array([[0.5, 0.1], [0.5, 0.9]])))[0]
    assert like_refused - fast > 0.5


def test_a_running_configuration_is_predicted_to_have_a_median_cost():
    vectors = np.linspace(0, 1, 40)[:, None]
    losses = list(vectors[:, 0])
    running = np.full((5, 1), 0.01)
    free = Surrogate.fit(vectors, observations(losses), running[:0], seed=0)
    busy = Surrogate.fit(vectors, observations(losses), running, seed=0)
    at = impute_inactive(running[:1])
    assert busy.cost.predict(at)[0] > free.cost.predict(at)[0]
