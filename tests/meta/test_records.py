"""A finished run becomes records of the meta-database: what its scores are, and which runs it cannot hold."""

import re

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError
from automl.meta.records import add_run
from meta_db.store import MetaDatabase
from tests.factories import FAST


@pytest.fixture
def database(tmp_path):
    with MetaDatabase(tmp_path / "memory.sqlite", writable=True) as opened:
        yield opened


def test_the_scores_of_a_run_with_sample_weights_are_weighted(tmp_path, database):
    X, y = load_breast_cancer(return_X_y=True)
    heavy = np.random.default_rng(0).random(len(y)) < 0.5
    labels = np.where(heavy, y, 1 - y)  # only rows of almost no weight are wrong
    settings = FAST | {"max_trials": 3, "scoring": "roc_auc", "store": tmp_path / "run"}
    fitted = AutoMLClassifier(**settings).fit(X, labels, sample_weight=np.where(heavy, 1.0, 1e-6))
    add_run(tmp_path / "run", "cancer", database)
    ((number, _),) = database.datasets()
    scores = database.scores(number, "roc_auc")
    evaluations = fitted.history_.evaluations
    assert scores == {c: pytest.approx(-e.mean_loss, abs=1e-5) for c, e in evaluations.items() if e.folds}
    assert min(scores.values()) > 0.8


@pytest.mark.parametrize(
    ("settings", "several", "word"),
    [({"quantiles": [0.1, 0.5, 0.9]}, False, "quantiles"), ({}, True, "several targets")],
)
def test_a_run_that_a_meta_database_cannot_hold_is_refused_before_anything_is_written(
    tmp_path, database, settings, several, word
):
    X, y = load_diabetes(return_X_y=True)
    target = np.column_stack([y, -y]) if several else y
    include = ["lightgbm"] if settings else ["ridge"]
    run = tmp_path / "run"
    changed = {"max_trials": 1, "include": include, "store": run}
    AutoMLRegressor(**FAST | changed | settings).fit(X[:100], target[:100])
    with pytest.raises(InvalidInputError, match=rf"'{re.escape(str(run))}' .*{word}"):
        add_run(run, "diabetes", database)
    assert database.info()["n_datasets"] == 0


def test_a_run_is_added_as_a_whole_or_not_at_all(tmp_path, database, monkeypatch):
    X, y = load_diabetes(return_X_y=True)
    AutoMLRegressor(**FAST | {"max_trials": 2, "store": tmp_path / "run"}).fit(X[:100], y[:100])
    add_evaluation = database.add_evaluation
    calls = []

    def fail_at_the_second(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        add_evaluation(*arguments)

    monkeypatch.setattr(database, "add_evaluation", fail_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        add_run(tmp_path / "run", "diabetes", database)
    assert (database.info()["n_datasets"], database.info()["n_evaluations"]) == (0, 0)
    monkeypatch.undo()
    assert add_run(tmp_path / "run", "diabetes", database) == 2
