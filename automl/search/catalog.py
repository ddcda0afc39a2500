"""The catalog of searchers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from ConfigSpace import ConfigurationSpace

from automl.errors import InvalidInputError, check_names
from automl.search.base import Searcher
from automl.search.baselines import GeneticSearcher, GridSearcher, RandomSearcher, SobolSearcher
from automl.search.halving import BohbSearcher, HyperbandSearcher, SuccessiveHalvingSearcher
from automl.search.optuna_sampler import SAMPLERS, OptunaSearcher, check_sampler, is_optuna_sampler
from automl.search.rungs import ANY_TABLE, BracketPlan
from automl.search.scalarization import FurtherObjectives
from automl.search.smac import SmacSearcher
from metalearning.posterior import ConfigurationPosterior
from pipelines.configuration import Configuration
from pipelines.overrides import Overrides

# Searchers that choose the fidelities of their trials.
_BY_RUNGS: dict[str, type[SuccessiveHalvingSearcher]] = {
    "successive_halving": SuccessiveHalvingSearcher,
    "hyperband": HyperbandSearcher,
    "bohb": BohbSearcher,
}
SEARCHERS: dict[str, Callable[..., Searcher]] = {
    "smac": SmacSearcher,
    "random": RandomSearcher,
    "sobol": SobolSearcher,
    "grid": GridSearcher,
    "genetic": GeneticSearcher,
    **_BY_RUNGS,
    **{name: partial(OptunaSearcher, sampler=name) for name in SAMPLERS},
}


def check_searcher(searcher: Any) -> None:
    """Check the argument of an estimator.

    Raises
    ------
    InvalidInputError
        If the name is unknown, or the object has no method `suggest`.
    AutoMLError
        If a package that a sampler of Optuna needs is not installed.
    """
    if isinstance(searcher, str):
        check_names("searcher", searcher, SEARCHERS)
    if is_optuna_sampler(searcher) or (isinstance(searcher, str) and searcher in SAMPLERS):
        check_sampler(searcher)
    elif not isinstance(searcher, str) and not callable(getattr(searcher, "suggest", None)):
        known = ", ".join(SEARCHERS)
        raise InvalidInputError(
            f"searcher: {type(searcher).__name__} has no method suggest(history, n); give such an object, "
            f"a sampler of Optuna, or one of {known}"
        )


def make_searcher(
    searcher: str | Any,
    space: ConfigurationSpace,
    seed: int,
    initial: Sequence[Configuration] = (),
    posterior: ConfigurationPosterior | None = None,
    overrides: Overrides = MappingProxyType({}),
    plan: BracketPlan = ANY_TABLE,
    further: FurtherObjectives | None = None,
) -> Searcher:
    """Return a searcher by its name, a sampler of Optuna in its adapter, or an object of the user as it is.

    Only the default searcher uses the posterior, the user's priors, which are in `overrides`, and the objectives beside
    the loss. Only searchers that choose the fidelities use the plan of brackets.

    Raises
    ------
    InvalidInputError
        If the name is unknown, or the object has no method `suggest`.
    """
    check_searcher(searcher)
    if isinstance(searcher, str):
        if searcher == "smac":
            return SmacSearcher(
                space, seed=seed, initial=initial, posterior=posterior, overrides=overrides, further=further
            )
        if searcher in _BY_RUNGS:
            return _BY_RUNGS[searcher](space, seed=seed, initial=initial, plan=plan)
        return SEARCHERS[searcher](space, seed=seed, initial=initial)
    if is_optuna_sampler(searcher):
        return OptunaSearcher(space, seed=seed, initial=initial, sampler=searcher)
    return searcher
