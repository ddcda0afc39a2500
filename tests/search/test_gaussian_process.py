"""The Gaussian process predicts the cost of the configurations of one family."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from automl.search.gaussian_process import (
    LEAST_ROWS,
    MOST_ROWS,
    FamilyProcess,
    Features,
    GaussianProcess,
    fit_hyperparameters,
)


def smooth(n=40, d=3, seed=0):
    """Return points, and targets that depend on the first feature only."""
    X = np.random.default_rng(seed).random((n, d))
    return X, np.sin(5 * X[:, 0])


def test_mean_and_deviation_are_those_of_scikit_learn():
    X, y = smooth()
    logs = np.log([0.3, 0.6, 1.2, 1.5, 1e-3])
    kernel = ConstantKernel(1.5) * Matern(length_scale=[0.3, 0.6, 1.2], nu=2.5) + WhiteKernel(1e-3)
    reference = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True).fit(X, y)
    new = smooth(seed=1)[0]
    mean, deviation = reference.predict(new, return_std=True)
    found_mean, found_deviation = GaussianProcess.fit(X, y, logs).predict(new)
    np.testing.assert_allclose(found_mean, mean, atol=1e-6)
    np.testing.assert_allclose(np.sqrt(found_deviation**2 + 1e-3 * y.var()), deviation, atol=1e-5)


def test_a_feature_without_influence_gets_a_long_length_scale():
    X, y = smooth()
    lengths = np.exp(fit_hyperparameters(X, (y - y.mean()) / y.std())[:3])
    assert lengths[0] < 1
    assert lengths[1:].min() > 2 * lengths[0]


def test_features_are_the_columns_that_differ():
    X = np.array([[0.5, 2.0, 1.0, 0.1], [0.5, 0.0, 1.0, -1.0]], dtype=np.float32)
    features = Features.of(X, np.array([0, 3, 2, 0]))
    np.testing.assert_allclose(features(X), [[0.1, 0, 1], [-1, 1, 0]], atol=1e-6)


def family_rows(n, n_other=5, seed=0):
    """Return rows of family 1, whose cost is that of a bowl, and worse rows of family 0."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.repeat([1.0, 0.0], [n, n_other]), rng.random(n + n_other)]).astype(np.float32)
    return X, np.where(X[:, 0] == 1, (X[:, 1] - 0.3) ** 2, 2.0).astype(float)


def fit(X, costs, pending=None, column=0):
    return FamilyProcess.fit(X, costs, X[:0] if pending is None else pending, np.array([2, 0]), column)


def test_a_process_needs_enough_results_of_the_best_family():
    assert fit(*family_rows(LEAST_ROWS)) is not None
    assert fit(*family_rows(LEAST_ROWS - 1, n_other=2 * LEAST_ROWS)) is None
    X, costs = family_rows(LEAST_ROWS)
    assert fit(X, np.zeros(len(costs))) is None


def test_other_families_are_predicted_to_be_worse_than_all_results():
    process = fit(*family_rows(20))
    mean, deviation = process.predict(np.array([[1, 0.3], [1, 0.9], [0, 0.3]], dtype=np.float32))
    assert mean[0] < mean[1] < 2.0 < mean[2]
    assert np.isfinite(deviation).all()


def test_a_running_configuration_is_certain_and_keeps_its_predicted_cost():
    X, costs = family_rows(20)
    X[:20, 1] *= 0.5
    at = np.array([[1, 0.95]], dtype=np.float32)
    free, busy = fit(X, costs).predict(at), fit(X, costs, at).predict(at)
    assert busy[1][0] < free[1][0] / 2
    assert busy[0][0] == pytest.approx(free[0][0], abs=0.05)


def test_all_results_are_of_one_family_in_a_space_without_conditions():
    X, costs = family_rows(20)
    assert fit(X, costs, column=None).column is None


def test_a_process_knows_a_limited_number_of_results_among_them_the_best():
    X, costs = family_rows(MOST_ROWS + 50)
    process = fit(X, costs)
    assert len(process.process.X) == MOST_ROWS
    assert process.predict(X[[np.argmin(costs)]])[0][0] == pytest.approx(costs.min(), abs=0.02)
