"""Expected improvement, and the candidates where it is highest."""

from __future__ import annotations

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace
from scipy import integrate, stats

from automl.search.acquisition import log_expected_improvement, maximize, score
from automl.search.surrogate import Surrogate
from automl.search.vectors import VectorSpace
from automl.trials.history import Observation
from tests.search.spaces import every_kind


@pytest.mark.parametrize(("mean", "deviation", "best"), [(-1.0, 0.3, -1.2), (-2.0, 1.0, -1.0), (0.0, 0.5, -1.0)])
def test_expected_improvement_is_the_integral_that_defines_it(mean, deviation, best):
    def gain(cost):
        return max(0.0, np.exp(best) - np.exp(cost)) * stats.norm.pdf(cost, mean, deviation)

    expected = integrate.quad(gain, mean - 12 * deviation, best)[0]
    value = log_expected_improvement(np.array([mean]), np.array([deviation]), best)
    assert np.exp(value[0]) == pytest.approx(expected, rel=1e-6)


def test_candidates_far_from_an_improvement_are_still_ordered():
    values = log_expected_improvement(np.array([5.0, 20.0, 80.0]), np.full(3, 0.1), best=-1.0)
    assert np.isfinite(values).all()
    assert np.all(np.diff(values) < 0)


def fitted(space, loss, n=60, seconds=lambda row: 1.0):
    vectors = VectorSpace(space)
    known = vectors.sample(n, np.random.default_rng(0))
    observations = [Observation(vectors.decode(row), float(loss(row)), seconds(row)) for row in known]
    order = np.argsort([o.loss for o in observations])
    return vectors, Surrogate.fit(known, observations, known[:0], seed=0), known[order]


def test_the_maximum_is_near_the_optimum_and_better_than_random_configurations():
    space = ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    vectors, surrogate, known = fitted(space, lambda row: (row[0] - 0.7) ** 2 + (row[1] - 0.2) ** 2)
    found = maximize(vectors, surrogate, known, np.random.default_rng(1))
    assert np.abs(found[0] - [0.7, 0.2]).max() < 0.25
    values = score(surrogate, found, per_second=True)
    assert np.all(np.diff(values) <= 1e-12)
    random = vectors.sample(200, np.random.default_rng(2))
    assert values[0] >= score(surrogate, random, per_second=True).max()


def test_the_faster_of_two_equally_good_halves_is_preferred():
    space = ConfigurationSpace({"x": (0.0, 1.0), "slow": ["no", "yes"]})
    column = list(space).index("slow")
    x = 1 - column
    vectors, surrogate, known = fitted(
        space, lambda row: (row[x] - 0.5) ** 2, n=80, seconds=lambda row: 60.0 if row[column] else 1.0
    )
    by_time = maximize(vectors, surrogate, known, np.random.default_rng(1), per_second=True)[:10, column]
    assert by_time.mean() == 0.0


def test_candidates_are_valid():
    vectors, surrogate, known = fitted(every_kind(), lambda row: row[2])
    found = maximize(vectors, surrogate, known, np.random.default_rng(0))
    assert not vectors.is_forbidden(found).any()
    np.testing.assert_array_equal(vectors.deactivate(found), found)
