"""The reading of fold models into this process, which begins while the workers still run.

The first import of a library takes up to some seconds, and so does the reading of large models. Therefore the members
that an ensemble would have now are chosen at some moments of the search, and a background thread imports their
libraries and, near the end, reads their models. Whatever is left is read after the search, before a deadline.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import psutil

from automl.ensemble.cost import typical_cost
from automl.ensemble.selection import FoldBag, Member, choose_members, predicting_folds
from automl.trials.candidates import candidate_sets, rank
from pipelines.catalog import get_component
from pipelines.libraries import import_library

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from automl.search.budget import Budget
    from automl.task.task import Task
    from automl.trials.artifacts import Artifacts
    from automl.trials.history import Evaluation, RunHistory
    from pipelines.configuration import Configuration

logger = logging.getLogger(__name__)

_MOMENTS = (0.6, 0.75, 0.85, 0.95)  # shares of the search time of this session at which members are chosen
_READ_FROM = 0.75  # share of the search time from which models are read; earlier only libraries are imported
_CHOICE_SHARE = 0.02  # of the budget, which a choice may take
_ROUNDS = 6  # of greedy selection in such a choice, which is only a guess at the last one
_LEADERS = 2  # best configurations that may become members when their last folds have ended
_GRACE_SHARE = 0.02  # of the budget, for reading models after the first one, also after the deadline
_MEMORY_SHARE = 0.2  # of the free memory, which the models that are read during the search may take
_SECONDS_PER_BYTE = 1e-8  # before any model of the family was read
_IMPORT_SECONDS = 0.5  # of a library that is not imported yet
_CHANGE_SHARE = 0.5  # of the seconds for all members, which are reserved for members that change at last
_LEAST_SHARE = 0.1  # weight of a member, relative to the heaviest one, below which it is not read ahead


class ModelLoader:
    """Imports libraries and reads models of leading candidates in the background, and builds the bags of an ensemble.

    Parameters
    ----------
    size : int
        Rounds of greedy selection in the run.
    on_members : callable
        Called in the background with the members that an ensemble would have now.
    """

    def __init__(
        self,
        artifacts: Artifacts,
        task: Task,
        budget: Budget,
        size: int,
        random_state: int,
        on_members: Callable[[Sequence[Member]], None] = lambda members: None,
    ):
        self._artifacts, self._task, self._budget, self._on_members = artifacts, task, budget, on_members
        self._size, self._random_state = min(size, _ROUNDS), random_state
        self._models: dict[tuple[Configuration, int], Pipeline] = {}
        self._read: dict[str, tuple[float, int]] = {}  # by family: seconds and bytes of the models that were read
        self._moments = list(_MOMENTS)
        self._thread: threading.Thread | None = None
        self._stopping = False

    def add(self, history: RunHistory) -> None:
        """Choose members and prepare them in the background, if the next moment for this has come."""
        if self._budget.seconds is None or not self._moments or self._budget.session_fraction_used < self._moments[0]:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        while self._moments and self._budget.session_fraction_used >= self._moments[0]:
            del self._moments[0]
        sets = [(n, list(chosen)) for n, chosen in candidate_sets(history, self._task)]
        if not sets:
            return
        leaders = rank(history)[:_LEADERS]
        reads = self._budget.session_fraction_used >= _READ_FROM
        work = (sets, leaders, reads)
        self._thread = threading.Thread(target=self._prepare, args=work, name="automl-loader", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """End the background thread after the model or the library that it reads now."""
        self._stopping = True
        if self._thread is not None:
            self._thread.join()

    def load(self, members: Sequence[Member], deadline: float = float("inf")) -> list[FoldBag]:
        """Return the bags of the members, the heaviest member first in time but all in the given order.

        Parameters
        ----------
        deadline : float
            Time of `time.monotonic`, in seconds. A model whose reading would most likely end later is left out. One
            model is always read: that of the heaviest member, unless a lighter one can be read in time. After it,
            others are read for a small share of the budget.
        """
        grace = self._budget.part(_GRACE_SHARE)
        models: dict[Configuration, dict[int, Pipeline]] = {member.configuration: {} for member in members}
        by_weight = sorted(members, key=lambda member: -member.weight)
        wanted = [(m.configuration, fold) for m in by_weight for fold in predicting_folds(m.evaluation, self._task)]
        first = self._first(wanted, deadline + grace)
        for configuration, fold in [first, *(key for key in wanted if key != first)]:
            late = time.monotonic() + self._seconds(configuration, fold) > deadline
            if late and any(models.values()):
                logger.info("%s: the model of fold %d is left out, no time to read it", configuration.id, fold)
                continue
            models[configuration][fold] = self._model(configuration, fold)
            if (configuration, fold) == first:  # its library may have taken all the time; the others may need none
                deadline = max(deadline, time.monotonic() + grace)
        for configuration, read in models.items():
            models[configuration] = dict(sorted(read.items()))
        total = sum(member.weight for member in members if models[member.configuration])
        return [
            FoldBag(member.configuration, member.weight / total, list(read.values()), tuple(read))
            for member in members
            if (read := models[member.configuration])
        ]

    def _first(self, wanted: Sequence[tuple[Configuration, int]], latest: float) -> tuple[Configuration, int]:
        """Return the model that is always read: the first that can be read in time, or the one that is read fastest."""
        seconds = [self._seconds(*key) for key in wanted]
        left = latest - time.monotonic()
        in_time = (key for key, own in zip(wanted, seconds, strict=True) if own <= left)
        return next(in_time, wanted[int(np.argmin(seconds))])

    def _prepare(self, sets: list[tuple[int, list[Evaluation]]], leaders: Sequence[Evaluation], reads: bool) -> None:
        """Import the libraries of the members that an ensemble would have now, and read their models if `reads`.

        Configurations that lead on their folds so far are prepared, too: their last folds may end just before the
        search does.
        """
        try:
            deadline = time.monotonic() + self._budget.part(_CHOICE_SHARE)
            cost = typical_cost(self._task, measured=True)
            members = choose_members(sets, self._artifacts, self._task, self._size, deadline, self._random_state, cost)
            if not members:
                return
            self._on_members(members)
            heaviest = max(member.weight for member in members)
            chosen = [member.evaluation for member in members if member.weight >= _LEAST_SHARE * heaviest]
            chosen += [leader for leader in leaders if leader not in chosen]
            left = _MEMORY_SHARE * psutil.virtual_memory().available
            wanted = [(e.configuration, fold) for e in chosen for fold in predicting_folds(e, self._task)]
            for evaluation in chosen:
                if self._stopping:
                    return
                _import_libraries(evaluation.configuration.family)
            for configuration, fold in wanted if reads else ():
                n_bytes = self._bytes(configuration, fold)
                # The end of the search waits for the model that is read.
                if self._stopping or n_bytes > left or self._seconds(configuration, fold) > self._budget.search_left:
                    break
                left -= n_bytes
                self._model(configuration, fold, keep=True)
            # Members that are chosen at last are read when the search has ended.
            self._budget.reserves.loading = _CHANGE_SHARE * sum(self._seconds(*key, known=False) for key in wanted)
        except Exception as error:  # noqa: BLE001  a file may be gone; the final choice meets the same error
            logger.info("members could not be prepared during the search: %r", error)

    def _model(self, configuration: Configuration, fold: int, keep: bool = False) -> Pipeline:
        """Return the model of a fold, which is read once."""
        if (known := self._models.get((configuration, fold))) is not None:
            return known
        _import_libraries(configuration.family)
        started = time.monotonic()
        model = self._artifacts.model(configuration, fold)
        seconds, n_bytes = self._read.get(configuration.family, (0.0, 0))
        own = time.monotonic() - started
        self._read[configuration.family] = seconds + own, n_bytes + self._bytes(configuration, fold)
        if keep:
            self._models[configuration, fold] = model
        return model

    def _bytes(self, configuration: Configuration, fold: int) -> int:
        return self._artifacts.model_bytes(configuration, fold)

    def _seconds(self, configuration: Configuration, fold: int, known: bool = True) -> float:
        """Return the seconds that the reading of a model will take; `known` counts models that were read as 0."""
        if known and (configuration, fold) in self._models:
            return 0.0
        missing = set(get_component("model", configuration.family).imports_to_predict) - set(sys.modules)
        imports = _IMPORT_SECONDS * sum("." not in module for module in missing)
        seconds, n_bytes = self._read.get(configuration.family, (0.0, 0))
        rate = seconds / n_bytes if n_bytes else _SECONDS_PER_BYTE
        return imports + rate * self._bytes(configuration, fold)


def _import_libraries(family: str) -> None:
    """Import the libraries that the models of a family need to predict.

    Raises
    ------
    MissingLibraryError
        If an import fails, for whatever reason; the message names the library.
    """
    for module in get_component("model", family).imports_to_predict:
        import_library(module)
