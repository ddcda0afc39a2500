"""The steps of exported scripts do the same as those of the model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLClassifier
from automl.export.code import Script
from automl.export.script import python_script
from automl.export.steps import step_code
from automl.testing.components import make_traits
from pipelines.build import build_pipeline
from pipelines.catalog import get_component
from pipelines.component import LARGEST, FitContext, TableTraits
from pipelines.configuration import Configuration
from pipelines.steps.encoders import TargetMeanEncoder
from pipelines.steps.generation import BoundedAgglomeration, BoundedNystroem, BoundedPCA
from tests.factories import FAST


def scripted(step):
    """Return the unfitted counterpart of a fitted step in a script."""
    script = Script()
    code = step_code(step, script, [])
    names = {"__name__": "script"}
    lines = ["from __future__ import annotations", *sorted(script.imports), *script.definitions.values()]
    exec("\n".join([*lines, f"step = {code}"]), names)
    return names["step"]


def odd_numbers():
    """Return training rows with constant, nearly constant and distant columns, and later rows that differ from them."""
    rng = np.random.default_rng(0)
    n = 120
    seconds = rng.integers(0, 60, n)
    X = np.column_stack(
        [
            rng.normal(size=n),
            np.full(n, 3.0),
            np.full(n, -7e9),
            np.full(n, np.nan),
            np.where(rng.random(n) < 0.9, 0.0, rng.exponential(size=n)),
            1.7e9 + seconds,
            1.7e12 + 1e-3 * seconds,
            np.where(np.arange(n) == 7, 1e9 + 1e-6, 1e9),
            1e-9 * rng.normal(size=n),
        ]
    )
    X[::11, [0, 1, 5]] = np.nan
    later = X + rng.choice([-5e4, -1.0, 0.0, 0.5, 7.0, 1e12, LARGEST], X.shape)
    later[::9, 3] = 2.0
    return X, later


@pytest.mark.parametrize("imputation", ["median", "none"])
@pytest.mark.parametrize("scaling", ["none", "standard", "robust", "quantile", "power", "robust_clip"])
def test_later_numbers_are_scaled_as_the_model_scales_them(imputation, scaling):
    X, later = odd_numbers()
    later[:, 3] = np.nan if imputation == "none" else later[:, 3]
    traits = TableTraits("binary", *X.shape, 2, has_missing=True)
    configuration = Configuration({"model": "logistic_regression", "imputation": imputation, "scaling": scaling})
    own = build_pipeline(configuration, FitContext(traits))[0].fit(X)
    step = scripted(own).fit(X)
    np.testing.assert_allclose(step.transform(later), own.transform(later), rtol=1e-9, atol=1e-9)


def test_numbers_of_a_dense_table_are_scaled_by_their_largest_as_those_of_a_sparse_one():
    X, later = (np.nan_to_num(table[:, [0, 1, 4]]) for table in odd_numbers())
    own = get_component("scaling", "max_abs").make({}, FitContext(make_traits("binary", sparse=True))).fit(X)
    np.testing.assert_allclose(scripted(own).fit(X).transform(later), own.transform(later), rtol=1e-9)


@pytest.mark.parametrize("step", [BoundedPCA(whiten=True), BoundedNystroem(), BoundedAgglomeration()])
def test_new_features_come_from_the_same_scaled_numbers(step):
    X, later = (np.nan_to_num(table[:, [0, 1, 2, 4, 5]]) for table in odd_numbers())
    own = step.fit(X)
    np.testing.assert_allclose(scripted(own).fit(X).transform(later), own.transform(later), rtol=1e-6)


@pytest.mark.parametrize("classification", [True, False])
def test_target_encoding_has_the_same_folds_in_each_training(classification):
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 5, (80, 2)).astype(float), rng.normal(size=80)
    y = (y > 0).astype(int) if classification else y
    own = TargetMeanEncoder(classification=classification).fit(X, y)
    step = scripted(own)
    np.testing.assert_array_equal(step.fit_transform(X, y), step.fit_transform(X, y))
    np.testing.assert_allclose(step.transform(X), own.transform(X), rtol=1e-9)


@pytest.mark.parametrize("scaling", ["none", "standard"])
def test_a_script_predicts_as_the_model_for_columns_that_vary_only_later(scaling):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=120), "level": np.where(np.arange(120) == 119, 9.0, 1.0)})
    configuration = {"model": "logistic_regression", "scaling": scaling}
    arguments = {"include": (), "max_trials": 1, "initial_configurations": [configuration]}
    y = (X["a"] > 0).astype(int)
    model = AutoMLClassifier(**FAST | arguments).fit(X, y)
    names = {"__name__": "script"}
    exec(python_script(model), names)
    later, table = X.assign(level=5e4), names["read_columns"](X)
    fitted = model.best_pipeline_.fit(X[:110], y[:110])
    pipeline = names["make_model"]().fit(table[:110], y[:110])
    expected = fitted.predict_proba(later)
    np.testing.assert_allclose(pipeline.predict_proba(names["read_columns"](later)), expected, rtol=1e-6)
    np.testing.assert_array_equal(expected, fitted.predict_proba(X.assign(level=1.0)))
