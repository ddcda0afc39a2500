"""Kernel ridge regression in closed form, and the metric that recursive feature machines learn."""

import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss

from automl.testing.components import make_estimator
from pipelines.catalog import get_component
from pipelines.component import TableTraits
from pipelines.models import recursive_feature_machine as machines
from pipelines.models._kernel_ridge import (
    CenterRidge,
    ExponentialKernel,
    between,
    coefficients_of,
    leave_one_out,
    outer_product_of_gradients,
    ridge_path,
    squared_distances,
)

KERNEL = ExponentialKernel(bandwidth=2.0, exponent=1.2)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 3)), rng.normal(size=(60, 2)), rng.uniform(0.5, 2.0, 60)


def refit_without(row, X, Y, weight, ridge, centers=None):
    """Return the residual of a row, after a fit to the others."""
    kept = np.arange(len(X)) != row
    if centers is None:
        found = coefficients_of(KERNEL.values(between(X[kept])), Y[kept], weight[kept], ridge)
        centers = X[kept]
    else:
        found, _ = CenterRidge(KERNEL, X[kept], Y[kept], weight[kept], centers).solve(ridge, np.arange(3))
    return Y[row] - (KERNEL.values(squared_distances(X[[row]], centers)) @ found)[0]


def test_leave_one_out_residuals_are_those_of_a_fit_without_the_row(rows):
    X, Y, weight = rows
    _, residuals = leave_one_out(KERNEL.values(between(X)), Y, weight, 0.1)
    for row in (3, 40):
        np.testing.assert_allclose(residuals[row], refit_without(row, X, Y, weight, 0.1))
    losses = ridge_path(KERNEL.values(between(X)), Y, weight, np.array([0.1, 1.0]), weight)
    assert losses[0] == pytest.approx(np.average((residuals**2).sum(axis=1), weights=weight))


def test_leave_one_out_residuals_with_some_rows_as_centers_are_those_of_a_fit_without_the_row(rows):
    X, Y, weight = rows
    _, residuals = CenterRidge(KERNEL, X, Y, weight, X[:30]).solve(0.1, np.arange(60))
    for row in (35, 50):
        np.testing.assert_allclose(residuals[row], refit_without(row, X, Y, weight, 0.1, X[:30]), atol=1e-4)


def test_all_rows_as_centers_give_the_exact_fit(rows):
    X, Y, weight = rows
    exact = leave_one_out(KERNEL.values(between(X)), Y, weight, 0.1)
    for mine, theirs in zip(CenterRidge(KERNEL, X, Y, weight, X).solve(0.1, np.arange(60)), exact, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-3)


def test_the_outer_product_is_that_of_numeric_gradients(rows):
    X, Y, weight = rows
    coefficients = coefficients_of(KERNEL.values(between(X)), Y, weight, 0.1)

    def predict(at):
        return KERNEL.values(squared_distances(at, X)) @ coefficients

    new = np.random.default_rng(1).normal(size=(4, 3))
    step = 1e-5 * np.eye(3)
    slopes = [np.array([(predict(at + h) - predict(at - h))[0] / 2e-5 for h in step]) for at in new[:, None]]
    expected = np.mean([slope @ slope.T for slope in slopes], axis=0)
    np.testing.assert_allclose(
        outer_product_of_gradients(KERNEL, new, X, coefficients, np.ones(4)), expected, rtol=1e-5
    )


def fitted(X, y, n_classes=0, **params):
    task = "regression" if n_classes == 0 else "binary" if n_classes == 2 else "multiclass"
    traits = TableTraits(task, *X.shape, n_classes)
    component = get_component("model", "recursive_feature_machine")
    return make_estimator(component, traits, params, time_limit=None).fit(X, y)


def wave(n, seed=0):
    """Return ten columns, of which the first two decide."""
    X = np.random.default_rng(seed).normal(size=(n, 10))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] ** 2


@pytest.mark.parametrize("metric", ["full", "diagonal"])
def test_the_metric_finds_the_columns_that_matter(metric, monkeypatch):
    (X, y), (new, truth) = wave(200), wave(100, seed=1)
    model = fitted(X, y, metric=metric)
    weights = model.machine_.metric if metric == "diagonal" else np.diag(model.machine_.metric)
    assert model.n_iter_ > 0
    assert min(weights[:2]) > 2 * max(weights[2:])
    monkeypatch.setattr(machines, "MAX_ROUNDS", 0)
    plain = fitted(X, y, metric=metric)
    assert np.mean((model.predict(new) - truth) ** 2) < 0.6 * np.mean((plain.predict(new) - truth) ** 2)


