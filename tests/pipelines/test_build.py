"""Tests of pipelines: every configuration of the space fits and predicts, on tables of all kinds."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from pipelines.build import build_pipeline, predicted_memory, predicted_seconds
from pipelines.catalog import OwnComponents
from pipelines.component import LARGEST, Component, FitContext, TableTraits
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete, to_configuration


@dataclass(frozen=True)
class Table:
    """Rows to train on, and new rows to predict."""

    X: Any
    y: np.ndarray
    new: Any
    traits: TableTraits


N, D = 60, 6
Parts = tuple[Any, np.ndarray, TableTraits]


def _numbers(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return six columns of numbers and two classes, which depend on the first column."""
    X = rng.normal(size=(N, D))
    return X, (X[:, 0] + 0.5 * rng.normal(size=N) > 0).astype(int)


def _plain(rng: np.random.Generator) -> Parts:
    return *_numbers(rng), TableTraits("binary", N, D, 2)


def _missing_cells_and_categories(rng: np.random.Generator) -> Parts:
    X, y = _numbers(rng)
    X[:, 1], X[:, 4] = rng.integers(0, 3, N), rng.integers(0, 25, N)
    X[rng.random(X.shape) < 0.15] = np.nan
    X[:, 3] = np.nan  # a column without any value in the training rows
    return X, y, TableTraits("binary", N, D, 2, (1, 4), (3, 26), has_missing=True)


def _only_categories(rng: np.random.Generator) -> Parts:
    X = rng.integers(0, 4, (N, 3)).astype(float)
    return X, X[:, 0].astype(int) % 3, TableTraits("multiclass", N, 3, 3, (0, 1, 2), (5, 4, 4))


def _single_column(rng: np.random.Generator) -> Parts:
    X, y = _numbers(rng)
    return X[:, :1], y, TableTraits("binary", N, 1, 2)


def _more_columns_than_rows(rng: np.random.Generator) -> Parts:
    return rng.normal(size=(24, 60)), np.arange(24) % 2, TableTraits("binary", 24, 60, 2)


def _thirty_classes(rng: np.random.Generator) -> Parts:
    X, y = rng.normal(size=(75, 4)), np.sort(np.arange(75) % 30)
    X[:, 0], X[:, 1] = rng.integers(0, 5, 75), rng.integers(0, 8, 75)
    # One class of the table has no training rows.
    return X, y, TableTraits("multiclass", 75, 4, 31, (0, 1), (5, 8))


def _two_of_three_classes(rng: np.random.Generator) -> Parts:
    X, y = _numbers(rng)
    X[:, 0], X[:, 5] = rng.integers(0, 5, N), rng.integers(0, 8, N)
    return X, 2 * y, TableTraits("multiclass", N, D, 3, (0, 5), (5, 8))


def _constant_duplicate_and_huge_columns(rng: np.random.Generator) -> Parts:
    X, y = _numbers(rng)
    X[:, 1], X[:, 2], X[:, 3] = 3.0, X[:, 0], np.clip(X[:, 3] * 1e30, -LARGEST, LARGEST)
    return X, y, TableTraits("binary", N, D, 2)


def _columns_of_every_magnitude(rng: np.random.Generator) -> Parts:
    X, y = _numbers(rng)
    X[:, 1] = rng.choice([-1.0, 1.0], N) * 10.0 ** rng.uniform(-30, 30, N)
    X[:, 2] *= 1e-9
    X[:5, 3] = LARGEST
    return X, y, TableTraits("binary", N, D, 2)


def _sparse(rng: np.random.Generator) -> Parts:
    X = sparse.random(N, 40, density=0.1, format="csr", rng=rng)
    return X, rng.integers(0, 2, N), TableTraits("binary", N, 40, 2, sparse=True)


def _twenty_rows(rng: np.random.Generator) -> Parts:
    X, y = _numbers(rng)
    X[:, 0], X[::4, 2] = rng.integers(0, 3, N), np.nan
    return X[:20], y[:20], TableTraits("binary", 20, D, 2, (0,), (3,), has_missing=True)


def _two_rows_for_each_of_ten_classes(rng: np.random.Generator) -> Parts:
    return _numbers(rng)[0][:20], np.arange(20) // 2, TableTraits("multiclass", 20, D, 10)


