"""Small tasks and configurations for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from automl.task.metrics import make_metric
from automl.task.splits import SplitRequest, make_folds
from automl.task.task import Task
from pipelines.component import TableTraits, TaskType
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete

_LOADERS = {"binary": load_breast_cancer, "multiclass": load_wine, "regression": load_diabetes}


def make_task(kind: TaskType = "binary", *, scoring: Any = None, n_rows: int | None = None, cv: int = 3) -> Task:
    """Return a task on a table that is part of scikit-learn.

    Parameters
    ----------
    kind : {"binary", "multiclass", "regression"}, default="binary"
        The type of the task: the table is breast cancer, wine or diabetes.
    scoring : str or callable, optional
        A scikit-learn scorer or its name; None takes the default metric of the task type.
    n_rows : int, optional
        Number of rows, drawn at random with a fixed seed; None takes all of them.
    cv : int, default=3
        Number of folds.

    Returns
    -------
    Task
        A task as the workers of a fit open it.

    Examples
    --------
    >>> from automl.testing import make_task
    >>> task = make_task("multiclass", n_rows=60)
    >>> task.X.shape, task.traits.n_classes, len(task.folds)
    ((60, 13), 3, 3)
    """
    X, y = _LOADERS[kind](return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))[:n_rows]
    X, y = np.asarray(X, dtype=float)[rows], y[rows]
    classes = None if kind == "regression" else np.unique(y)
    return Task(
        X=X,
        y=y if classes is None else np.searchsorted(classes, y),
        traits=TableTraits(kind, len(y), X.shape[1], 0 if classes is None else len(classes)),
        metric=make_metric(scoring, kind, classes),
        folds=make_folds(SplitRequest(y, kind != "regression", cv=cv)),
    )


def tree(max_depth: int = 5) -> Configuration:
    """Return the configuration of a decision tree, which is fitted in milliseconds.

    Parameters
    ----------
    max_depth : int, default=5
        Depth of the tree; trees of different depth are different configurations.

    Returns
    -------
    Configuration
        A configuration for tables without missing cells.

    Examples
    --------
    >>> from automl.testing import tree
    >>> tree(3).family
    'decision_tree'
    """
    return Configuration({"model": "decision_tree", "model:decision_tree:max_depth": max_depth})


def net(width: int, kind: TaskType = "binary") -> Configuration:
    """Return the configuration of a small network, whose library takes longer to import than the fit.

    Parameters
    ----------
    width : int
        Number of units of the hidden layer.
    kind : {"binary", "multiclass", "regression"}, default="binary"
        The type of the task, as in `make_task`.

    Returns
    -------
    Configuration
        A complete configuration of the family "realmlp".

    Examples
    --------
    >>> from automl.testing import net
    >>> net(32)["model:realmlp:width"]
    32
    """
    chosen = {"model": "realmlp", "model:realmlp:width": width, "model:realmlp:depth": 1}
    configuration = complete(build_space(make_task(kind).traits), chosen)
    assert configuration is not None
    return configuration
