"""The results of the meta-database on the table itself, and on data sets that the user names, are not used."""

import pytest
from sklearn.datasets import load_breast_cancer

from automl import AutoMLClassifier
from automl.report.search_start import make_start_part

FAST = {"time_budget": None, "max_trials": 1, "cv": 2, "n_jobs": 1, "include": ["decision_tree"], "verbose": 0}


@pytest.fixture(scope="module")
def table():
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(table):
    return AutoMLClassifier(**FAST).fit(*table)


def names(estimator):
    return [known.name for known in estimator._initial_design.similar]


def test_the_table_itself_and_its_near_duplicates_are_no_similar_data_sets(fitted):
    assert fitted._initial_design.left_out == ("wdbc",)
    assert names(fitted)
    assert {"wdbc", "breast_w", "wisconsin"}.isdisjoint(names(fitted))


def test_named_data_sets_are_no_similar_data_sets(fitted, table):
    nearest = names(fitted)[0]
    other = AutoMLClassifier(**FAST, without=[nearest.upper(), "a data set that nobody knows"]).fit(*table)
    assert nearest not in names(other)
    assert nearest in other._initial_design.left_out


def test_the_report_names_the_data_sets_that_were_not_used(fitted):
    assert (
        "data sets that may hold rows of this table, or that the user left out: wdbc." in make_start_part(fitted).note
    )