def _classes_with_weights(rng: np.random.Generator) -> Parts:
    X, y = _numbers(rng)
    X[:, 1] = rng.integers(0, 5, N)
    return X, y + (X[:, 2] > 1), TableTraits("multiclass", N, D, 3, (1,), (5,), weighted=True)


def _regression(rng: np.random.Generator) -> Parts:
    X = _numbers(rng)[0]
    return X, X[:, 0] * 100 + rng.normal(size=N), TableTraits("regression", N, D)


def _regression_with_weights(rng: np.random.Generator) -> Parts:
    X = _numbers(rng)[0]
    return X, np.exp(3 * X[:, 0]), TableTraits("regression", N, D, weighted=True)


SHAPES = [
    _plain,
    _missing_cells_and_categories,
    _only_categories,
    _single_column,
    _more_columns_than_rows,
    _thirty_classes,
    _two_of_three_classes,
    _constant_duplicate_and_huge_columns,
    _columns_of_every_magnitude,
    _sparse,
    _twenty_rows,
    _two_rows_for_each_of_ten_classes,
    _classes_with_weights,
    _regression,
    _regression_with_weights,
]


def _new_rows(X: Any, traits: TableTraits) -> Any:
    """Return a few training rows, a row without any value (dense tables only) and a row of the largest numbers."""
    if sparse.issparse(X):
        return sparse.vstack([X[:4], np.full((1, X.shape[1]), LARGEST)], format="csr")
    new = np.vstack([X[:4], np.full((1, X.shape[1]), np.nan), X[4:5]])
    new[5, list(traits.numeric)] = LARGEST
    if traits.categorical:
        new[0, traits.categorical[0]] = traits.cardinalities[0] - 1  # a level that may have no training rows
    return new


def check(table: Table, configuration: Configuration) -> None:
    """Check that a pipeline can be built, cloned, fitted and pickled, and that its predictions are valid."""
    pipeline = clone(build_pipeline(configuration, FitContext(table.traits, time_limit=0.5)))
    weights = np.linspace(0.1, 2, len(table.y)) if table.traits.weighted else None
    pipeline.fit(table.X, table.y, model__sample_weight=weights)
    predict = pipeline.predict_proba if table.traits.is_classification else pipeline.predict
    out = predict(table.new)
    assert np.isfinite(out).all()
    assert len(out) == table.new.shape[0]
    if table.traits.is_classification:
        assert out.min() >= 0
        assert out.sum(axis=1) == pytest.approx(1, abs=1e-3)
        assert out.shape[1] == len(np.unique(table.y))
    again = pickle.loads(pickle.dumps(pipeline))
    same = again.predict_proba if table.traits.is_classification else again.predict
    assert np.array_equal(same(table.new), out)


def _sampled(shape: Callable[[np.random.Generator], Parts], n: int, seed: int) -> None:
    X, y, traits = shape(np.random.default_rng(7))
    table = Table(X, y, _new_rows(X, traits), traits)
    space = build_space(table.traits, seed=seed)
    failures = []
    for sampled in space.sample_configuration(n):
        configuration = to_configuration(sampled)
        try:
            check(table, configuration)
        except Exception as error:  # noqa: BLE001  the report lists all failures, not only the first
            failures.append(f"{type(error).__name__}: {error}\n  {configuration}")
    assert not failures, "\n".join(failures)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__.strip("_"))
def test_sampled_configurations_fit_and_predict(shape):
    _sampled(shape, 4, seed=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__.strip("_"))
def test_many_more_sampled_configurations_fit_and_predict(shape, seed):
    _sampled(shape, 100, seed)


def test_steps_that_do_nothing_are_left_out():
    traits = TableTraits("binary", 100, 5, 2)
    configuration = complete(build_space(traits), {"model": "lightgbm"})
    assert list(build_pipeline(configuration, FitContext(traits)).named_steps) == ["columns", "model"]
    configuration = complete(build_space(traits), {"model": "lda", "generation": "pca", "selection": "univariate"})
    pipeline = build_pipeline(configuration, FitContext(traits))
    assert isinstance(pipeline, Pipeline)
    assert list(pipeline.named_steps) == ["columns", "generate", "select", "model"]


def test_a_calibrated_model_is_predicted_to_take_several_fits():
    traits = TableTraits("binary", 2_000, 5, 2)
    space = build_space(traits)
    plain = complete(space, {"model": "lightgbm"})
    calibrated = complete(space, {"model": "lightgbm", "calibration": "sigmoid"})
    assert predicted_seconds(calibrated, traits) > 2 * predicted_seconds(plain, traits)


