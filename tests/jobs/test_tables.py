"""The table of a job, from every kind of source."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import openml
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_iris

import automl
from automl.errors import InvalidInputError
from automl.jobs import tables
from automl.jobs.job import Table
from automl.jobs.tables import SplitData, read_data
from meta_db.exchange.client import OpenMLError
from tests.meta_db.exchange.server import OpenMLServer, breast, diabetes

IRIS = load_iris(as_frame=True).frame


@pytest.fixture
def server(tmp_path):
    """A server that speaks OpenML's REST over HTTP, which the client is configured to ask."""
    config = openml.config
    before = config.get_config_as_dict()
    with OpenMLServer([breast(5), diabetes(6)]) as running:
        config.server = running.address
        config.set_root_cache_directory(tmp_path / "cache")
        yield running
    config.server = before["server"]
    config.set_root_cache_directory(before["cachedir"])


def test_openml_data_sets_have_a_default_target(server, tmp_path):
    data = read_data(Table("breast", "openml", "5"), tmp_path)
    assert (data.X.shape, data.y.name, data.is_classification) == ((90, 6), "class", True)
    data = read_data(Table("diabetes", "openml", "6", target="bmi"), tmp_path)
    assert (data.X.shape, data.y.name, data.is_classification) == ((80, 10), "bmi", False)


def test_groups_are_those_of_the_rows_of_the_search(tmp_path):
    frame = IRIS.assign(farm=["a", "b", "c"] * 50, year=[1, 2] * 75)
    frame[:120].to_csv(tmp_path / "t.csv", index=False)
    frame[120:].to_csv(tmp_path / "v.csv", index=False)
    given = {"target": "target", "sensitive_features": ["farm", "year"]}
    data = read_data(Table("t", "path", "t.csv", holdout=0.25, **given), tmp_path)
    pd.testing.assert_frame_equal(
        data.fit_arguments["sensitive_features"], data.X[["farm", "year"]].reset_index(drop=True)
    )
    data = read_data(Table("t", "path", "t.csv", validation="v.csv", **given), tmp_path)
    assert data.fit_arguments["sensitive_features"]["farm"].tolist() == frame["farm"].tolist()
    data = read_data(Table("t", "path", "t.csv", target="target", sensitive_features=["farm"]), tmp_path)
    assert data.fit_arguments["sensitive_features"] == "farm"


@pytest.mark.parametrize(
    ("name", "content", "reading", "message"),
    [
        ("t.xlsx", None, {"sheet": "2024"}, r"^sheet: '.*t\.xlsx' has no sheet '2024'"),
        ("t.csv", "a,y\nпривет мир,1\n".encode("cp1251"), {}, "name its encoding with encoding, for example cp1251"),
        ("t.csv", b"a\0\0y\n", {}, "if it is one, use encoding$"),
        ("t.csv", b"a,y\n\xff,1\n", {"encoding": "ascii"}, "name it with encoding$"),
        ("t.csv", b"a,y\n1,2\n1,2,3\n", {"separator": ","}, "name the separator with separator$"),
        ("t.csv", b"a/y\n1/2\n", {}, "name it with separator$"),
    ],
)
def test_errors_about_a_file_name_the_keys_of_the_table(tmp_path, name, content, reading, message):
    if content is None:
        IRIS[:3].to_excel(tmp_path / name, index=False)
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInputError, match=message):
        read_data(Table("t", "path", name, target="y", reading=reading), tmp_path)


@pytest.mark.parametrize(
    ("part", "fault", "message"),
    [
        ("/data/5", "hang", "data set 5: http.* did not answer within 1 seconds"),
        ("/download/5", "hang", "did not answer within 1 seconds"),
        ("/data/5", "malformed", "is malformed"),
    ],
)
def test_an_openml_server_that_fails_ends_the_attempt(server, tmp_path, monkeypatch, part, fault, message):
    monkeypatch.setattr(tables, "_OPENML_TIMEOUT", 1.0)
    server.faults[part] = fault
    with pytest.raises(OpenMLError, match=message):
        read_data(Table("breast", "openml", "5"), tmp_path)
    server.faults.clear()
    assert read_data(Table("breast", "openml", "5"), tmp_path).X.shape == (90, 6)


def test_a_damaged_file_in_the_cache_is_downloaded_again(server, tmp_path):
    expected = read_data(Table("breast", "openml", "5"), tmp_path).X
    for path in (tmp_path / "cache").rglob("*.arff"):
        path.write_bytes(path.read_bytes()[:2000])
    for path in [*(tmp_path / "cache").rglob("*.pkl*"), *(tmp_path / "cache").rglob("*.feather")]:
        path.unlink()
    pd.testing.assert_frame_equal(read_data(Table("breast", "openml", "5"), tmp_path).X, expected)


@pytest.mark.slow
def test_jobs_that_want_one_openml_data_set_at_once_download_it_once(server, tmp_path):
    (tmp_path / "config" / "openml").mkdir(parents=True)
    (tmp_path / "config" / "openml" / "config").write_text(f"server = {server.address}\nconnection_n_retries = 1\n")
    settings = {f"s{i}": {"estimator": "sklearn.dummy:DummyClassifier", "random_state": i} for i in range(4)}
    batch = {"tables": [{"openml": 5}], "settings": settings, "defaults": {"retries": 0}}
    (tmp_path / "jobs.yaml").write_text(yaml.safe_dump(batch))
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(automl.__file__).parents[1]),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "OPENML_CACHE_DIR": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-m", "automl", "jobs", "run", "jobs.yaml", "--n-jobs", "4"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "4 jobs: 4 finished\n", done.stderr
    assert server.count("/download/5") == 1


