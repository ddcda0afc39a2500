"""Advice before a search."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine
from typer.testing import CliRunner

import automl
from automl.cli.main import app
from automl.errors import InvalidInputError


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True, as_frame=True)
    X["origin"] = np.where(y == 0, "hill", "valley")
    X.loc[::10, "ash"] = np.nan
    X["number"] = range(len(X))
    return X, y


@pytest.fixture(scope="module")
def advice(wine):
    return automl.advise(*wine, time_budget=10, n_jobs=1)


def test_it_says_what_is_in_the_table(advice):
    assert (advice.n_rows, advice.n_columns, advice.task) == (178, 15, "multiclass")
    assert sum(advice.kinds.values()) == 15
    assert 0 < advice.missing < 0.02
    assert list(advice.target) == ["1", "0", "2"]
    assert advice.target["1"] == pytest.approx(71 / 178)
    assert advice.metric == "neg_log_loss"


def test_it_names_the_class_that_the_metric_is_about():
    X, y = load_wine(return_X_y=True)
    is_first = np.where(y == 0, "yes", "no")
    advice = automl.advise(X, is_first, time_budget=2, n_jobs=1, scoring="f1", include=["lda"])
    assert "a search for the best F1 of class 'yes' would try" in advice.conclusion


def test_the_checks_before_a_search_are_part_of_it(advice):
    assert {warning.code for warning in advice.warnings}  # the rows are in the order of the classes


def test_more_seconds_bring_more_configurations(advice):
    seconds = [budget.seconds for budget in advice.budgets]
    assert seconds == sorted(seconds)
    assert seconds[0] == 10
    for counts in zip(*((b.n_configurations, b.n_trials, b.n_fits) for b in advice.budgets), strict=True):
        assert 0 < counts[0] < counts[-1]
    assert all(b.n_configurations <= b.n_trials <= b.n_fits for b in advice.budgets)


def test_it_says_which_families_the_search_leaves_out_and_why(advice):
    reasons = {family.name: family.reason for family in advice.families}
    assert reasons["elastic_net"] == "only for regression"
    assert reasons["lightgbm"] == ""
    seconds = [family.seconds for family in advice.families if family.seconds is not None]
    assert seconds == sorted(seconds)


def test_a_family_that_the_user_leaves_out_has_this_reason():
    X, y = load_diabetes(return_X_y=True)
    found = automl.advise(X, y, time_budget=2, include=["ridge"], n_jobs=1)
    reasons = {family.name: family.reason for family in found.families}
    assert reasons["lightgbm"] == "by include and exclude"
    assert reasons["logistic_regression"] == "only for classification"
    assert "configurations" in found.conclusion


@pytest.mark.slow
def test_the_command_prints_the_advice_and_its_json(wine, tmp_path):
    X, y = wine
    X.assign(kind=y).to_csv(tmp_path / "wine.csv", index=False)
    arguments = ["advise", str(tmp_path / "wine.csv"), "--target", "kind", "--time-budget", "2", "--n-jobs", "1"]
    shown = CliRunner().invoke(app, [*arguments, "--include", "lda,ridge"])
    assert shown.exit_code == 0, shown.output
    assert "178 rows, 15 columns" in shown.output
    assert "What a search would do" in shown.output
    found = json.loads(CliRunner().invoke(app, [*arguments, "--include", "lda", "--json"]).output)
    assert found["families"][0]["name"] == "lda"
    assert found["budgets"][0]["seconds"] == 2.0


class BegunError(Exception):
    """Ends a fit where its search begins."""


@pytest.mark.parametrize("target", ["classes", "ordered classes", "numbers"])
def test_it_plans_the_workers_and_the_first_configurations_of_a_fit(target, monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 3)), rng.normal(size=90)
    if target != "numbers":
        y = pd.cut(pd.Series(y), 3, labels=["low", "middle", "high"], ordered=target == "ordered classes")
    settings = {"time_budget": 100_000, "n_jobs": -1, "exclude": ["lightgbm"]}

    def make_workers(folder, n_workers, memory_limit, **others):
        return SimpleNamespace(n_workers=n_workers, memory_limit=memory_limit, shutdown=lambda: None)

    def begin(setup, space, initial, start):
        raise BegunError(setup.n_workers, list(initial))

    def simulate(plan, *arguments):
        raise BegunError(plan.n_workers, list(plan.initial))

    monkeypatch.setattr("automl.execute.catalog.LocalExecutor", make_workers)
    monkeypatch.setattr("automl.run.run.prepare_searcher", begin)
    monkeypatch.setattr("automl.advice.SearchPlan.simulate", simulate)
    kind = automl.AutoMLRegressor if target == "numbers" else automl.AutoMLClassifier
    with pytest.raises(BegunError) as in_fit:
        kind(**settings, verbose=0, random_state=0).fit(X, y)
    with pytest.raises(BegunError) as in_advice:
        automl.advise(X, y, **settings)
    assert in_advice.value.args == in_fit.value.args


def test_several_targets_are_an_error():
    X, y = load_wine(return_X_y=True)
    with pytest.raises(InvalidInputError, match="advice is for one target"):
        automl.advise(X, np.c_[y, y])
    with pytest.raises(InvalidInputError, match="task: 'regresion' is unknown; did you mean 'regression'"):
        automl.advise(X, y, task="regresion")
    with pytest.raises(InvalidInputError, match="time_budget must be"):
        automl.advise(X, y, time_budget=0)


@pytest.mark.slow
def test_one_worker_has_time_for_more_than_the_trials_that_are_simulated():
    X, y = load_diabetes(return_X_y=True)
    advice = automl.advise(X, y, n_jobs=1, time_budget=100_000, include=["ridge", "decision_tree", "lightgbm"])
    counts = [budget.n_configurations for budget in advice.budgets]
    assert counts == sorted(counts)
    assert counts[-1] > 1_000


@pytest.mark.parametrize("budget", [np.float32(0.01), 0.01])
def test_a_budget_that_is_too_small_for_one_fit_is_named(budget):
    advice = automl.advise(*load_diabetes(return_X_y=True), n_jobs=1, time_budget=budget, include=["ridge"])
    assert advice.conclusion == "0.01 s are too few for one fit on this table; use a larger time_budget."
    json.dumps(advice.to_dict())


def test_advice_needs_a_number_of_seconds():
    with pytest.raises(InvalidInputError, match="time_budget is None; advise needs a number of seconds"):
        automl.advise(*load_diabetes(return_X_y=True), time_budget=None)