def test_target_encoding_is_out_of_fold():
    """An identifier carries no information; encoded with its own target it would predict the training rows."""
    rng = np.random.default_rng(0)
    n = 400
    X = np.column_stack([np.arange(n) // 2, rng.normal(size=n)]).astype(float)
    y = rng.integers(0, 2, n)
    traits = TableTraits("binary", n, 2, 2, (0,), (200,))
    partial = {"model": "logistic_regression", "encoding": "target", "encoding:target:smooth": 0.5}
    pipeline = build_pipeline(complete(build_space(traits), partial), FitContext(traits))
    encoded = pipeline[:-1].fit_transform(X, y)[:, 0]
    assert abs(np.corrcoef(encoded, y)[0, 1]) < 0.3


def test_encoded_categories_are_scaled_where_numbers_are_scaled():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 40, 200), rng.integers(0, 40, 200), rng.normal(size=200)]).astype(float)
    y = 1e4 * rng.normal(size=200)
    traits = TableTraits("regression", 200, 3, 0, (0, 1), (40, 40))
    for encoding, generation in (("ordinal", "none"), ("target", "none"), ("frequency", "categorical_interactions")):
        partial = {"model": "ridge", "encoding": encoding, "generation": generation}
        for scaling, is_scaled in (("standard", True), ("none", False)):
            configuration = complete(build_space(traits), {**partial, "scaling": scaling})
            columns = build_pipeline(configuration, FitContext(traits)).named_steps["columns"]
            spreads = columns.fit_transform(X, y).std(axis=0)
            assert np.allclose(spreads, 1) == is_scaled
    native = complete(build_space(traits), {"model": "lightgbm", "encoding": "native", "scaling": "standard"})
    columns = build_pipeline(native, FitContext(traits)).named_steps["columns"]
    assert np.array_equal(columns.fit_transform(X, y)[:, :2], X[:, :2])


def test_wider_tables_are_predicted_to_take_longer():
    traits = TableTraits("binary", 5_000, 20, 2)
    space = build_space(traits)
    plain, wide, narrow = (
        predicted_seconds(complete(space, {"model": "random_forest", **partial}), traits)
        for partial in (
            {},
            {"generation": "polynomial", "generation:polynomial:n_new": 200},
            {"generation": "agglomeration", "generation:agglomeration:share": 0.2},
        )
    )
    assert narrow < plain < wide


def test_the_forecasts_of_an_own_generation_count_its_columns_and_its_seconds():
    def make(width, seconds):
        wide = Component("wide", lambda params, context: "passthrough", width=width, seconds=seconds)
        own = OwnComponents({"generation": (wide,)})
        own.register()
        traits = TableTraits("binary", 5_000, 20, 2, (0,), (90,))
        partial = {"model": "random_forest", "encoding": "ordinal", "generation": "wide"}
        configuration = complete(build_space(traits, own=own), partial)
        assert configuration["generation"] == "wide"
        return predicted_seconds(configuration, traits), predicted_memory(configuration, traits)

    plain = make(None, None)
    wide = make(lambda params, traits: 50 * traits.n_features, None)
    slow = make(None, lambda params, traits: 7.0)
    assert wide[0] > plain[0]
    assert wide[1] > 2 * plain[1]
    assert slow == (pytest.approx(plain[0] + 7), plain[1])


def test_a_forecast_of_a_generation_that_this_process_does_not_know_counts_the_columns_of_the_table():
    traits = TableTraits("binary", 5_000, 20, 2)
    plain = complete(build_space(traits), {"model": "random_forest"})
    unknown = Configuration({**plain, "generation": "of_somebody_else"})
    assert predicted_seconds(unknown, traits) == predicted_seconds(plain, traits)
    assert predicted_memory(unknown, traits) == predicted_memory(plain, traits)


def test_new_columns_are_bounded_by_the_rows():
    many = build_space(TableTraits("binary", 400_000, 12, 2, (0, 1), (90, 90)))
    assert many["generation:polynomial:n_new"].upper * 400_000 <= 20_000_000
    assert (
        many["encoding:one_hot:max_categories"].upper
        < build_space(TableTraits("binary", 4_000, 12, 2, (0, 1), (90, 90)))["encoding:one_hot:max_categories"].upper
    )
