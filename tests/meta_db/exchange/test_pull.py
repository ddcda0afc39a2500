"""Pulls from OpenML, with the unmodified package, real HTTP and a server of our own."""

import re
import sqlite3
from contextlib import closing

import openml
import pytest
from typer.testing import CliRunner

from automl.cli.meta import app
from meta_db.exchange.client import Connection, OpenMLError
from meta_db.exchange.pull import OTHER_LIBRARY, Selection, pull
from meta_db.exchange.task import fetch_task
from meta_db.store import MetaDatabase
from tests.meta_db.exchange.server import OpenMLServer, Run, breast, diabetes

TREE = "sklearn.tree.tree.DecisionTreeClassifier"
SVC = "sklearn.svm.classes.SVC"
RIDGE = "sklearn.linear_model.ridge.Ridge"
SUITE = Selection(suites=[99])
TIMES = {"usercpu_time_millis_training": [200.0, 400.0], "usercpu_time_millis_testing": [10.0, 20.0]}


def runs():
    def scores(auc, accuracy):
        return {"area_under_roc_curve": auc, "predictive_accuracy": accuracy}

    return [
        Run(1, 50, 11, f"{TREE}(4)", {**scores([0.7, 0.8], [0.6, 0.7]), **TIMES}),
        Run(2, 50, 12, f"{SVC}(2)", scores(0.9, 0.8)),
        Run(3, 50, 13, "weka.RandomForest(5)", scores(0.9, 0.8)),
        Run(4, 50, 11, f"{TREE}(4)", scores(0.1, 0.1)),
        Run(5, 60, 14, f"{RIDGE}(1)", {"root_mean_squared_error": 50.0, "mean_absolute_error": 40.0}),
    ]


SETUPS = {
    11: {TREE: {"max_depth": 5, "min_samples_leaf": 2}},
    12: {SVC: {"kernel": "linear"}},
    14: {RIDGE: {"alpha": 2.5}},
}


@pytest.fixture
def server():
    with OpenMLServer([breast(), diabetes()], runs(), SETUPS) as running:
        yield running


@pytest.fixture
def path(tmp_path):
    return tmp_path / "memory.sqlite"


def connection(server, path, timeout=60.0):
    return Connection(server.address, cache=path.parent / "cache", timeout=timeout, retries=1)


def pulled(server, path, selection=SUITE, timeout=60.0):
    with MetaDatabase(path, writable=True) as database, connection(server, path, timeout).open() as client:
        return pull(client, database, selection)


def contents(path):
    """Return the contents of a database without the numbers of its rows."""
    with MetaDatabase(path) as database:
        return [
            (record.name, database.scores(number, "roc_auc")) for number, record in database.datasets()
        ], database.info()


def test_a_suite_brings_data_sets_with_traits_and_qualities(server, path):
    pulled(server, path)
    with MetaDatabase(path) as database:
        (_, breast_record), (_, diabetes_record) = database.datasets()
    traits = breast_record.traits
    assert (traits.task, traits.n_rows, traits.n_features, traits.n_classes) == ("binary", 90, 6, 2)
    assert (traits.categorical, traits.cardinalities, traits.has_missing) == ((5,), (5,), True)
    assert breast_record.qualities == {"NumberOfInstances": 90.0, "NumberOfFeatures": 7.0}
    assert breast_record.openml_id == 5
    assert (diabetes_record.traits.task, diabetes_record.traits.n_features) == ("regression", 10)


def test_evaluations_come_under_the_names_of_scikit_learn_with_seconds_of_a_fold(server, path):
    pulled(server, path)
    with MetaDatabase(path) as database:
        results = database.results(["binary"])
        (configuration,) = database.tried(1)
        regression = database.results(["regression"])
    assert configuration["model:decision_tree:max_depth"] == 5
    assert results.scores[0, 0] == pytest.approx(0.75)
    assert results.seconds[0, 0] == pytest.approx(0.3)
    assert regression.scores[0, 1] == pytest.approx(-50.0)


def test_scores_of_each_fold_come_where_they_are_asked_for(server, path):
    whole, folds = path, path.with_name("folds.sqlite")
    pulled(server, whole)
    pulled(server, folds, Selection(tasks=[50], per_fold=True))
    assert n_scores(whole) == 1
    assert n_scores(folds) == 2


def n_scores(path):
    return select(path, "SELECT length(folds) / 4 FROM score WHERE dataset = 1 AND metric = 'roc_auc'")


def select(path, statement):
    """Return the only value of a query."""
    with closing(sqlite3.connect(path)) as connection:
        ((value,),) = connection.execute(statement).fetchall()
    return value


def test_provenance_names_run_flow_and_version(server, path):
    pulled(server, path, Selection(tasks=[60]))
    content = select(path, "SELECT content FROM provenance")
    for part in ('"source": "openml"', '"run": 5', f'"flow": "{RIDGE}"', '"flow_version": "1"', server.address):
        assert part in content


def test_the_report_counts_what_was_mapped_and_why_the_rest_was_not(server, path):
    report = pulled(server, path)
    assert (report.n_tasks, report.n_listed, report.n_mapped, report.n_added) == (2, 5, 3, 2)
    assert report.reasons == {OTHER_LIBRARY: 1, "SVC: kernel has a value that our models cannot have": 1}
    assert report.failures == {}


def test_a_data_set_stands_for_its_tasks(server, path):
    assert pulled(server, path, Selection(datasets=[6])).n_added == 1


