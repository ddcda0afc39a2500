from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from pipelines.build import build_pipeline, fit_preprocessing
from pipelines.component import LARGEST, FitContext, TableTraits
from pipelines.prediction import fast_transform
from pipelines.space import build_space, complete
from pipelines.steps.candidates import OutOfFold
from pipelines.steps.combined_features import CombinedFeatures

pytestmark = pytest.mark.filterwarnings("error")


def table(n=400, d=6, seed=0):
    """Return two category columns (of 3 and 8 values) and numbers, some cells of which are missing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[:, 0], X[:, 1] = rng.integers(0, 3, n), rng.integers(0, 8, n)
    X[rng.random(X.shape) < 0.02] = np.nan
    return X, rng


def strongest(X, y, made, n_given):
    """Return the largest absolute rank correlation with the target, of the given and of the new columns."""
    rho = [abs(spearmanr(np.nan_to_num(column), y)[0]) for column in made.T]
    return max(rho[:n_given]), max(rho[n_given:])


@pytest.mark.parametrize("kind", ["product", "ratio of three", "share of the group mean", "cross of categories"])
def test_the_new_columns_hold_the_combination_that_the_target_depends_on(kind):
    X, rng = table(1_500)
    X = np.nan_to_num(X)
    X[:, 2:] = np.abs(X[:, 2:]) + 0.1
    if kind == "product":
        y = X[:, 2] * X[:, 4]
    elif kind == "ratio of three":
        y = X[:, 2] * X[:, 3] / X[:, 5]
    elif kind == "share of the group mean":
        X[:, 2] *= np.array([1, 10, 100, 3, 30, 300, 1000, 5])[X[:, 1].astype(int)]
        y = X[:, 2] / np.array([X[X[:, 1] == k, 2].mean() for k in range(8)])[X[:, 1].astype(int)]
    else:
        y = rng.normal(size=(3, 8))[X[:, 0].astype(int), X[:, 1].astype(int)]
    made = CombinedFeatures((0, 1), 100).set_params(classification=False).fit(X, y).transform(X)
    assert np.array_equal(made[:, :6], X)
    assert 0 < made.shape[1] - 6 <= 100
    given, new = strongest(X, y, made, 6)
    assert new > 0.95 > given


@pytest.mark.parametrize("seed", range(3))
def test_a_rare_class_gets_new_columns(seed):
    X = np.random.default_rng(0).normal(size=(60_000, 3))
    y = np.zeros(len(X), dtype=int)
    y[-12:] = 1
    X[-12:, :2] = 2.0
    union = CombinedFeatures((), 5, target_means=False, random_state=seed).fit(X, y)
    given, new = strongest(X, y, union.transform(X), 3)
    assert new > given


def test_training_rows_are_not_encoded_by_their_own_target():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 150, 600), rng.integers(0, 150, 600)]).astype(float)
    y = rng.integers(0, 2, 600)
    union = CombinedFeatures((0, 1), 50)
    out_of_fold, full = union.fit_transform(X, y)[:, 2:], union.transform(X)[:, 2:]
    assert full.shape == out_of_fold.shape
    assert full.shape[1] >= 1
    assert all(abs(spearmanr(column, y)[0]) < 0.15 for column in out_of_fold.T)
    assert max(abs(spearmanr(column, y)[0]) for column in full.T) > 0.3


def test_a_row_of_weight_three_counts_as_three_rows_and_never_for_itself():
    rng = np.random.default_rng(0)
    y, at, weight = rng.normal(size=90), rng.integers(0, 5, 90), rng.integers(1, 4, 90).astype(float)
    repeated = np.repeat(np.arange(90), weight.astype(int))
    _, means = OutOfFold(y[:, None], weight, y, rng).encode(at, 5)
    plain = OutOfFold(y[repeated, None], np.ones(len(repeated)), y[repeated], rng).encode(at[repeated], 5)[1]
    assert means == pytest.approx(plain)
    changed = y + 1_000.0 * (np.arange(90) == 7)
    # The first seed decides the folds; the row itself is the only one that its target may not change.
    again = OutOfFold(changed[:, None], weight, y, np.random.default_rng(0)).encode(at, 5)[0]
    before = OutOfFold(y[:, None], weight, y, np.random.default_rng(0)).encode(at, 5)[0]
    assert again[7] == pytest.approx(before[7])
    assert np.abs(again - before).max() > 10


def test_weights_of_the_user_reach_the_union():
    X, rng = table()
    y = np.where(rng.random(400) < 0.5, X[:, 0], 2 - X[:, 0]) > 1
    weight = np.where(y == (X[:, 0] > 1), 100.0, 1.0) + 0.3 * rng.random(400)
    traits = TableTraits("binary", 400, 6, 2, (0, 1), (3, 8), has_missing=True, weighted=True)
    entry = {"model": "lightgbm", "encoding": "native", "imputation": "none", "generation": "combined_features"}
    configuration = complete(build_space(traits), entry)
    outputs = []
    for own in (None, weight):
        pipeline = build_pipeline(configuration, FitContext(traits))
        fit_preprocessing(pipeline, configuration, X, y.astype(int), own)
        outputs.append(pipeline[0].transform(X)[:, 6:])
    assert outputs[0].shape != outputs[1].shape or not np.allclose(*outputs, equal_nan=True)


def _only_categories(X):
    return np.nan_to_num(np.column_stack([X[:, 0], X[:, 1]])), (0, 1)


def _no_categories(X):
    return X[:, 2:], ()


def _constant_columns(X):
    return np.column_stack([X, np.ones(len(X)), np.full(len(X), np.nan)]), (0, 1)


def _every_magnitude(X):
    return np.clip(X * 10.0 ** np.array([0, 0, -30, -9, 9, 30]), -LARGEST, LARGEST), (0, 1)


@pytest.mark.parametrize("change", [_only_categories, _no_categories, _constant_columns, _every_magnitude])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_tables_of_all_kinds_give_numbers_within_limits_and_the_same_for_a_single_row(change, task):
    X, rng = table()
    y = rng.normal(size=400) + 10 * np.nan_to_num(X[:, 0])
    y = y if task == "regression" else np.digitize(y, [5] if task == "binary" else [3, 8, 12, 18])
    X, categorical = change(X)
    union = CombinedFeatures(categorical, 60, task != "regression")
    made = union.fit_transform(X, y)
    assert len(made) == 400
    new = X[::7] + 5  # categories that training did not have
    out = union.transform(new)
    assert out.shape[1] == made.shape[1]
    assert not np.isinf(out).any()
    assert np.nanmax(np.abs(out)) <= LARGEST
    assert np.array_equal(union.transform(new[3:4]), out[3:4], equal_nan=True)


@pytest.mark.parametrize("y", [[0, 1], [0.5, 2.5], [1, 1]])
def test_two_rows_can_be_fitted(y):
    X, _ = table()
    made = CombinedFeatures((0, 1), 60, isinstance(y[0], int)).fit_transform(X[:2], np.array(y))
    assert made.shape[0] == 2
    assert np.array_equal(made[:, :6], X[:2], equal_nan=True)


def test_a_wide_table_gets_few_columns():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2_000))
    assert CombinedFeatures((), 100).fit_transform(X, (X[:, 3] > 0).astype(int)).shape[1] <= 2_100


@pytest.mark.parametrize("model", ["lightgbm", "logistic_regression", "realmlp"])
def test_a_pipeline_sees_categories_and_numbers_and_hands_finite_numbers_to_models_that_need_them(model):
    X, rng = table(200)
    y = (np.nan_to_num(X[:, 2] * X[:, 3]) + 0.1 * rng.normal(size=200) > 0).astype(int)
    traits = TableTraits("binary", 200, 6, 2, (0, 1), (3, 8), has_missing=True)
    native = {} if model == "logistic_regression" else {"encoding": "native"}
    entry = {"model": model, "generation": "combined_features", "scaling": "robust", **native}
    configuration = complete(build_space(traits), entry)
    assert configuration["generation"] == "combined_features"
    pipeline = build_pipeline(configuration, FitContext(traits))
    prepared = fit_preprocessing(pipeline, configuration, X, y, None)
    out = X
    for _, step in pipeline.steps[:-1]:
        out = fast_transform(step)(out)
    assert out.shape == prepared.shape
    assert prepared.shape[1] > 50
    assert np.allclose(out, pipeline[:-1].transform(X), equal_nan=True)
    if native:
        assert np.array_equal(prepared[:, :2], X[:, :2], equal_nan=True)  # codes lead
    if model != "lightgbm":
        assert np.isfinite(prepared[:, 2:]).all()
