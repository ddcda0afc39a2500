"""A finished run becomes records of the meta-database: what its scores are."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from automl import AutoMLClassifier
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
