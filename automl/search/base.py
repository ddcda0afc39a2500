"""The one verb of every search strategy."""

from __future__ import annotations

from typing import Protocol

from automl.trials.history import RunHistory
from automl.trials.trial import Trial


class Searcher(Protocol):
    """Proposes what to run next from what has been run."""

    def suggest(self, history: RunHistory, n: int) -> list[Trial]:
        """Up to `n` new trials, on the first fold only; fewer, or none, when the space is exhausted.

        A function of the history (and the seed): state inside the searcher is only a cache.
        """
        ...
