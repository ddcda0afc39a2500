"""Search strategies by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ConfigSpace import ConfigurationSpace

from automl.search.base import Searcher
from automl.search.baselines import GeneticSearcher, GridSearcher, RandomSearcher, SobolSearcher
from automl.search.optuna_sampler import SAMPLERS, OptunaSearcher
from automl.search.smac import SmacSearcher
from pipelines.configuration import Configuration

SEARCHERS: dict[str, Callable[..., Searcher]] = {
    "smac": SmacSearcher,
    "random": RandomSearcher,
    "sobol": SobolSearcher,
    "grid": GridSearcher,
    "genetic": GeneticSearcher,
    **{name: partial(OptunaSearcher, sampler=name) for name in SAMPLERS},
}


def make_searcher(searcher: Any, space: ConfigurationSpace, seed: int, initial: Sequence[Configuration]) -> Any:
    """A searcher by its name, a sampler of Optuna in its adapter, or the user's own object as it is.

    Names are checked before the run starts; see `automl.validation`.
    """
    if isinstance(searcher, str):
        return SEARCHERS[searcher](space, seed=seed, initial=initial)
    if type(searcher).__module__.startswith("optuna"):
        return OptunaSearcher(space, seed=seed, initial=initial, sampler=searcher)
    return searcher
