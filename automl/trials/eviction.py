"""The eviction of fold models from the disk: models that no ensemble would choose are removed first."""

from __future__ import annotations

import logging
import shutil

from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import candidate_sets, rank
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import TrialResult

logger = logging.getLogger(__name__)

_SHARE = 0.3  # share of the free disk space, when the run begins, that models may take; others write as well
_KEPT = 0.7  # share of the limit that models take after some were removed


class ModelEviction:
    """Counts the bytes of fold models, and removes models where they take too much of the disk."""

    def __init__(self, artifacts: Artifacts, task: Task):
        self._artifacts, self._task = artifacts, task
        self._limit = _SHARE * shutil.disk_usage(artifacts.folder).free
        self._used = 0

    def add(self, result: TrialResult, history: RunHistory) -> None:
        """Count the models that a result has written; `history` contains the result."""
        if result.trial.fidelity < 1:  # it has written none
            return
        paths = [self._artifacts.model_path(result.trial.configuration, fold) for fold in result.folds]
        self._used += sum(path.stat().st_size for path in paths)
        if self._used > self._limit:
            self._remove_models(history)

    def _remove_models(self, history: RunHistory) -> None:
        """Remove the models of the worst configurations that no ensemble would choose now; their scores stay."""
        wanted = {e.configuration for _, chosen in candidate_sets(history, self._task) for e in chosen}
        for e in reversed(rank(history)):
            if self._used <= _KEPT * self._limit:
                break
            if e.configuration not in wanted:
                self._used -= self._remove(e)
                e.usable, e.reason = False, "its models were removed to free disk space"
                logger.info("%s: %s", e.configuration.id, e.reason)

    def _remove(self, evaluation: Evaluation) -> int:
        """Remove the models of a configuration, and return their bytes."""
        paths = [self._artifacts.model_path(evaluation.configuration, fold) for fold in evaluation.folds]
        n_bytes = sum(path.stat().st_size for path in paths)
        for path in paths:
            path.unlink()
        return n_bytes
