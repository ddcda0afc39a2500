"""The contract of models for every model family of the catalog, and rules for the catalog itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest

from automl.testing import ModelContract
from automl.testing.components import TASKS, check_predictions, default_params, make_estimator, make_table, make_traits
from pipelines.catalog import get_component
from pipelines.component import Component, TaskType
from pipelines.models import MODELS, PORTFOLIO

ACCEPT_A_SINGLE_CLASS = [
    "decision_tree",
    "random_forest",
    "extra_trees",
    "k_nearest_neighbors",
    "gaussian_nb",
    "bernoulli_nb",
]


class TestModels(ModelContract):
    trusted_types = ()
    components = MODELS
    params_with_small_trees: ClassVar = {
        "lightgbm": {"num_leaves": 2},
        "xgboost": {"max_depth": 2},
        "hist_gradient_boosting": {"max_leaf_nodes": 3},
    }


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_family_guesses_its_seconds(model: Component) -> None:
    assert model.seconds is not None


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_only_families_without_a_decision_boundary_accept_a_single_class(model: Component) -> None:
    if not model.applies(make_traits("binary")):
        pytest.skip("the model is not for classes")
    X, y = make_table("binary")
    estimator = make_estimator(model, make_traits("binary"))
    if model.name in ACCEPT_A_SINGLE_CLASS:
        np.testing.assert_allclose(estimator.fit(X, np.ones_like(y)).predict_proba(X), 1)
        return
    with pytest.raises(ValueError, match="class"):
        estimator.fit(X, np.ones_like(y))


@pytest.mark.parametrize("entry", PORTFOLIO, ids=lambda entry: str(entry["model"]))
def test_portfolio_entries_are_legal_where_they_apply(entry: Mapping[str, Any]) -> None:
    model = get_component("model", entry["model"])
    prefix = f"model:{model.name}:"
    own = {name.removeprefix(prefix): value for name, value in entry.items() if name.startswith("model:")}
    tables = [make_traits(task, categorical=(0,), cardinalities=(3,)) for task in TASKS]
    spaces = [model.space(traits) for traits in tables if model.applies(traits)]
    for name, value in own.items():
        found = [space[name] for space in spaces if name in space]
        assert found, f"{model.name} has no {name}"
        assert all(hyperparameter.legal_value(value) for hyperparameter in found), f"{name}={value}"


def test_names_are_unique_and_every_family_has_a_portfolio_entry() -> None:
    names = [model.name for model in MODELS]
    assert len(names) == len(set(names))
    assert {entry["model"] for entry in PORTFOLIO} == set(names)


def test_importing_the_models_does_not_import_the_heavy_libraries() -> None:
    code = "import sys, pipelines.models; print([m for m in ('torch', 'catboost', 'xgboost') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("task", TASKS)
def test_neighbors_of_huge_numbers_keep_their_weights(task: TaskType) -> None:
    X, y = make_table(task)
    # With this number of neighbors scikit-learn computes all distances.
    params = {"n_neighbors": 80, "weights": "distance", "p": 2}
    estimator = make_estimator(get_component("model", "k_nearest_neighbors"), make_traits(task), params).fit(X, y)
    check_predictions(estimator, np.full((2, 4), [[1e30], [-1e30]]), y, task)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost", "hist_gradient_boosting"])
def test_boosting_without_a_time_limit_has_few_rounds_on_few_rows_and_a_learning_rate_that_suits_them(
    name: str,
) -> None:
    model, traits = get_component("model", name), make_traits("binary", n_rows=200)
    few = make_estimator(model, traits, {"learning_rate": 0.005}, time_limit=None).settings
    assert few.n_estimators == 400
    assert few.least_learning_rate == 0.02
    limited = make_estimator(model, traits, {"learning_rate": 0.005}, time_limit=10.0).settings
    assert limited.n_estimators == 3000
    assert limited.least_learning_rate < limited.learning_rate


@pytest.mark.parametrize("name", ["tabm", "realmlp", "resnet"])
def test_large_networks_without_a_time_limit_have_fewer_epochs(name: str) -> None:
    model, traits = get_component("model", name), make_traits("binary", n_rows=200)
    large = {**default_params(model, traits), "width": 512, "depth": 4}
    epochs = [make_estimator(model, traits, large, time_limit=limit).settings.config.epochs for limit in (None, 10.0)]
    assert 20 <= epochs[0] < epochs[1]
