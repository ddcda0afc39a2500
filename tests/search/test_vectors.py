"""Rows that are sampled and varied are valid by ConfigSpace itself."""

from __future__ import annotations

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, ForbiddenEqualsClause
from ConfigSpace import Configuration as SpaceConfiguration
from ConfigSpace.exceptions import ForbiddenValueError
from scipy import stats

from automl.search.vectors import VectorSpace, first_of_each
from pipelines.configuration import Configuration
from tests.search.spaces import SPACES, every_kind, joint


def check(space, vectors, names):
    """Check that all rows decode to configurations that ConfigSpace accepts, with the same active hyperparameters."""
    vector_space = VectorSpace(space)
    for row in vectors:
        configuration = vector_space.decode(row)
        SpaceConfiguration(space, values=dict(configuration)).check_valid_configuration()
        assert set(configuration) == {name for name, value in zip(names, row, strict=True) if not np.isnan(value)}


@pytest.mark.parametrize("make", SPACES.values(), ids=SPACES)
def test_samples_are_valid_by_configspace_itself(make):
    vectors = VectorSpace(make())
    sampled = vectors.sample(200, np.random.default_rng(0))
    assert len(sampled) == 200
    check(vectors.space, sampled, vectors.names)


@pytest.mark.parametrize("make", SPACES.values(), ids=SPACES)
def test_neighbors_are_valid_and_change_one_hyperparameter_and_its_children(make):
    vectors, rng = VectorSpace(make()), np.random.default_rng(0)
    start = vectors.sample(20, rng)
    near, origins = vectors.neighbors(start, 8, 0.2, rng)
    assert len(near) > 40
    check(vectors.space, near, vectors.names)
    old = start[origins]
    changed = (near != old) & ~np.isnan(near) & ~np.isnan(old)
    assert (changed.sum(axis=1) == 1).all()


def test_a_small_scale_gives_small_steps_and_a_large_scale_gives_large_steps():
    vectors = VectorSpace(ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0)}))
    start = np.full((1, 2), 0.5)
    small, _ = vectors.neighbors(start, 500, 0.01, np.random.default_rng(0))
    large, _ = vectors.neighbors(start, 500, 0.3, np.random.default_rng(0))
    assert np.abs(small - 0.5).max() < 0.06
    assert np.abs(large - 0.5).max() > 0.4


def test_steps_never_leave_the_bounds():
    vectors = VectorSpace(ConfigurationSpace({"x": (0.0, 1.0), "n": (1, 5)}))
    near, _ = vectors.neighbors(np.array([[0.0, 1.0], [1.0, 0.0]]), 300, 2.0, np.random.default_rng(0))
    assert near.min() >= 0
    assert near.max() <= 1


@pytest.mark.parametrize("make", SPACES.values(), ids=SPACES)
def test_a_row_that_is_decoded_and_encoded_again_is_the_same(make):
    vectors = VectorSpace(make())
    sampled = vectors.sample(50, np.random.default_rng(1))
    configurations = [vectors.decode(row) for row in sampled]
    again = vectors.encode(configurations)
    np.testing.assert_allclose(again, sampled, atol=1e-6)
    for row, configuration in zip(again, configurations, strict=True):
        decoded = dict(vectors.decode(row))
        assert decoded.keys() == configuration.keys()
        for name, value in configuration.items():
            # A number on a logarithmic scale may differ in its last digit.
            assert decoded[name] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)


def test_values_that_the_space_does_not_know_are_left_out():
    vectors = VectorSpace(ConfigurationSpace({"x": (0.0, 1.0)}))
    encoded = vectors.encode([Configuration({"x": 0.25, "old": 1}), Configuration({"x": 7.0})])
    np.testing.assert_array_equal(encoded, [[0.25], [np.nan]])


