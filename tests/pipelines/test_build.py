"""Whatever can be sampled fits and predicts, on tables of every shape."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from pipelines.build import build_pipeline, predicted_seconds
from pipelines.component import FitContext, TableTraits
from pipelines.configuration import Configuration
from pipelines.data import LARGEST
from pipelines.space import build_space, complete, to_configuration


@dataclass(frozen=True)
class Table:
    """Rows to train on and rows to predict."""

    X: Any
    y: np.ndarray
    new: Any
    traits: TableTraits


def _table(name: str) -> Table:
    rng = np.random.default_rng(7)
    n, d = 60, 6
    X = rng.normal(size=(n, d))
    y = (X[:, 0] + 0.5 * rng.normal(size=n) > 0).astype(int)
    traits = TableTraits("binary", n, d, 2)
    if name == "missing cells and categories":
        X[:, 1], X[:, 4] = rng.integers(0, 3, n), rng.integers(0, 25, n)
        X[rng.random(X.shape) < 0.15] = np.nan
        X[:, 3] = np.nan  # nothing known of this column in the training part
        traits = replace(traits, categorical=(1, 4), cardinalities=(3, 26), has_missing=True)
    elif name == "only categories":
        X = rng.integers(0, 4, (n, 3)).astype(float)
        y = X[:, 0].astype(int) % 3
        traits = TableTraits("multiclass", n, 3, 3, (0, 1, 2), (5, 4, 4))
    elif name == "single column":
        X, traits = X[:, :1], TableTraits("binary", n, 1, 2)
    elif name == "more columns than rows":
        X = rng.normal(size=(24, 60))
        y = np.arange(24) % 2
        traits = TableTraits("binary", 24, 60, 2)
    elif name == "thirty classes":
        X, y = rng.normal(size=(75, 4)), np.sort(np.arange(75) % 30)
        X[:, 0], X[:, 1] = rng.integers(0, 5, 75), rng.integers(0, 8, 75)
        # One class of the table is not in the training part.
        traits = TableTraits("multiclass", 75, 4, 31, (0, 1), (5, 8))
    elif name == "two of three classes":
        X[:, 0], X[:, 5] = rng.integers(0, 5, n), rng.integers(0, 8, n)
        y, traits = 2 * y, TableTraits("multiclass", n, d, 3, (0, 5), (5, 8))
    elif name == "constant, duplicate and huge columns":
        X[:, 1], X[:, 2], X[:, 3] = 3.0, X[:, 0], np.clip(X[:, 3] * 1e30, -LARGEST, LARGEST)
    elif name == "sparse":
        X = sparse.random(n, 40, density=0.1, format="csr", rng=np.random.default_rng(0))
        traits = TableTraits("binary", n, 40, 2, sparse=True)
    elif name == "regression":
        y, traits = X[:, 0] * 100 + rng.normal(size=n), TableTraits("regression", n, d)
    elif name == "regression with weights":
        y, traits = np.exp(3 * X[:, 0]), TableTraits("regression", n, d, weighted=True)
    new = X[:5].copy() if sparse.issparse(X) else np.vstack([X[:4], np.full((1, X.shape[1]), np.nan)])
    if not sparse.issparse(X) and traits.categorical:
        new[0, traits.categorical[0]] = traits.cardinalities[0] - 1  # a level that training may not have
    return Table(X, y, new, traits)


SHAPES = [
    "plain",
    "missing cells and categories",
    "only categories",
    "single column",
    "more columns than rows",
    "thirty classes",
    "two of three classes",
    "constant, duplicate and huge columns",
    "sparse",
    "regression",
    "regression with weights",
]


def check(table: Table, configuration: Configuration) -> None:
    """Build, clone, fit, predict, pickle."""
    pipeline = clone(build_pipeline(configuration, FitContext(table.traits, time_limit=0.5)))
    weights = np.linspace(0.1, 2, len(table.y)) if table.traits.weighted else None
    pipeline.fit(table.X, table.y, model__sample_weight=weights)
    ask = pipeline.predict_proba if table.traits.is_classification else pipeline.predict
    answer = ask(table.new)
    assert np.isfinite(answer).all()
    assert len(answer) == table.new.shape[0]
    if table.traits.is_classification:
        assert answer.sum(axis=1) == pytest.approx(1, abs=1e-3)
        assert answer.shape[1] == len(np.unique(table.y))
    again = pickle.loads(pickle.dumps(pipeline))
    same = again.predict_proba if table.traits.is_classification else again.predict
    assert np.array_equal(same(table.new), answer)


def _sampled(name: str, n: int, seed: int) -> None:
    table = _table(name)
    space = build_space(table.traits, seed=seed)
    failures = []
    for sampled in space.sample_configuration(n):
        configuration = to_configuration(sampled)
        try:
            check(table, configuration)
        except Exception as error:  # noqa: BLE001  all failures are wanted, not only the first
            failures.append(f"{type(error).__name__}: {error}\n  {configuration}")
    assert not failures, "\n".join(failures)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SHAPES)
def test_sampled_configurations_fit_and_predict(name):
    _sampled(name, 25, seed=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", SHAPES)
def test_many_more_sampled_configurations_fit_and_predict(name, seed):
    _sampled(name, 100, seed)


def test_steps_that_do_nothing_are_left_out():
    traits = TableTraits("binary", 100, 5, 2)
    configuration = complete(build_space(traits), {"model": "lightgbm"})
    assert list(build_pipeline(configuration, FitContext(traits)).named_steps) == ["model"]
    configuration = complete(build_space(traits), {"model": "lda", "generation": "pca", "selection": "univariate"})
    pipeline = build_pipeline(configuration, FitContext(traits))
    assert isinstance(pipeline, Pipeline)
    assert list(pipeline.named_steps) == ["columns", "generate", "select", "model"]


def test_a_calibrated_model_gets_its_share_of_the_time_and_costs_several_fits():
    traits = TableTraits("binary", 2_000, 5, 2)
    space = build_space(traits)
    plain = complete(space, {"model": "lightgbm"})
    calibrated = complete(space, {"model": "lightgbm", "calibration": "sigmoid"})
    assert predicted_seconds(calibrated, traits) > 2 * predicted_seconds(plain, traits)


def test_target_encoding_is_out_of_fold():
    """An identifier column says nothing of new rows; encoding it with its own target would say everything."""
    rng = np.random.default_rng(0)
    n = 400
    X = np.column_stack([np.arange(n) // 2, rng.normal(size=n)]).astype(float)
    y = rng.integers(0, 2, n)
    traits = TableTraits("binary", n, 2, 2, (0,), (200,))
    wish = {"model": "logistic_regression", "encoding": "target", "encoding:target:smooth": 0.5}
    pipeline = build_pipeline(complete(build_space(traits), wish), FitContext(traits))
    encoded = pipeline[:-1].fit_transform(X, y)[:, 0]
    assert abs(np.corrcoef(encoded, y)[0, 1]) < 0.3


def test_encoded_categories_come_on_the_scale_of_the_numbers_where_these_are_scaled():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 40, 200), rng.integers(0, 40, 200), rng.normal(size=200)]).astype(float)
    y = 1e4 * rng.normal(size=200)
    traits = TableTraits("regression", 200, 3, 0, (0, 1), (40, 40))
    for encoding, generation in (("ordinal", "none"), ("target", "none"), ("frequency", "categorical_interactions")):
        wish = {"model": "ridge", "encoding": encoding, "generation": generation}
        for scaling, is_scaled in (("standard", True), ("none", False)):
            configuration = complete(build_space(traits), {**wish, "scaling": scaling})
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
        predicted_seconds(complete(space, {"model": "random_forest", **wish}), traits)
        for wish in (
            {},
            {"generation": "polynomial", "generation:polynomial:n_new": 200},
            {"generation": "agglomeration", "generation:agglomeration:share": 0.2},
        )
    )
    assert narrow < plain < wide


def test_new_columns_are_bounded_by_the_rows():
    many = build_space(TableTraits("binary", 400_000, 12, 2, (0, 1), (90, 90)))
    assert many["generation:polynomial:n_new"].upper * 400_000 <= 20_000_000
    assert (
        many["encoding:one_hot:max_categories"].upper
        < build_space(TableTraits("binary", 4_000, 12, 2, (0, 1), (90, 90)))["encoding:one_hot:max_categories"].upper
    )
