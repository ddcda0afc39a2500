"""LightGBM with linear models in its leaves: categories, missing cells, early stopping and storage."""

import numpy as np
import pytest

from automl.testing.components import TASKS, make_estimator, make_traits, predict, restore
from pipelines.catalog import get_component

LINEAR = {"linear_tree": True, "linear_lambda": 0.1, "num_leaves": 4, "min_data_in_leaf": 5}
N = 300


def table(task):
    """Return a column of categories and three numbers, some cells missing, and a target that is linear in parts."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 5, N), rng.normal(size=(N, 3))])
    signal = np.where(X[:, 0] > 2, 2.0, -1.0) * X[:, 1] + X[:, 2]
    X[rng.random(X.shape) < 0.02] = np.nan
    y = signal if task == "regression" else np.digitize(signal, [0] if task == "binary" else [-1, 1])
    return X, y


def fitted(task, **params):
    X, y = table(task)
    traits = make_traits(task, N, 4, categorical=(0,), cardinalities=(5,), has_missing=True)
    lightgbm = get_component("model", "lightgbm")
    return make_estimator(lightgbm, traits, {**params, "native_categories": 1}, time_limit=None).fit(X, y)


@pytest.mark.parametrize("task", TASKS)
def test_a_stored_model_predicts_the_same_with_categories_and_missing_cells(task):
    X, _ = table(task)
    model = fitted(task, **LINEAR)
    assert "leaf_coeff" in model.model_.model_to_string()
    assert model.n_iter_ < model.settings.n_estimators  # stopped early
    expected = predict(model, X)
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(predict(restore(model, ()), X), expected)
    np.testing.assert_allclose(predict(model, X[:1]), expected[:1])


def test_linear_leaves_go_on_where_the_training_rows_end():
    at = np.array([[4.0, 4.0, 0.0, 0.0]])  # no training row has 4 in the second column
    linear, constant = (fitted("regression", **params).predict(at)[0] for params in (LINEAR, {"num_leaves": 4}))
    assert abs(linear - 8.0) < abs(constant - 8.0)


@pytest.mark.parametrize("loss", get_component("model", "lightgbm").losses)
def test_every_loss_can_be_trained(loss):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4))
    y = np.exp(X[:, 0])
    estimator = make_estimator(
        get_component("model", "lightgbm"), make_traits("regression", 100), LINEAR | {"loss": loss}
    )
    assert np.corrcoef(estimator.fit(X, y).predict(X), y)[0, 1] > 0.7


def test_only_regression_on_dense_tables_has_linear_trees():
    space = get_component("model", "lightgbm").space
    assert "linear_tree" in space(make_traits("regression"))
    assert "linear_tree" not in space(make_traits("regression", sparse=True))
    assert "linear_tree" not in space(make_traits("binary"))