def test_the_metric_and_the_centers_leave_time_for_the_predictions(monkeypatch):
    X, y = wave(400)
    predict = machines.Machine.predict

    def slowly(machine, X):
        time.sleep(1e-5 * len(X) * len(machine.centers) / 200)  # 20 s for 2,000,000 rows and 200 centers
        return predict(machine, X)

    monkeypatch.setattr(machines.Machine, "predict", slowly)
    settings = machines.MachineSettings(time_limit=30.0)
    free = machines.RecursiveFeatureMachineRegressor(settings).fit(X, y)
    many = replace(settings, n_rows_to_predict=2_000_000)
    bound = machines.RecursiveFeatureMachineRegressor(many).fit(X, y)
    assert free.n_iter_ > bound.n_iter_ == 0


def test_classes_without_a_pattern_get_no_confident_probabilities():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 30)), rng.integers(0, 2, 150)
    model = fitted(X, y, 2)
    new, truth = rng.normal(size=(500, 30)), rng.integers(0, 2, 500)
    assert log_loss(truth, model.predict_proba(new)) < np.log(2) + 0.03


@pytest.mark.parametrize(
    "most", [{"ROWS_OF_METRIC": 60}, {"ROWS_OF_METRIC": 60, "MAX_EXACT_ROWS": 80, "N_CENTERS": 70}]
)
def test_the_metric_of_some_rows_serves_all_rows(most, monkeypatch):
    for name, value in most.items():
        monkeypatch.setattr(machines, name, value)
    (X, y), (new, truth) = wave(200), wave(100, seed=1)
    model = fitted(X, y)
    assert len(model.machine_.centers) == most.get("N_CENTERS", 200)
    assert np.mean((model.predict(new) - truth) ** 2) < 0.3 * truth.var()
    assert np.mean(fitted(X, X[:, 0] > 0, 2).predict(new) == (new[:, 0] > 0)) > 0.75


def test_the_metric_and_the_probabilities_are_learned_from_rows_of_each_class(monkeypatch):
    for name, value in {"ROWS_OF_METRIC": 60, "_ROWS_TO_TUNE": 40, "_ROWS_TO_VALIDATE": 60, "MAX_ROUNDS": 0}.items():
        monkeypatch.setattr(machines, name, value)
    X, y = np.random.default_rng(0).normal(size=(400, 4)), np.repeat([0, 1], [396, 4])
    learned, choose, fit = [], machines._Learner._choose_round, machines.fit_softmax

    def choose_and_note(learner, rows):
        learned.append(np.bincount(y[rows], minlength=2))
        return choose(learner, rows)

    def fit_and_note(scores, codes, weight):
        learned.append(np.bincount(codes, minlength=2))
        return fit(scores, codes, weight)

    monkeypatch.setattr(machines._Learner, "_choose_round", choose_and_note)
    monkeypatch.setattr(machines, "fit_softmax", fit_and_note)
    for seed in range(6):
        machines.RecursiveFeatureMachineClassifier(machines.MachineSettings(random_state=seed)).fit(X, y)
    assert len(learned) == 12
    assert [counts[1] for counts in learned[::2]] == [2] * 6
    assert min(counts[1] for counts in learned[1::2]) >= 1
    assert {int(counts.sum()) for counts in learned} == {60}


@pytest.mark.parametrize("column", [np.zeros(40), np.repeat([0.0, 1.0], 20)])
def test_columns_that_say_nothing_give_the_mean(column):
    model = fitted(column[:, None], np.tile([1.0, 3.0], 20))
    np.testing.assert_allclose(model.predict(column[:, None]), 2.0, atol=1e-2)


def test_few_rows_are_enough():
    for n in (1, 2, 3, 5):
        X, y = wave(n)
        assert np.isfinite(fitted(X, y).predict(X)).all()
    X, _ = wave(4)
    assert np.isfinite(fitted(X, np.array([0, 1, 2, 0]), 3).predict_proba(X)).all()
