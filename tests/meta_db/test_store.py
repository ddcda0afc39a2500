"""The public methods of the database, on real files."""

import json
import sqlite3
from dataclasses import asdict, replace

import numpy as np
import pytest

from meta_db.records import DatasetRecord, EvaluationRecord
from meta_db.schema import APPLICATION_ID, MIGRATIONS, VERSION
from meta_db.store import MetaDatabase, MetaDatabaseError
from pipelines.component import TableTraits
from pipelines.configuration import Configuration

TREE = Configuration({"model": "decision_tree"})
RIDGE = Configuration({"model": "ridge", "model:ridge:alpha": 1.0})
TRAITS = TableTraits("binary", 90, 3, n_classes=2, categorical=(0,), cardinalities=(4,), has_missing=True)

SVM = Configuration({"model": "linear_svm"})


def make_dataset(name="bupa", task="binary"):
    traits = TRAITS if task == "binary" else TableTraits("regression", 90, 3)
    target = np.zeros(90, dtype=np.float32)
    return DatasetRecord(name, f"mark of {name}", name, 100, traits, {"NumberOfFeatures": 3.0}, target, openml_id=8)


def make_evaluation(auc=(0.7, 0.8), **changes):
    values = {"status": "ok", "scores": {"roc_auc": auc, "accuracy": (0.6, 0.6)}, "fit_seconds": 0.5, "sample": b"\x01"}
    return EvaluationRecord(**{**values, **changes})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "meta.sqlite"


@pytest.fixture
def filled(path):
    with MetaDatabase(path, writable=True) as database:
        dataset = database.add_dataset(make_dataset())
        database.add_evaluation(dataset, TREE, make_evaluation(), "fill", {"numpy": "2.0"})
        database.add_evaluation(dataset, RIDGE, make_evaluation((0.9, 0.9)), "fill", {"numpy": "2.0"})
    return path


def test_what_was_added_is_read_back_by_another_connection(filled):
    with MetaDatabase(filled) as database:
        ((number, record),) = database.datasets()
        results = database.results()
        assert record.traits == TRAITS
        assert record.qualities == {"NumberOfFeatures": 3.0}
        assert record.openml_id == 8
        assert [configuration for _, configuration in results.configurations] == [TREE, RIDGE]
        np.testing.assert_allclose(results.scores, [[0.75, 0.9]])
        np.testing.assert_allclose(results.seconds, [[0.5, 0.5]])
        assert database.samples(number) == {TREE: b"\x01", RIDGE: b"\x01"}
        assert database.tried(number) == {TREE, RIDGE}


def test_means_allow_for_the_folds_that_were_not_run(filled):
    nan = float("nan")
    with MetaDatabase(filled, writable=True) as database:
        # The second fold is easier by 0.1 where both were run: 0.65 on the first alone stands for 0.7 on average.
        database.add_evaluation(1, RIDGE, make_evaluation((0.6, 0.7)), "fill", {})
        database.add_evaluation(1, SVM, make_evaluation((0.65, nan)), "fill", {})
        assert database.scores(1, "roc_auc") == pytest.approx({TREE: 0.75, RIDGE: 0.65, SVM: 0.7})
        np.testing.assert_allclose(database.results().scores, [[0.75, 0.65, 0.7]])
        np.testing.assert_allclose(database.fold_scores(1, "roc_auc")[SVM], [0.65, nan])
        # Better on one fold than all that were run on both: no more than that is known of it.
        database.add_evaluation(1, SVM, make_evaluation((0.99, nan)), "fill", {})
        assert database.scores(1, "roc_auc")[SVM] == pytest.approx(0.75)
        # Worse on one fold than all that were run on both: by as much worse than the worst of them.
        database.add_evaluation(1, SVM, make_evaluation((0.5, nan)), "fill", {})
        assert database.scores(1, "roc_auc")[SVM] == pytest.approx(0.55)


def test_a_mean_from_elsewhere_stands_beside_scores_of_folds(filled):
    with MetaDatabase(filled, writable=True) as database:
        database.add_evaluation(1, SVM, make_evaluation((0.5,)), "openml", {})
        assert database.scores(1, "roc_auc") == pytest.approx({TREE: 0.75, RIDGE: 0.9, SVM: 0.5})


def test_scores_are_means_over_folds_of_the_metric_asked_for(filled):
    with MetaDatabase(filled) as database:
        assert database.scores(1, "roc_auc") == pytest.approx({TREE: 0.75, RIDGE: 0.9})
        assert database.scores(1, "accuracy") == pytest.approx({TREE: 0.6, RIDGE: 0.6})


def test_where_a_metric_is_not_known_the_default_one_of_the_task_is_given(filled):
    with MetaDatabase(filled) as database:
        assert database.scores(1, "f1") == database.scores(1, "roc_auc")


def test_a_data_set_of_the_same_content_is_kept_once(filled):
    with MetaDatabase(filled, writable=True) as database:
        assert database.add_dataset(make_dataset()) == 1
        assert database.info()["n_datasets"] == 1


