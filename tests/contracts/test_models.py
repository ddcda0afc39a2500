"""The contract of models: tests that run for every model family of the catalog."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, clone

from pipelines.catalog import get_component
from pipelines.component import Component, FitContext, TableTraits
from pipelines.models import MODELS, PORTFOLIO

TASKS = ("binary", "multiclass", "regression")
N_ROWS = 90
SECONDS = 0.5  # time limit of fits whose accuracy does not matter
SINGLE_CLASS_TAKEN = {
    "decision_tree",
    "random_forest",
    "extra_trees",
    "k_nearest_neighbors",
    "gaussian_nb",
    "bernoulli_nb",
}
FIVE_LABELS = np.array([0, 2, 3, 7, 9])  # the missing codes stand for classes without training rows


def traits_of(task: str, n_rows: int = N_ROWS, n_features: int = 4, **changes: Any) -> TableTraits:
    n_classes = {"binary": 2, "multiclass": 10, "regression": 0}[task]
    return TableTraits(task=task, n_rows=n_rows, n_features=n_features, n_classes=n_classes, **changes)


def table(task: str, n_rows: int = N_ROWS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return four standardized columns and a target that depends on the first two columns."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    signal = X[:, 0] + 0.5 * X[:, 1]
    if task == "regression":
        return X, 100.0 + 10.0 * signal
    if task == "binary":
        return X, (signal > 0).astype(int)
    return X, FIVE_LABELS[np.digitize(signal, np.quantile(signal, [0.2, 0.4, 0.6, 0.8]))]


def default(model: Component, traits: TableTraits, **extra: Any) -> dict[str, Any]:
    return {**model.space(traits).get_default_configuration(), **extra}


def make(
    model: Component, traits: TableTraits, params: Mapping[str, Any] | None = None, **context: Any
) -> BaseEstimator:
    params = default(model, traits) if params is None else params
    estimator = model.make(params, FitContext(traits, **{"time_limit": SECONDS, **context}))
    assert not isinstance(estimator, str)
    return estimator


def output(estimator: Any, X: Any) -> np.ndarray:
    """Return the probabilities or the means that an estimator predicts."""
    return estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else estimator.predict(X)


def check_output(estimator: Any, X: Any, y: np.ndarray) -> None:
    out = output(estimator, X)
    assert np.isfinite(out).all()
    if hasattr(estimator, "predict_proba"):
        assert np.array_equal(estimator.classes_, np.unique(y))
        assert out.shape == (X.shape[0], len(estimator.classes_))
        assert out.min() >= 0
        np.testing.assert_allclose(out.sum(axis=1), 1, atol=1e-5)
        assert np.isin(estimator.predict(X), estimator.classes_).all()
    else:
        assert out.shape == (X.shape[0],)


def cases(**wanted: Any) -> list[Any]:
    """Return pairs of component and task, for components whose fields have the wanted values."""
    return [
        pytest.param(model, task, id=f"{model.name}-{task}")
        for model in MODELS
        for task in TASKS
        if model.applies(traits_of(task)) and all(getattr(model, name) == value for name, value in wanted.items())
    ]


@pytest.mark.parametrize(("model", "task"), cases())
def test_default_learns_is_repeatable_can_be_pickled_and_prints_nothing(
    model: Component, task: str, capfd: pytest.CaptureFixture[str]
) -> None:
    X, y = table(task)
    estimator = make(model, traits_of(task), random_state=3, time_limit=None)
    fitted = clone(estimator).fit(X, y, sample_weight=None)
    check_output(fitted, X, y)
    baseline = 0.0 if task == "regression" else np.bincount(y).max() / len(y)
    assert fitted.score(X, y) > baseline + 0.2
    assert not hasattr(estimator, "classes_"), "fitting a clone must leave its origin alone"
    assert np.array_equal(output(pickle.loads(pickle.dumps(fitted)), X), output(fitted, X))
    again = clone(estimator).fit(X, y, sample_weight=None)
    assert np.array_equal(output(again, X), output(fitted, X))
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("model", "task"), cases())
def test_sampled_configurations_fit(model: Component, task: str) -> None:
    X, y = table(task, n_rows=60)
    traits = traits_of(task, n_rows=60)
    space = model.space(traits)
    space.seed(1)
    for _ in range(3):
        check_output(make(model, traits, dict(space.sample_configuration())).fit(X, y), X, y)


@pytest.mark.parametrize(("model", "task"), cases(accepts_missing=True))
def test_missing_cells_are_accepted(model: Component, task: str) -> None:
    X, y = table(task)
    X = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    X[:, 3] = np.nan
    check_output(make(model, traits_of(task, has_missing=True)).fit(X, y), X, y)


@pytest.mark.parametrize(("model", "task"), cases(accepts_categories=True))
def test_native_categories_are_not_ordered_and_may_be_missing_or_new(model: Component, task: str) -> None:
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 12, size=300).astype(float)
    odd = codes % 2
    y = {"binary": odd, "multiclass": 3 * odd + 1, "regression": 5.0 * odd}[task]
    y = y if task == "regression" else y.astype(int)
    X = np.column_stack([codes, rng.normal(size=300)])
    X[::20, 0] = np.nan
    traits = traits_of(task, n_rows=300, n_features=2, categorical=(0,), cardinalities=(15,), has_missing=True)
    # With few leaves per tree, alternating codes are hard to learn as numbers and easy to learn as categories.
    small = {
        "lightgbm": {"num_leaves": 2},
        "xgboost": {"max_depth": 2},
        "hist_gradient_boosting": {"max_leaf_nodes": 3},
    }
    params = default(model, traits, native_categories=1, **small.get(model.name, {}))
    fitted = make(model, traits, params, time_limit=None).fit(X, y)
    check_output(fitted, X, y)
    unseen = X.copy()
    unseen[:50, 0] = 14.0
    check_output(fitted, unseen, y)
    known = ~np.isnan(X[:, 0])
    assert fitted.score(X[known], y[known]) > 0.95


@pytest.mark.parametrize(("model", "task"), cases(accepts_sparse=True))
def test_sparse_tables_are_learned_like_dense_tables(model: Component, task: str) -> None:
    X, y = table(task)
    X = np.where(np.abs(X) < 0.5, 0.0, X)
    traits = traits_of(task, sparse=True)
    fitted = make(model, traits, time_limit=None).fit(sparse.csr_matrix(X), y)
    check_output(fitted, sparse.csr_matrix(X), y)
    baseline = 0.0 if task == "regression" else np.bincount(y).max() / len(y)
    assert fitted.score(sparse.csr_matrix(X), y) > baseline + 0.2


@pytest.mark.parametrize(("model", "task"), cases(accepts_weights=True))
def test_weights_move_predictions_towards_heavy_rows(model: Component, task: str) -> None:
    X, y = table(task)
    y = np.random.default_rng(5).permutation(y)  # only the share of each target can be learned
    heavy = y >= np.median(y)
    weight = np.where(heavy, 30.0, 1.0)
    traits = traits_of(task, weighted=True)
    plain, pulled = (output(make(model, traits).fit(X, y, sample_weight=w), X) for w in (np.ones(len(y)), weight))
    if task == "regression":
        assert pulled.mean() > plain.mean()
    else:
        high = np.unique(y) >= np.median(y)
        assert pulled[:, high].sum() > plain[:, high].sum()


@pytest.mark.parametrize(("model", "task"), cases())
def test_tables_of_few_rows_with_a_single_row_of_a_class_fit(model: Component, task: str) -> None:
    X, y = table(task, n_rows=12)
    if task != "regression":
        y = np.where(np.arange(12) == 0, y.max() + 1, np.where(np.arange(12) < 7, 0, 1))
    check_output(make(model, traits_of(task, n_rows=12)).fit(X, y), X, y)


@pytest.mark.parametrize(("model", "task"), cases())
def test_constant_and_single_columns_fit(model: Component, task: str) -> None:
    _, y = table(task)
    X = np.ones((N_ROWS, 1))
    check_output(make(model, traits_of(task, n_features=1)).fit(X, y), X, y)


@pytest.mark.parametrize(("model", "task"), cases(interruptible=True))
def test_training_ends_early_when_the_time_is_up(model: Component, task: str) -> None:
    X, y = table(task, n_rows=200)
    traits = traits_of(task, n_rows=200)
    params = default(model, traits)
    if params.get("learning_rate", 0.0) > 0.02:
        params["learning_rate"] = 0.2  # with boosting a few rounds are enough
    hurried = make(model, traits, params, time_limit=1e-4).fit(X, y)
    check_output(hurried, X, y)
    relaxed = make(model, traits, params).fit(X, y)
    assert hurried.n_iter_ < relaxed.n_iter_


@pytest.mark.parametrize("model", [m for m in MODELS if m.applies(traits_of("binary"))], ids=lambda m: m.name)
def test_a_single_class_is_refused_by_a_clear_error_or_predicted(model: Component) -> None:
    X, y = table("binary")
    estimator: Any = make(model, traits_of("binary"))
    if model.name in SINGLE_CLASS_TAKEN:
        np.testing.assert_allclose(estimator.fit(X, np.ones_like(y)).predict_proba(X), 1)
        return
    with pytest.raises(ValueError, match="class"):
        estimator.fit(X, np.ones_like(y))


@pytest.mark.parametrize(("model", "task"), cases())
def test_guessed_seconds_grow_with_rows(model: Component, task: str) -> None:
    assert model.seconds is not None
    params = default(model, traits_of(task))
    short = model.seconds(params, traits_of(task, n_rows=500))
    long = model.seconds(params, traits_of(task, n_rows=50_000))
    assert 0 < short < long


@pytest.mark.parametrize("entry", PORTFOLIO, ids=lambda entry: str(entry["model"]))
def test_portfolio_entries_are_legal_where_they_apply(entry: Mapping[str, Any]) -> None:
    model = get_component("model", entry["model"])
    prefix = f"model:{model.name}:"
    own = {name.removeprefix(prefix): value for name, value in entry.items() if name.startswith("model:")}
    tables = [traits_of(task, categorical=(0,), cardinalities=(3,)) for task in TASKS]
    spaces = [model.space(traits) for traits in tables if model.applies(traits)]
    for name, value in own.items():
        found = [space[name] for space in spaces if name in space]
        assert found, f"{model.name} has no {name}"
        assert all(hyperparameter.legal_value(value) for hyperparameter in found), f"{name}={value}"


def test_names_are_unique_and_every_family_has_a_portfolio_entry() -> None:
    names = [model.name for model in MODELS]
    assert len(names) == len(set(names))
    assert {entry["model"] for entry in PORTFOLIO} == set(names)


def test_make_does_not_change_its_parameters() -> None:
    for model in MODELS:
        traits = dataclasses.replace(
            traits_of("binary"), task="binary" if model.applies(traits_of("binary")) else "regression"
        )
        params = default(model, traits)
        before = dict(params)
        make(model, traits, params)
        assert params == before


def test_importing_the_models_does_not_import_the_heavy_libraries() -> None:
    code = "import sys, pipelines.models; print([m for m in ('torch', 'catboost', 'xgboost') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_rows_of_huge_numbers_get_finite_predictions(model: Component, task: str) -> None:
    traits = traits_of(task)
    if not model.applies(traits):
        pytest.skip("does not apply")
    X, y = table(task)
    estimator = make(model, traits, time_limit=1.0).fit(X, y)
    check_output(estimator, np.full((2, 4), [[1e30], [-1e30]]), y)


@pytest.mark.parametrize("task", TASKS)
def test_neighbors_of_huge_numbers_keep_their_weights(task: str) -> None:
    X, y = table(task)
    # With this number of neighbors scikit-learn computes all distances.
    params = {"n_neighbors": 80, "weights": "distance", "p": 2}
    estimator = make(get_component("model", "k_nearest_neighbors"), traits_of(task), params).fit(X, y)
    check_output(estimator, np.full((2, 4), [[1e30], [-1e30]]), y)