def test_the_holdout_keeps_the_shares_of_the_classes_and_is_always_the_same(tmp_path):
    IRIS.to_csv(tmp_path / "iris.csv", index=False)
    table = Table("iris", "path", "iris.csv", target="target", holdout=0.2)
    data, again = read_data(table, tmp_path), read_data(table, tmp_path)
    assert data.y_test.value_counts().to_dict() == {0: 10, 1: 10, 2: 10}
    assert set(data.X.index).isdisjoint(data.X_test.index)
    pd.testing.assert_frame_equal(data.X_test, again.X_test)


def test_the_fingerprint_changes_with_any_cell(tmp_path):
    table = Table("iris", "path", "iris.csv", target="target")
    marks = set()
    for cell in (5.1, 5.1, 5.2):
        changed = IRIS.copy()
        changed.iloc[0, 0] = cell
        changed.to_csv(tmp_path / "iris.csv", index=False)
        marks.add(read_data(table, tmp_path).fingerprint)
    assert len(marks) == 2


def test_the_fingerprint_changes_with_the_type_of_a_column():
    y = pd.Series([0, 1, 0, 1])
    tables = [(values, labels) for values in ([0, 1, 1, 0], [False, True, True, False]) for labels in (y, y == 1)]
    marks = {SplitData(pd.DataFrame({"x": values}), labels, True).fingerprint for values, labels in tables}
    assert len(marks) == 4


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, -1)])
def test_the_fingerprint_changes_with_any_cell_of_the_validation_rows(tmp_path, row, column):
    IRIS.to_csv(tmp_path / "t.csv", index=False)
    table = Table("t", "path", "t.csv", target="target", validation="v.csv")
    marks = set()
    for value in (1, 1, 2):
        changed = IRIS[50:].copy()
        changed.iloc[row, column] = value
        changed.to_csv(tmp_path / "v.csv", index=False)
        marks.add(read_data(table, tmp_path).fingerprint)
    assert len(marks) == 2


def test_tables_without_arguments_of_the_fit_keep_the_fingerprint_of_earlier_versions(monkeypatch):
    monkeypatch.setattr(tables, "FORMAT", 1)
    data = SplitData(pd.DataFrame({"x": [0, 1]}), pd.Series([0, 1]), True)
    assert data.fingerprint == "bd24a180921f1f44"
    assert replace(data, fit_arguments={"sensitive_features": "x"}).fingerprint != data.fingerprint


def test_a_search_of_another_format_is_not_resumed(monkeypatch):
    data = SplitData(pd.DataFrame({"x": [0, 1]}), pd.Series([0, 1]), True)
    before = data.fingerprint
    monkeypatch.setattr(tables, "FORMAT", 10**6)
    assert data.fingerprint != before


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Table("t", "path", "iris.csv", target="targt"), "target: 'iris.csv' has no column 'targt'; it has 'target'"),
        (Table("t", "path", "gone.csv", target="target"), r"no file '.*gone\.csv'"),
        (Table("t", "path", "iris.csv", target="target", holdout=0.999), "of 150 rows cannot be test rows"),
        (Table("t", "call", "builtins:dict", target="y"), "must return a DataFrame or"),
        (Table("t", "call", "tests.jobs.workshop:table"), "returned a DataFrame; name the column"),
        (Table("t", "call", "no.such:thing"), "cannot be imported"),
    ],
)
def test_an_error_names_the_table_that_cannot_be_read(tmp_path, table, message):
    IRIS.to_csv(tmp_path / "iris.csv", index=False)
    with pytest.raises(InvalidInputError, match=message):
        read_data(table, tmp_path)


def test_the_file_of_a_job_may_need_options(tmp_path):
    (tmp_path / "a.csv").write_bytes("naïve;y\n1,5;0\n2,5;1\n".encode("cp1252"))
    table = Table("a", "path", "a.csv", target="y", reading={"encoding": "cp1252", "decimal": "."})
    assert read_data(table, tmp_path).X["naïve"].tolist() == ["1,5", "2,5"]


def test_the_order_of_the_classes_reaches_the_target(tmp_path):
    table = IRIS.assign(target=IRIS["target"].map({0: "small", 1: "middle", 2: "large"}))
    table.to_csv(tmp_path / "iris.csv", index=False)
    order = ["small", "middle", "large"]
    data = read_data(Table("iris", "path", "iris.csv", target="target", ordered_classes=order, holdout=0.2), tmp_path)
    assert data.y.cat.categories.tolist() == order
    assert data.y.cat.ordered
    with pytest.raises(InvalidInputError, match="ordered_classes lacks the class 'large' of 'target'"):
        read_data(Table("iris", "path", "iris.csv", target="target", ordered_classes=order[:2]), tmp_path)


def test_test_rows_and_validation_rows_get_the_texts_that_name_fractions(tmp_path):
    table = IRIS.assign(target=IRIS["target"] / 2 + 0.5)
    table.to_csv(tmp_path / "iris.csv", index=False)
    table[table["target"] == 1].to_csv(tmp_path / "other.csv", index=False)
    files = {"test": "other.csv", "validation": "other.csv"}
    data = read_data(
        Table("i", "path", "iris.csv", target="target", ordered_classes=["0.5", "1", "1.5"], **files), tmp_path
    )
    assert data.y.cat.categories.tolist() == ["0.5", "1.0", "1.5"]
    assert set(data.y_test) == set(data.fit_arguments["y_val"]) == {"1.0"}
