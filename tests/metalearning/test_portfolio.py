"""Order of a portfolio: gain for the ensemble, per second."""

import numpy as np

from metalearning.portfolio import Evidence, choose


def make_evidence(*predictions, weight=1.0, is_classification=True):
    predictions = np.array(predictions, dtype=np.float32)
    baseline = np.full(predictions.shape[1], 0.5 if is_classification else 1.0, dtype=np.float32)
    return Evidence(predictions, baseline, is_classification, weight)


RIGHT_ON_MOST = [0.95, 0.95, 0.95, 0.2]
NEARLY_THE_SAME = [0.94, 0.94, 0.94, 0.2]
RIGHT_ON_THE_REST = [0.6, 0.6, 0.6, 0.95]


def test_the_second_choice_helps_the_first_rather_than_being_like_it():
    order = choose([make_evidence(NEARLY_THE_SAME, RIGHT_ON_MOST, RIGHT_ON_THE_REST)], np.ones(3), 2, 0.1)
    assert order[0] in (0, 1)
    assert order[1] == 2


def test_of_two_equal_ones_the_cheaper_comes_first():
    order = choose([make_evidence(RIGHT_ON_MOST, RIGHT_ON_MOST)], np.array([10.0, 1.0]), 2, 0.1)
    assert order == [1, 0]


def test_patience_makes_small_differences_in_seconds_irrelevant():
    evidence = [make_evidence(RIGHT_ON_MOST, RIGHT_ON_THE_REST)]
    assert choose(evidence, np.array([0.2, 0.01]), 1, 100.0) == choose(evidence, np.array([0.01, 0.2]), 1, 100.0)


def test_what_costs_too_much_is_never_chosen():
    assert choose([make_evidence(RIGHT_ON_MOST, RIGHT_ON_THE_REST)], np.array([np.inf, 1.0]), 2, 0.1) == [1]


def test_the_heavier_data_set_decides():
    here, there = make_evidence([0.9] * 4, [0.6] * 4, weight=0.1), make_evidence([0.6] * 4, [0.9] * 4, weight=1.0)
    assert choose([here, there], np.ones(2), 1, 0.1) == [1]


def test_what_is_unknown_on_one_data_set_is_judged_by_the_others():
    unknown = [np.nan] * 4
    order = choose([make_evidence(unknown, [0.6] * 4), make_evidence([0.9] * 4, [0.6] * 4)], np.ones(2), 1, 0.1)
    assert order == [0]


def test_errors_of_opposite_sign_complete_each_other():
    evidence = make_evidence([0.5, 0.4], [0.4, 0.5], [-0.5, -0.5], is_classification=False)
    assert 2 in choose([evidence], np.ones(3), 2, 0.1)
