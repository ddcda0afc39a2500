"""Predictions warn of cells that cannot be read as the kind of their column."""

from __future__ import annotations

import copy
import datetime
import warnings

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError, UnreadCellsWarning
from automl.explain.partial_dependence import partial_dependence
from automl.report.importance import make_importance_section
from automl.report.rows import LabeledTable

FAST = {"time_budget": None, "max_trials": 1, "n_jobs": 1, "cv": 2, "verbose": 0, "random_state": 0}


def make_table(n_rows):
    i = np.arange(n_rows)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(i * 37 % 300, unit="D")
    return pd.DataFrame(
        {
            "amount": i * 7.5 % 90,
            "day": days.strftime("%Y-%m-%d"),
            "start": [datetime.time(k % 24, k % 60) for k in i],
            "wait": pd.to_timedelta(i * 61 % 1000, unit="s"),
            "member": i % 3 == 0,
            "city": np.array(["Rome", "Oslo", "Kiel"])[i % 3],
        }
    )


@pytest.fixture(scope="module")
def model():
    X = make_table(120)
    return AutoMLRegressor(include=["ridge"], **FAST).fit(X, X["amount"] + X["member"])


@pytest.mark.parametrize(
    ("column", "kind"),
    [("amount", "numbers"), ("day", "dates"), ("start", "times"), ("wait", "numbers"), ("member", "booleans")],
)
def test_a_warning_names_number_example_row_and_column(model, column, kind):
    X = make_table(10)
    X[column] = X[column].astype(object)
    X.loc[3:, column] = "soon"
    X.loc[5, column] = None
    X.loc[6, column] = "n/a"
    expected = f"column '{column}': 5 of 10 cells cannot be read as {kind}, such as 'soon' in row 4; they count as "
    with pytest.warns(UnreadCellsWarning, match=expected) as caught:
        model.predict(X)
    assert [each.filename for each in caught] == [__file__]


@pytest.fixture(scope="module")
def odd():
    """Return a table with a cell that cannot be read, and its target."""
    X = make_table(90)
    y = X["amount"] * (1 + X["member"]) + 9 * (X["city"] == "Oslo")
    X["amount"] = X["amount"].astype(object)
    X.loc[3, "amount"] = "soon"
    return X, y


@pytest.fixture(scope="module")
def mixed():
    """Return an estimator whose ensemble has several members."""
    X = make_table(120)
    reg = AutoMLRegressor(include=["ridge", "decision_tree"], **FAST | {"max_trials": 3})
    reg.fit(X, X["amount"] * (1 + X["member"]) + 9 * (X["city"] == "Oslo"))
    assert (reg.leaderboard_["weight"] > 0).sum() > 1
    return reg


CALLS = {
    "score": lambda model, X, y: model.score(X, y),
    "scorer_": lambda model, X, y: model.scorer_(model, X, y),
    "score_members": lambda model, X, y: model.score_members(X, y),
    "scores_by_group": lambda model, X, y: model.scores_by_group(X["city"], X, y),
    "predict_interval": lambda model, X, y: model.predict_interval(X, 0.5),
    "importance": lambda model, X, y: model.importance(1, X=X, y=y),
    "explain": lambda model, X, y: model.explain(X, max_evaluations=10),
    "explain with a background": lambda model, X, y: model.explain(make_table(9), X, max_evaluations=10),
    "explain with a background of the same rows": lambda model, X, y: model.explain(X, X.head(9), max_evaluations=10),
    "partial dependence": lambda model, X, y: partial_dependence(model, "amount", X),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_gives_one_warning_at_the_line_of_the_user(mixed, odd, call):
    with pytest.warns(UnreadCellsWarning, match="1 of 90 cells cannot be read") as caught:
        CALLS[call](mixed, *odd)
    assert [each.filename for each in caught] == [__file__]


def test_a_report_warns_of_its_test_rows_in_their_own_section_only(mixed, odd):
    lean = copy.copy(mixed)
    lean._rows = None
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnreadCellsWarning)
        section, _ = make_importance_section(lean, LabeledTable(*odd))
    assert section.dependence


def test_a_warning_of_a_classifier_points_to_the_line_of_the_user(odd):
    X, y = odd
    clf = AutoMLClassifier(include=["logistic_regression"], **FAST).fit(make_table(90), y > 50)
    for call in (clf.predict_log_proba, lambda table: clf.score(table, y > 50)):
        with pytest.warns(UnreadCellsWarning, match="1 of 90 cells cannot be read") as caught:
            call(X)
        assert [each.filename for each in caught] == [__file__]


def test_cells_without_content_and_new_levels_give_no_warning(model):
    X = make_table(10).astype(object)
    X.loc[:1] = None
    X.loc[2, ["amount", "day", "start", "wait", "member"]] = ["?", "", "unknown", "-", "n/a"]
    X.loc[3, "city"] = "Bonn"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(X)


def test_a_column_without_any_cell_that_can_be_read_is_an_error(model):
    with pytest.raises(InvalidInputError, match="column 'amount' held numbers in fit but now holds 'soon'"):
        model.predict(make_table(10).assign(amount="soon"))
