"""The rows of a job, from every kind of source."""

from __future__ import annotations

from types import SimpleNamespace

import openml
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from automl.errors import InvalidInputError
from automl.jobs.job import Table
from automl.jobs.tables import read_data

IRIS = load_iris(as_frame=True).frame


@pytest.fixture
def openml_has_iris(monkeypatch):
    """OpenML's answer without the network."""

    def get_dataset(number, download_data):
        assert (number, download_data) == (61, True)
        data = (IRIS, None, None, list(IRIS.columns))
        return SimpleNamespace(default_target_attribute="target", get_data=lambda dataset_format: data)

    monkeypatch.setattr(openml.datasets, "get_dataset", get_dataset)


def test_openml_data_sets_have_a_default_target(openml_has_iris, tmp_path):
    rows = read_data(Table("iris", "openml", "61"), tmp_path)
    assert (rows.X.shape, rows.y.name, rows.is_classification) == ((150, 4), "target", True)
    rows = read_data(Table("iris", "openml", "61", target="sepal width (cm)"), tmp_path)
    assert (rows.y.name, rows.is_classification) == ("sepal width (cm)", False)


def test_the_holdout_keeps_the_shares_of_the_classes_and_is_always_the_same(tmp_path):
    IRIS.to_csv(tmp_path / "iris.csv", index=False)
    table = Table("iris", "path", "iris.csv", target="target", holdout=0.2)
    rows, again = read_data(table, tmp_path), read_data(table, tmp_path)
    assert rows.y_test.value_counts().to_dict() == {0: 10, 1: 10, 2: 10}
    assert set(rows.X.index).isdisjoint(rows.X_test.index)
    pd.testing.assert_frame_equal(rows.X_test, again.X_test)


def test_the_fingerprint_changes_with_any_cell(tmp_path):
    table = Table("iris", "path", "iris.csv", target="target")
    marks = set()
    for cell in (5.1, 5.1, 5.2):
        changed = IRIS.copy()
        changed.iloc[0, 0] = cell
        changed.to_csv(tmp_path / "iris.csv", index=False)
        marks.add(read_data(table, tmp_path).fingerprint)
    assert len(marks) == 2


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (Table("t", "path", "iris.csv", target="targt"), "target: 'iris.csv' has no column 'targt'; it has 'target'"),
        (Table("t", "path", "gone.csv", target="target"), r"no file '.*gone\.csv'"),
        (Table("t", "path", "iris.csv", target="target", holdout=0.999), "of 150 rows cannot be kept back"),
        (Table("t", "call", "builtins:dict", target="y"), "must return a DataFrame or"),
        (Table("t", "call", "tests.jobs.workshop:table"), "returned a DataFrame; name its target"),
        (Table("t", "call", "no.such:thing"), "cannot be imported"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, table, said):
    IRIS.to_csv(tmp_path / "iris.csv", index=False)
    with pytest.raises(InvalidInputError, match=said):
        read_data(table, tmp_path)
