"""Exported scripts treat missing, unseen, rare and ordered categories as the model does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLClassifier
from automl.export.code import Script
from automl.export.columns import read_code
from automl.export.script import python_script
from automl.export.steps import category_codes
from pipelines.table.reader import TableReader
from tests.factories import FAST


def make_rows(n_rows, seed, more=()):
    """Return rows with missing cells, with numbers as categories, rare categories, and an order that is no alphabet.

    Parameters
    ----------
    more : sequence of str
        Further categories of all columns.
    """
    rng = np.random.default_rng(seed)
    sizes = ["small", "middle", "large", *more]
    X = pd.DataFrame(
        {
            "city": rng.choice(["Bonn", "Lima", "Oslo", *more], n_rows),
            "floor": rng.choice(["1", "2", "10", *more], n_rows),
            "kind": rng.choice([f"k{i}" for i in range(12)] + [*more], n_rows),
            "size": pd.Categorical(rng.choice(sizes, n_rows), sizes, ordered=True),
            "full": rng.choice(["x", "y", *more], n_rows),
        }
    )
    for i, name in enumerate(X.columns[:4] if not more else X.columns):
        X.loc[i :: 7 + i, name] = None
    return X.assign(number=rng.normal(size=n_rows), flag=rng.choice([True, False], n_rows))


def run_script(model):
    """Return the names of the script of a fitted model."""
    names = {"__name__": "script"}
    exec(python_script(model), names)
    return names


@pytest.mark.parametrize(
    "steps",
    [
        {"model": "decision_tree", "encoding": "one_hot", "encoding:one_hot:min_frequency": 1},
        {"model": "decision_tree", "encoding": "one_hot", "encoding:one_hot:min_frequency": 9},
        {"model": "decision_tree", "encoding": "ordinal"},
        {"model": "decision_tree", "encoding": "target"},
        {"model": "decision_tree", "encoding": "frequency"},
        {"model": "lightgbm", "encoding": "native"},
        {"model": "decision_tree", "encoding": "ordinal", "generation": "categorical_interactions"},
    ],
    ids=lambda steps: "-".join(str(value) for name, value in steps.items() if name != "model"),
)
def test_features_of_later_rows_are_those_of_the_model(steps):
    X, later = make_rows(120, seed=0), make_rows(90, seed=1, more=("new", "3"))
    y = np.where((X["city"] == "Oslo") | (X["size"] == "small"), "yes", "no")
    settings = {"include": (), "max_trials": 1, "cv": 2, "initial_configurations": [{"scaling": "none", **steps}]}
    model = AutoMLClassifier(**FAST | settings).fit(X, y)
    names = run_script(model)
    own = model.best_pipeline_.fit(X, y)
    pipeline = names["make_model"]().fit(names["read_columns"](X), names["class_codes"](pd.Series(y), model.classes_))
    features = np.asarray(pipeline[:-1].transform(names["read_columns"](later)), dtype=float)
    np.testing.assert_allclose(features, own[:-1].transform(later), rtol=1e-9)
    if steps["encoding"] not in ("target", "native") and "generation" not in steps:
        found = pipeline.predict_proba(names["read_columns"](later))
        np.testing.assert_allclose(found, own.predict_proba(later), rtol=1e-9)


@pytest.mark.parametrize("max_categories", [1000, 6])
def test_codes_of_categories_are_those_of_the_reader(max_categories):
    X, later = make_rows(120, seed=0), make_rows(90, seed=1, more=("new", "3"))
    reader, script, names = TableReader(max_categories=max_categories).fit(X), Script(), {}
    read_code(reader, script)
    code = category_codes(reader, ["city", "floor", "kind", "size", "full"], script)
    lines = ["from __future__ import annotations", *sorted(script.imports), *script.definitions.values()]
    exec("\n".join([*lines, "CATEGORIES = ['city', 'floor', 'kind', 'size', 'full']", f"step = {code}"]), names)
    step = names["step"].fit(X)
    for table in (X, later):
        codes = reader.transform(table)[:, reader.categorical_]
        np.testing.assert_array_equal(step.transform(table)[names["CATEGORIES"]], codes)


def test_columns_are_combined_where_no_number_can_be():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({name: rng.choice(["u", "v", "w"], 120) for name in ("a", "b")})
    y = np.where((X["a"] == X["b"]), "yes", "no")
    configuration = {"model": "decision_tree", "generation": "combined_features"}
    settings = {"include": (), "max_trials": 1, "cv": 2, "initial_configurations": [configuration]}
    model = AutoMLClassifier(**FAST | settings).fit(X, y)
    names = run_script(model)
    pipeline = names["make_model"]().fit(names["read_columns"](X), y)
    expected = model.best_pipeline_.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(pipeline.predict_proba(names["read_columns"](X)), expected, atol=0.1)
