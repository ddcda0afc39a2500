"""Builds of a meta-database, with real processes on real tables."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from automl import AutoMLClassifier
from automl.errors import InvalidInputError
from automl.meta.build import BenchmarkTable, MeasurementProtocol, build_database, read_benchmark_tables
from automl.meta.design import design, dominated
from automl.meta.records import add_run
from meta_db.prediction_codec import decode
from meta_db.records import Results
from meta_db.store import MetaDatabase
from pipelines.build import predicted_seconds
from pipelines.configuration import Configuration
from pipelines.rich_tables import RICH_TABLES
from pipelines.space import build_space, complete

LONG = "x" * 300  # the system refuses this name as it refuses another user's folder, which root could not be refused
NB = Configuration({"model": "gaussian_nb"})
TREE = Configuration({"model": "decision_tree"})
RIDGE = Configuration({"model": "ridge"})
SMOOTHED = [  # naive Bayes by how much it smooths, from best to worst on iris
    Configuration({"model": "gaussian_nb", "model:gaussian_nb:var_smoothing": 10.0 ** -(i / 10)}) for i in range(24)
][::-1]


@pytest.fixture
def folder(tmp_path):
    iris, diabetes = load_iris(as_frame=True).frame, load_diabetes(as_frame=True).frame
    iris["target"] = iris["target"].astype(str)
    iris.to_parquet(tmp_path / "iris.parquet")
    diabetes.to_parquet(tmp_path / "diabetes.parquet")
    lines = ["name,task,n_rows,family,openml_id", "diabetes,regression,442,sugar,", "iris,multiclass,150,,61"]
    (tmp_path / "index.csv").write_text("\n".join(lines))
    return tmp_path


def build_from(folder, rounds, **protocol):
    path = folder / "memory.sqlite"
    with MetaDatabase(path, writable=True) as database:
        build_database(
            read_benchmark_tables(folder), database, rounds, protocol=MeasurementProtocol(**protocol), n_workers=2
        )
    return path


def test_the_index_says_what_the_tables_are(folder):
    small, large = read_benchmark_tables(folder)
    assert (small.name, small.is_classification, small.openml_id) == ("iris", True, 61)
    assert (large.name, large.is_classification, large.family) == ("diabetes", False, "sugar")


def test_small_and_large_tables_take_turns(tmp_path):
    lines = [f"t{n},regression,{n}" for n in range(1, 9)]
    (tmp_path / "index.csv").write_text("\n".join(["name,task,n_rows", *lines]))
    sizes = [int(table.name[1:]) for table in read_benchmark_tables(tmp_path)]
    assert sorted(sizes) == list(range(1, 9))
    assert max(sizes[:2]) > 4 >= min(sizes[:2])


def test_a_folder_without_an_index_says_what_it_needs(tmp_path):
    with pytest.raises(InvalidInputError, match=r"index\.csv.*name, task and n_rows"):
        read_benchmark_tables(tmp_path)


def test_an_index_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "index.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInputError, match=r"index\.csv' cannot be read"):
        read_benchmark_tables(tmp_path)
    with pytest.raises(InvalidInputError, match=r"index\.csv' cannot be read"):
        read_benchmark_tables(tmp_path / LONG)  # refused by the system, as a folder of another user is


def test_scores_seconds_predictions_and_qualities_are_kept(folder):
    with MetaDatabase(build_from(folder, [[NB, TREE, RIDGE]])) as database:
        results = database.results()
        scores = {
            (record.name, configuration.family): results.scores[i, j]
            for i, (_, record) in enumerate(results.datasets)
            for j, (_, configuration) in enumerate(results.configurations)
        }
        assert -0.3 < scores["iris", "gaussian_nb"] < 0
        assert -70 < scores["diabetes", "ridge"] < -50
        assert np.isnan(scores["iris", "ridge"])  # a family for regression only
        number, iris = next((n, record) for n, record in results.datasets if record.name == "iris")
        assert iris.qualities["NumberOfInstances"] == 150
        assert iris.qualities["NumberOfClasses"] == 3
        kept = decode(database.samples(number)[NB], True)
        assert kept.mean() > 0.9  # of the probabilities of the true class


def test_larger_tables_give_a_stratified_part(folder):
    with MetaDatabase(build_from(folder, [[NB]], max_rows=60)) as database:
        (record,) = (record for _, record in database.datasets() if record.name == "iris")
        assert record.n_rows == 150
        assert 55 <= record.traits.n_rows <= 65
        assert np.bincount(record.target.astype(int)).tolist() == [20, 20, 20]


def test_a_second_run_measures_nothing_twice_and_adds_what_is_new(folder):
    build_from(folder, [[NB]])
    visits = []
    with MetaDatabase(folder / "memory.sqlite", writable=True) as database:
        build_database(
            read_benchmark_tables(folder),
            database,
            [[NB, TREE]],
            n_workers=1,
            on_visit=lambda table, number, done: visits.append((table.name, done)),
        )
    assert visits == [("iris", 1), ("diabetes", 1)]  # the tree on both; naive Bayes does not apply to diabetes


@pytest.mark.slow
def test_a_configuration_with_a_bad_first_fold_is_not_run_on_the_others(folder):
    path = build_from(folder, [SMOOTHED[:19]])
    with MetaDatabase(path) as database:
        (iris,) = (number for number, record in database.datasets() if record.name == "iris")
        before = database.fold_scores(iris, "neg_log_loss")
    with MetaDatabase(build_from(folder, [[SMOOTHED[23], TREE, NB]])) as database:
        after = database.fold_scores(iris, "neg_log_loss")
        means = database.scores(iris, "neg_log_loss")
    assert all(np.isfinite(folds).all() for folds in before.values())  # too few to compare with
    assert np.isfinite(after[SMOOTHED[23]]).tolist() == [True, False, False]
    assert means[SMOOTHED[23]] <= min(means[c] for c in SMOOTHED[:19])


def test_a_table_that_cannot_be_used_is_left_out_and_the_others_go_on(folder):
    constant = load_iris(as_frame=True).frame
    constant["target"] = "same"
    constant.to_parquet(folder / "constant.parquet")
    (folder / "index.csv").write_text("name,task,n_rows\nconstant,binary,1\niris,multiclass,150")
    with MetaDatabase(build_from(folder, [[NB]])) as database:
        assert [record.name for _, record in database.datasets()] == ["iris"]


def test_a_table_whose_file_may_not_be_read_is_left_out_and_the_others_go_on(folder):
    tables = [BenchmarkTable("long", folder / LONG / "long.parquet", True), *read_benchmark_tables(folder)[:1]]
    with MetaDatabase(folder / "memory.sqlite", writable=True) as database:
        build_database(tables, database, [[NB]], n_workers=1)
        assert [record.name for _, record in database.datasets()] == ["iris"]


@pytest.mark.slow
def test_rounds_begin_with_the_portfolio_and_then_hold_every_family():
    first, second = design(2)
    assert {"lightgbm", "realmlp", "catboost"} <= {configuration.family for configuration in first}
    counts = {family: sum(c.family == family for c in second) for family in ("lightgbm", "decision_tree")}
    assert counts["lightgbm"] > counts["decision_tree"] >= 1
    assert list(design(2))[1] == second


@pytest.mark.slow
def test_no_drawn_configuration_takes_much_longer_than_those_made_by_hand():
    portfolio, *rounds = design(4)
    traits = RICH_TABLES["binary"]
    space = build_space(traits)

    def seconds(entries):
        found = {}
        for configuration in filter(None, (complete(space, entry) for entry in entries)):
            guess = predicted_seconds(configuration, traits)
            found[configuration.family] = max(guess, found.get(configuration.family, 0.0))
        return found

    by_hand = seconds(portfolio)
    for drawn in rounds:
        longest = seconds(drawn)
        assert {"catboost", "tabm", "resnet", "realmlp"} <= set(longest)
        assert all(longest[family] <= max(2.0, 1.1 * by_hand[family]) for family in longest)


def test_a_configuration_that_is_bad_nearly_everywhere_is_dominated():
    scores = np.tile([3.0, 2.0, 1.0], (40, 1))
    scores[:5] = [1.0, 2.0, 3.0]
    results = Results([], list(enumerate([NB, TREE, RIDGE])), scores, scores, scores)
    assert dominated(results) == set()
    scores[:] = [3.0, 2.0, 1.0]
    assert dominated(results) == {RIDGE}
    assert dominated(Results([], results.configurations, scores[:10], scores[:10], scores[:10])) == set()


@pytest.mark.slow
def test_a_killed_build_goes_on_where_it_was(folder):
    path = folder / "memory.sqlite"
    command = [sys.executable, "-m", "automl", "meta", "build", str(folder), "--file", str(path), "--rounds", "1"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    before = 0
    while before < 3:
        assert time.monotonic() < deadline
        time.sleep(0.2)
        if path.exists() and path.stat().st_size:
            with MetaDatabase(path, writable=True) as database:
                before = database.info()["n_evaluations"]
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=600)
    with MetaDatabase(path) as database:
        tried = [database.tried(number) for number, _ in database.datasets()]
        assert sum(map(len, tried)) == database.info()["n_evaluations"] > 30


@pytest.mark.slow
def test_a_run_starts_with_the_best_configuration_of_an_added_run(tmp_path, monkeypatch):
    X, y = load_breast_cancer(return_X_y=True)
    monkeypatch.setenv("AUTOML_MEMORY", str(tmp_path / "memory.sqlite"))
    store = tmp_path / "run"
    model = AutoMLClassifier(
        time_budget=None,
        max_trials=3,
        n_jobs=1,
        include=["lda", "gaussian_nb", "decision_tree"],
        store=store,
        random_state=0,
        verbose=0,
    )
    model.fit(X, y)
    with MetaDatabase(tmp_path / "memory.sqlite", writable=True) as database:
        assert add_run(store, "cancer", database) == 3
        assert add_run(store, "cancer", database) == 3  # again: nothing is kept twice
        assert database.info()["n_evaluations"] == 3
        ((number, record),) = database.datasets()
        scores = database.scores(number, "roc_auc")
    best = max(scores, key=lambda configuration: scores[configuration])
    assert record.qualities["NumberOfFeatures"] == 31  # the target counts, as in OpenML
    again = AutoMLClassifier(
        time_budget=None, max_trials=3, n_jobs=1, include=["lda", "gaussian_nb", "decision_tree"], verbose=0
    ).fit(X, y)
    assert best in {trial.trial.configuration for trial in again.history_.results}


def test_a_folder_that_holds_no_run_is_refused(tmp_path):
    with (
        MetaDatabase(tmp_path / "memory.sqlite", writable=True) as database,
        pytest.raises(InvalidInputError, match="holds no run"),
    ):
        add_run(tmp_path / "missing", "nothing", database)
    with (
        MetaDatabase(tmp_path / "memory.sqlite", writable=True) as database,
        pytest.raises(InvalidInputError, match="is not the folder of a run"),
    ):
        add_run(tmp_path, "nothing", database)


def test_a_table_without_its_target_is_left_out(folder):
    table = BenchmarkTable("iris", folder / "iris.parquet", True, target="species")
    with MetaDatabase(folder / "memory.sqlite", writable=True) as database:
        build_database([table], database, [[NB]])
        assert database.datasets() == []
