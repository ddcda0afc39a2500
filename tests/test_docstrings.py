"""The docstrings of public objects are complete: numpydoc validates them, and their examples run as doctests."""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module

import pytest
from numpydoc.validate import validate

import automl
import automl.testing

PACKAGES = ("automl", "pipelines")
# Objects that users get from public functions, and the modules whose public objects all count.
RETURNED = [
    "automl.checks.warning.DataWarning",
    "automl.comparison.report.NestedResult",
    "automl.comparison.tables.TableComparison",
    "automl.drift.report.DriftReport",
    "automl.ensemble.estimate.Estimate",
    "automl.explain.explanation.Explanation",
    "automl.integrations.mlflow.MLflowCallback",
    "automl.refit.report.RefitReport",
    "automl.retune.report.RetuneReport",
    "automl.searchers.FoldResult",
    "automl.searchers.RunHistory",
    "automl.searchers.Status",
    "automl.searchers.Trial",
    "automl.searchers.TrialResult",
]
MODULES = [
    "automl.execute.base",
    "automl.integrations.optuna",
    "automl.plots.classes",
    "automl.plots.columns",
    "automl.plots.numbers",
    "automl.plots.rows",
    "automl.plots.search",
    "automl.search.base",
    "automl.testing.components",
    "automl.testing.executors",
    "automl.testing.models",
    "automl.testing.searchers",
    "automl.testing.tasks",
    "automl.testing.transformers",
    "automl.testing.wrappers",
]
IGNORED = {
    "ES01": "a short docstring says all that there is to say in its first line",
    "SA01": "a list of other functions is written where a reader needs it",
}
EXCEPTIONS = {
    ("automl.execute.base.Executor", "PR01"): "a protocol has no constructor",
    ("automl.integrations.mlflow.MLflowCallback.setup", "EX01"): "scikit-learn calls the hooks",
    ("automl.integrations.mlflow.MLflowCallback.on_fit_task_begin", "EX01"): "scikit-learn calls the hooks",
    ("automl.integrations.mlflow.MLflowCallback.on_fit_task_end", "EX01"): "scikit-learn calls the hooks",
    ("automl.integrations.mlflow.MLflowCallback.teardown", "EX01"): "scikit-learn calls the hooks",
    ("automl.search.base.Searcher", "PR01"): "a protocol has no constructor",
    ("automl.searchers.Status", "PR01"): "nobody calls the constructor of an enumeration",
}


def _public_objects():
    names = [f"automl.{name}" for name in automl.__all__] + RETURNED
    for name in MODULES:
        module = import_module(name)
        names += [f"{name}.{key}" for key, value in vars(module).items() if _is_public(key, value, name)]
    for name in names:
        yield name
        value = _load(name)
        if inspect.isclass(value):
            yield from (f"{name}.{key}" for key in dir(value) if _is_public_member(value, key))


def _is_public(key, value, module):
    return not key.startswith("_") and callable(value) and getattr(value, "__module__", "") == module


def _is_public_member(cls, key):
    """Return whether a method or property is public, is written in our packages, and is not a test of a suite."""
    if key.startswith(("_", "test_")):
        return False
    value = inspect.getattr_static(cls, key)
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    return callable(function) and str(getattr(function, "__module__", "")).split(".")[0] in PACKAGES


@cache
def _load(name):
    module, _, key = name.rpartition(".")
    return getattr(import_module(module), key)


@cache
def _errors(name):
    return dict(validate(name)["errors"])


NAMES = sorted(set(_public_objects()))


@pytest.mark.parametrize("name", NAMES)
def test_a_public_docstring_is_complete(name):
    errors = {code: text for code, text in _errors(name).items() if code not in IGNORED}
    assert {code: text for code, text in errors.items() if (name, code) not in EXCEPTIONS} == {}


@pytest.mark.parametrize("code", IGNORED)
def test_an_ignored_code_still_occurs(code):
    assert any(code in _errors(name) for name in NAMES)


@pytest.mark.parametrize(("name", "code"), EXCEPTIONS)
def test_an_exception_still_occurs(name, code):
    assert code in _errors(name)


def test_the_list_holds_the_objects_that_users_see():
    assert {"automl.AutoMLClassifier.fit", "automl.AutoMLRegressor.estimate_", "automl.Guard"} <= set(NAMES)
    assert "automl.search.base.Searcher.suggest" in NAMES
    assert "automl.testing.models.ModelContract" in NAMES


@pytest.mark.parametrize("name", ["AutoMLClassifier", "AutoMLRegressor"])
def test_the_docstring_of_an_estimator_names_each_attribute(name):
    kind = getattr(automl, name)
    documented = inspect.getdoc(kind).split("Attributes\n")[1].split("See Also\n")[0]
    attributes = [name for name in dir(kind) if name.endswith("_") and not name.startswith("_")]
    assert "feature_importances_" in attributes
    assert [name for name in attributes if name not in documented] == []
