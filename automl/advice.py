"""Advice before a search: what is in a table, what a search would do with it, and what more seconds would gain."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from automl.arguments import check_arguments
from automl.checks.data_checks import DataChecks
from automl.checks.warning import DataWarning
from automl.errors import InvalidInputError, check_names
from automl.execute.catalog import local_workers
from automl.plurals import plural
from automl.run.search_setup import SearchSetup, make_limits, make_space, make_start
from automl.run.settings import RunSettings
from automl.search.budget import Budget
from automl.search.initial import Start
from automl.search.simulation import SearchPlan
from automl.table_files.target import TaskName, guess_task
from automl.task.metric_words import MetricWords
from automl.task.prepare import PreparedTask, TrainingData, prepare
from automl.task.settings import TaskSettings
from automl.task.task import Task
from automl.task.validation import python_number
from automl.trials.initial_design import SimilarDataset
from metalearning.posterior import ConfigurationPosterior
from pipelines.catalog import component_names
from pipelines.component import Component, TableTraits
from pipelines.configuration import Configuration
from pipelines.libraries import missing_libraries
from pipelines.models import MODELS
from pipelines.space import choices, complete

_TASKS = ("auto", "classification", "regression")
_LONGER = (1, 5, 20)  # times the budget that was asked for
_FEW_ROWS, _FEW_COLUMNS = 200, 5  # of a table that every family suits
_START_SECONDS = 1.0  # from the start of a search to its first trial, beside the work that advice does, too


@dataclass(frozen=True)
class FamilyAdvice:
    """A model family for a table.

    Attributes
    ----------
    seconds : float or None
        Forecast seconds of a fit on one fold with the usual hyperparameters; None if the search leaves the family out.
    reason : str
        Why the search leaves it out.
    """

    name: str
    seconds: float | None
    reason: str = ""


@dataclass(frozen=True)
class BudgetAdvice:
    """What a search within a time budget would do.

    Attributes
    ----------
    seconds : float
        The time budget.
    n_configurations, n_trials, n_fits : int
        Forecast numbers of configurations, of trials, and of fits on single folds.
    closeness : float or None
        On the similar known data sets, how much of the way from a median configuration to the best known one the
        configurations go that the search would try: from 0 to 1, the mean over data sets. None if none is similar.
    """

    seconds: float
    n_configurations: int
    n_trials: int
    n_fits: int
    closeness: float | None


@dataclass(frozen=True)
class Advice:
    """What is in a table, and what a search would do with it; see `advise`.

    Parameters
    ----------
    n_rows, n_columns : int
        Size of the table, without the target.
    kinds : mapping of str to int
        Number of columns of each kind, as `columns_` names them.
    missing : float
        Share of missing cells in the columns that are used.
    task : {"binary", "multiclass", "regression"}
        Kind of the target.
    target : mapping of str to float
        Share of the rows of each class, the most frequent first; for regression, minimum, median and maximum.
    warnings : tuple of DataWarning
        What the checks before a search have found.
    metric : str
        Name of the scorer that the search would maximize.
    of_class : str
        The class that the metric is about, such as ``class 'yes'``; empty for metrics of all classes.
    n_folds, n_workers : int
        Folds of the search, and trials that run at the same time.
    families : tuple of FamilyAdvice
        Families of the search, the fastest first, then those that it leaves out.
    budgets : tuple of BudgetAdvice
        The time budget that was asked for, and longer ones.
    similar : tuple of SimilarDataset
        The most similar data sets of the meta-database.
    seconds : float
        Seconds that the advice took.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> import automl
    >>> X, y = load_iris(return_X_y=True)
    >>> automl.advise(X, y, time_budget=2).n_folds
    8
    """

    n_rows: int
    n_columns: int
    kinds: Mapping[str, int]
    missing: float
    task: str
    target: Mapping[str, float]
    warnings: tuple[DataWarning, ...]
    metric: str
    of_class: str
    n_folds: int
    n_workers: int
    families: tuple[FamilyAdvice, ...]
    budgets: tuple[BudgetAdvice, ...]
    similar: tuple[SimilarDataset, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """
        Return the advice as plain values, which JSON can hold.

        Returns
        -------
        dict
            The fields of this object by name.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import automl
        >>> X, y = load_iris(return_X_y=True)
        >>> automl.advise(X, y, time_budget=2).to_dict()["kinds"]
        {'number': 4}
        """
        return asdict(replace(self, kinds=dict(self.kinds), target=dict(self.target)))

    @property
    def conclusion(self) -> str:
        """
        Say in one or two sentences what the time budget is good for.

        Returns
        -------
        str
            Plain text.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> import automl
        >>> X, y = load_iris(return_X_y=True)
        >>> "configurations" in automl.advise(X, y, time_budget=2).conclusion
        True
        """
        first, *longer = self.budgets
        words = MetricWords.of(self.metric, self.of_class)
        if not first.n_fits:
            return f"{first.seconds:g} s are too few for one fit on this table; use a larger time_budget."
        counts = f"{plural(first.n_configurations, 'configuration')} in {plural(first.n_fits, 'fit')}"
        text = f"Within {first.seconds:g} s, a search for the best {words.name} would try about {counts}."
        if first.closeness is None:
            return f"{text} No known data set is similar, so that the gain of more seconds is not known."
        for more in longer:
            gain = (more.closeness or 0.0) - first.closeness
            if gain >= 0.02:
                return (
                    f"{text} On similar data sets, {more.seconds:g} s bring the best configuration {gain:.0%} nearer "
                    "to the best known one of the search space."
                )
        return (
            f"{text} On similar data sets, more seconds hardly find a better configuration; an ensemble gains a little."
        )


def advise(
    X: Any,
    y: Any,
    *,
    task: str = "auto",
    time_budget: float = 60.0,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = -1,
    columns: Mapping[Any, str] | None = None,
    include: Sequence[str] | Mapping[str, Sequence[str]] = (),
    exclude: Sequence[str] | Mapping[str, Sequence[str]] = (),
) -> Advice:
    """
    Say what is in a table, what a search would do with it, and what more seconds would probably gain.

    Nothing is trained: the numbers of trials come from a simulation of the search with forecast seconds, and the gain
    from the results on similar data sets of the meta-database.

    Parameters
    ----------
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
        The training table.
    y : array-like of shape (n_samples,)
        The target.
    task : {"auto", "classification", "regression"}, default="auto"
        The kind of target; "auto" looks at `y`.
    time_budget : float, default=60
        Seconds of the search that is planned.
    scoring, cv, n_jobs, columns, include, exclude : object
        As in the estimators.

    Returns
    -------
    Advice
        Numbers, and the property `conclusion` in words.

    Raises
    ------
    InvalidInputError
        If an argument or the data cannot be used.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> import automl
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> advice = automl.advise(X, y, time_budget=10, include=["ridge", "lightgbm"])
    >>> advice.task, advice.n_folds, advice.budgets[0].n_trials > 5
    ('regression', 8, True)
    """
    started = time.monotonic()
    check_names("task", task, _TASKS)
    settings = {
        "time_budget": time_budget, "scoring": scoring, "cv": cv, "n_jobs": n_jobs, "columns": columns,
        "include": include, "exclude": exclude,
    }  # fmt: skip
    is_classification = _is_classification(y, task)
    if time_budget is None:
        raise InvalidInputError("time_budget is None; advise needs a number of seconds, for example time_budget=60")
    check_arguments(settings, is_classification)
    time_budget = python_number(time_budget)
    prepared = prepare(
        TrainingData(X, y),
        TaskSettings(scoring=scoring, cv=cv, columns=columns),
        classification=is_classification,
        random_state=0,
    )
    found = prepared.task
    checks = DataChecks(prepared, lambda line: None)
    checks.before_search()
    plan, start = plan_search(found, time_budget, n_jobs, component_names(include), component_names(exclude))
    begins = time.monotonic() - started + _START_SECONDS
    budgets = []
    for factor in _LONGER:
        search = plan.simulate(factor * time_budget, min(begins, 0.5 * time_budget))
        budgets.append(
            BudgetAdvice(
                seconds=factor * time_budget,
                n_configurations=search.n_configurations,
                n_trials=search.n_trials,
                n_fits=search.n_fits,
                closeness=_closeness(start.posterior, search.tried),
            )
        )
    kinds = Counter(column.kind for column in prepared.reader.columns_)
    return Advice(
        n_rows=found.traits.n_rows,
        n_columns=prepared.reader.n_features_in_,
        kinds=dict(kinds.most_common()),
        missing=0.0 if found.traits.sparse else float(np.isnan(found.X).mean()),
        task=found.traits.task,
        target=_target(prepared),
        warnings=tuple(checks.warnings),
        metric=found.metric.name,
        of_class=found.metric.of_class,
        n_folds=len(found.folds),
        n_workers=plan.n_workers,
        families=_families(plan),
        budgets=tuple(budgets),
        similar=start.design.similar,
        seconds=time.monotonic() - started,
    )


def _is_classification(y: Any, task: str) -> bool:
    """Return whether a target holds classes, by the argument `task` or by its values."""
    if np.ndim(y) > 1 and np.shape(y)[1] > 1:
        raise InvalidInputError("advice is for one target; y has several columns, so pass one of them")
    if task == "auto":
        target = y if isinstance(y, pd.Series) else pd.Series(np.asarray(y).reshape(-1))
        return guess_task(target, "y")[0] is TaskName.CLASSIFICATION
    return task == "classification"


def plan_search(
    task: Task, seconds: float, n_jobs: int | None, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> tuple[SearchPlan, Start]:
    """Return the search that a fit would begin on a task within a time budget, and what it starts with.

    Raises
    ------
    InvalidInputError
        If the search space is empty.
    """
    settings = RunSettings(Budget(seconds), n_jobs, include=include, exclude=exclude)
    space = make_space(task, settings)
    n_workers, memory_limit = local_workers(n_jobs, settings.memory_limit)
    runtime, limits = make_limits(task, settings, memory_limit)
    start = make_start(SearchSetup(task, settings, settings.budget, runtime, n_workers), space)
    return SearchPlan(task, space, start.configurations, runtime, limits, n_workers), start


def _target(prepared: PreparedTask) -> dict[str, float]:
    y = prepared.task.y
    if prepared.classes is None:
        return {"minimum": float(y.min()), "median": float(np.median(y)), "maximum": float(y.max())}
    counts = Counter(y.astype(int).tolist())
    return {str(prepared.classes[code]): n / len(y) for code, n in counts.most_common()}


def _families(plan: SearchPlan) -> tuple[FamilyAdvice, ...]:
    """Return all model families, those of the space first."""
    names, traits = set(choices(plan.space, "model")), plan.task.traits
    used, left = [], []
    for component in MODELS:
        configuration = complete(plan.space, {"model": component.name}) if component.name in names else None
        if configuration is None:
            left.append(FamilyAdvice(component.name, None, _why_not(component, traits)))
        else:
            used.append(FamilyAdvice(component.name, plan.runtime.guess(configuration)))
    return (*sorted(used, key=lambda family: family.seconds or 0.0), *left)


def _why_not(component: Component, traits: TableTraits) -> str:
    """Return why the search of a table leaves a family out: the first change of the table that would let it in."""
    if missing := missing_libraries(component):
        return f"{missing[0]} is not installed"
    if not component.applies(traits):
        few = replace(traits, n_features=_FEW_COLUMNS, categorical=(), cardinalities=())
        for words, other in (
            ("only for regression", replace(traits, task="regression", n_classes=0)),
            ("only for classification", replace(traits, task="binary", n_classes=2)),
            ("the table has too many rows", replace(traits, n_rows=_FEW_ROWS)),
            ("the table has too many columns", few),
            ("the table is sparse", replace(traits, sparse=False)),
            ("the table has too many rows and columns", replace(few, n_rows=_FEW_ROWS)),
        ):
            if component.applies(other):
                return words
        return "unsuited to the table"
    return "by include and exclude"


def _closeness(posterior: ConfigurationPosterior | None, tried: Sequence[Configuration]) -> float | None:
    """Return how near the best of some configurations is to the best known one on the similar data sets."""
    if posterior is None:
        return None
    places = [i for i, configuration in enumerate(posterior.configurations) if configuration in set(tried)]
    losses = posterior.losses[:, places]
    known = np.isfinite(losses).any(axis=1)
    if not known.any():
        return None
    best = np.clip(np.nanmin(losses[known], axis=1), 0.0, 1.0)
    return float(1.0 - np.average(best, weights=posterior.weights[known]))
