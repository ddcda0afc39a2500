from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler, QuantileTransformer, RobustScaler, StandardScaler

from automl.testing.components import make_traits, restore
from pipelines.build import build_pipeline
from pipelines.catalog import get_component
from pipelines.component import FitContext, TableTraits
from pipelines.prediction.transformers import fast_transform
from pipelines.space import build_space, complete
from pipelines.steps.preprocessing import (
    ConstantKeeper,
    OffsetRemover,
    QuartileScaler,
    RobustClipScaler,
    SafeMaxAbsScaler,
    SafeQuantileTransformer,
    SafeScaler,
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


DENSE_SCALINGS = ["standard", "robust", "quantile", "power", "robust_clip"]


def make_scaler(name, **params):
    return get_component("scaling", name).make(params, FitContext(make_traits("binary")))


@pytest.mark.parametrize("output_distribution", ["normal", "uniform"])
@pytest.mark.parametrize("name", DENSE_SCALINGS)
def test_a_column_that_is_constant_in_training_stays_constant(name, output_distribution):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=60), np.zeros(60), np.full(60, 0.1), np.full(60, -7e9), np.full(60, np.nan)])
    X[::7, 3] = np.nan
    params = {"output_distribution": output_distribution} if name == "quantile" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column is empty
        scaler = make_scaler(name, **params).fit(X)
    varied = np.column_stack([X[:, 0], rng.normal(size=(60, 4))])
    other = make_scaler(name, **params).fit(varied)
    new = np.column_stack([X[:, 0], *rng.choice([-5e4, 0.0, 0.1, 5e4, 1e12], (4, 60))])
    new[::5] = np.nan
    for table in (X, new):
        found = scaler.transform(table)
        np.testing.assert_array_equal(found[:, 0], other.transform(table)[:, 0])
        for column in found.T[1:]:
            assert len(np.unique(column[~np.isnan(column)])) <= 1
        np.testing.assert_array_equal(fast_transform(scaler)(table), found)
    trained, later = (scaler.transform(table)[:, 1:4] for table in (X, np.nan_to_num(new)))
    np.testing.assert_array_equal(np.nanmax(trained, axis=0), later.max(axis=0))


@pytest.mark.parametrize("name", ["none", "standard", "max_abs"])
def test_an_empty_column_of_a_sparse_table_stays_empty(name):
    X = sparse.random(50, 4, density=0.3, format="csr", random_state=0).tolil()
    X[:, 1] = 0
    new = X.copy()
    new[3, 1] = 5e4
    traits = make_traits("binary", sparse=True)
    scaler = ConstantKeeper()
    if name != "none":
        scaler = get_component("scaling", name).make({}, FitContext(traits))
    scaler.fit(X.tocsr())
    np.testing.assert_array_equal(scaler.transform(new.tocsr()).toarray(), scaler.transform(X.tocsr()).toarray())
    assert scaler.transform(X.tocsr()).toarray().any(axis=0).tolist() == [True, False, True, True]


def test_scalers_treat_columns_that_vary_as_those_of_scikit_learn():
    X = np.random.default_rng(0).normal(size=(60, 4)) * [1, 1e-3, 1e6, 1] + [0, 5, 0, 1e9]
    X[:, 3] = np.where(np.arange(60) == 7, 1e9 + 1e-6, 1e9)  # nearly constant
    X[:, 0] = np.arange(60) == 7  # half of the range has one value
    for own, other in (
        (SafeScaler(), StandardScaler()),
        (SafeMaxAbsScaler(), MaxAbsScaler()),
        (SafeQuantileTransformer(n_quantiles=20), QuantileTransformer(n_quantiles=20)),
        (QuartileScaler(), RobustScaler()),
    ):
        np.testing.assert_array_equal(own.fit_transform(X), other.fit_transform(X))


@pytest.mark.parametrize("size", [1e-320, 1e-310, 1e-308, 1e-300, 1e-290])
def test_quantiles_of_numbers_near_0_leave_no_cell_without_a_value(size):
    X = np.random.default_rng(0).normal(size=(60, 1)) * size
    scaled = SafeQuantileTransformer(n_quantiles=20).fit(X).transform(X + size / 7)
    assert np.isfinite(scaled).all()


@pytest.mark.parametrize("scaling", ["none", *DENSE_SCALINGS])
@pytest.mark.parametrize("family", ["kernel_svm", "logistic_regression"])
@pytest.mark.parametrize("number", [np.nan, 3.0])
def test_a_later_number_in_a_column_that_was_empty_or_constant_in_training_changes_no_prediction(
    family, scaling, number
):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(80, 2)), np.full(80, number)])
    traits = TableTraits("binary", *X.shape, 2, has_missing=True)
    partial = {"model": family, "imputation": "median", "scaling": scaling}
    configuration = complete(build_space(traits, include=[family]), partial)
    model = build_pipeline(configuration, FitContext(traits)).fit(X, (X[:, 0] > 0).astype(int))
    new = X.copy()
    new[:, 2] = 5e4
    np.testing.assert_array_equal(model.predict_proba(new), model.predict_proba(X))


@pytest.mark.parametrize("family", ["decision_tree", "hist_gradient_boosting", "lightgbm", "xgboost"])
def test_a_later_number_in_a_constant_column_with_missing_cells_changes_no_prediction_of_trees(family):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=80), np.where(rng.random(80) < 0.5, np.nan, 3.0)])
    traits = TableTraits("binary", *X.shape, 2, has_missing=True)
    partial = {"model": family, "imputation": "none", "scaling": "none"}
    configuration = complete(build_space(traits, include=[family]), partial)
    model = build_pipeline(configuration, FitContext(traits)).fit(X, np.isnan(X[:, 1]).astype(int))
    new = np.where(X == 3.0, 5e4, X)
    np.testing.assert_array_equal(model.predict_proba(new), model.predict_proba(X))


@pytest.mark.parametrize("encoding", ["ordinal", "frequency"])
def test_a_category_that_no_training_row_has_changes_no_prediction_of_a_constant_column(encoding):
    rng = np.random.default_rng(0)
    X = np.column_stack([np.zeros(80), rng.normal(size=80)])
    traits = TableTraits("binary", *X.shape, 2, (0,), (2,))
    partial = {"model": "kernel_svm", "encoding": encoding, "scaling": "none"}
    configuration = complete(build_space(traits, include=["kernel_svm"]), partial)
    model = build_pipeline(configuration, FitContext(traits)).fit(X, (X[:, 1] > 0).astype(int))
    np.testing.assert_array_equal(model.predict_proba(X + np.array([1, 0])), model.predict_proba(X))


def test_without_scaling_only_constant_columns_become_0():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=60), np.full(60, 0.1), np.full(60, -7e9), np.full(60, np.nan)])
    X[::7, :3] = np.nan
    new = rng.normal(size=(60, 4))
    new[::5] = np.nan
    for columns in ([0, 1, 2, 3], [0, 0]):
        keeper = ConstantKeeper().fit(X[:, columns])
        for table in (X[:, columns], new[:, columns]):
            found = keeper.transform(table)
            np.testing.assert_array_equal(found, np.where(np.array(columns) == 0, table, 0 * table))
            np.testing.assert_array_equal(fast_transform(keeper)(table), found)


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
