"""Estimators that ``automl benchmark`` knows by name; all take raw tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl.errors import check_names
from automl.estimator import AutoMLClassifier, AutoMLRegressor
from automl.execute.machine import available_cpus
from pipelines.table.reader import TableReader


@dataclass(frozen=True)
class Wish:
    """What is asked of contenders.

    Attributes
    ----------
    classification : bool
    time_budget : float
        Seconds for each fit of those that search.
    scoring : str or None
        What those that search aim at.
    n_jobs : int
    verbose : int
    """

    classification: bool
    time_budget: float = 60.0
    scoring: str | None = None
    n_jobs: int = -1
    verbose: int = 0


def _automl(wish: Wish) -> Any:
    make = AutoMLClassifier if wish.classification else AutoMLRegressor
    return make(time_budget=wish.time_budget, scoring=wish.scoring, n_jobs=wish.n_jobs, verbose=wish.verbose)


def _forest(wish: Wish) -> Any:
    make = RandomForestClassifier if wish.classification else RandomForestRegressor
    return make_pipeline(TableReader(), make(n_jobs=_threads(wish)))


def _lightgbm(wish: Wish) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    make = LGBMClassifier if wish.classification else LGBMRegressor
    return make_pipeline(TableReader(), make(n_jobs=_threads(wish), verbosity=-1))


def _linear(wish: Wish) -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    labels = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=50)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (labels, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000) if wish.classification else RidgeCV())


def _dummy(wish: Wish) -> Any:
    return DummyClassifier() if wish.classification else DummyRegressor()


def _threads(wish: Wish) -> int:
    return available_cpus() if wish.n_jobs == -1 else wish.n_jobs


CONTENDERS: dict[str, Callable[[Wish], Any]] = {
    "automl": _automl,
    "forest": _forest,
    "lightgbm": _lightgbm,
    "linear": _linear,
    "dummy": _dummy,
}


def make_contenders(names: Sequence[str], wish: Wish) -> dict[str, Any]:
    """Unfitted estimators by name, with their libraries' default settings.

    Raises
    ------
    InvalidInputError
        If a name is unknown; it lists those that are close.
    """
    check_names("--estimators", names, CONTENDERS)
    return {name: CONTENDERS[name](wish) for name in names}
