"""What the search of a run is made of: its space, the first configurations, the searcher and the forecasts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ConfigSpace import ConfigurationSpace

from automl.ensemble.objectives import further_values
from automl.ensemble.slimming import slow_families
from automl.errors import InvalidInputError
from automl.execute.machine import memory_for_fit
from automl.run.settings import RunSettings
from automl.search.base import Searcher
from automl.search.budget import Budget
from automl.search.catalog import make_searcher
from automl.search.forecast import RuntimeModel, make_forecasts
from automl.search.initial import (
    Start,
    from_user,
    start_with_meta_database,
    start_with_portfolio,
    with_ordered_twins,
    with_robust_twins,
)
from automl.search.rungs import plan_brackets
from automl.search.trial_limits import Limits, fold_seconds
from automl.task.task import Task
from automl.trials.initial_design import USER, InitialDesign
from pipelines.configuration import Configuration
from pipelines.overrides import SpaceError, unused
from pipelines.space import build_space, complete, find_models

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchSetup:
    """What the start and the searcher depend on.

    Attributes
    ----------
    budget : Budget
        The budget of this session, which allows for earlier ones.
    runtime : RuntimeModel
        The forecast of the seconds of a fold.
    n_workers : int
        Number of trials that run at the same time.
    earlier : sequence of Configuration
        See `SessionFacts`.
    """

    task: Task
    settings: RunSettings
    budget: Budget
    runtime: RuntimeModel
    n_workers: int
    earlier: Sequence[Configuration] = ()


def make_space(task: Task, settings: RunSettings, left_out: Sequence[str] = ()) -> ConfigurationSpace:
    """Return the space that the search may use.

    Parameters
    ----------
    left_out : sequence of str
        Model families that the space does not hold, beside those that the settings exclude.

    Raises
    ------
    InvalidInputError
        If the space is empty, or if the settings name something that does not exist.
    """
    without = [f"model:{name}" for name in left_out]
    models = find_models(task.traits, settings.include, [*settings.exclude, *without], settings.own)
    without += [f"model:{name}" for name in slow_families(settings.max_predict_milliseconds, models)]
    include = [name for name in settings.include if f"model:{name.removeprefix('model:')}" not in without]
    exclude = [*settings.exclude, *without]
    if settings.include and not include:
        raise InvalidInputError("include leaves no component")
    try:
        space = build_space(task.traits, include, exclude, settings.random_state, settings.overrides, settings.own)
    except SpaceError as error:
        raise InvalidInputError(str(error)) from error
    for name in unused(space, settings.overrides):
        logger.info("space: '%s' has no effect, because this search does not have it", name)
    return space


def make_limits(task: Task, settings: RunSettings, memory_limit: float | None) -> tuple[RuntimeModel, Limits]:
    """Return the forecast of seconds, and the limits of a trial with the forecast of its memory.

    Parameters
    ----------
    memory_limit : float or None
        MiB of one worker; None for no limit.
    """
    runtime, memory_model = make_forecasts(task)
    memory = memory_for_fit(memory_limit, task.table_bytes / 2**20)
    return runtime, Limits(settings.trial_time_limit, memory, memory_model)


def make_start(setup: SearchSetup, space: ConfigurationSpace) -> Start:
    """Return the configurations that the search tries first; those of an earlier model come before all others."""
    start = _usual_start(setup, space)
    completed = (complete(space, configuration) for configuration in setup.earlier)
    first = list(dict.fromkeys(configuration for configuration in completed if configuration is not None))
    if not first:
        return start
    rest = [configuration for configuration in start.configurations if configuration not in first]
    design = replace(start.design, from_model=tuple(configuration.id for configuration in first))
    return replace(start, configurations=[*first, *rest], design=design)


def _usual_start(setup: SearchSetup, space: ConfigurationSpace) -> Start:
    task, budget, runtime = setup.task, setup.budget, setup.runtime
    wanted = setup.settings.initial_configurations
    if not isinstance(wanted, str):
        return Start(from_user(space, wanted), InitialDesign(USER))
    if wanted == "meta" and task.traits.targets is None:  # the meta-database knows tables with one target
        seconds = budget.planned_seconds or float("inf")
        longest = fold_seconds(seconds, setup.n_workers, len(task.folds), task.traits.n_rows)
        start = start_with_meta_database(space, runtime, budget, task, longest, setup.settings.without)
    else:
        start = start_with_portfolio(space, runtime, budget)
    start = with_ordered_twins(start, space) if task.traits.ranks else start
    return with_robust_twins(start, space) if task.traits.noisy_labels else start


def prepare_searcher(
    setup: SearchSetup, space: ConfigurationSpace, initial: Sequence[Configuration], start: Start
) -> Searcher:
    """Return the searcher that the settings name, or the user's own object.

    Parameters
    ----------
    initial : sequence of Configuration
        The configurations that the searcher proposes first.
    start : Start
        It holds the expectations of the meta-database.
    """
    settings = setup.settings
    plan = plan_brackets(setup.task, settings.budget, [setup.runtime.guess(c) for c in initial], setup.n_workers)
    return make_searcher(
        settings.searcher,
        space,
        settings.random_state,
        initial,
        posterior=start.posterior,
        overrides=settings.overrides,
        plan=plan,
        further=further_values(setup.task),
    )


def searcher_without(setup: SearchSetup, families: Sequence[str]) -> Searcher:
    """Return a searcher over the space without some model families.

    Raises
    ------
    InvalidInputError
        If the space is then empty.
    """
    settings = setup.settings
    if not isinstance(settings.initial_configurations, str):
        left = [entry for entry in settings.initial_configurations if entry.get("model") not in families]
        settings = replace(settings, initial_configurations=left)
    setup = replace(setup, settings=settings)
    space = make_space(setup.task, settings, families)
    start = make_start(setup, space)
    return prepare_searcher(setup, space, start.configurations, start)
