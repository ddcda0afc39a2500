"""The framework for amlb runs a task, with stand-ins for the functions of amlb that it calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_diabetes, load_iris

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks" / "amlb"

# amlb passes the parameters on standard input and tables as files; the result goes into a file.
CALLEE = """
import json, sys
from types import SimpleNamespace
import numpy as np
import pandas as pd
from frameworks.shared.utils import Timer

def result(output_file=None, predictions=None, truth=None, probabilities=None, probabilities_labels=None,
           optional_columns=None, target_is_encoded=False, error_message=None, models_count=None,
           training_duration=None, predict_duration=None, **others):
    return locals()

def measure_inference_times(predict, files):
    times = {}
    for size, path in files:
        with Timer() as timer:
            predict(path)
        times.setdefault(size, []).append(timer.duration)
    return times

def call_run(run):
    params = json.loads(sys.stdin.read())
    parts = {
        name: SimpleNamespace(X=pd.read_parquet(part["X"]), y=pd.read_parquet(part["y"]).squeeze())
        for name, part in params["dataset"].items() if name in ("train", "test")
    }
    files = params["dataset"].get("inference_subsample_files")
    config = SimpleNamespace(**params["config"])
    res = dict(run(SimpleNamespace(**parts, inference_subsample_files=files), config))
    for name in ("predictions", "truth", "probabilities"):
        res[name] = None if res[name] is None else np.asarray(res[name]).tolist()
    with open(config.result_file, "w") as file:
        json.dump(res, file)
"""
UTILS = """
import time

class Timer:
    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, *args):
        self.duration = time.monotonic() - self.start
"""


def run_task(folder, X, y, metric, kind, name):
    shared = folder / "frameworks" / "shared"
    shared.mkdir(parents=True)
    (shared / "callee.py").write_text(CALLEE)
    (shared / "utils.py").write_text(UTILS)
    test = np.arange(len(y)) % 5 == 0
    dataset = {}
    for part, rows in (("train", ~test), ("test", test)):
        X[rows].to_parquet(folder / f"{part}.X.pd")
        pd.DataFrame({"_series_": y[rows]}).to_parquet(folder / f"{part}.y.pd")
        dataset[part] = {"X": str(folder / f"{part}.X.pd"), "y": str(folder / f"{part}.y.pd")}
    X[test][:3].to_parquet(folder / "few.pd")
    config = {
        "name": name,
        "type": kind,
        "metric": metric,
        "seed": 7,
        "cores": 1,
        "max_mem_size_mb": 4096,
        "max_runtime_seconds": 60,
        "measure_inference_time": True,
        "framework_params": {"max_trials": 2, "time_budget": None, "include": ["lda", "ridge"], "_own": 1},
        "output_predictions_file": str(folder / "predictions.csv"),
        "result_file": str(folder / "result.json"),
    }
    dataset["inference_subsample_files"] = [[3, str(folder / "few.pd")]]
    subprocess.run(
        [sys.executable, "-W", "ignore", str(FOLDER / "extensions" / "cash_automl" / "exec.py")],
        input=json.dumps({"dataset": dataset, "config": config}),
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
        text=True, check=True, timeout=120,
    )  # fmt: skip
    return json.loads((folder / "result.json").read_text())


@pytest.mark.slow
def test_a_classification_task_returns_labels_and_probabilities(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    labels = pd.Series(pd.Categorical(y.map({0: "setosa", 1: "versicolor", 2: "virginica"})))
    result = run_task(tmp_path, X, labels, "logloss", "classification", "iris")
    assert result["probabilities_labels"] == ["setosa", "versicolor", "virginica"]
    assert np.shape(result["probabilities"]) == (30, 3)
    assert np.mean(np.array(result["predictions"]) == np.array(result["truth"])) > 0.9
    assert result["training_duration"] > 0
    assert list(result["others"]["inference_times"]["file"]) == ["3"]
    assert result["models_count"] == 2


@pytest.mark.slow
def test_a_regression_task_returns_numbers(tmp_path):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    result = run_task(tmp_path, X, y, "rmse", "regression", "diabetes")
    assert result["probabilities"] is None
    assert np.corrcoef(result["predictions"], result["truth"])[0, 1] > 0.5


def test_the_definition_names_the_folder_of_the_framework():
    definition = yaml.safe_load((FOLDER / "frameworks.yaml").read_text())["cash_automl"]
    assert (FOLDER / Path(*definition["module"].split(".")) / "exec.py").exists()
    assert "{user}/frameworks.yaml" in (FOLDER / "config.yaml").read_text()
