"""Order of a portfolio: the gain per second over the configurations before."""

import numpy as np
import pytest

from metalearning.portfolio import choose, normalize

UNKNOWN = np.nan
# Two data sets, three configurations: two are alike, the third is good where they are bad.
ALIKE_AND_OTHER = np.array([[0.1, 0.0, 1.5], [1.2, 1.3, 0.2]])


def order_of(losses, weights=None, seconds=None, n=9, patience=0.1):
    losses = np.array(losses)
    weights = np.ones(len(losses)) if weights is None else np.array(weights)
    seconds = np.ones(losses.shape[1]) if seconds is None else np.array(seconds)
    return choose(losses, weights, seconds, n, patience)


def test_the_second_choice_is_good_where_the_first_is_bad():
    first, second, third = order_of(ALIKE_AND_OTHER)
    assert 2 in (first, second)
    assert third in (0, 1)


def test_of_two_equal_ones_the_cheaper_comes_first():
    assert order_of([[0.3, 0.3]], seconds=[10.0, 1.0]) == [1, 0]


def test_patience_makes_small_differences_in_seconds_irrelevant():
    losses = [[0.1, 0.2]]
    assert order_of(losses, seconds=[0.2, 0.01], patience=100.0) == [0, 1]
    assert order_of(losses, seconds=[0.2, 0.01], patience=0.01) == [1, 0]


def test_what_costs_too_much_is_never_chosen():
    assert order_of([[0.0, 0.5]], seconds=[np.inf, 1.0]) == [1]


def test_the_heavier_data_set_decides():
    losses = [[0.0, 1.0], [1.0, 0.0]]
    assert order_of(losses, weights=[1.0, 0.1])[0] == 0
    assert order_of(losses, weights=[0.1, 1.0])[0] == 1


def test_what_is_unknown_on_one_data_set_is_judged_by_the_others():
    assert order_of([[UNKNOWN, 0.9], [0.0, 0.9]])[0] == 0


def test_what_one_data_set_praises_gives_way_to_what_all_praise():
    losses = [[0.0, 0.1], *[[UNKNOWN, 0.1]] * 5]
    assert order_of(losses, weights=[0.05, *[1.0] * 5])[0] == 1


def test_what_nothing_is_known_of_is_not_chosen():
    assert order_of([[UNKNOWN, 0.5]]) == [1]


def test_when_nothing_is_left_to_gain_the_better_on_average_comes_first():
    assert order_of([[0.0, 1.0, 0.5], [0.0, 1.0, 0.5]]) == [0, 2, 1]


def test_normalized_losses_are_0_for_the_best_and_1_for_the_median():
    assert normalize(np.array([5.0, 3.0, 4.0, 100.0, np.nan])) == pytest.approx(
        [4 / 3, 0, 2 / 3, 2, np.nan], nan_ok=True
    )
