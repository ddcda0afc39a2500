"""The argument `objectives` of the estimators: what the search optimizes beside the score."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from automl.errors import InvalidInputError, check_names
from automl.task.sensitive import DIFFERENCES
from automl.task.task import Task

SCORE, MILLISECONDS, MEGABYTES = "score", "milliseconds", "megabytes"
OBJECTIVES = (SCORE, MILLISECONDS, MEGABYTES, *DIFFERENCES)
SEARCHERS = ("smac", "random", "sobol", "grid")  # one for several objectives, and those that ignore all results


def further_objectives(objectives: Any) -> tuple[str, ...]:
    """Return the names of the objectives beside the score.

    Examples
    --------
    >>> further_objectives(["score", "milliseconds"])
    ('milliseconds',)
    """
    return tuple(str(name) for name in objectives if name != SCORE)


def check_objectives(objectives: Any, searcher: Any, is_sampler: bool = False) -> None:
    """Check the argument.

    Parameters
    ----------
    searcher : str or object
        The argument `searcher` of the estimator.
    is_sampler : bool
        Whether it is an object of Optuna.

    Raises
    ------
    InvalidInputError
        If it is no list of different known names with "score", or if the searcher knows a single objective only.
    """
    example = 'for example objectives=["score", "milliseconds"]'
    if isinstance(objectives, str) or not isinstance(objectives, Collection):
        raise InvalidInputError(f"objectives must be a list of names, {example}; got {objectives!r}")
    names = list(objectives)
    check_names("objectives", names, OBJECTIVES)
    if SCORE not in names:
        raise InvalidInputError(f'objectives must hold "score", {example}; got {names!r}')
    if len(set(names)) < len(names):
        raise InvalidInputError(f"objectives names an objective twice: {names!r}; leave one out")
    if isinstance(searcher, str):
        is_for_score = searcher not in SEARCHERS
    else:  # other objects of the user may know the objectives
        is_for_score = is_sampler or bool(getattr(searcher, "chooses_fidelity", False))
    if len(names) > 1 and is_for_score:
        shown = searcher if isinstance(searcher, str) else type(searcher).__name__
        raise InvalidInputError(
            f'searcher={shown!r} optimizes the score alone; use searcher="smac" for several objectives'
        )


def with_objectives(task: Task, objectives: Any) -> Task:
    """Return a task with the objectives beside the score.

    Raises
    ------
    InvalidInputError
        If the model will have no Pareto front of smaller ensembles, because no fold models predict, or if a difference
        between groups is an objective, but there are no groups or not two classes.
    """
    further = further_objectives(objectives)
    if not further:
        return task
    if task.trains_at_last:
        raise InvalidInputError(
            "objectives needs the score alone where the rows are in the order of time or validation rows are given, "
            "because then there is no frontier_ from which to choose; leave out objectives, or use "
            "max_predict_milliseconds and max_model_megabytes"
        )
    if unfair := [name for name in further if name in DIFFERENCES]:
        if task.traits.n_classes != 2 or task.traits.targets is not None:
            raise InvalidInputError(f"objectives: {unfair[0]!r} is for one target with two classes; leave it out")
        if task.sensitive is None:
            raise InvalidInputError(
                f"objectives: {unfair[0]!r} compares groups of rows; pass them to fit, for example "
                "sensitive_features=X['sex']"
            )
    return replace(task, objectives=further)
