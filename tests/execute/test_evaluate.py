"""The seconds of a fit: training leaves those of its own predictions, and says whether the clock has ended it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from automl.execute.evaluate import evaluate
from automl.execute.machine import ProcessMeter
from automl.task.metrics import make_metric
from automl.task.splits import SplitRequest, make_folds
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.trial import Status, Trial
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from pipelines.row_samples import sample_rows

PREPARED = {"imputation": "none", "scaling": "none"}


def many_classes(n_classes: int, n_rows: int, n_features: int = 8, cv: int = 2) -> Task:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_features))
    y = np.abs(X @ rng.normal(size=(n_features, n_classes))).argmax(axis=1)
    classes, y = np.unique(y, return_inverse=True)
    traits = TableTraits("multiclass", n_rows, n_features, len(classes))
    folds = make_folds(SplitRequest(y, True, cv=cv))
    return Task(X=X, y=y, traits=traits, metric=make_metric(None, "multiclass", classes), folds=folds)


def configuration(family: str) -> Configuration:
    return Configuration({"model": family, **PREPARED})


@pytest.mark.alone
@pytest.mark.parametrize("family", ["lightgbm", pytest.param("extra_trees", marks=pytest.mark.slow)])
def test_a_training_leaves_the_seconds_of_its_predictions_with_many_classes(tmp_path, family):
    task = many_classes(20, 6_000)
    (result,) = evaluate(task, [Trial(configuration(family))], Artifacts(tmp_path), 1, "cpu", 2.0)
    assert result.status is Status.OK
    assert result.folds[0].predict_seconds > 0.05
    assert result.seconds < 2.2


@pytest.mark.parametrize(
    ("family", "limit", "cut"), [("lightgbm", 0.03, True), ("lightgbm", 60.0, False), ("extra_trees", 0.02, True)]
)
def test_a_fit_says_whether_the_clock_has_ended_it(tmp_path, family, limit, cut):
    task = many_classes(10, 3_000) if cut else many_classes(3, 600)
    (result,) = evaluate(task, [Trial(configuration(family))], Artifacts(tmp_path), 1, "cpu", limit)
    assert result.status is Status.OK
    assert result.folds[0].info.get("cut", False) is cut


def test_a_model_that_would_be_far_from_its_end_is_trained_on_a_part_of_the_rows(tmp_path):
    task = many_classes(3, 50_000, n_features=2)
    for family, limit, n_rows in (("catboost", 0.05, 20_000), ("lightgbm", 0.05, None), ("extra_trees", 5.0, None)):
        (result,) = evaluate(task, [Trial(configuration(family))], Artifacts(tmp_path), 1, "cpu", limit)
        assert result.status is Status.OK
        assert result.folds[0].info.get("training_rows") == n_rows


def test_a_part_of_the_rows_keeps_the_shares_of_the_classes_and_the_rows_of_rare_ones():
    y = np.repeat([0, 1, 2, 3], [60_000, 30_000, 60, 20])
    rows = np.arange(len(y))
    part = sample_rows(rows, y, True, 9_008, random_state=0)
    assert np.bincount(y[part]).tolist() == [6_000, 3_000, 50, 20]
    assert len(np.unique(part)) == len(part)
    assert np.array_equal(part, sample_rows(rows, y, True, 9_008, random_state=0))
    assert not np.array_equal(part, sample_rows(rows, y, True, 9_008, random_state=1))
    assert len(sample_rows(rows, y.astype(float), False, 9_000, random_state=0)) == 9_000


def test_the_memory_of_a_process_includes_that_of_its_children():
    child = "held = b'x' * 60_000_000; print(flush=True); input()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        meter = ProcessMeter(process.pid)
        assert meter.memory() > 60
        process.communicate(b"\n")
    assert meter.memory() == 0.0
