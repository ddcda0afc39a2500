"""The eviction of fold models from the disk: models that no ensemble would choose are removed first."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Iterable
from contextlib import suppress

from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import candidate_sets, rank
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import TrialResult
from pipelines.configuration import Configuration

logger = logging.getLogger(__name__)

_SHARE = 0.3  # share of the free disk space, when the run begins, that its folds may take; others write as well
_KEPT = 0.7  # share of the limit that the folds take after some models were removed, if models suffice
_FILE = "evicted.txt"  # of the run directory: the ids of the configurations whose models were removed
_REASON = "its models were removed to free disk space"


def find_evicted(results: Iterable[TrialResult], artifacts: Artifacts) -> set[Configuration]:
    """Return the configurations that eviction has taken models from, but not their predictions.

    There are none where no other configuration has a model: a model is needed, so they may run again.
    """
    path = artifacts.folder / _FILE
    recorded = set(path.read_text().split()) if path.exists() else set()
    complete, evicted, damaged = set[Configuration](), set[Configuration](), set[Configuration]()
    for result in results:
        configuration = result.trial.configuration
        if result.trial.fidelity < 1 or not result.folds:  # it has left no models
            continue
        predictions = [artifacts.predictions_path(configuration, fold) for fold in result.folds]
        if has_files(result, artifacts, ()):
            complete.add(configuration)
        elif configuration.id in recorded and all(path.exists() for path in predictions):
            evicted.add(configuration)
        else:
            damaged.add(configuration)
    evicted -= damaged
    return evicted if complete - evicted else set()


def has_files(result: TrialResult, artifacts: Artifacts, evicted: Collection[Configuration]) -> bool:
    """Return whether the files of a result are there, or are missing because its configuration was evicted."""
    configuration = result.trial.configuration
    if result.trial.fidelity < 1 or configuration in evicted:
        return True
    return all(artifacts.has_fold(configuration, fold) for fold in result.folds)


def mark_evicted(history: RunHistory, evicted: Collection[Configuration]) -> None:
    """Mark the evaluations of a history that an ensemble must not choose, because they have lost their models."""
    for configuration, evaluation in history.evaluations.items():
        if configuration in evicted:
            evaluation.usable, evaluation.reason = False, _REASON


class ModelEviction:
    """Counts the bytes of models and predictions, and removes models where all together take too much of the disk.

    Predictions for the scored rows stay: without them, a later session could not tell a removed model from a damaged
    run directory.
    """

    def __init__(self, artifacts: Artifacts, task: Task):
        self._artifacts, self._task = artifacts, task
        self._limit = _SHARE * shutil.disk_usage(artifacts.folder).free
        self._used = 0

    def add(self, result: TrialResult, history: RunHistory) -> None:
        """Count the files that a result has written; `history` contains the result."""
        if result.trial.fidelity < 1:  # it has written none
            return
        self._used += sum(self._artifacts.fold_bytes(result.trial.configuration, fold) for fold in result.folds)
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
                mark_evicted(history, [e.configuration])
                logger.info("%s: %s", e.configuration.id, e.reason)

    def _remove(self, evaluation: Evaluation) -> int:
        """Remove the models of a configuration and their predictions for the holdout rows, and return their bytes."""
        artifacts, configuration = self._artifacts, evaluation.configuration
        n_bytes = sum(artifacts.fold_bytes(configuration, fold) for fold in evaluation.folds)
        # Before the models are gone, so that a later session knows the reason. A killed run may have left half a line.
        # On a full disk, the space is worth more than the reason.
        with suppress(OSError), (artifacts.folder / _FILE).open("a") as file:
            file.write(f"\n{configuration.id}")
        for fold in evaluation.folds:
            artifacts.remove_model(configuration, fold)
        return n_bytes - sum(artifacts.fold_bytes(configuration, fold) for fold in evaluation.folds)
