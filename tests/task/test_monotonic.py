"""Tests of monotonic columns: predictions of every family and of the whole ensemble keep the order."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures

import automl
from automl import AutoMLClassifier, AutoMLRegressor
from automl.cli.values import parse_monotonic
from automl.errors import InvalidInputError
from automl.export.script import python_script
from pipelines.build import build_pipeline
from pipelines.catalog import OwnComponents
from pipelines.component import Component, FitContext, TableTraits
from pipelines.models import MODELS
from pipelines.space import build_space, choices, complete
from tests.factories import FAST

SIGNS = {"age": 1, "price": -1}
QUICK = ("lightgbm", "decision_tree")
FAMILIES = [model.name for model in MODELS if model.accepts_monotonic]


def make_data(n=240, seed=0):
    """Return a table with numbers and categories, and a target against the wanted directions in parts."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "city": rng.choice(list("abcd"), n),
            "age": rng.uniform(18, 90, n),
            "other": rng.normal(size=n),
            "price": rng.normal(size=n),
        }
    )
    wave = np.sin(X["age"] / 8) + 0.02 * X["age"] - X["price"] + 0.8 * np.sin(4 * X["price"]) + X["other"]
    X.loc[rng.random(n) < 0.05, "other"] = np.nan
    y = wave.fillna(0.0) + rng.normal(scale=0.3, size=n)
    return X, y


X, Y = make_data()


def largest_fall(predict, X, column, sign):
    """Return by how much predictions go against the sign while a column takes many values, on real rows."""
    values = np.linspace(X[column].min() - 1, X[column].max() + 1, 41)
    rows = X.iloc[np.repeat(np.arange(12), len(values))].copy()
    rows[column] = np.tile(values, 12)
    steps = np.diff(predict(rows).reshape(12, -1), axis=1)
    return float(np.maximum(0, -sign * steps).max())


@pytest.mark.parametrize("n_classes", [0, 2])
@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FAMILIES]
)
def test_each_family_keeps_the_order_with_default_steps(family, n_classes):
    rng = np.random.default_rng(1)
    table = rng.normal(size=(150, 4))
    table[:, 1] = rng.integers(0, 3, 150)  # a category between the numbers
    target = np.sin(2 * table[:, 0]) + table[:, 3] + 0.3 * table[:, 1] + rng.normal(scale=0.2, size=150)
    if n_classes:
        target = (target > 0).astype(int)
    kind = "binary" if n_classes else "regression"
    traits = TableTraits(kind, 150, 4, n_classes, (1,), (3,), monotonic=(1, 0, 0, -1))
    for encoding in ("one_hot", "ordinal", "native"):
        configuration = complete(build_space(traits), {"model": family, "encoding": encoding})
        if configuration["encoding"] != encoding:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = build_pipeline(configuration, FitContext(traits, time_limit=1.0)).fit(table, target)
        rows = np.repeat(table[:10], 30, axis=0)
        for column, sign in ((0, 1), (3, -1)):
            moved = rows.copy()
            moved[:, column] = np.tile(np.linspace(-3, 3, 30), 10)
            p = model.predict_proba(moved)[:, 1] if n_classes else model.predict(moved)
            assert (sign * np.diff(p.reshape(10, -1), axis=1)).min() >= -1e-6, (encoding, column)


@pytest.fixture(scope="module")
def regressor():
    settings = FAST | {"include": ["lightgbm", "decision_tree"], "max_trials": 4, "cv": 2}
    return AutoMLRegressor(**settings, monotonic=SIGNS).fit(X, Y)


def test_all_predictions_of_a_regression_are_monotonic_also_after_refit(regressor):
    for model in (regressor, regressor.refit()):
        for column, sign in SIGNS.items():
            assert largest_fall(model.predict, X, column, sign) <= 1e-9


@pytest.mark.slow
def test_the_probability_of_the_positive_class_is_monotonic_after_calibration():
    labels = np.where(Y.median() < Y, "no", "yes")
    settings = FAST | {"include": ["hist_gradient_boosting", "decision_tree"], "max_trials": 4, "cv": 2}
    for positive, column in ((None, 1), ("no", 0)):
        clf = AutoMLClassifier(**settings, monotonic={"price": 1}, positive_label=positive).fit(X, labels)
        assert largest_fall(lambda rows, clf=clf, at=column: clf.predict_proba(rows)[:, at], X, "price", 1) <= 1e-9


