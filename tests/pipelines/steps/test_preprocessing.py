from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.preprocessing import RobustScaler

from automl.testing.components import make_traits
from pipelines.catalog import get_component
from pipelines.steps.preprocessing import QuartileScaler, RobustClipScaler, column_quantiles


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
