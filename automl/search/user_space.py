"""The user's own search space: the arguments `include`, `exclude` and `space` of the estimators."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from ConfigSpace import ConfigurationSpace

from automl.errors import InvalidInputError, check_names
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.trial import TrialResult
from pipelines.catalog import CATALOG, NAMES, STEP_NAMES, component_names
from pipelines.overrides import Override, Overrides, SpaceError, is_allowed, read_overrides
from pipelines.space import RICH_TABLES, build_space, has_components


def check_components(argument: str, given: Any) -> None:
    """Check the names of components that a user includes or excludes.

    Parameters
    ----------
    argument : str
        Name of the argument.
    given : sequence, mapping or None
        Names, or lists of names by step.

    Raises
    ------
    InvalidInputError
        If a step or a name is unknown.
    """
    if isinstance(given, Mapping):
        check_names(argument, given, CATALOG)
        for step, names in given.items():
            if not isinstance(names, str | list | tuple | set | frozenset):
                raise InvalidInputError(f"{argument}: {step!r} must have a list of names; got {names!r}")
            check_names(f"{argument}: {step}", names, [component.name for component in CATALOG[step]])
    else:
        names = component_names(given)
        if not all(name in STEP_NAMES for name in names):
            check_names(argument, [name for name in names if name not in STEP_NAMES], NAMES)


def read_space(given: Any) -> dict[str, Override]:
    """Return the user's changes of the space by the full names of the hyperparameters; {} for None.

    Raises
    ------
    InvalidInputError
        If a name or a value cannot be used; the message names the entry and what is possible.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidInputError(f'space must be a dict such as {{"lightgbm:num_leaves": (8, 64)}}; got {given!r}')
    try:
        return read_overrides(given, _all_spaces() if given else ())
    except SpaceError as error:
        raise InvalidInputError(str(error)) from error


def check_space(given: Any, searcher: Any) -> None:
    """Check the user's changes of the space, and that the searcher uses their priors.

    Raises
    ------
    InvalidInputError
        If a change cannot be used, or if there are priors and another searcher than "smac".
    """
    priors = [name for name, change in read_space(given).items() if change.prior is not None]
    if priors and not (isinstance(searcher, str) and searcher == "smac"):
        raise InvalidInputError(f'space: only searcher="smac" uses priors; remove the prior of {priors[0]!r}')


def user_space(estimator: Any) -> Overrides:
    """Return the changes of an estimator's space."""
    return read_space(getattr(estimator, "space", None))


def is_usable(
    result: TrialResult, task: Task, space: ConfigurationSpace, overrides: Overrides, artifacts: Artifacts
) -> bool:
    """Return whether this session can use a result: its values and sizes must be allowed, and its files must exist."""
    configuration = result.trial.configuration
    is_known = has_components(space, configuration) and is_allowed(space, overrides, configuration)
    return is_known and all(
        path(configuration, fold).exists() and task.allows(artifacts.model_bytes(configuration, fold))
        for fold in result.folds
        for path in (artifacts.model_path, artifacts.predictions_path)
    )


@cache
def _all_spaces() -> tuple[ConfigurationSpace, ...]:
    return tuple(build_space(traits) for traits in RICH_TABLES.values())