@pytest.mark.parametrize("make", SPACES.values(), ids=SPACES)
def test_samples_follow_configspaces_distribution(make):
    """Share of active rows and values of each hyperparameter are compared with ConfigSpace's own samples."""
    space = make()
    vectors = VectorSpace(space)
    n = 2_000
    ours = vectors.sample(n, np.random.default_rng(0))
    space.seed(0)
    theirs = np.array([configuration.get_array() for configuration in space.sample_configuration(n)])
    order = [list(space).index(name) for name in vectors.names]
    assert order == list(range(len(order)))
    for column, name in enumerate(vectors.names):
        a, b = ours[:, column], theirs[:, column]
        assert abs(np.isnan(a).mean() - np.isnan(b).mean()) < 0.06, name
        a, b = a[~np.isnan(a)], b[~np.isnan(b)]
        if min(len(a), len(b)) >= 20:
            # There are more than 100 tests: with this threshold one of them fails by chance in about 1 % of the runs.
            assert stats.ks_2samp(a, b).pvalue > 1e-4, name


def test_a_log_scale_is_uniform_in_the_exponent():
    vectors = VectorSpace(ConfigurationSpace({"rate": Float("rate", (1e-4, 1.0), log=True)}))
    rates = [float(vectors.decode(v)["rate"]) for v in vectors.sample(400, np.random.default_rng(0))]
    assert 3e-3 < np.median(rates) < 3e-2


def test_choices_are_sampled_by_their_weights():
    space = ConfigurationSpace({"kind": Categorical("kind", ["rare", "common", "never"], weights=[1, 9, 0])})
    sampled = VectorSpace(space).sample(2_000, np.random.default_rng(0))
    counts = np.bincount(sampled[:, 0].astype(int), minlength=3)
    assert counts[0] == pytest.approx(200, abs=60)
    assert counts[2] == 0


def test_forbidden_choices_are_never_sampled():
    space = ConfigurationSpace({"kind": ["a", "b"]})
    space.add(ForbiddenEqualsClause(space["kind"], "b"))
    assert set(VectorSpace(space).sample(50, np.random.default_rng(0)).ravel()) == {0.0}
    narrow = VectorSpace(space)
    assert len(narrow.valid(np.array([[1.0]]))) == 0


@pytest.mark.parametrize("make", SPACES.values(), ids=SPACES)
def test_a_row_is_forbidden_if_configspace_forbids_it(make):
    """Random rows, some of which are forbidden: our mask and ConfigSpace agree on each."""
    vectors = VectorSpace(make())
    points = np.random.default_rng(3).random((300, len(vectors.names)))
    rows = vectors.deactivate(vectors.from_unit(points))
    allowed = []
    for row in rows:
        try:
            SpaceConfiguration(vectors.space, vector=row).check_valid_configuration()
            allowed.append(True)
        except ForbiddenValueError:
            allowed.append(False)
    assert 0 < sum(allowed) < len(allowed)
    np.testing.assert_array_equal(~vectors.is_forbidden(rows), allowed)


def test_the_joint_space_has_more_than_a_hundred_hyperparameters():
    assert len(joint()) > 100
    assert len(every_kind()) == 10


def test_only_the_first_of_equal_rows_is_kept():
    rows = np.array([[1.0, np.nan], [0.5, 2.0], [1.0, np.nan], [0.5, 2.0], [0.5, 3.0]])
    np.testing.assert_array_equal(first_of_each(rows), [0, 1, 4])


def test_the_last_new_configuration_of_a_small_space_is_found_and_then_none():
    vectors = VectorSpace(ConfigurationSpace({"a": list(range(30)), "b": list(range(30))}))
    every = {Configuration({"a": a, "b": b}) for a in range(30) for b in range(30)}
    last = Configuration({"a": 7, "b": 21})
    assert vectors.first_new(vectors.samples(np.random.default_rng(0)), every - {last}) == last
    assert vectors.first_new(vectors.samples(np.random.default_rng(0)), every) is None
