"""A program that saves models under one version of Python, and uses them under another one.

``python -m tests.persistence.versions COMMAND FOLDER`` runs one of the functions `save`, `predict` and `resume`.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from automl import AutoMLClassifier, load
from automl.errors import InvalidInputError
from pipelines import storage
from pipelines.build import build_pipeline
from pipelines.component import FitContext, TableTraits
from pipelines.models import PORTFOLIO
from pipelines.space import build_space, complete

SETTINGS = {"time_budget": None, "n_jobs": 1, "verbose": 0, "cv": 2, "random_state": 0}
SETTINGS |= {"include": ["lightgbm", "decision_tree", "logistic_regression"]}


def table():
    """Return a table with columns of all kinds and missing cells, and its classes."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 4)), columns=list("abcd"))
    X.loc[::7, "b"] = np.nan
    X["city"] = rng.choice(["Rome", "Oslo", "Bern"], 120)
    X["grade"] = pd.Categorical(rng.choice(["low", "high"], 120))
    X["day"] = pd.date_range("2024-01-01", periods=120).astype(str)
    X["note"] = [f"{first} words about {second}" for first, second in rng.choice(["ships", "rain", "tea"], (120, 2))]
    return X, np.where(X["a"] + rng.normal(size=120) > 0, "yes", "no")


def share_of_right_labels(estimator, X, y):
    """Return a score, as a function of the user."""
    return float(np.mean(estimator.predict(X) == y))


def numbers():
    """Return an array of numbers, two columns of which hold codes of categories, and a target of numbers."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 6))
    X[:, :2] = rng.integers(0, (3, 5), size=(200, 2))
    return X, X[:, 2] + X[:, 0] % 2 + rng.normal(size=200)


def fitted_pipelines():
    """Yield the name of each model family and task with a fitted pipeline."""
    X, y = numbers()
    for task, n_classes, target in (("binary", 2, (y > 0.5).astype(int)), ("regression", 0, y)):
        traits = TableTraits(task, len(X), X.shape[1], n_classes, (0, 1), (3, 5))
        space, done = build_space(traits, seed=0), set()
        for entry in PORTFOLIO:
            family = str(entry["model"])
            configuration = None if family in done else complete(space, entry)
            if configuration is not None:
                done.add(family)
                context = FitContext(traits, random_state=1, time_limit=30)
                yield f"{family} {task}", build_pipeline(configuration, context).fit(X, target)


def predictions(pipeline):
    """Return what a pipeline predicts for all rows of `numbers`."""
    X = numbers()[0]
    return pipeline.predict_proba(X) if hasattr(pipeline, "classes_") else pipeline.predict(X)


def save(folder):
    """Save a pipeline of each family, and a model with its run, each with its predictions."""
    X, labels = table()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = dict(fitted_pipelines())
        for name, pipeline in made.items():
            content = storage.dump(pipeline)
            (folder / f"{name}.zip").write_bytes(content)
            np.save(folder / f"{name}.npy", predictions(storage.load(content)))  # as the workers of a search do
    clf = AutoMLClassifier(**SETTINGS, max_trials=4, store=folder / "run").fit(X, labels)
    clf.save(folder / "model")
    np.save(folder / "model.npy", clf.predict_proba(X))
    AutoMLClassifier(**SETTINGS, max_trials=1, store=folder / "own", scoring=share_of_right_labels).fit(X, labels)
    return {"families": len(made)}


def predict(folder):
    """Return which pipelines and models predict other numbers than before, and the estimate of the model."""
    importlib.import_module(
        "torch"
    )  # where it is imported, networks predict with it, as in the process that saved them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the other version of Python
        model = load(folder / "model")
        found = {"model": model.predict_proba(table()[0])}
        for path in sorted(folder.glob("*.zip")):
            found[path.stem] = predictions(storage.load(path.read_bytes()))
    changed = [name for name, values in found.items() if not np.array_equal(values, np.load(folder / f"{name}.npy"))]
    return {"families": len(found) - 1, "changed": changed, "estimate": model.estimate_.score}


def resume(folder):
    """Return the number of trials of the run that goes on, and the error for the run with a function of the user."""
    X, labels = table()
    clf = AutoMLClassifier(**SETTINGS, max_trials=6, store=folder / "run").fit(X, labels)
    error = ""
    try:
        AutoMLClassifier(**SETTINGS, max_trials=2, store=folder / "own", scoring=share_of_right_labels).fit(X, labels)
    except InvalidInputError as raised:
        error = str(raised)
    return {"trials": len(clf.history_.results), "error": error}


if __name__ == "__main__":
    command = {"save": save, "predict": predict, "resume": resume}[sys.argv[1]]
    sys.stdout.write(json.dumps(command(Path(sys.argv[2]))))
