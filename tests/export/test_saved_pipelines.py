"""The file that an exported script writes with --out holds the classes and functions of the script."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLClassifier, AutoMLRegressor
from automl.export.script import python_script
from tests.factories import FAST

PREDICT = """
import joblib, numpy, pandas
predicted = joblib.load("model.joblib").predict(pandas.read_csv("table.csv")[["a", "b"]])
numpy.savetxt("predicted.csv", predicted)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("targets", "configuration", "own"),
    [
        (["price"], {"model": "ridge", "target": "log_target"}, ["class ConstantKeeper(", "def to_log("]),
        (["label", "other"], {"model": "logistic_regression", "multi_output": "independent"}, ["class AnyClasses("]),
    ],
    ids=["one target", "several targets"],
)
def test_the_file_of_a_script_predicts_in_another_process(tmp_path, targets, configuration, own):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=90), "b": rng.normal(size=90)})
    table = table.assign(
        label=(table["a"] > 0).astype(int), other=(table["b"] > 0).astype(int), price=np.exp(table["a"])
    )
    kind = AutoMLRegressor if targets == ["price"] else AutoMLClassifier
    settings = FAST | {"include": (), "max_trials": 1, "cv": 2, "initial_configurations": [configuration]}
    script = python_script(kind(**settings).fit(table[["a", "b"]], table[targets].squeeze(axis=1)))
    assert all(part in script for part in own)
    (tmp_path / "pipeline.py").write_text(script, encoding="utf-8")
    table[["a", "b", *targets]].to_csv(tmp_path / "table.csv", index=False)
    words = ["table.csv", *targets[: len(targets) == 1], "--test", "table.csv", "--out", "model.joblib"]
    for program in (["pipeline.py", *words], ["-c", PREDICT]):
        done = subprocess.run([sys.executable, "-W", "ignore", *program], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    predicted = np.loadtxt(tmp_path / "predicted.csv").reshape(90, -1)
    assert (abs(predicted - table[targets]) < 0.3).to_numpy().mean() > 0.9
