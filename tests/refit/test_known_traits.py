"""The traits of the rows that a fitted estimator has kept are those of its search."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLRegressor
from automl.refit.known_traits import kept_traits
from automl.task.prepare import TrainingData, prepare
from automl.task.settings import TaskSettings
from tests.factories import FAST


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"scoring": "neg_mean_absolute_error"},
        {"quantiles": [0.1, 0.9]},
        {"noisy_labels": True},
        {"monotonic": {"a": 1}, "noisy_labels": True},
    ],
)
@pytest.mark.parametrize("n_targets", [1, 2])
def test_the_traits_of_kept_rows_are_those_of_the_search(arguments, n_targets):
    if n_targets == 2 and arguments.keys() & {"quantiles", "monotonic"}:
        pytest.skip("these are for one target")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=60), "b": rng.choice(["x", "y"], 60)})
    y = np.exp(X["a"]) if n_targets == 1 else pd.DataFrame({"first": np.exp(X["a"]), "second": -X["a"]})
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "cv": 2} | arguments).fit(X, y)
    task = prepare(TrainingData(X, y), TaskSettings.of(model), classification=False).task
    assert kept_traits(model, weighted=False) == task.traits
    assert task.traits.noisy_labels == arguments.get("noisy_labels", False)
    assert bool(task.traits.monotonic) == ("monotonic" in arguments)
