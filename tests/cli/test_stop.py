"""Tests of ``automl stop``: a search ends early, and its fit returns a model."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from sklearn.datasets import load_breast_cancer

import automl
from automl import AutoMLClassifier
from tests.factories import FAST

SCRIPT = """
import sys
from automl.cli.main import main
sys.argv = ["automl", "fit", sys.argv[1], "--target", "target", "--out", sys.argv[2], "--store", sys.argv[3],
            "--time-budget", "600", "--n-jobs", "1", "--include", "lda,decision_tree,k_nearest_neighbors"]
main()
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Return the folder of a run that has ended."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    AutoMLClassifier(**FAST | {"max_trials": 1}, store=folder).fit(*load_breast_cancer(return_X_y=True))
    return folder


@pytest.mark.slow
def test_a_stopped_search_returns_its_model_and_can_go_on(call, tmp_path):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X.iloc[:, :5].assign(target=y).to_csv(tmp_path / "train.csv", index=False)
    folders = tmp_path / "train.csv", tmp_path / "model", tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *map(str, folders)])
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "history.jsonl").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    code, out, err = call("stop", tmp_path / "run")
    assert (code in (0, None), err) == (True, "")
    assert "now builds the ensemble" in out
    assert process.wait(timeout=120) == 0
    model = automl.load(tmp_path / "model")
    assert model.stop_reason_ == "stopped by automl stop"
    n_before = len(model.leaderboard_)
    settings = {"max_trials": n_before + 1, "n_jobs": 1, "include": ["lda", "decision_tree", "k_nearest_neighbors"]}
    again = AutoMLClassifier(time_budget=None, store=tmp_path / "run", verbose=0, **settings)
    again.fit(X.iloc[:, :5], y)
    assert len(again.leaderboard_) == n_before + 1
    assert again.stop_reason_ == "max_trials reached"


def test_a_search_is_stopped_when_its_first_model_is_ready(tmp_path):
    folder = tmp_path / "run"

    def stop(result, history):
        (folder / "stop").touch()

    settings = FAST | {"max_trials": 50, "store": folder}
    clf = AutoMLClassifier(**settings, callbacks=[stop]).fit(*load_breast_cancer(return_X_y=True))
    assert clf.stop_reason_ == "stopped by automl stop"
    assert len(clf.leaderboard_) < 5


def test_a_run_that_is_over_is_an_error(call, ended):
    code, _, err = call("stop", ended)
    assert code == 2
    assert err.startswith(f"automl: the run in '{ended}' is over")
    assert not (ended / "stop").exists()


def test_a_folder_without_a_run_is_an_error(call, tmp_path):
    code, _, err = call("stop", tmp_path)
    assert code == 2
    assert "holds no run" in err
