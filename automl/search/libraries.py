"""Model families whose library is missing or broken, or that the user drops, leave the search space during a search.

The log gets one line for each library. A library that is not installed is known before the search. Whether an installed
library can be imported is known when the first trial needs it, because imports take seconds: a worker answers such a
trial as not started.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from automl.errors import InvalidInputError
from automl.search.base import Searcher
from automl.trials.history import RunHistory
from automl.trials.trial import Status, Trial
from pipelines.catalog import get_component
from pipelines.libraries import install, training_libraries
from pipelines.models import MODELS

logger = logging.getLogger("automl")


def log_missing(unavailable: Mapping[str, Sequence[str]]) -> None:
    """Log one line for each library that is not installed.

    Parameters
    ----------
    unavailable : mapping of str to sequence of str
        Names of the components that need a library, by the name of the library.
    """
    for library, names in unavailable.items():
        logger.warning(
            "%s is not installed: the search goes on without %s; %s", library, ", ".join(names), install(library)
        )


def _broken_families(history: RunHistory) -> dict[str, str]:
    """Return the model families whose libraries a worker could not import, with the reasons."""
    return {
        result.trial.configuration.family: result.reason.removeprefix("not started: ")
        for result in history.results
        if not result.started and result.status is Status.CRASH
    }


class NarrowedSearcher:
    """Passes the requests to a searcher whose space has only families that workers can import and no user has dropped.

    Parameters
    ----------
    searcher : Searcher
        The searcher over the whole space.
    make : callable
        ``make(families)`` returns a searcher over the space without these model families, and raises
        `InvalidInputError` where the space is then empty.
    dropped : callable
        Returns the families that the user has dropped until now, see ``automl drop``.
    """

    def __init__(
        self,
        searcher: Searcher,
        make: Callable[[Sequence[str]], Searcher],
        dropped: Callable[[], Sequence[str]] = tuple,
    ):
        self._searcher: Searcher | None = searcher
        self._make, self._dropped = make, dropped
        self._broken: tuple[str, ...] = ()
        self._last_dropped: tuple[str, ...] = ()
        self.chooses_fidelity = bool(getattr(searcher, "chooses_fidelity", False))

    def suggest(self, history: RunHistory, n: int) -> list[Trial]:
        """See `Searcher.suggest`."""
        reasons = _broken_families(history)
        for family, reason in reasons.items():
            if family not in self._broken:
                lost = _families_like(family)
                logger.warning("%s; the search goes on without %s", reason, ", ".join(lost))
                self._broken += lost
                self._searcher = None
        self._follow_user()
        left_out = (*self._broken, *self._last_dropped)
        if self._searcher is None:
            try:
                self._searcher = self._make(left_out)
            except InvalidInputError as error:
                if any(e.folds for e in history.evaluations.values()):
                    return []
                raise InvalidInputError(f"no model can be fitted: {'; '.join(reasons.values())}") from error
        return self._searcher.suggest(history.without(left_out) if left_out else history, n)

    def _follow_user(self) -> None:
        """Take over what the user has dropped, or wants back, since the last request."""
        dropped = tuple(self._dropped())
        if dropped == self._last_dropped:
            return
        if lost := [family for family in dropped if family not in self._last_dropped]:
            logger.warning("automl drop: the search goes on without %s", ", ".join(lost))
        if back := [family for family in self._last_dropped if family not in dropped]:
            logger.warning("automl drop: the search proposes %s again", ", ".join(back))
        self._last_dropped, self._searcher = dropped, None


def _families_like(family: str) -> tuple[str, ...]:
    """Return the model families that need a library of this family, itself among them."""
    own = set(training_libraries(get_component("model", family)))
    others = (model.name for model in MODELS if own.intersection(training_libraries(model)))
    return tuple(dict.fromkeys([family, *others]))
