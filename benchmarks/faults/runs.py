"""The small runs into which faults are injected, and what may come of them."""

from __future__ import annotations

import json
import os
import random
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer

from automl import AutoMLClassifier
from automl.errors import InvalidInputError, NothingFittedError, NoWorkersError

N_SEEDS = 4  # of the runs whose undisturbed result is compared with that of a disturbed run


class Outcome(NamedTuple):
    """What came of one injection.

    Attributes
    ----------
    survived : bool
    text : str
        "model", the class of the error, or what was wrong.
    moment : str
        When the fault happened, as far as it is known, or how the trials ended.
    budget : float
        Seconds that the run had; 0 for a run that ends after a number of trials.
    """

    survived: bool
    text: str
    moment: str = ""
    budget: float = 0.0


@cache
def table() -> tuple[Any, Any]:
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X.iloc[:200, :8], y.iloc[:200]


def classifier(seed: int, **changes: Any) -> AutoMLClassifier:
    """Return an estimator whose fit is short and repeatable."""
    settings = {
        "include": ["decision_tree", "logistic_regression"],
        "initial_configurations": "default",
        "time_budget": None,
        "max_trials": 4,
        "n_jobs": 1,
        "cv": 3,
        "verbose": 0,
        "random_state": seed,
    }
    return AutoMLClassifier(**{**settings, **changes})


def check_model(model: AutoMLClassifier) -> str:
    """Return "model" if the model predicts; otherwise what is wrong."""
    X, _ = table()
    p = model.predict_proba(X)
    fine = p.shape == (len(X), 2) and np.isfinite(p).all() and np.allclose(p.sum(axis=1), 1, atol=1e-4)
    return "model" if fine else "the predictions are wrong"


def fit_and_check(model: AutoMLClassifier, allowed: tuple[type[BaseException], ...] = ()) -> Outcome:
    """Fit and predict; one of the allowed errors is as good as a model."""
    budget = model.time_budget or 0.0
    try:
        model.fit(*table())
        text = check_model(model)
    except BaseException as error:  # noqa: BLE001  whatever it is becomes a line of the report
        return Outcome(isinstance(error, allowed), describe(error), budget=budget)
    ends = Counter(result.status.value for result in model.history_.results)
    moment = ", ".join(f"{n} {status}" for status, n in sorted(ends.items()))
    return Outcome(text == "model", text, moment, budget)


CLEAN = (InvalidInputError, NothingFittedError, NoWorkersError)


def describe(error: BaseException) -> str:
    """Return the class and the message of an error, and its place unless the class is one that a user expects."""
    where = "" if isinstance(error, (*CLEAN, KeyboardInterrupt)) else " at " + _place(error)
    return f"{type(error).__name__}: {error}{where}".replace("\n", " ")[:300]


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))


def summary(model: AutoMLClassifier) -> dict[str, Any]:
    """Return what must be equal in a disturbed and an undisturbed run."""
    board = model.leaderboard_
    return {
        "trials": [[r.trial.configuration.id, list(r.trial.folds)] for r in model.history_.results],
        "weights": dict(zip(board["id"], board["weight"], strict=True)),
        "predictions": model.predict_proba(table()[0]).tolist(),
    }


@cache
def undisturbed(seed: int, max_trials: int = 4) -> str:
    """Return the summary of a run that nothing disturbs, as JSON."""
    return json.dumps(summary(classifier(seed, max_trials=max_trials).fit(*table())))


def in_child(work: Callable[[], Outcome], errors: Path) -> tuple[int, int]:
    """Fork a process of a group of its own for some work; return its id and the pipe that will hold the outcome.

    Its standard error goes into a file. A process in which the work raises KeyboardInterrupt reports this as survived.
    """
    receiver, sender = os.pipe()
    pid = os.fork()
    if pid:
        os.close(sender)
        return pid, receiver
    os.setsid()
    os.close(receiver)
    file = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 2)
    try:
        outcome = work()
    except BaseException as error:  # noqa: BLE001
        outcome = Outcome(isinstance(error, KeyboardInterrupt), describe(error))
    try:
        os.write(sender, json.dumps(outcome).encode())
        sys.stderr.flush()
    finally:
        from automl.execute import processes

        processes._close_server()  # as at the end of a script
        os._exit(0)


def read_outcome(receiver: int) -> Outcome | None:
    """Return what a child has reported; None if it died before."""
    with os.fdopen(receiver) as file:
        content = file.read()
    return Outcome(*json.loads(content)) if content else None


def rng_of(kind: str, seed: int) -> random.Random:
    return random.Random(f"{kind} {seed}")