def test_a_second_result_of_a_pair_replaces_the_first_with_all_its_scores(filled):
    with MetaDatabase(filled, writable=True) as database:
        database.add_evaluation(1, TREE, make_evaluation(scores={}, status="crash", reason="boom"), "fill", {})
        assert np.isnan(database.results().scores[0, 0])
        assert database.info()["n_evaluations"] == 2
        assert database.info()["families"]["decision_tree"] == {"n_configurations": 1, "n_evaluations": 1, "n_ok": 0}


def test_what_is_forgotten_goes_with_its_family_and_its_results(filled):
    with MetaDatabase(filled, writable=True) as database:
        twin = replace(make_dataset("bupa2"), family="bupa")
        other = database.add_dataset(make_dataset("vowel"))
        database.add_evaluation(database.add_dataset(twin), TREE, make_evaluation(), "fill", {})
        database.add_evaluation(other, TREE, make_evaluation(), "fill", {})
        assert database.forget("bupa2") == 2
        assert [record.name for _, record in database.datasets()] == ["vowel"]
        assert database.info()["n_evaluations"] == 1
        assert database.scores(other, "roc_auc")


def test_only_data_sets_of_the_tasks_asked_for_are_given(filled):
    with MetaDatabase(filled, writable=True) as database:
        database.add_dataset(make_dataset("housing", "regression"))
        assert [record.name for _, record in database.datasets(["regression"])] == ["housing"]


def test_a_missing_file_is_said_to_be_missing(path):
    with pytest.raises(MetaDatabaseError, match=r"meta\.sqlite.*no such file"):
        MetaDatabase(path)


def test_a_damaged_file_gives_a_clear_error_at_the_latest_when_it_is_read(filled):
    data = bytearray(filled.read_bytes())
    data[100:3000] = bytes(2900)
    filled.write_bytes(data)
    with pytest.raises(MetaDatabaseError, match=r"cannot be used"), MetaDatabase(filled) as database:
        database.results()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE dataset SET qualities = '{'",
        "UPDATE dataset SET traits = json_set(traits, '$.color', 1)",
        "UPDATE configuration SET content = '[1]' WHERE id = 1",
        "UPDATE score SET folds = x'616263'",
        "UPDATE evaluation SET fit_seconds = 'soon'",
    ],
)
def test_damaged_cells_give_a_clear_error(filled, damage):
    with sqlite3.connect(filled) as connection:
        connection.execute(damage)
    with pytest.raises(MetaDatabaseError, match=r"meta\.sqlite.*damaged cells"), MetaDatabase(filled) as database:
        database.results()


def test_a_file_of_another_program_is_refused_and_left_alone(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE dataset (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(MetaDatabaseError, match="another program"):
        MetaDatabase(path, writable=True)
    assert path.read_bytes() == before


def test_a_newer_file_asks_for_a_newer_program(filled):
    with sqlite3.connect(filled) as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")
    with pytest.raises(MetaDatabaseError, match="upgrade cash-automl"):
        MetaDatabase(filled)


@pytest.fixture
def older(path):
    """A file of the first version, with a data set in it."""
    with sqlite3.connect(path) as connection:
        connection.executescript(f"{MIGRATIONS[0]} PRAGMA user_version=1; PRAGMA application_id={APPLICATION_ID};")
        connection.execute(
            "INSERT INTO dataset VALUES (1, 'bupa', 'mark', 'bupa', 'binary', 9, 2, 2, NULL, ?, '{}', x'')",
            (json.dumps(asdict(TRAITS)),),
        )
    return path


def test_an_older_file_is_read_through_a_copy_and_left_as_it_is(older):
    before = older.read_bytes()
    with MetaDatabase(older) as database:
        assert [record.name for _, record in database.datasets()] == ["bupa"]
        assert database.load_correction("runtime") is None
    assert older.read_bytes() == before


def test_an_older_file_that_is_written_to_is_migrated_and_keeps_what_it_had(older):
    with MetaDatabase(older, writable=True) as database:
        database.save_correction("runtime", "{}")
    with MetaDatabase(older) as database:
        assert [record.name for _, record in database.datasets()] == ["bupa"]
        assert database.load_correction("runtime") == "{}"


def test_a_failed_write_leaves_nothing_of_itself(filled):
    with MetaDatabase(filled, writable=True) as database:
        bad = make_evaluation(scores={"roc_auc": (0.1,), "accuracy": ("no number",)})
        with pytest.raises(MetaDatabaseError):
            database.add_evaluation(1, Configuration({"model": "sgd"}), bad, "fill", {})
        assert database.info()["n_evaluations"] == 2
        assert database.info()["n_configurations"] == 2


def test_a_data_set_without_the_scorers_that_rank_is_ranked_by_accuracy(path):
    with MetaDatabase(path, writable=True) as database:
        dataset = database.add_dataset(make_dataset())
        database.add_evaluation(dataset, TREE, make_evaluation(scores={"accuracy": (0.5, 0.7)}), "openml", {})
        assert database.scores(dataset, "neg_log_loss") == {TREE: pytest.approx(0.6)}
