"""Keeps the fold models of a run within a part of the disk: those that will not be chosen go first."""

from __future__ import annotations

import logging
import shutil

from automl.ensemble.selection import candidate_sets
from automl.search.racing import rank
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import TrialResult

logger = logging.getLogger(__name__)

_SHARE = 0.3  # of what is free when the run begins: other runs and programs write, too
_KEPT = 0.7  # of the limit, after room was made


class ModelShelf:
    """Counts the bytes of fold models, and makes room where they are too many."""

    def __init__(self, artifacts: Artifacts, task: Task):
        self._artifacts, self._task = artifacts, task
        self._limit = _SHARE * shutil.disk_usage(artifacts.folder).free
        self._used = 0

    def add(self, result: TrialResult, history: RunHistory) -> None:
        """Note what a result has written; `history` holds it."""
        paths = [self._artifacts.model_path(result.trial.configuration, fold) for fold in result.folds]
        self._used += sum(path.stat().st_size for path in paths)
        if self._used > self._limit:
            self._make_room(history)

    def _make_room(self, history: RunHistory) -> None:
        """Remove the worst, as far as no ensemble would choose from them now; they stay in the leaderboard."""
        wanted = {e.configuration for _, chosen in candidate_sets(history, self._task) for e in chosen}
        for e in reversed(rank(history)):
            if self._used <= _KEPT * self._limit:
                break
            if e.configuration not in wanted:
                self._used -= self._remove(e)
                e.reason = "its models were removed to make room on the disk"
                logger.info("%s: %s", e.configuration.id, e.reason)

    def _remove(self, evaluation: Evaluation) -> int:
        paths = [self._artifacts.model_path(evaluation.configuration, fold) for fold in evaluation.folds]
        n_bytes = sum(path.stat().st_size for path in paths)
        for path in paths:
            path.unlink()
        return n_bytes
