"""The initial design: configurations that did well on similar data sets, or a portfolio of tuned configurations."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from ConfigSpace import ConfigurationSpace

from automl.errors import InvalidInputError, check_names
from automl.search.budget import Budget
from automl.search.forecast import RuntimeModel
from automl.task.task import Task
from automl.trials.initial_design import HAND_MADE, META_DATABASE, InitialDesign, SimilarDataset
from meta_db.store import MetaDatabase, MetaDatabaseError, database_files
from metalearning.features import compute_metafeatures
from metalearning.posterior import ConfigurationPosterior
from metalearning.same_data import find_named, find_same
from metalearning.warmstart import Recommendation, recommend
from pipelines.catalog import CATALOG, get_component
from pipelines.configuration import Configuration
from pipelines.libraries import install, missing_libraries
from pipelines.models import MODELS, PORTFOLIO
from pipelines.ordered_codes import NUMBERS, THRESHOLDS
from pipelines.space import choices, complete, hyperparameter_names
from pipelines.weights import repeated_rows

logger = logging.getLogger(__name__)

DESIGNS = ("meta", "default")
PATIENCE = 0.015  # share of the budget; among configurations that take less, the seconds do not matter
_LONGEST = 3600.0  # seconds; a longer budget does not change the order
# Families in the order in which they help an ensemble most per second on tables of a few thousand rows; others follow.
FAMILY_ORDER = (
    "lightgbm",
    "logistic_regression",
    "ridge",
    "extra_trees",
    "catboost",
    "realmlp",
    "kernel_svm",
    "xgboost",
    "tabm",
    "gaussian_process",
    "recursive_feature_machine",
    "random_forest",
    "hist_gradient_boosting",
    "k_nearest_neighbors",
    "lda",
    "qda",
    "elastic_net",
)
_FAST_SHARE = 0.5  # of the longest fit
_WIDE = 10  # columns for each row
_LINEAR = ("logistic_regression", "ridge", "linear_svm")
_MAX_SHARE = 0.2  # share of the budget that one fold may take if the model cannot stop early
_N_FIRST = 3  # recommended configurations before the first one that the meta-database does not know
_N_SHOWN = 10  # similar data sets that are kept for people
_N_LOGGED = 3
_START_SECONDS = 0.5  # to start the worker processes after their libraries are imported
_SLOW_START = 5.0  # seconds in which workers start on a machine that is not busy, with a margin
_MAX_OVERRUN = 15.0  # seconds beyond a budget that is too small for any fit; a larger overrun is an error
_ROBUST_POWER = 0.7  # of the generalized cross entropy of networks


@dataclass(frozen=True)
class Start:
    """What a search starts with.

    Attributes
    ----------
    configurations : list of Configuration
        The configurations to try first, in order.
    design : InitialDesign
        Their source.
    posterior : ConfigurationPosterior or None
        The expectations of the meta-database of all configurations that it knows; None without a recommendation.
    """

    configurations: list[Configuration]
    design: InitialDesign
    posterior: ConfigurationPosterior | None = None


def default_portfolio(
    space: ConfigurationSpace,
    runtime: RuntimeModel,
    budget: Budget,
    entries: Iterable[Mapping[str, Any]] = PORTFOLIO,
) -> list[Configuration]:
    """Return the hand-made portfolio, sorted by how much each family usually helps an ensemble per second.

    The first entry of each family comes before the second entry of any family. An entry is left out if one fold would
    take more than a fifth of the budget and its model cannot stop early.
    """
    seconds = budget.search_left
    interruptible = {component.name for component in MODELS if component.interruptible}
    rounds: dict[str, int] = {}
    keyed = []
    for entry in entries:
        configuration = complete(space, entry)
        if configuration is None:
            continue
        family = configuration.family
        turn = rounds[family] = rounds.get(family, -1) + 1
        if family not in interruptible and runtime.guess(configuration) > _MAX_SHARE * seconds:
            continue
        place = FAMILY_ORDER.index(family) if family in FAMILY_ORDER else len(FAMILY_ORDER)
        keyed.append(((turn, place), configuration))
    keyed.sort(key=lambda pair: pair[0])
    return list(dict.fromkeys(configuration for _, configuration in keyed))


def start_with_portfolio(space: ConfigurationSpace, runtime: RuntimeModel, budget: Budget) -> Start:
    """Return the hand-made portfolio as the start of a search."""
    return Start(default_portfolio(space, runtime, budget), InitialDesign(HAND_MADE))


def start_with_meta_database(
    space: ConfigurationSpace,
    runtime: RuntimeModel,
    budget: Budget,
    task: Task,
    longest: float,
    without: Sequence[str] = (),
) -> Start:
    """Return the configurations that the meta-database recommends, and its expectations of all that it knows.

    Where the meta-database cannot be read, or knows no similar data set, the search starts with the portfolio.

    Parameters
    ----------
    longest : float
        Seconds after which a fold is stopped; no fold costs more.
    without : sequence of str
        Names of data sets whose results are not used.
    """
    recommendation, left_out = _recommend(space, runtime, budget, task, longest, without)
    if recommendation is None:
        return start_with_portfolio(space, runtime, budget)
    if left_out:
        logger.info("the results on these known data sets are not used: %s", ", ".join(left_out))
    if not recommendation.configurations:
        logger.info("no known data set is similar to this one; the search starts with the hand-made portfolio")
        return start_with_portfolio(space, runtime, budget)
    similar = _nearest(recommendation)
    for found in similar[:_N_LOGGED]:
        logger.info(
            "similar data set: %s (distance %.2f; similar in %s; different in %s)",
            found.name,
            found.distance,
            ", ".join(found.similar_in),
            ", ".join(found.different_in),
        )
    unknown = _unmeasured(space, runtime, budget, recommendation.measured, longest)
    chosen = _interleave(recommendation.configurations, unknown)
    others = default_portfolio(space, runtime, budget)
    is_wide = task.traits.n_features > _WIDE * task.traits.n_rows
    initial = _begin_with_fast_fit(chosen, others, runtime, longest, is_wide)
    added = tuple(c.id for c in initial if c not in set(recommendation.configurations))
    return Start(initial, InitialDesign(META_DATABASE, similar, added, left_out), recommendation.posterior)


def with_robust_twins(start: Start, space: ConfigurationSpace) -> Start:
    """Return a start in which a twin that expects wrong labels follows the first configuration of each family.

    No meta-database knows tables with wrong labels, so the search itself has to compare the twins.
    """
    return _with_twins(start, lambda configuration: _robust_twin(configuration, space))


def with_ordered_twins(start: Start, space: ConfigurationSpace) -> Start:
    """Return a start in which a twin that trains by the order of the classes follows the first one of each family.

    The meta-databases know classes without an order only.
    """
    return _with_twins(start, lambda configuration: _ordered_twin(configuration, space))


def _with_twins(start: Start, twin_of: Callable[[Configuration], Configuration | None]) -> Start:
    """Return a start in which the first configuration of each family is followed by its twin, where it has one."""
    found: list[Configuration] = []
    twins: list[str] = []
    families: set[str] = set()
    for configuration in start.configurations:
        found.append(configuration)
        twin = None if configuration.family in families else twin_of(configuration)
        families.add(configuration.family)
        if twin is not None and twin != configuration:
            found.append(twin)
            twins.append(twin.id)
    design = replace(start.design, from_portfolio=(*start.design.from_portfolio, *twins))
    return replace(start, configurations=list(dict.fromkeys(found)), design=design)


def _robust_twin(configuration: Configuration, space: ConfigurationSpace) -> Configuration | None:
    """Return a configuration with a robust loss where its model has one, and else with cleaned labels."""
    power = f"model:{configuration.family}:loss_power"
    if power in space:
        return complete(space, {**configuration, power: _ROBUST_POWER})
    if "confident_learning" in choices(space, "cleaning"):
        return complete(space, {**configuration, "cleaning": "confident_learning"})
    return complete(space, {**configuration, "loss": "huber"}) if "huber" in choices(space, "loss") else None


def _ordered_twin(configuration: Configuration, space: ConfigurationSpace) -> Configuration | None:
    """Return a configuration whose model is trained in its own way by the order, or else by thresholds or numbers."""
    for ordering in (*get_component("model", configuration.family).orderings, THRESHOLDS, NUMBERS):
        twin = complete(space, {**configuration, "ordering": ordering})
        if twin is not None and twin.get("ordering") == ordering:
            return twin
    return None


def _unmeasured(
    space: ConfigurationSpace,
    runtime: RuntimeModel,
    budget: Budget,
    measured: frozenset[Configuration],
    longest: float,
) -> list[Configuration]:
    """Return the fast configurations of the hand-made portfolio that have no result in the meta-databases.

    The meta-databases can neither recommend a new family nor advise against it, so the search itself has to try it. An
    entry with a hyperparameter that the table does not offer would be a copy of another one.
    """
    entries = [
        entry
        for entry in PORTFOLIO
        if Configuration(entry) not in measured and all(name in space for name in entry if name.startswith("model:"))
    ]
    found = default_portfolio(space, runtime, budget, entries)
    return [configuration for configuration in found if runtime.guess(configuration) <= _FAST_SHARE * longest]


def _interleave(recommended: list[Configuration], unknown: list[Configuration]) -> list[Configuration]:
    """Return the first recommended configurations, then unknown and recommended configurations in turn."""
    known = set(recommended)
    rest, new = recommended[_N_FIRST:], [c for c in unknown if c not in known]
    pairs = zip_longest(new, rest[: len(new)])
    in_turn = [c for pair in pairs for c in pair if c is not None]
    return [*recommended[:_N_FIRST], *in_turn, *rest[len(new) :]]


def _nearest(recommendation: Recommendation) -> tuple[SimilarDataset, ...]:
    """Return the nearest data sets, each once: a data set may have been measured on few rows and on many."""
    nearest = dict(reversed(recommendation.similar))
    ordered = sorted(nearest.items(), key=lambda item: item[1].distance)[:_N_SHOWN]
    return tuple(
        SimilarDataset(name, float(found.distance), tuple(found.similar_in), tuple(found.different_in))
        for name, found in ordered
    )


def _begin_with_fast_fit(
    chosen: list[Configuration], others: list[Configuration], runtime: RuntimeModel, longest: float, is_wide: bool
) -> list[Configuration]:
    """Return the chosen configurations with one in front that most likely ends before `longest`.

    On tables of many thousand columns all chosen fits may be cut off, some before their first round; there a linear
    model comes first, which is also hard to beat.
    """
    if not chosen or (not is_wide and runtime.guess(chosen[0]) <= longest):
        return chosen
    fast = [c for c in (*chosen, *others) if runtime.guess(c) <= _FAST_SHARE * longest]
    fast.sort(key=lambda c: is_wide and c.family not in _LINEAR)
    return [fast[0], *(c for c in chosen if c != fast[0])] if fast else chosen


def _recommend(
    space: ConfigurationSpace,
    runtime: RuntimeModel,
    budget: Budget,
    task: Task,
    longest: float,
    without: Sequence[str],
) -> tuple[Recommendation | None, tuple[str, ...]]:
    """Ask the meta-databases, and return the recommendation and the names of the data sets that were not used.

    The user's own meta-database is not asked if both cannot be read; without the shipped one, there is no
    recommendation. Of the shipped data sets, those that hold the rows of the table are not used: their results may be
    about the rows on which the user tests the model. The user has chosen what the own meta-database holds.
    """
    X, y = repeated_rows(task.X, task.y, task.sample_weight)
    described = compute_metafeatures(X, y, replace(task.traits, n_rows=len(y)), level="cheap")
    seconds = min(budget.search_left, _LONGEST)
    files = database_files()
    while files:
        try:
            with ExitStack() as stack:
                databases = [stack.enter_context(MetaDatabase(path)) for path in files]
                left_out = find_same(databases[0], described) | find_named(databases, without)
                recommendation = recommend(
                    databases,
                    described,
                    space,
                    task.metric.name,
                    lambda configuration: _cost(configuration, runtime, longest, _MAX_SHARE * seconds),
                    PATIENCE * seconds,
                    set(left_out.values()),
                )
                return recommendation, tuple(left_out)
        except MetaDatabaseError as error:
            files.pop()
            left = "the shipped meta-database alone" if files else "the hand-made portfolio"
            logger.warning("the search starts with %s: %s", left, error)
    return None, ()


def _cost(configuration: Configuration, runtime: RuntimeModel, longest: float, affordable: float) -> float:
    """Return the seconds that a fold will take; infinite if that is too long and the model cannot stop early."""
    seconds = runtime.guess(configuration)
    if get_component("model", configuration.family).interruptible:
        return min(seconds, longest)
    return seconds if runtime.upper(configuration) <= affordable else float("inf")


def from_user(space: ConfigurationSpace, entries: Sequence[Mapping[str, Any]]) -> list[Configuration]:
    """Return the configurations that the user gave, each once; missing hyperparameters get their defaults.

    Raises
    ------
    InvalidInputError
        If an entry names no model, a model that is not in the space, or an unknown hyperparameter.
    """
    found = []
    for number, entry in enumerate(entries):
        for model in (model for model in MODELS if model.name == entry.get("model")):
            for library in missing_libraries(model):
                raise InvalidInputError(
                    f"initial_configurations[{number}] names {model.name}, but {library} is not installed; "
                    f"{install(library)}"
                )
        if not all(name in space for name in entry):
            check_names(f"initial_configurations[{number}]", entry, hyperparameter_names().union(space))
        for step, components in CATALOG.items():
            if step in entry and step != "model":
                names = ["none", *(component.name for component in components), *choices(space, step)]
                check_names(f"initial_configurations[{number}]: {step}", str(entry[step]), names)
        configuration = complete(space, entry) if "model" in entry else None
        if configuration is None:
            named = entry.get("model", "no model")
            raise InvalidInputError(
                f"initial_configurations[{number}] names {named}; it needs a 'model' that the space holds: "
                f"{', '.join(choices(space, 'model'))}"
            )
        found.append(configuration)
    return list(dict.fromkeys(found))  # several idle workers get the first ones at once, and would run equal ones twice


def enough_for_one(
    initial: list[Configuration], budget: Budget, runtime: RuntimeModel, starting: float
) -> tuple[list[Configuration], Budget]:
    """Return the initial design and the budget; if the budget is too small for any fit, those of the fastest fit.

    Parameters
    ----------
    starting : float
        Seconds in which the workers have started. Where they are most of the seconds so far, the machine is busy, and
        the table is not the cause.

    Raises
    ------
    InvalidInputError
        If the fastest fit would take much longer than the budget.
    """
    cheapest = min(initial, key=runtime.guess, default=None)
    seconds = _START_SECONDS + (0.0 if cheapest is None else runtime.guess(cheapest))
    if seconds <= budget.clock_left or budget.seconds is None:
        return initial, budget
    own = (seconds + budget.elapsed - budget.earlier) / (0.75 - budget.refit_share - budget.estimate_share)
    needed = math.ceil(budget.earlier + own)
    cause, remedy = "for one fit on this table", ""
    if starting > max(_SLOW_START, 0.5 * (budget.elapsed - budget.earlier)):
        cause = f"because the workers took {starting:.0f} s to start, as on a machine that is busy with other programs"
        remedy = "fit again while it is idle, or "
    few = f"{budget.argument.show(budget.seconds)} s is too small {cause}"
    if needed > budget.seconds + _MAX_OVERRUN:
        enough = math.ceil(budget.argument.value(needed))
        raise InvalidInputError(f"{few}; {remedy}use {budget.argument.name}={enough} or more")
    name = budget.argument.name
    logger.warning(
        "%s; only the fastest configuration is fitted, in up to %d s; increase %s", few, math.ceil(own), name
    )
    only = replace(budget, seconds=needed, max_trials=1, processors=None, estimate_share=0.0)
    return [] if cheapest is None else [cheapest], only
