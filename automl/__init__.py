"""AutoML for tables: one joint search over whole pipelines, ending in an ensemble."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automl.estimator import AutoMLClassifier, AutoMLRegressor
    from automl.jobs.batch import run_jobs
    from automl.persistence import load

__all__ = ["AutoMLClassifier", "AutoMLRegressor", "load", "run_jobs"]

_HOME = {
    "AutoMLClassifier": "automl.estimator",
    "AutoMLRegressor": "automl.estimator",
    "load": "automl.persistence",
    "run_jobs": "automl.jobs.batch",
}


def __getattr__(name: str) -> Any:
    # Workers and the command line import parts of this package; they should not pay for the rest.
    if name not in _HOME:
        raise AttributeError(f"module 'automl' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