def test_a_second_pull_asks_for_lists_only_and_adds_what_is_new(server, path):
    pulled(server, path)
    before = contents(path)
    server.asked.clear()
    assert pulled(server, path).n_added == 0
    assert contents(path) == before
    assert {"/".join(path.split("/")[4:6]) for path in server.asked} == {"study/99", "evaluation/list", "user/list"}
    server.runs.append(Run(6, 60, 15, f"{RIDGE}(1)", {"root_mean_squared_error": 49.0}))
    server.setups[15] = {RIDGE: {"alpha": 7.5}}
    server.asked.clear()
    assert pulled(server, path).n_added == 1
    assert [path for path in server.asked if "setup/list" in path] == [
        "/api/v1/xml/setup/list/setup/15/limit/1000/offset/0"
    ]


def test_a_pull_that_breaks_off_leaves_whole_results_and_the_next_one_goes_on(server, path):
    server.faults["evaluation/list/function/mean_absolute_error"] = 503
    report = pulled(server, path)
    assert list(report.failures) == [60]
    with MetaDatabase(path) as database:
        assert [record.name for _, record in database.datasets()] == ["breast"]
        assert database.info()["n_evaluations"] == 1
    server.faults.clear()
    server.asked.clear()
    assert pulled(server, path).n_added == 1
    assert server.count("/data/") == 0
    other = path.with_name("other.sqlite")
    pulled(server, other)
    assert contents(path)[0] == contents(other)[0]


UNREADABLE = "cannot be read|malformed"
NOT_IN_TIME = "did not answer within 1.5 seconds"


@pytest.mark.parametrize(
    ("part", "fault", "reason"),
    [
        ("task/60", "malformed", UNREADABLE),
        ("data/6", "malformed", UNREADABLE),
        ("data/features/6", "malformed", UNREADABLE),
        ("data/qualities/6", "malformed", UNREADABLE),
        ("evaluation", "malformed", UNREADABLE),
        ("setup/list", "malformed", UNREADABLE),
        ("task/60", 500, "out of order"),
        ("data/features/6", 503, "out of order"),
        ("setup/list", 500, "out of order"),
        ("data/qualities/6", "hang", NOT_IN_TIME),
        ("evaluation", "hang", NOT_IN_TIME),
    ],
)
def test_a_fault_is_named_leaves_nothing_and_is_over_when_the_server_is_well(server, path, part, fault, reason):
    only = Selection(tasks=[60])
    server.faults[part] = fault
    report = pulled(server, path, only, timeout=1.5 if fault == "hang" else 60.0)
    assert report.failures.keys() == {60}
    (message,) = report.failures.values()
    assert server.address in message
    assert re.search(reason, message)
    assert contents(path)[1]["n_datasets"] == 0
    server.faults.clear()
    assert pulled(server, path, only).n_added == 1


def test_a_server_that_only_fails_is_left_alone_after_three_tasks(server, path):
    server.faults["task/"] = 500
    report = pulled(server, path, Selection(tasks=[50, 60, 70, 80, 90]))
    assert list(report.failures) == [50, 60, 70]


def test_a_suite_that_cannot_be_had_is_an_error(server, path):
    server.faults["study"] = "malformed"
    with pytest.raises(OpenMLError, match=f"suite 99: {server.address}"):
        pulled(server, path)


def fetched(server, path, number=50):
    with connection(server, path).open() as client:
        return fetch_task(client, number)


def test_a_task_comes_with_its_table_and_its_own_splits(server, path):
    table = fetched(server, path)
    assert list(table.X.columns) == list(breast().frame.columns[:-1])
    assert list(table.y) == list(breast().frame["class"])
    assert [set(test) for _, test in table.folds] == [set(test) for _, test in breast().folds()]


def test_parquet_is_taken_where_the_server_has_it(path):
    with OpenMLServer([breast(parquet=True)]) as server:
        table = fetched(server, path)
        assert server.count("/bucket/") > 0
        assert server.count("/download/") == 0
    assert table.X.equals(breast().frame.drop(columns="class").astype({"size": table.X["size"].dtype}))


def test_a_wrong_checksum_is_named_and_the_file_not_kept(server, path):
    server.faults["/download/5"] = "malformed"
    with pytest.raises(OpenMLError, match=r"data set 5.*Checksum"):
        fetched(server, path)
    server.faults.clear()
    assert len(fetched(server, path).y) == 90


def test_a_part_of_a_file_that_a_killed_download_left_is_downloaded_again(server, path):
    fetched(server, path)
    (file,) = path.parent.glob("cache/**/dataset.arff")
    for pickled in file.parent.glob("dataset.pkl*"):
        pickled.unlink()
    file.write_bytes(file.read_bytes()[:1500])
    assert len(fetched(server, path).y) == 90


def test_the_configuration_of_the_package_is_as_before_when_a_client_is_closed(server, path):
    before = openml.config.get_config_as_dict()
    with pytest.raises(OpenMLError), connection(server, path).open() as client:
        client.task(70)
    assert openml.config.get_config_as_dict() == before


def test_the_command_says_how_many_could_be_mapped_and_why_the_rest_could_not(server, path, monkeypatch):
    monkeypatch.setattr(openml.config, "_root_cache_directory", path.parent / "cache")
    arguments = ["pull", "--suite", "99", "--server", server.address, "--file", str(path)]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "5 runs on 2 tasks; with a counterpart in the search space: 3; added to" in done.output
    assert "1 left out: SVC: kernel has a value that our models cannot have" in done.output
