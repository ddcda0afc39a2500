"""Transforms of the target: back-transformed predictions, their range, weights, fleets, storage and fast prediction."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from automl.execute.evaluate import predict
from automl.testing.components import restore
from pipelines.build import build_pipeline, fit_models_together, predicted_seconds
from pipelines.component import FitContext, TableTraits
from pipelines.configuration import Configuration
from pipelines.losses import percentage_weights, usable_loss
from pipelines.prediction import fast_predict_together
from pipelines.space import build_space, complete
from pipelines.steps.target import TargetRegressor, log_offset

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))
PRICES = np.exp(2 * X[:, 0] + rng.normal(size=200))
TRAITS = TableTraits(
    "regression",
    200,
    3,
    losses=("squared_error", "absolute_error", "percentage_error", "poisson"),
    target_transforms=("none", "log_target", "log1p_target", "quantile_target"),
)
MODELS = ("lightgbm", "hist_gradient_boosting", "catboost", "random_forest", "ridge", "realmlp")


@cache
def space_of(traits, exclude=()):
    return build_space(traits, include=MODELS, exclude=exclude)


def fit(transform="log_target", y=PRICES, **parameters):
    return TargetRegressor(Ridge(), transform, **parameters).fit(X, y)


def pipeline_of(partial, traits=TRAITS):
    configuration = complete(space_of(traits), {"scaling": "none", **partial})
    return configuration, build_pipeline(configuration, FitContext(traits, 0, time_limit=0.3))


@pytest.mark.parametrize("transform", ["log_target", "log1p_target", "quantile_target"])
def test_predictions_have_the_unit_of_the_target_and_stay_near_its_range(transform):
    model = fit(transform)
    share = np.corrcoef(np.log(model.predict(X)), np.log(PRICES))[0, 1]
    assert share > 0.7
    far = model.predict(np.full((2, 3), [[1e6], [-1e6]]))
    assert 0 <= far[1] < far[0] < 3 * PRICES.max()


def test_a_log_target_corrects_means_where_the_metric_asks_for_means():
    means, medians = fit(correct_mean=True).predict(X), fit().predict(X)
    assert means.mean() == pytest.approx(PRICES.mean(), rel=0.05)
    assert (medians < PRICES).mean() == pytest.approx(0.5, abs=0.1)
    assert means.mean() > 1.2 * medians.mean()


@pytest.mark.parametrize("family", ["k_nearest_neighbors", "extra_trees"])
def test_the_factor_of_a_model_that_reproduces_its_rows_comes_from_rows_that_it_has_not_seen(family):
    rng = np.random.default_rng(2)
    X, noise = rng.normal(size=(4_000, 2)), rng.normal(size=4_000)
    y, weight = np.exp(X[:, 0] + noise), np.where(noise > 0, 2.0, 1.0)
    traits = TableTraits("regression", 2_000, 2, target_transforms=("none", "log_target"))
    partial = {"model": family, "target": "log_target", "scaling": "none"}
    configuration = complete(build_space(traits, include=[family]), partial)
    for weights in (None, weight) if family == "extra_trees" else (None,):
        model = build_pipeline(configuration, FitContext(traits))
        model.fit(X[:2_000], y[:2_000], model__sample_weight=None if weights is None else weights[:2_000])
        new = slice(2_000, None)
        own = None if weights is None else weights[new]
        found, true = np.average(model.predict(X[new]), weights=own), np.average(y[new], weights=own)
        assert found == pytest.approx(true, rel=0.1)


def test_a_second_fit_for_the_factor_shares_the_time_limit():
    traits = TableTraits("regression", 2_000, 2, target_transforms=("none", "log_target"))
    configuration = complete(build_space(traits, include=["extra_trees"]), {"target": "log_target"})
    model = build_pipeline(configuration, FitContext(traits, time_limit=10.0, n_rows_to_predict=100))[-1]
    both = model.regressor.regressor, model.held_out_regressor.regressor
    assert sum(one.time_limit for one in both) == pytest.approx(10.0)
    assert both[0].time_limit > both[1].time_limit > 2.0
    plain = Configuration({**configuration, "target": "none"})
    assert predicted_seconds(configuration, traits) > 1.2 * predicted_seconds(plain, traits)


@pytest.mark.parametrize("y", [np.zeros(200), np.full(200, 3.0), X[:, 0], np.round(PRICES), -PRICES, PRICES - 1])
@pytest.mark.parametrize("transform", ["log_target", "log1p_target", "quantile_target"])
def test_every_target_has_finite_predictions(transform, y):
    predictions = fit(transform, y, correct_mean=True).predict(X)
    assert np.isfinite(predictions).all()
    assert predictions.min() >= (0 if y.min() >= 0 else -np.inf)


def test_counts_are_moved_by_one_and_values_near_0_by_a_share_of_the_median():
    assert log_offset(np.array([0.0, 3.0, 7.0])) == 1
    assert log_offset(np.array([1e-9, 5.0, 6.5])) == pytest.approx(0.5)
    assert log_offset(np.array([-2.0, 5.0])) == pytest.approx(2.5)


def test_a_percentage_error_weights_rows_by_the_inverse_of_the_target():
    y = np.r_[np.full(100, 1.0), np.full(100, 10.0)]
    assert percentage_weights(y)[0] == pytest.approx(10 * percentage_weights(y)[-1])
    assert percentage_weights(np.r_[y, 0.0]).max() < 1e3 * percentage_weights(y).min()
    assert fit("none", y, percentage=True).predict(X).mean() < 3 < fit("none", y).predict(X).mean()


def test_a_loss_without_a_value_for_a_target_is_replaced():
    assert usable_loss("poisson", np.array([0.0, 0.0])) == "squared_error"
    assert usable_loss("gamma", np.array([0.0, 1.0])) == "squared_error"
    assert usable_loss("tweedie", np.array([0.0, 1.0])) == "tweedie"


def test_only_models_that_can_be_trained_with_a_loss_get_one():
    boosted = complete(space_of(TRAITS), {"model": "lightgbm", "loss": "poisson", "target": "none"})
    assert boosted["loss"] == "poisson"
    assert "loss" not in complete(space_of(TRAITS), {"model": "ridge", "loss": "poisson"})
    crossed = complete(space_of(TRAITS), {"model": "lightgbm", "loss": "poisson", "target": "log_target"})
    assert (crossed["loss"], crossed["target"]) == ("poisson", "none")
    first = replace(TRAITS, losses=("poisson", "squared_error"), target_transforms=("log_target", "none"))
    assert complete(space_of(first), {"model": "ridge"})["target"] == "log_target"
    assert complete(space_of(first), {"model": "lightgbm"})["target"] == "none"


def test_the_first_loss_and_transform_are_the_defaults_and_a_single_one_is_no_choice():
    first = replace(TRAITS, losses=("absolute_error", "squared_error"), target_transforms=("quantile_target", "none"))
    configuration = complete(space_of(first), {"model": "lightgbm"})
    assert (configuration["loss"], configuration["target"]) == ("absolute_error", "quantile_target")
    plain = space_of(TableTraits("regression", 200, 3))
    assert not {"loss", "target"} & set(plain)
    assert set(space_of(replace(TRAITS, losses=("squared_error",)))) - set(plain) == {"target"}


def test_excluded_losses_and_transforms_leave_the_space():
    space = space_of(TRAITS, ("log_target", "quantile_target", "log1p_target", "poisson"))
    assert space["target"].choices == ("none",)
    assert "poisson" not in space["loss"].choices
    assert complete(space_of(TRAITS, ("squared_error",)), {"model": "ridge"}) is None


@pytest.mark.parametrize(
    "partial",
    [
        {"model": "lightgbm", "loss": "percentage_error", "target": "log_target"},
        {"model": "hist_gradient_boosting", "loss": "poisson"},
        {"model": "catboost", "loss": "poisson"},
        {"model": "random_forest", "target": "quantile_target"},
        {"model": "realmlp", "loss": "absolute_error", "target": "log1p_target"},
    ],
    ids=lambda partial: partial["model"],
)
def test_fast_and_stored_pipelines_predict_the_same(partial):
    configuration, pipeline = pipeline_of(partial)
    assert {name: configuration[name] for name in partial} == partial
    pipeline.fit(X, PRICES)
    expected = pipeline.predict(X)
    np.testing.assert_allclose(predict(pipeline, X, 0), expected, rtol=1e-6)
    np.testing.assert_allclose(restore(pipeline, ()).predict(X), expected, rtol=1e-4)


def test_networks_with_a_transformed_target_are_fitted_and_predict_together():
    configuration, pipeline = pipeline_of({"model": "realmlp", "target": "log_target"})
    models = [clone(pipeline[-1]) for _ in "ab"]
    tables = [X[:150].astype(np.float32), X[50:].astype(np.float32)]
    fit_models_together(configuration, models, tables, [PRICES[:150], PRICES[50:]], [None, None])
    stored = [restore(model, ()) for model in models]
    together = fast_predict_together(stored)
    for model, predicted, table in zip(models, together(tables), tables, strict=True):
        np.testing.assert_allclose(predicted, model.predict(table), rtol=1e-3)
    assert models[0].factor_ != 1
