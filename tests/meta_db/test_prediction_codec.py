"""Predictions in one byte a row still give the ensemble's loss."""

import numpy as np

from meta_db.prediction_codec import MAX_ROWS, choose_rows, decode, encode


def test_probabilities_of_two_classes_come_back_within_a_percent():
    p = np.random.default_rng(0).random(2_000)
    back = decode(encode(np.column_stack([1 - p, p]), np.zeros(2_000), True), True)
    np.testing.assert_allclose(back, p, atol=0.011)


def test_small_probabilities_keep_their_size():
    p = np.geomspace(1e-4, 1e-2, 50)
    back = decode(encode(np.column_stack([1 - p, p]), np.zeros(50), True), True)
    np.testing.assert_allclose(back, p, rtol=0.05)


def test_of_many_classes_the_probability_of_the_true_one_is_kept():
    p = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    np.testing.assert_allclose(decode(encode(p, np.array([1, 0]), True), True), [0.5, 0.1], atol=0.011)


def test_errors_of_a_regression_are_resolved_finely_near_zero():
    error = np.array([-3.0, -0.1, -0.01, 0.0, 0.01, 0.1, 3.0])
    back = decode(encode(error, np.zeros(7), False), False)
    np.testing.assert_allclose(back, error, rtol=0.05, atol=0.003)


def test_rows_without_a_prediction_stay_unknown():
    back = decode(encode(np.array([0.5, np.nan]), np.zeros(2), False), False)
    assert np.isnan(back).tolist() == [False, True]


def test_the_rows_that_are_kept_are_the_same_each_time():
    np.testing.assert_array_equal(choose_rows(10_000), choose_rows(10_000))
    assert len(choose_rows(10_000)) == MAX_ROWS
    np.testing.assert_array_equal(choose_rows(10), np.arange(10))
