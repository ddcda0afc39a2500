"""OpenML tasks as benchmark tables, and published runs, with the unmodified package and a server of our own."""

import json
import sqlite3
from contextlib import closing

import arff
import numpy as np
import openml
import pytest
from typer.testing import CliRunner

from automl import AutoMLClassifier, AutoMLRegressor
from automl.cli.meta import app
from automl.errors import InvalidInputError
from automl.meta.build import build_database
from automl.meta.openml_run import as_benchmark_table, find_best, publish_best
from meta_db.exchange.client import Connection, OpenMLError
from meta_db.exchange.task import fetch_task
from meta_db.store import MetaDatabase
from pipelines.configuration import Configuration
from tests.meta_db.exchange.server import N_FOLDS, OpenMLServer, breast, diabetes

NB = Configuration({"model": "gaussian_nb"})
SETTINGS = {"max_trials": 2, "time_budget": None, "n_jobs": 1, "random_state": 0, "verbose": 0, "ensemble_size": 1}


@pytest.fixture(scope="module")
def server():
    with OpenMLServer([breast(), diabetes()]) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("openml")


@pytest.fixture(scope="module")
def run(server, folder):
    """Folder of a finished run on task 50."""
    table = fetched(server, folder, 50)
    model = AutoMLClassifier(cv=table.folds, store=folder / "run", include=["gaussian_nb"], **SETTINGS)
    model.fit(table.X, table.y)
    return folder / "run"


def opened(server, folder, api_key=None):
    return Connection(server.address, api_key, folder / "cache", timeout=60.0, retries=1).open()


def fetched(server, folder, number):
    with opened(server, folder) as client:
        return fetch_task(client, number)


def test_a_task_is_measured_on_all_its_rows_and_its_own_splits(server, folder):
    with MetaDatabase(folder / "memory.sqlite", writable=True) as database:
        build_database([as_benchmark_table(fetched(server, folder, 50))], database, [[NB]], n_workers=1)
        ((number, record),) = database.datasets()
        assert (record.name, record.openml_id, record.n_rows) == ("breast", 5, 90)
        assert record.traits.n_rows == 90
        assert database.tried(number) == {NB}
    with closing(sqlite3.connect(folder / "memory.sqlite")) as connection:
        ((n_scores,),) = connection.execute("SELECT length(folds) / 4 FROM score WHERE metric = 'accuracy'").fetchall()
    assert n_scores == N_FOLDS


def test_a_published_run_carries_the_predictions_for_every_row(server, folder, run):
    server.received.clear()
    table = fetched(server, folder, 50)
    with opened(server, folder, "secret") as client:
        assert publish_best(client, run, table) == 321
    (description,), (predictions,) = server.received["description.xml"], server.received["predictions.arff"]
    _, best = find_best(run, table)
    assert "<oml:task_id>50</oml:task_id>" in description
    assert json.loads(description.split("<oml:value>")[1].split("</oml:value>")[0]) == dict(best.configuration)
    rows = arff.loads(predictions)
    names = [name for name, _ in rows["attributes"]]
    row_ids = [int(row[names.index("row_id")]) for row in rows["data"]]
    assert sorted(row_ids) == list(range(90))
    assert [row[names.index("correct")] for row in rows["data"]] == list(breast().frame["class"].iloc[row_ids])
    chances = np.array([[row[names.index(f"confidence.{c}")] for c in table.class_labels] for row in rows["data"]])
    assert chances.sum(axis=1) == pytest.approx(np.ones(90), abs=1e-5)
    hits = np.mean([row[names.index("prediction")] == row[names.index("correct")] for row in rows["data"]])
    assert hits > 0.8


def test_a_flow_that_names_the_program_goes_with_the_run(server, folder, run):
    server.received.clear()
    with opened(server, folder, "secret") as client:
        publish_best(client, run, fetched(server, folder, 50))
    (flow,) = server.received["description"]
    assert "<oml:name>cash_automl.Pipeline</oml:name>" in flow
    assert "scikit-learn==" in flow


