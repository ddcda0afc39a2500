"""The seconds of a fit: training leaves those of its own predictions, and says whether the clock has ended it."""

from __future__ import annotations

import numpy as np
import pytest

from automl.execute.evaluate import evaluate
from automl.task.metrics import make_metric
from automl.task.splits import make_folds
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.trial import Status, Trial
from pipelines.component import TableTraits
from pipelines.configuration import Configuration

PREPARED = {"imputation": "none", "scaling": "none"}


def many_classes(n_classes: int, n_rows: int, n_features: int = 8, cv: int = 2) -> Task:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_features))
    y = np.abs(X @ rng.normal(size=(n_features, n_classes))).argmax(axis=1)
    classes, y = np.unique(y, return_inverse=True)
    traits = TableTraits("multiclass", n_rows, n_features, len(classes))
    folds = make_folds(y, True, cv=cv)
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
