"""Search strategies by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ConfigSpace import ConfigurationSpace

from automl.search.base import Searcher
from automl.search.baselines import RandomSearcher
from automl.search.smac import SmacSearcher
from pipelines.configuration import Configuration

SEARCHERS: dict[str, Callable[..., Searcher]] = {"smac": SmacSearcher, "random": RandomSearcher}


def make_searcher(
    searcher: Any, space: ConfigurationSpace, seed: int, initial: Sequence[Configuration]
) -> Searcher:
    """A searcher by its name, or the user's own object as it is.

    Names are checked before the run starts; see `automl.validation`.
    """
    if not isinstance(searcher, str):
        return searcher  # type: ignore[no-any-return]
    return SEARCHERS[searcher](space, seed=seed, initial=initial)