def test_numbers_are_published_with_their_truth(server, folder):
    table = fetched(server, folder, 60)
    store = folder / "numbers"
    AutoMLRegressor(cv=table.folds, store=store, include=["ridge"], **SETTINGS).fit(table.X, table.y)
    server.received.clear()
    with opened(server, folder, "secret") as client:
        publish_best(client, store, table)
    rows = arff.loads(server.received["predictions.arff"][0])["data"]
    truth = diabetes().frame["y"]
    assert [row[-1] for row in rows] == pytest.approx([truth.iloc[int(row[2])] for row in rows])


def test_nothing_is_published_without_a_key(server, folder, run, monkeypatch):
    monkeypatch.setattr(openml.config, "apikey", "")
    server.received.clear()
    with opened(server, folder) as client, pytest.raises(OpenMLError, match="needs your OpenML key"):
        publish_best(client, run, fetch_task(client, 50))
    assert server.received == {}


def test_a_run_on_other_splits_is_refused(server, folder):
    table = fetched(server, folder, 50)
    store = folder / "others"
    AutoMLClassifier(cv=3, store=store, include=["gaussian_nb"], **SETTINGS).fit(table.X, table.y)
    with pytest.raises(InvalidInputError, match=r"not a run on the rows and splits of OpenML task 50"):
        find_best(store, table)


def test_splits_of_the_same_rows_with_another_border_are_refused(server, folder):
    table = fetched(server, folder, 50)
    store = folder / "border"
    moved = [(np.append(train, test[0]), test[1:]) for train, test in table.folds]
    AutoMLClassifier(cv=moved, store=store, include=["gaussian_nb"], **SETTINGS).fit(table.X, table.y)
    with pytest.raises(InvalidInputError, match=r"not a run on the rows and splits of OpenML task 50"):
        find_best(store, table)


def test_the_command_sends_only_on_request(server, folder, run, monkeypatch):
    monkeypatch.setattr(openml.config, "_root_cache_directory", folder / "cache")
    arguments = ["publish", str(run), "--openml-task", "50", "--server", server.address, "--api-key", "secret"]
    server.received.clear()
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "nothing was sent, add --yes" in done.output
    assert server.received == {}
    done = CliRunner().invoke(app, [*arguments, "--yes"], catch_exceptions=False)
    assert f"run 321 on task 50 is at {server.address}" in done.output
    assert set(server.received) == {"description", "description.xml", "predictions.arff"}


def test_the_command_measures_openml_tasks(server, folder, monkeypatch):
    monkeypatch.setattr(openml.config, "_root_cache_directory", folder / "another cache")
    path = folder / "built.sqlite"
    server.asked.clear()
    arguments = ["build", "--openml-task", "50", "--server", server.address, "--file", str(path), "--hours", "0"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "0 data sets" in done.output  # no time was given to measure anything
    assert server.count("/splits/5") == 1


def test_a_wrong_file_is_an_error_before_the_download(server, folder):
    path = folder / "notes.txt"
    path.write_text("no database" * 100)
    server.asked.clear()
    arguments = ["build", "--openml-task", "50", "--server", server.address, "--file", str(path)]
    with pytest.raises(InvalidInputError, match=r"notes\.txt' cannot be used.*; choose another file with --file"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert not server.asked


def test_a_missing_key_is_an_error_before_the_download(server, run, monkeypatch):
    monkeypatch.setattr(openml.config, "apikey", "")
    server.asked.clear()
    arguments = ["publish", str(run), "--openml-task", "50", "--server", server.address, "--yes"]
    with pytest.raises(InvalidInputError, match="needs your OpenML key"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert not server.asked


@pytest.mark.parametrize("wrong", [{"retries": 0}, {"cache": 5}])
def test_a_connection_that_cannot_be_opened_leaves_the_client_s_configuration_as_it_was(wrong):
    before = openml.config.get_config_as_dict()
    try:
        with Connection("http://127.0.0.1:1/api/v1/xml", "secret", **wrong).open():
            pass
    except (ValueError, TypeError):
        pass
    assert openml.config.get_config_as_dict() == before


def test_the_command_wants_a_folder_or_a_task(folder):
    with pytest.raises(InvalidInputError, match="give a folder of tables, or at least one --openml-task"):
        CliRunner().invoke(app, ["build"], catch_exceptions=False)
