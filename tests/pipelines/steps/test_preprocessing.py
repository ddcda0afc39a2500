from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.preprocessing import RobustScaler

from automl.testing.components import make_traits, restore
from pipelines.build import build_pipeline
from pipelines.catalog import get_component
from pipelines.component import FitContext, TableTraits
from pipelines.prediction.transformers import fast_transform
from pipelines.space import build_space, complete
from pipelines.steps.preprocessing import (
    OffsetRemover,
    QuartileScaler,
    RobustClipScaler,
    column_quantiles,
    with_offsets,
)


def test_robust_clipping_bounds_outliers_and_centers_on_the_median():
    x = np.concatenate([np.arange(101.0), [1e12]])[:, None]
    out = RobustClipScaler().fit(x).transform(x)
    assert np.abs(out).max() <= 3
    assert abs(np.median(out)) < 0.05
    assert (np.diff(out[:101, 0]) > 0).all()


def test_quantiles_of_all_columns_together_are_those_of_numpy():
    X = np.random.default_rng(0).normal(size=(31, 50))
    X[X > 1.5] = np.nan
    quantiles = (0.0, 0.1, 0.25, 0.5, 1.0)
    np.testing.assert_allclose(column_quantiles(X, quantiles), np.nanquantile(X, quantiles, axis=0))


def test_the_quartile_scaler_learns_what_the_scaler_of_scikit_learn_learns():
    X = np.random.default_rng(0).normal(size=(40, 5))
    X[:, 1] = 3.0
    X[::7, 2] = np.nan
    own, other = QuartileScaler(quantile_range=(10, 90)).fit(X), RobustScaler(quantile_range=(10, 90)).fit(X)
    np.testing.assert_allclose(own.transform(X), other.transform(X))


def test_scaling_of_many_columns_takes_a_fraction_of_a_second():
    X = np.random.default_rng(0).normal(size=(52, 12_000))
    for scaler in (RobustClipScaler(), QuartileScaler()):
        start = time.process_time()
        scaler.fit(X)
        assert time.process_time() - start < 0.5


@pytest.mark.parametrize("name", ["quantile", "power"])
def test_transformations_of_one_column_after_the_other_are_not_for_thousands_of_columns(name):
    component = get_component("scaling", name)
    assert component.applies(make_traits("binary", n_features=1_000))
    assert not component.applies(make_traits("binary", n_features=12_000))


def table_with_seconds(n_rows=600):
    """Return rows with the seconds of one minute since 1970, which the target depends on, and another column."""
    rng = np.random.default_rng(0)
    seconds = rng.integers(0, 60, n_rows)
    X = np.column_stack([rng.normal(size=n_rows), 1.7e9 + seconds])
    X[::9] = np.nan
    return X, np.where(np.isnan(X[:, 0]), 30, seconds).astype(float)


@pytest.mark.parametrize("imputation", ["none", "constant"])
@pytest.mark.parametrize("family", ["decision_tree", "random_forest", "lightgbm", "k_nearest_neighbors"])
def test_models_of_single_precision_learn_from_differences_far_from_0(family, imputation):
    X, y = table_with_seconds()
    traits = with_offsets(TableTraits("regression", *X.shape, has_missing=True), X)
    partial = {"model": family, "imputation": imputation, "scaling": "none"}
    configuration = complete(build_space(traits, include=[family]), partial)
    model = build_pipeline(configuration, FitContext(traits)).fit(X, y)
    assert model.score(X, y) > 0.8
    np.testing.assert_allclose(restore(model, ()).predict(X), model.predict(X), rtol=1e-4)


def test_only_columns_far_from_0_are_moved_and_a_table_without_one_gets_no_step():
    X = np.column_stack([*table_with_seconds()[0].T, np.full(600, 3.0), np.full(600, np.nan), np.arange(600.0)])
    step = OffsetRemover().fit(X)
    assert step.offset_.astype(bool).tolist() == [False, True, False, False, False]
    moved = step.transform(X)
    np.testing.assert_array_equal(moved[:, [0, 2, 3, 4]], X[:, [0, 2, 3, 4]])
    np.testing.assert_array_equal(np.diff(moved[:, 1]), np.diff(X[:, 1]))
    np.testing.assert_array_equal(fast_transform(step)(X), moved)
    plain = with_offsets(TableTraits("regression", 600, 4, has_missing=True), X[:, [0, 2, 3, 4]])
    assert not plain.has_offsets
