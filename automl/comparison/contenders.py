"""The estimators that ``automl benchmark`` knows by name. All of them take raw tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl.errors import InvalidInputError, check_names
from automl.estimator import AutoMLClassifier, AutoMLRegressor
from automl.execute.machine import available_cpus
from pipelines.libraries import MissingLibraryError, import_library
from pipelines.table.reader import TableReader


@dataclass(frozen=True)
class ContenderSettings:
    """Settings from which a contender is made.

    Attributes
    ----------
    classification : bool
        Whether the contender is a classifier; else it is a regressor.
    time_budget : float
        Seconds for each fit of a contender that searches.
    scoring : str or None
        The metric that a contender that searches optimizes.
    positive_label : label or None
        The class of interest of two classes.
    columns : mapping
        Kinds of columns by name, for contenders that use our table reader.
    n_jobs : int
        Number of processes or threads; -1 means all processors.
    verbose : int
        The contender writes no messages if this is 0.
    """

    classification: bool
    time_budget: float = 60.0
    scoring: str | None = None
    positive_label: Any = None
    columns: Mapping[Any, str] = field(default_factory=dict)
    n_jobs: int = -1
    verbose: int = 0


def _automl(settings: ContenderSettings) -> Any:
    make = AutoMLClassifier if settings.classification else AutoMLRegressor
    positive = {} if settings.positive_label is None else {"positive_label": settings.positive_label}
    return make(
        time_budget=settings.time_budget,
        scoring=settings.scoring,
        columns=settings.columns or None,
        n_jobs=settings.n_jobs,
        verbose=settings.verbose,
        **positive,
    )


def _reader(settings: ContenderSettings) -> TableReader:
    return TableReader(columns=settings.columns or None)


def _forest(settings: ContenderSettings) -> Any:
    make = RandomForestClassifier if settings.classification else RandomForestRegressor
    return make_pipeline(_reader(settings), make(n_jobs=_threads(settings)))


def _lightgbm(settings: ContenderSettings) -> Any:
    try:
        lightgbm = import_library("lightgbm")
    except MissingLibraryError as error:
        raise InvalidInputError(f"--estimators: {error}; or name other estimators") from error
    make = lightgbm.LGBMClassifier if settings.classification else lightgbm.LGBMRegressor
    return make_pipeline(_reader(settings), make(n_jobs=_threads(settings), verbosity=-1))


def _linear(settings: ContenderSettings) -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    labels = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=50)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (labels, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, LogisticRegression(max_iter=1000) if settings.classification else RidgeCV())


def _dummy(settings: ContenderSettings) -> Any:
    return DummyClassifier() if settings.classification else DummyRegressor()


def _threads(settings: ContenderSettings) -> int:
    return available_cpus() if settings.n_jobs == -1 else settings.n_jobs


CONTENDERS: dict[str, Callable[[ContenderSettings], Any]] = {
    "automl": _automl,
    "forest": _forest,
    "lightgbm": _lightgbm,
    "linear": _linear,
    "dummy": _dummy,
}


def make_contenders(names: Sequence[str], settings: ContenderSettings) -> dict[str, Any]:
    """Return unfitted estimators by name. Parameters that `settings` does not set have their libraries' defaults.

    Raises
    ------
    InvalidInputError
        If a name is unknown, or the library of an estimator cannot be imported.
    """
    check_names("--estimators", names, CONTENDERS)
    return {name: CONTENDERS[name](settings) for name in names}
