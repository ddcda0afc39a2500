"""Tests of sample weights without a unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from automl.testing.components import make_estimator, make_table, make_traits, predict
from pipelines.build import build_pipeline, fit_preprocessing
from pipelines.catalog import get_component
from pipelines.component import FitContext, TableTraits
from pipelines.configuration import Configuration
from pipelines.training_part import TrainingPart
from pipelines.weights import relative_weights, repeated_rows, weighted_column_quantiles

# Families whose fit on rows with whole weights equals the fit on repeated rows. The others draw random rows (forests,
# boosting, networks, stochastic gradient descent).
LIKE_REPEATED_ROWS = {
    "bernoulli_nb": "binary",
    "decision_tree": "binary",
    "gaussian_nb": "binary",
    "logistic_regression": "binary",
    "qda": "binary",
    "elastic_net": "regression",
    "kernel_svm": "regression",
    "linear_svm": "regression",
    "ridge": "regression",
}


@pytest.mark.parametrize("name", LIKE_REPEATED_ROWS)
def test_a_whole_weight_is_the_same_as_repeated_rows(name: str) -> None:
    task: Any = LIKE_REPEATED_ROWS[name]
    X, y = make_table(task)
    counts = np.random.default_rng(3).integers(0, 4, len(y))
    traits = make_traits(task, weighted=True)
    weighted = make_estimator(get_component("model", name), traits).fit(X, y, sample_weight=1e-3 * counts)
    repeated = make_estimator(get_component("model", name), traits).fit(np.repeat(X, counts, axis=0), y.repeat(counts))
    expected = predict(repeated, X)
    np.testing.assert_allclose(predict(weighted, X), expected, atol=0.01 * np.ptp(expected))


@pytest.mark.parametrize("scaling", ["standard", "robust_clip", "quantile"])
def test_the_steps_before_the_model_see_a_row_as_often_as_its_weight_says(scaling: str) -> None:
    X, y = make_table("binary")
    X = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    counts = np.random.default_rng(3).integers(1, 4, len(y))
    context = FitContext(make_traits("binary", weighted=True, has_missing=True))
    values = {"model": "logistic_regression", "imputation": "median", "scaling": scaling}
    configuration = Configuration({**values, f"scaling:{scaling}:n_quantiles": 20} if scaling == "quantile" else values)
    weighted, repeated = (build_pipeline(configuration, context) for _ in range(2))
    table = fit_preprocessing(weighted, configuration, X, y, 0.5 * counts)
    repeated[:-1].fit(X.repeat(counts, axis=0), y.repeat(counts))
    np.testing.assert_allclose(table, repeated[:-1].transform(X))


PAIRS = {"encoding": "one_hot", "generation": "categorical_interactions"}


def fit_weighted_steps(steps: dict[str, Any], noise: float = 0.0) -> tuple[Any, Any, Any]:
    """Fit the steps before the model to weighted rows, whose first category is the row number, and to repeated rows.

    With noise, the weights are not counts. Returns the output for training, and the outputs of both fits for new rows.
    """
    rng = np.random.default_rng(0)
    n = 120
    X = np.column_stack([np.arange(n), rng.integers(0, 4, n), rng.normal(size=(n, 2))])
    X[:, 1:] = np.where(rng.random((n, 3)) < 0.1, np.nan, X[:, 1:])
    y = rng.integers(0, 2, n)
    counts = 1 + 3 * y + rng.integers(0, 2, n)
    traits = TableTraits("binary", n, 4, 2, (0, 1), (n, 4), has_missing=True, weighted=True)
    configuration = Configuration({"model": "logistic_regression", "imputation": "median", "scaling": "none", **steps})
    weighted, repeated = (build_pipeline(configuration, FitContext(traits)) for _ in range(2))
    table = fit_preprocessing(weighted, configuration, X, y, 0.5 * counts + noise * rng.random(n))
    repeated[:-1].fit(X.repeat(counts, axis=0), y.repeat(counts))
    return table, weighted[:-1].transform(X), repeated[:-1].transform(X)


@pytest.mark.parametrize(
    "steps", [{"encoding": "target"}, PAIRS, PAIRS | {"generation:categorical_interactions:encoder": "frequency"}]
)
def test_mean_targets_and_medians_are_those_of_the_weighted_rows(steps: dict[str, Any]) -> None:
    table, found, expected = fit_weighted_steps(steps)
    assert table.shape == found.shape
    np.testing.assert_allclose(found, expected)


OTHER_STEPS: list[tuple[dict[str, Any], float]] = [
    ({"imputation": "mean", "scaling": "standard"}, 0.02),
    ({"imputation": "median", "scaling": "robust"}, 0.02),
    ({"imputation": "median", "scaling": "robust_clip"}, 0.02),
    ({"imputation": "most_frequent", "scaling": "quantile", "scaling:quantile:n_quantiles": 30}, 0.1),
    ({"imputation": "mean", "scaling": "none", "encoding": "frequency"}, 0.002),
]


@pytest.mark.parametrize(("steps", "tolerance"), OTHER_STEPS)
def test_weights_that_are_not_counts_are_those_of_many_copies(steps: dict[str, Any], tolerance: float) -> None:
    rng = np.random.default_rng(0)
    n = 600
    X = np.column_stack([rng.integers(0, 4, n), rng.normal(size=n), np.round(2 * rng.normal(size=n))]).astype(float)
    y, weight = rng.integers(0, 2, n), np.exp(0.5 * X[:, 0] + X[:, 1] + 0.5 * X[:, 2])
    X[:, 1:] = np.where(rng.random((n, 2)) < 0.1, np.nan, X[:, 1:])
    counts = np.ceil(300 * weight / weight.mean()).astype(int)
    traits = TableTraits("binary", n, 3, 2, (0,), (4,), has_missing=True, weighted=True)
    configuration = Configuration({"model": "logistic_regression", "encoding": "one_hot", **steps})
    weighted, repeated, plain = (build_pipeline(configuration, FitContext(traits)) for _ in range(3))
    found = fit_preprocessing(weighted, configuration, X, y, weight)
    expected = repeated[:-1].fit(X.repeat(counts, axis=0), y.repeat(counts)).transform(X)
    other = fit_preprocessing(plain, configuration, X, y, None)
    np.testing.assert_array_equal(found, weighted[:-1].transform(X))
    assert np.abs(found - expected).mean() < tolerance
    assert np.abs(found - other).mean() > 5 * np.abs(found - expected).mean()


def test_counts_of_a_large_table_are_used_as_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.build.MAX_REPEATED_CELLS", 0)
    _, found, expected = fit_weighted_steps({"encoding": "target", "imputation": "mean"})
    np.testing.assert_allclose(found, expected)


def test_equal_weights_give_plain_quantiles() -> None:
    X = np.random.default_rng(0).normal(size=(47, 3))
    X[::5, 1] = np.nan
    X[:, 2] = np.nan
    found = weighted_column_quantiles(X, [0.0, 0.1, 0.25, 0.5, 1.0], np.full(47, 0.3))
    np.testing.assert_allclose(found[:, :2], np.nanquantile(X[:, :2], [0.0, 0.1, 0.25, 0.5, 1.0], axis=0))
    assert np.isnan(found[:, 2]).all()


LEVELS = np.linspace(0, 1, 41)


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_quantiles_of_weights_that_are_not_counts_reach_both_ends_and_are_mirrored(scale: float) -> None:
    rng = np.random.default_rng(0)
    X, weight = np.round(rng.normal(size=(60, 3)), 1), np.exp(scale * rng.normal(size=60))
    X[::5, 1] = np.nan
    found = weighted_column_quantiles(X, LEVELS, weight)
    np.testing.assert_allclose(found, -weighted_column_quantiles(-X, 1 - LEVELS, weight))
    np.testing.assert_array_equal(found[[0, -1]], [np.nanmin(X, axis=0), np.nanmax(X, axis=0)])


def test_rows_of_weight_0_are_never_among_repeated_rows() -> None:
    X, y = np.arange(4.0)[:, None], np.arange(4)
    found = [repeated_rows(X, y, np.array(weight))[1].tolist() for weight in ([0, 2, 1, 3], [0, 0.37, 1, 3.1])]
    assert found == [[1, 1, 2, 3, 3, 3], [1, 2, 3]]
    assert repeated_rows(X, y, np.array([0.37, 1, 3.1, 2]))[0] is X


def test_quantiles_of_counts_are_those_of_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    X, counts = rng.normal(size=(60, 2)), rng.integers(1, 4, 60)
    X[counts != 2, 1] = np.nan  # the unit of the counts is that of all rows
    found = weighted_column_quantiles(X, LEVELS, 0.3 * counts)
    np.testing.assert_allclose(found, np.nanquantile(X.repeat(counts, axis=0), LEVELS, axis=0))


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_quantile_scaling_tells_all_rows_apart_where_weights_fade(sign: float) -> None:
    age = np.arange(2000.0)[:, None]
    context = FitContext(TableTraits("binary", 2000, 1, 2, weighted=True))
    values = {"model": "logistic_regression", "imputation": "none", "scaling": "quantile"}
    configuration = Configuration(values | {"scaling:quantile:output_distribution": "uniform"})
    weight = 0.99 ** age.ravel()
    table = fit_preprocessing(build_pipeline(configuration, context), configuration, sign * age, age.ravel(), weight)
    assert len(np.unique(table)) == 2000


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_no_weighted_row_is_encoded_by_its_own_target(noise: float) -> None:
    table, found, _ = fit_weighted_steps({"encoding": "target"}, noise)
    assert np.ptp(table[:, 0]) < 0.05  # other rows say nothing about a row number
    assert np.ptp(found[:, 0]) > 0.06


@pytest.mark.parametrize("quantiles", [(), (0.1, 0.5)])
@pytest.mark.parametrize("limits", [{"time_limit": 1e6}, {"part": TrainingPart()}], ids=["time_limit", "part"])
def test_the_leaves_of_a_forest_with_a_time_limit_or_in_parts_count_weights_as_those_of_others(limits, quantiles):
    X, y = make_table("regression")
    weight = np.random.default_rng(3).integers(1, 9, len(y)).astype(float)
    traits = make_traits("regression", weighted=True, quantiles=quantiles)
    component, params = get_component("model", "extra_trees"), {"min_samples_leaf": 20}
    expected, found = (
        component.make(params, FitContext(traits, **own)).fit(X, y, sample_weight=weight).predict(X)
        for own in ({}, limits)
    )
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e9])
def test_counts_are_found_in_any_unit_and_amounts_get_the_mean_1(factor: float) -> None:
    assert relative_weights(factor * np.array([1.0, 4.0, 2.0])).tolist() == [1, 4, 2]
    assert relative_weights(factor * np.array([2.0, 3.0, 3.0])).tolist() == [2, 3, 3]
    amounts = np.array([1.0, 250.0, 77_000.0])
    np.testing.assert_allclose(relative_weights(factor * amounts), amounts / amounts.mean())
