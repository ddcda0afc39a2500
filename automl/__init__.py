"""AutoML for tables: one joint search over whole pipelines, ending in an ensemble."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from os import path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automl.advice import Advice, advise
    from automl.comparison.cross_validation import nested_cross_validate
    from automl.comparison.plot import critical_difference_plot
    from automl.comparison.tables import compare_over_tables
    from automl.estimator import AutoMLClassifier, AutoMLRegressor
    from automl.guard import Guard
    from automl.jobs.batch import run_jobs
    from automl.loading import load
    from automl.space_table import space

    __version__: str

__all__ = [
    "Advice",
    "AutoMLClassifier",
    "AutoMLRegressor",
    "Guard",
    "advise",
    "compare_over_tables",
    "critical_difference_plot",
    "load",
    "nested_cross_validate",
    "run_jobs",
    "space",
]

_HOME = {
    "Advice": "automl.advice",
    "advise": "automl.advice",
    "AutoMLClassifier": "automl.estimator",
    "AutoMLRegressor": "automl.estimator",
    "Guard": "automl.guard",
    "compare_over_tables": "automl.comparison.tables",
    "critical_difference_plot": "automl.comparison.plot",
    "load": "automl.loading",
    "nested_cross_validate": "automl.comparison.cross_validation",
    "run_jobs": "automl.jobs.batch",
    "space": "automl.space_table",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name == "plots":
        return import_module("automl.plots")
    # Workers and the command line import parts of this package; they should not pay for the rest.
    if name not in _HOME:
        raise AttributeError(f"module 'automl' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("cash-automl")
    except PackageNotFoundError:  # the source is used without being installed
        return "0+unknown"


def __dir__() -> list[str]:
    return [*__all__, "__version__", *(name for name in globals() if name.startswith("__"))]


def _check_packages() -> None:
    """Raise an error if another folder or file hides one of the packages that this one needs.

    Python looks first in the folder of the script, or in the working directory.
    """
    root = path.dirname(path.dirname(path.realpath(__file__)))
    for name in ("pipelines", "meta_db", "metalearning"):
        module = sys.modules.get(name)
        spec = find_spec(name) if module is None else getattr(module, "__spec__", None)
        if spec is None:
            continue
        found = spec.origin or next(iter(spec.submodule_search_locations or ()), "")
        folder = path.dirname(found) if path.basename(found).startswith("__init__.") else found
        if path.realpath(folder) != path.join(root, name):
            raise ImportError(
                f"the package {name!r}, which automl needs, is hidden by {folder!r}, because Python finds that first; "
                f"rename it, or move it to another folder"
            )


_check_packages()
