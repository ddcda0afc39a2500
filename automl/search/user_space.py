"""The user's own search space: the arguments `include`, `exclude` and `space` of the estimators."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ConfigSpace import ConfigurationSpace

from automl.errors import InvalidInputError, check_names, did_you_mean
from automl.search.own_components import own_components, read_components
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.trial import TrialResult
from pipelines.catalog import CATALOG, NAMES, STEP_NAMES, OwnComponents, component_names
from pipelines.overrides import Override, Overrides, SpaceError, is_allowed, read_overrides
from pipelines.rich_tables import ALL_RICH_TABLES
from pipelines.space import (
    NO_OWN,
    build_space,
    has_components,
    names_without_effect,
    own_components_without_order,
)

logger = logging.getLogger(__name__)

# What other libraries call families of models.
_ELSEWHERE = {
    **dict.fromkeys(("gbm", "gbdt", "gbt", "boosting"), ("lightgbm", "xgboost", "catboost", "hist_gradient_boosting")),
    **dict.fromkeys(("nn", "mlp", "nn_torch", "fastai", "deeplearning"), ("realmlp", "tabm", "resnet")),
    **dict.fromkeys(("glm", "lr"), ("logistic_regression", "ridge", "elastic_net")),
    "rf": ("random_forest",),
    "xt": ("extra_trees",),
}


def check_components(argument: str, given: Any, own: OwnComponents = NO_OWN) -> None:
    """Check the names of components that a user includes or excludes.

    Parameters
    ----------
    argument : str
        Name of the argument.
    given : sequence, mapping or None
        Names, or lists of names by step.
    own : OwnComponents
        Components of the user.

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
            check_names(f"{argument}: {step}", names, [c.name for c in (*CATALOG[step], *own.at(step))])
    else:
        mine = [(step, component.name) for step in own.by_step for component in own.at(step)]
        short = [*NAMES, *(name for _, name in mine)]
        known = {*short, *STEP_NAMES, *(f"{step}:{name}" for step, name in mine)}
        for name in component_names(given):
            if name not in known:
                raise InvalidInputError(f"{argument}: {name!r} is unknown; {_suggestion(str(name), short, own)}")


def _suggestion(name: str, known: Sequence[str], own: OwnComponents) -> str:
    """Return what a user may mean, else the names of all models: the components of other steps are too many."""
    if families := _ELSEWHERE.get(name.lower()):
        return f"did you mean {' or '.join(map(repr, families))}?"
    if close := did_you_mean(name, known):
        return close
    names = sorted(component.name for component in (*CATALOG["model"], *own.at("model")))
    return f"choose from the models {', '.join(map(repr, names))}; 'automl space' lists the components of other steps"


def read_space(given: Any, own: OwnComponents = NO_OWN) -> dict[str, Override]:
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
        return read_overrides(given, _all_spaces(own) if given else ())
    except SpaceError as error:
        raise InvalidInputError(str(error)) from error


def check_user_space(given: Any, searcher: Any, own: OwnComponents = NO_OWN) -> None:
    """Check the user's changes of the space, and that the searcher uses their priors.

    Raises
    ------
    InvalidInputError
        If a change cannot be used, or if there are priors and another searcher than "smac".
    """
    priors = [name for name, change in read_space(given, own).items() if change.prior is not None]
    if priors and not (isinstance(searcher, str) and searcher == "smac"):
        raise InvalidInputError(f'space: only searcher="smac" uses priors; remove the prior of {priors[0]!r}')


def warn_of_unused_names(argument: str, names: Sequence[str], task: Task, own: OwnComponents) -> None:
    """Log one warning for the included or excluded names that do nothing, because the task lacks their steps."""
    unused = names_without_effect(task.traits, names, own)
    if unused:
        steps = ", ".join(dict.fromkeys(unused.values()))
        kind = "classification" if task.traits.is_classification else "regression"
        logger.warning(
            "%s: no pipeline of this %s uses %s, because the task has no step for %s",
            argument, kind, ", ".join(unused), steps,
        )  # fmt: skip


def warn_of_own_components_without_order(exclude: Sequence[str], task: Task, own: OwnComponents) -> None:
    """Log one warning for the own components that are left out, because the task has monotonic columns."""
    left_out = own_components_without_order(task.traits, exclude, own)
    if left_out:
        logger.warning(
            "monotonic: the search goes on without %s; a component must say that predictions keep their order: "
            "keeps_order=True of a step, accepts_monotonic=True of a model",
            ", ".join(left_out),
        )


def user_space(estimator: Any) -> Overrides:
    """Return the changes of an estimator's space."""
    return read_space(getattr(estimator, "space", None), OwnComponents(read_components(_given(estimator))))


def known_components(estimator: Any) -> OwnComponents:
    """Return the own components of a fitted estimator, after they were made known to this process.

    Raises
    ------
    InvalidInputError
        If `load` has not imported them.
    """
    given = _given(estimator)
    return own_components(given, estimator._is_classifier) if given else NO_OWN


def _given(estimator: Any) -> Any:
    return getattr(estimator, "components", None)


def is_permitted(
    result: TrialResult, task: Task, space: ConfigurationSpace, overrides: Overrides, artifacts: Artifacts
) -> bool:
    """Return whether the settings of this session allow a result: the values of its configuration, and its sizes."""
    configuration = result.trial.configuration
    is_known = has_components(space, configuration) and is_allowed(space, overrides, configuration)
    if result.trial.fidelity < 1:  # it has no files
        return is_known
    return is_known and all(task.allows(artifacts.model_bytes(configuration, fold)) for fold in result.folds)


def _all_spaces(own: OwnComponents) -> tuple[ConfigurationSpace, ...]:
    if not own.by_step:
        return _spaces_of_catalog()
    own.register()  # a space of several targets looks its models up by name
    try:
        return tuple(build_space(traits, own=own) for traits in ALL_RICH_TABLES)
    except Exception as error:  # of the user's code
        raise InvalidInputError(f"components: the space of a component cannot be built: {error!r}") from error


@cache
def _spaces_of_catalog() -> tuple[ConfigurationSpace, ...]:
    return tuple(build_space(traits) for traits in ALL_RICH_TABLES)
