"""The user's own meta-database is optional: whatever is wrong with it, a fit goes on with the shipped one."""

import logging
import sqlite3

import pytest
from sklearn.datasets import load_breast_cancer

from automl import AutoMLClassifier
from meta_db.store import MetaDatabase

X, y = load_breast_cancer(return_X_y=True)


def first_configurations():
    model = AutoMLClassifier(
        time_budget=None, max_trials=2, n_jobs=1, include=["lda", "gaussian_nb"], random_state=0, verbose=0
    )
    return [result.trial.configuration for result in model.fit(X, y).history_]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOML_MEMORY", str(tmp_path_factory.mktemp("empty") / "none.sqlite"))
        return first_configurations()


@pytest.fixture
def own(tmp_path, monkeypatch):
    path = tmp_path / "memory.sqlite"
    monkeypatch.setenv("AUTOML_MEMORY", str(path))
    with MetaDatabase(path, writable=True):
        pass
    return path


def test_a_damaged_one_is_left_out(own, expected, caplog):
    own.write_bytes(own.read_bytes()[:100] + bytes(5000))
    assert first_configurations() == expected
    assert str(own) in caplog.text


def test_one_of_another_program_is_left_out(own, expected, caplog):
    own.unlink()
    with sqlite3.connect(own) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    assert first_configurations() == expected
    assert "another program" in caplog.text


@pytest.mark.slow
def test_one_that_another_process_is_writing_to_is_left_out(own, expected, caplog):
    writer = sqlite3.connect(own, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    try:
        assert first_configurations() == expected
    finally:
        writer.close()
    assert "locked" in caplog.text


def test_one_that_cannot_even_be_looked_for_is_left_out(monkeypatch, expected, caplog):
    # The system refuses such a name as it refuses a folder of another user, which root could not be refused.
    monkeypatch.delenv("AUTOML_MEMORY", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/" + "x" * 300)
    with caplog.at_level(logging.INFO):
        assert first_configurations() == expected
    assert "not used" in caplog.text
