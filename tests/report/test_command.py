"""The command of a report starts the search of the same parameters."""

from __future__ import annotations

import copy
import shlex

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, RepeatedKFold, TimeSeriesSplit

from automl import AutoMLClassifier, AutoMLRegressor, Guard
from automl.cli import main as cli
from automl.report.reproduce import make_reproduce_section
from tests.factories import FAST

SETTINGS = FAST | {"time_budget": 60, "max_trials": 1, "include": ["decision_tree"], "cv": 2}
LEVELS = (0.1, 0.5, 0.9)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=60), "zip code": rng.integers(0, 9, 60)})
    return X.assign(label=np.where(X["a"] > 0, "yes", "no"), amount=X["a"] ** 2)


@pytest.fixture(scope="module")
def estimators(table):
    X = table[["a", "zip code"]]
    found = AutoMLClassifier(**SETTINGS).fit(X, table["label"]), AutoMLRegressor(**SETTINGS).fit(X, table["amount"])
    return {"classification": found[0], "regression": found[1]}


class ReachedError(Exception):
    """The command line has called `fit`."""


def _section(estimators, changes):
    """Return the part of a report about the repetition of a search, after changes of the parameters."""
    own = estimators["regression" if "quantiles" in changes or "monotonic" in changes else "classification"]
    return make_reproduce_section(copy.copy(own).set_params(**changes), None)


def _run(command, table, folder, monkeypatch):
    """Return the estimator that the command line makes for a command, and the target that it passes to `fit`."""
    reached = []

    def stop(self, X, y, **arguments):
        reached.append((self, y))
        raise ReachedError

    program, name, _, *words = shlex.split(command)
    table.to_csv(folder / "t.csv", index=False)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", [program, name, "t.csv", *words])
    for kind in (AutoMLClassifier, AutoMLRegressor):
        monkeypatch.setattr(kind, "fit", stop)
    with pytest.raises(ReachedError):
        cli.main()
    return reached[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"without": ["iris", "wine"]},
        {"without": None},
        {"include": {"model": ["ridge", "lda"], "encoding": "one_hot"}},
        {"exclude": ["linear_svm", "encoding:one_hot"]},
        {"scoring": ["f1", "accuracy"], "positive_label": "yes"},
        {"quantiles": LEVELS, "monotonic": {"a": 1, "zip code": np.int64(-1)}},
        {"objectives": ("score", "milliseconds"), "ensemble_size": 5, "n_jobs": 2},
        {"cv": TimeSeriesSplit(4)},
        {"cv": KFold(3)},
        {"guard": 0.1},
        {"guard": Guard(0.1, stop=True)},
        {"columns": {"zip code": "category"}, "noisy_labels": True, "verbose": False},
        {"max_processor_seconds": 20},
        {"max_processor_seconds": 20, "time_budget": None},
        {"max_processor_seconds": 20, "time_budget": 90, "max_trials": None, "random_state": np.int64(4)},
        {"memory_limit": 512.5, "trial_time_limit": 3, "max_predict_milliseconds": 9, "max_model_megabytes": 7},
        {"device": "cpu", "searcher": "random", "energy": "DEU", "initial_configurations": "default"},
        {"space": {"lightgbm:num_leaves": (8, 64), "lightgbm:learning_rate": 0.1, "scaling": ["none", "standard"]}},
        {"space": {"multi_output:chain:previous": ["true"], "generation:pca:whiten": True, "model": ["ridge"]}},
        {"space": {"lightgbm:num_leaves": {"prior": np.int64(9), "range": (8, 64)}}},
    ],
)
def test_the_command_line_reads_the_values_of_the_parameters(estimators, table, changes, tmp_path, monkeypatch):
    reached, _ = _run(_section(estimators, changes).command, table, tmp_path, monkeypatch)
    wanted = SETTINGS | changes
    for name, value in reached.get_params(deep=False).items():
        assert _plain(name, value) == _plain(name, wanted.get(name, getattr(AutoMLClassifier(), name, None))), name


def _plain(name, value):
    """Return the value of a parameter in a form that does not depend on how it was written."""
    if name in ("include", "exclude") and isinstance(value, dict):
        pairs = [(step, [names] if isinstance(names, str) else names) for step, names in value.items()]
        return [f"{step}:{each}" for step, names in pairs for each in names]
    if name == "cv" and hasattr(value, "split"):
        return repr(value)
    if isinstance(value, dict):
        return {key: _plain("", each) for key, each in value.items()} or None
    if name in ("include", "exclude", "without", "components", "columns") and not value:
        return None
    return list(value) if isinstance(value, list | tuple) else value


def test_the_command_for_a_regression_on_few_whole_numbers_starts_a_regression(table, tmp_path, monkeypatch):
    table = table.assign(grade=np.arange(60) % 5)
    command = make_reproduce_section(AutoMLRegressor(**SETTINGS).fit(table[["a"]], table["grade"]), None).command
    assert isinstance(_run(command, table, tmp_path, monkeypatch)[0], AutoMLRegressor)


def _ordered(classes):
    y = pd.Series(np.array(classes, dtype=object)[np.arange(60) % 3], name="grade")
    return y.astype(pd.CategoricalDtype(classes, ordered=True))


@pytest.mark.parametrize("scoring", [None, "accuracy"])
@pytest.mark.parametrize("classes", [["low", "very high", "a"], [3, 1, 2], ["1.5", "0.5", "1.0"]])
def test_the_command_names_the_order_of_ordered_classes(table, tmp_path, monkeypatch, classes, scoring):
    y = _ordered(classes)
    clf = AutoMLClassifier(**SETTINGS, scoring=scoring).fit(table[["a"]], y)
    command = make_reproduce_section(clf, None).command
    _, found = _run(command, table[["a"]].assign(grade=y), tmp_path, monkeypatch)
    assert found.dtype == y.dtype
    assert found.tolist() == y.tolist()


def test_ordered_classes_with_a_comma_have_no_command(table):
    section = make_reproduce_section(AutoMLClassifier(**SETTINGS).fit(table[["a"]], _ordered(["1,5", "2", "3"])), None)
    assert section.command is None
    assert section.command_note == (
        "The command line has no option for the names of these ordered classes; use Python."
    )


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"time_budget": None}, "time_budget=None"),
        ({"n_jobs": None}, "n_jobs=None"),
        ({"cv": KFold(3, shuffle=True, random_state=0)}, "this value of cv"),
        ({"cv": RepeatedKFold()}, "this value of cv"),
        ({"scoring": {"mine": "f1"}}, "this value of scoring"),
        ({"without": ["one, two"]}, "this value of without"),
        ({"columns": {0: "category"}}, "this value of columns"),
        ({"columns": {"a=b": "category"}}, "this value of columns"),
        ({"space": {"generation:pca:whiten": {"prior": {True: 0.8, False: 0.2}}}}, "this value of space"),
        ({"initial_configurations": [{"model": "ridge"}]}, "this value of initial_configurations"),
    ],
)
def test_a_value_that_no_option_can_give_has_no_command(estimators, changes, shown):
    section = _section(estimators, changes)
    assert section.command is None
    assert section.command_note == f"The command line has no option for {shown}; use Python."