@pytest.mark.parametrize(
    ("monotonic", "message"),
    [
        ({"agee": 1}, "monotonic: 'agee' is unknown; did you mean 'age'"),
        ({"city": 1}, "column 'city' is read as 'category'; only columns of numbers"),
        ({"age": 2}, "column 'age' must have 1"),
        ({"age": True}, "column 'age' must have 1"),
        (["age"], "monotonic must be a dict"),
    ],
)
def test_a_wrong_argument_is_named_before_the_search(monotonic, message):
    with pytest.raises(InvalidInputError, match=message):
        AutoMLRegressor(**FAST, monotonic=monotonic).fit(X, Y)


def test_three_classes_and_families_without_constraints_are_errors():
    with pytest.raises(InvalidInputError, match="y has 3 classes"):
        AutoMLClassifier(**FAST, monotonic=SIGNS).fit(X, np.arange(len(X)) % 3)
    with pytest.raises(InvalidInputError, match="suits this table with its monotonic columns; choose from lightgbm"):
        AutoMLRegressor(**FAST | {"include": ["ridge"]}, monotonic=SIGNS).fit(X, Y)


PRODUCTS = Component("products", lambda params, context: PolynomialFeatures(2, include_bias=False))
TO_ONE = Component("to_one", lambda params, context: MinMaxScaler(), accepts_missing=True, keeps_order=True)


def test_an_own_step_is_used_only_if_it_says_that_it_keeps_the_order():
    own = OwnComponents({"generation": (PRODUCTS,), "scaling": (TO_ONE,)})
    traits = TableTraits("regression", 400, 3)
    space = build_space(traits, own=own)
    assert "products" in choices(space, "generation")
    constrained = build_space(replace(traits, monotonic=(1, 0, 0)), own=own)
    assert choices(constrained, "generation") == ("none",)
    assert "to_one" in choices(constrained, "scaling")


def test_a_log_line_names_own_steps_that_are_left_out(caplog):
    settings = FAST | {"include": ["decision_tree"], "max_trials": 1, "cv": 2}
    own = {"generation": [PRODUCTS], "scaling": [TO_ONE]}
    model = AutoMLRegressor(**settings, components=own, monotonic=SIGNS).fit(X, Y)
    assert "monotonic: the search goes on without products; a component must say" in caplog.text
    assert "to_one" not in caplog.text
    assert largest_fall(model.predict, X, "age", 1) <= 1e-9


@pytest.mark.parametrize("name", ["pca", "generation:pca", "products"])
def test_an_included_step_that_may_break_the_order_is_an_error(name):
    settings = FAST | {"include": ["decision_tree", name], "components": {"generation": [PRODUCTS]}}
    with pytest.raises(InvalidInputError, match="but with monotonic columns, a component for generation needs"):
        AutoMLRegressor(**settings, monotonic=SIGNS).fit(X, Y)


def test_a_column_without_a_sign_changes_nothing():
    settings = FAST | {"include": ["ridge"], "max_trials": 1, "cv": 2}
    assert AutoMLRegressor(**settings, monotonic={"age": 0}).fit(X, Y).history_.n_run == 1


def test_a_script_is_refused(regressor):
    with pytest.raises(InvalidInputError, match="cannot keep monotonic columns"):
        python_script(regressor)


def test_a_saved_model_stays_monotonic(regressor, tmp_path):
    regressor.save(tmp_path / "model")
    loaded = automl.load(tmp_path / "model")
    assert loaded.monotonic == SIGNS
    np.testing.assert_allclose(loaded.predict(X[:5]), regressor.predict(X[:5]))


def test_the_option_takes_columns_and_signs():
    assert parse_monotonic(["age=1", "a=b=-1"]) == {"age": 1, "a=b": -1}
    for wrong in ("age", "age=2", "=1"):
        with pytest.raises(InvalidInputError, match="--monotonic must be"):
            parse_monotonic([wrong])


def test_a_run_without_constraints_is_not_resumed_with_them(tmp_path):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    settings = FAST | {"include": ["decision_tree"], "max_trials": 1, "store": tmp_path / "run"}
    AutoMLRegressor(**settings).fit(X, y)
    with pytest.raises(InvalidInputError, match="monotonic columns, metric"):
        AutoMLRegressor(**settings, monotonic={"bmi": 1}).fit(X, y)
