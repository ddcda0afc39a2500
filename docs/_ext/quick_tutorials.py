"""Run the tutorials with small fits, so that a check of the site takes minutes: ``-D quick_tutorials=1``.

Each fit ends after a few configurations of fast models. The numbers on these pages mean nothing, but all code of the
tutorials runs. The text of the tutorials does not change.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from glob import glob
from pathlib import Path
from typing import Any

FAST_MODELS = {"AutoMLClassifier": ["lda", "decision_tree"], "AutoMLRegressor": ["ridge", "decision_tree"]}
SMALL = {"max_trials": 2, "n_jobs": 1, "verbose": 0, "executor": "local"}
SECONDS = 3.0  # for the importance of columns
N_TABLES = 2  # of a batch


def quick_fit(fit: Callable[..., Any], models: list[str]) -> Callable[..., Any]:
    """Return a method ``fit`` that ends after two configurations; the arguments are checked as always."""

    @functools.wraps(fit)
    def quick(self: Any, X: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        self.set_params(**SMALL, include=self.include or models)
        return fit(self, X, y, *args, **kwargs)

    return quick


def quick_retune(retune: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method ``retune`` that ends after two configurations."""

    @functools.wraps(retune)
    def quick(self: Any, *args: Any, **kwargs: Any) -> Any:
        return retune(self, *args, **kwargs | {"seconds": None, "max_trials": 2})

    return quick


def make_quick(patch: Callable[[Any, str, Any], None]) -> None:
    """Replace the methods that take long.

    Parameters
    ----------
    patch : callable
        Sets an attribute of an object; for example `setattr`.
    """
    import automl

    for name, models in FAST_MODELS.items():
        estimator = getattr(automl, name)
        patch(estimator, "fit", quick_fit(estimator.fit, models))
        patch(estimator, "retune", quick_retune(estimator.retune))


def make_tutorials_quick() -> None:
    """Make fits, batches and importances quick, for the rest of this process."""
    import automl

    make_quick(setattr)
    run_jobs, importance = automl.run_jobs, automl.AutoMLClassifier.importance

    def quick_jobs(description: dict[str, Any], **kwargs: Any) -> Any:
        # The jobs run in other processes, where the methods are not replaced.
        settings = {
            name: {"include": FAST_MODELS["AutoMLClassifier"], **one, "max_trials": 2}
            for name, one in description["settings"].items()
        }
        tables = [{**entry, "path": path} for entry in description["tables"] for path in sorted(glob(entry["path"]))]
        return run_jobs({**description, "settings": settings, "tables": tables[:N_TABLES]}, **kwargs)

    def quick_importance(self: Any, *args: Any, **kwargs: Any) -> Any:
        return importance(self, *args, **{**kwargs, "seconds": SECONDS})

    automl.run_jobs = quick_jobs
    for name in FAST_MODELS:
        getattr(automl, name).importance = quick_importance


def prepare(app: Any, config: Any) -> None:
    """Choose the mode. Pages of the other mode are removed, because the gallery would show them again."""
    pages = Path(app.srcdir) / "generated" / "tutorials"
    mark = pages.with_name("tutorials_are_quick")
    if mark.exists() != bool(config.quick_tutorials):
        shutil.rmtree(pages, ignore_errors=True)
    if config.quick_tutorials:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        make_tutorials_quick()
    else:
        mark.unlink(missing_ok=True)


def setup(app: Any) -> dict[str, Any]:
    """Connect this extension with Sphinx."""
    app.add_config_value("quick_tutorials", default=False, rebuild="", types=(bool, str, int))
    app.connect("config-inited", prepare, priority=1)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
