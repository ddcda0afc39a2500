"""Expected losses of configurations, given the losses of others on the same table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metalearning.posterior import ConfigurationPosterior
from pipelines.configuration import Configuration

N = 10
CONFIGURATIONS = tuple(Configuration({"number": i}) for i in range(N))
FIRST, SECOND = set(CONFIGURATIONS[:5]), set(CONFIGURATIONS[5:])


def two_kinds_of_data_sets():
    """The first five configurations do well on one kind, the others on the other kind."""
    noise = np.random.default_rng(0).uniform(0.0, 0.2, (12, N))
    bad = np.zeros((12, N))
    bad[:6, 5:] = bad[6:, :5] = 1.5
    return bad + noise


def make_posterior(losses=None, weights=None, seconds=None):
    losses = two_kinds_of_data_sets() if losses is None else np.asarray(losses, dtype=float)
    weights = np.ones(len(losses)) if weights is None else np.asarray(weights)
    seconds = np.ones(losses.shape[1]) if seconds is None else np.asarray(seconds)
    return ConfigurationPosterior(CONFIGURATIONS[: losses.shape[1]], losses, weights, seconds)


def after(seen, **world):
    seen = {CONFIGURATIONS[i]: loss for i, loss in seen.items()}
    return make_posterior(**world).rank_by_improvement(seen, seen)


@pytest.mark.parametrize(("seen", "similar"), [({0: 0.1, 5: 0.9, 6: 0.8}, FIRST), ({0: 0.9, 1: 0.8, 5: 0.1}, SECOND)])
def test_configurations_that_go_with_a_good_one_come_first(seen, similar):
    order = after(seen)
    expected = similar - {CONFIGURATIONS[i] for i in seen}
    assert set(order[: len(expected)]) == expected
    assert len(order) == N - len(seen)


def test_a_failure_is_as_bad_as_the_worst():
    order = after({0: None, 1: 0.3, 5: 0.2, 6: 0.1})
    assert set(order[:3]) == set(CONFIGURATIONS[7:])


@pytest.mark.parametrize(("factor", "shift"), [(1000.0, 0.0), (1e-3, -7.0)])
def test_the_unit_of_the_losses_does_not_matter(factor, shift):
    seen = {0: 0.1, 3: 0.3, 5: 0.9, 6: 0.7}
    assert after({i: factor * loss + shift for i, loss in seen.items()}) == after(seen)


def test_of_equals_the_cheaper_comes_first():
    losses = [[0.1, 0.9, 0.2, 0.2], [1.0, 0.3, 0.4, 0.4], [0.6, 0.6, 0.1, 0.1]]
    assert after({0: 0.2, 1: 0.5}, losses=losses, seconds=[1.0, 1.0, 9.0, 1.0])[0] == CONFIGURATIONS[3]
    assert after({0: 0.2, 1: 0.5}, losses=losses, seconds=[1.0, 1.0, 1.0, 9.0])[0] == CONFIGURATIONS[2]


def test_of_equals_another_family_comes_before_a_sibling():
    best, worst, sibling, other = (Configuration({"model": model, "number": i}) for i, model in enumerate("acab"))
    losses = np.array([[0.1, 0.9, 0.5, 0.5], [0.9, 0.4, 0.3, 0.3], [0.4, 0.6, 1.2, 1.2]])
    posterior = ConfigurationPosterior((best, worst, sibling, other), losses, np.ones(3), np.ones(4))
    seen = {best: 0.2, worst: 0.5}
    assert posterior.rank_by_improvement(seen, seen) == [other, sibling]


def test_with_nothing_to_tell_apart_the_similar_data_sets_decide():
    losses = [[0.5, 0.0, 1.5], [0.5, 1.5, 0.0]]
    assert after({0: 0.3}, losses=losses, weights=[1.0, 0.1])[0] == CONFIGURATIONS[1]
    assert after({0: 0.3}, losses=losses, weights=[0.1, 1.0])[0] == CONFIGURATIONS[2]


def test_what_is_not_known_everywhere_is_judged_by_where_it_is():
    losses = two_kinds_of_data_sets()
    losses[::2, 1] = losses[::3, 7] = np.nan
    order = after({0: 0.1, 2: 0.2, 5: 0.9}, losses=losses)
    assert set(order[:3]) == {CONFIGURATIONS[i] for i in (1, 3, 4)}


@given(
    arrays(float, (4, 6), elements=st.one_of(st.floats(0.0, 2.0), st.just(np.nan))),
    st.dictionaries(st.integers(0, 5), st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1),
)
def test_all_that_are_not_left_out_have_a_place_whatever_was_seen(losses, seen):
    losses[0] = np.nan_to_num(losses[0])  # somebody has tried each of them
    order = after(seen, losses=losses)
    assert sorted(c["number"] for c in order) == sorted(set(range(6)) - seen.keys())
