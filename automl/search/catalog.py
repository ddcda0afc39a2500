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
from automl.search.optuna_sampler import SAMPLERS, OptunaSearcher, is_optuna_sampler
from automl.search.smac import SmacSearcher
from metalearning.posterior import ConfigurationPosterior
from pipelines.configuration import Configuration
from pipelines.overrides import Overrides

SEARCHERS: dict[str, Callable[..., Searcher]] = {
    "smac": SmacSearcher,
    "random": RandomSearcher,
    "sobol": SobolSearcher,
    "grid": GridSearcher,
    "genetic": GeneticSearcher,
    **{name: partial(OptunaSearcher, sampler=name) for name in SAMPLERS},
}


def make_searcher(
    searcher: str | Any,
    space: ConfigurationSpace,
    seed: int,
    initial: Sequence[Configuration] = (),
    posterior: ConfigurationPosterior | None = None,
    overrides: Overrides = MappingProxyType({}),
) -> Searcher:
    """Return a searcher by its name, a sampler of Optuna in its adapter, or an object of the user as it is.

    Only the default searcher uses the posterior and the user's priors, which are in `overrides`.

    Raises
    ------
    InvalidInputError
        If the name is unknown, or the object has no method `suggest`.
    """
    if isinstance(searcher, str):
        check_names("searcher", searcher, SEARCHERS)
        if searcher == "smac":
            return SmacSearcher(space, seed=seed, initial=initial, posterior=posterior, overrides=overrides)
        return SEARCHERS[searcher](space, seed=seed, initial=initial)
    if is_optuna_sampler(searcher):
        return OptunaSearcher(space, seed=seed, initial=initial, sampler=searcher)
    if not callable(getattr(searcher, "suggest", None)):
        known = ", ".join(SEARCHERS)
        raise InvalidInputError(
            f"searcher: {type(searcher).__name__} has no method suggest(history, n); give such an object, "
            f"a sampler of Optuna, or one of {known}"
        )
    return searcher
