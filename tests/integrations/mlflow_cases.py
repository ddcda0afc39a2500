"""Cases that run with the MLflow client, which `test_mlflow.py` starts in an environment of their own.

Each case is a function of a folder: `python -m tests.integrations.mlflow_cases CASE URI FOLDER`.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from sklearn.datasets import load_wine

from automl import AutoMLClassifier, load
from automl.errors import AutoMLError
from automl.integrations.mlflow import MLflowCallback

X, Y = load_wine(return_X_y=True, as_frame=True)
SMALL = {
    "include": ["decision_tree", "logistic_regression"],
    "time_budget": None,
    "max_trials": 4,
    "n_jobs": 1,
    "cv": 3,
    "random_state": 0,
}


def children(run_id):
    experiment = MlflowClient().get_run(run_id).info.experiment_id
    return MlflowClient().search_runs([experiment], f"tags.mlflow.parentRunId = '{run_id}'")


def logs_everything(folder):
    mlflow.set_experiment("wine")
    callback = MLflowCallback(run_name="first", tags={"team": "sales", "strange: name €": "x" * 9_000})
    clf = AutoMLClassifier(**SMALL, columns={"ash": "number"}).set_callbacks(callback).fit(X, Y)
    run = MlflowClient().get_run(callback.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "first"
    assert mlflow.get_experiment(run.info.experiment_id).name == "wine"
    assert mlflow.active_run() is None
    assert run.data.params["max_trials"] == "4"
    assert run.data.params["data.rows"] == str(len(X))
    assert run.data.tags["team"] == "sales"
    assert run.data.tags["automl.stop_reason"] == "max_trials reached"
    assert "expected log loss" in run.data.tags["mlflow.note.content"]
    assert [each.dataset.name for each in run.inputs.dataset_inputs] == ["target"]
    estimate = clf.estimate_
    assert np.isclose(run.data.metrics["expected_score"], estimate.score)
    assert np.isclose(run.data.metrics["expected_low"], estimate.low)
    history = MlflowClient().get_metric_history(callback.run_id, "best_score")
    assert {each.step for each in history} == set(range(1, len(clf.history_) + 1))
    assert all(later.timestamp >= earlier.timestamp for earlier, later in itertools.pairwise(history))
    assert np.isclose(history[-1].value, clf.best_score_)

    runs = children(callback.run_id)
    board = clf.leaderboard_.set_index("id")
    assert {each.data.tags["automl.id"] for each in runs} == set(board.index[board["folds"] > 0])
    for each in runs:
        row = board.loc[each.data.tags["automl.id"]]
        assert each.data.params["model"] == row["family"]
        assert np.isclose(each.data.metrics["score"], row["score"])
        assert np.isclose(each.data.metrics["weight"], row["weight"])
        assert len(MlflowClient().get_metric_history(each.info.run_id, "fold_score")) == row["folds"]
        assert each.info.status == "FINISHED"
        assert each.info.end_time >= each.info.start_time

    page = Path(mlflow.artifacts.download_artifacts(f"runs:/{callback.run_id}/report.html", dst_path=folder / "a"))
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    place = mlflow.artifacts.download_artifacts(f"runs:/{callback.run_id}/model", dst_path=folder / "b")
    assert (load(place).predict(X) == clf.predict(X)).all()
    model = mlflow.pyfunc.load_model(f"runs:/{callback.run_id}/model")
    assert (model.predict(X) == clf.predict(X)).all()


def logs_into_the_active_run(folder):
    callback = MLflowCallback(n_finalists=1, report=False, model=False)
    with mlflow.start_run(run_name="mine", description="my notes") as run:
        mlflow.log_param("max_trials", "of somebody else")  # one value that the server refuses
        AutoMLClassifier(**SMALL).set_callbacks(callback).fit(X, Y)
        assert callback.run_id == run.info.run_id
        assert mlflow.active_run().info.run_id == run.info.run_id
        assert MlflowClient().get_run(run.info.run_id).info.status == "RUNNING"
    found = MlflowClient().get_run(run.info.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.tags["mlflow.note.content"] == "my notes"
    assert found.data.metrics["best_score"] < 0
    assert len(children(run.info.run_id)) == 1
    assert MlflowClient().list_artifacts(run.info.run_id) == []


def ends_as_failed(folder):
    callback = MLflowCallback()

    def fail(result, history):
        raise OSError("no space left for my log")

    with pytest.raises(OSError, match="no space left"):
        AutoMLClassifier(**SMALL, callbacks=[fail]).set_callbacks(callback).fit(X, Y)
    run = MlflowClient().get_run(callback.run_id)
    assert run.info.status == "FAILED"
    assert "no space left for my log" in run.data.tags["automl.error"]


def ends_as_killed(folder):
    callback = MLflowCallback(report=False)

    def interrupt(result, history):
        if len(history) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    clf = AutoMLClassifier(**SMALL, callbacks=[interrupt]).set_callbacks(callback).fit(X, Y)
    assert clf.stop_reason_ == "interrupted"
    run = MlflowClient().get_run(callback.run_id)
    assert run.info.status == "KILLED"
    assert [each.path for each in MlflowClient().list_artifacts(callback.run_id)] == ["model"]

    def kill(result, history):
        raise KeyboardInterrupt

    # Interrupted before the first result: there is no model.
    bad = SMALL | {"include": ["decision_tree"], "trial_time_limit": 1e-3, "callbacks": [kill]}
    with pytest.raises(KeyboardInterrupt):
        AutoMLClassifier(**bad).set_callbacks(callback).fit(X, Y)
    assert MlflowClient().get_run(callback.run_id).info.status == "KILLED"


class Messages(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.found = []
        logging.getLogger("automl").addHandler(self)

    def emit(self, record):
        if "MLflow" in record.getMessage():
            self.found.append(record.getMessage())


def survives_the_end_of_the_server(folder):
    messages = Messages()

    def stop_server(result, history):
        if len(history) == 2:
            (folder / "stop").touch()
            while not (folder / "stopped").exists():
                time.sleep(0.05)

    clf = AutoMLClassifier(**SMALL, callbacks=[stop_server]).set_callbacks(MLflowCallback(timeout=5))
    clf.fit(X, Y)
    assert len(clf.history_.evaluations) == 4
    assert clf.predict(X).shape == (len(X),)
    assert len(messages.found) == 1, messages.found
    assert "lacks a part of this fit" in messages.found[0]


def refuses_a_wrong_server(folder):
    mlflow.set_tracking_uri(mlflow.get_tracking_uri() + "/nothing")
    start = time.monotonic()
    with pytest.raises(AutoMLError, match="refuses to log"):
        AutoMLClassifier(**SMALL).set_callbacks(MLflowCallback()).fit(X, Y)
    assert time.monotonic() - start < 20
    for thread in threading.enumerate():
        if thread.name == "automl-background-calls":
            thread.join(10)
            assert not thread.is_alive()


def is_not_slowed_by_a_slow_server(folder):
    """Write the seconds of the search with and without a server that takes a second for each answer."""
    seconds = {}
    for name in ("without", "with"):
        times = []
        clf = AutoMLClassifier(**SMALL | {"max_trials": 20}, callbacks=[lambda *_, t=times: t.append(time.monotonic())])
        if name == "with":
            clf.set_callbacks(MLflowCallback(report=False, model=False, n_finalists=0))
        clf.fit(X, Y)
        seconds[name] = times[-1] - times[0]
    sys.stdout.write(f"{json.dumps(seconds)}\n")
    assert seconds["with"] < 1.3 * seconds["without"] + 1


if __name__ == "__main__":
    case, uri, place = sys.argv[1:]
    mlflow.set_tracking_uri(uri)
    globals()[case](Path(place))
    sys.stdout.write("passed\n")
