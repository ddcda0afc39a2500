"""Small tasks for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from automl.task.metrics import make_metric
from automl.task.splits import make_folds
from automl.task.task import Task
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete

LOADERS = {"binary": load_breast_cancer, "multiclass": load_wine, "regression": load_diabetes}
NO_PREPROCESSING = {"imputation": "none", "scaling": "none"}

# Arguments of an estimator whose fit is quick and repeatable.
FAST = {
    "include": ["decision_tree", "logistic_regression", "ridge"],
    "time_budget": None,
    "max_trials": 4,
    "n_jobs": 1,
    "cv": 3,
    "verbose": 0,
    "random_state": 0,
}


def make_task(kind: str = "binary", *, scoring: Any = None, n_rows: int | None = None, cv: int = 3) -> Task:
    """A table that ships with scikit-learn, as the task that workers get."""
    X, y = LOADERS[kind](return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:n_rows]
    X, y = np.asarray(X, dtype=float)[rows], y[rows]
    classes = None if kind == "regression" else np.unique(y)
    return Task(
        X=X,
        y=y if classes is None else np.searchsorted(classes, y),
        traits=TableTraits(kind, len(y), X.shape[1], 0 if classes is None else len(classes)),
        metric=make_metric(scoring, kind, classes),
        folds=make_folds(y, kind != "regression", cv=cv),
    )


def tree(max_depth: int = 5) -> Configuration:
    """A configuration that fits in milliseconds."""
    return Configuration({"model": "decision_tree", "model:decision_tree:max_depth": max_depth})


def net(width: int, kind: str = "binary") -> Configuration:
    """A small network; torch takes a second to import, the fit less."""
    chosen = {"model": "realmlp", "model:realmlp:width": width, "model:realmlp:depth": 1}
    return complete(build_space(make_task(kind).traits), chosen)
