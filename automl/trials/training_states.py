"""The states of unfinished trainings on the disk: each is removed when nothing can go on from it, or to free space."""

from __future__ import annotations

import shutil
from pathlib import Path

from automl.trials.artifacts import Artifacts
from automl.trials.history import RunHistory
from automl.trials.trial import TrialResult

_SHARE = 0.1  # share of the free disk space, when the run begins, that the states may take


class TrainingStates:
    """Removes the states of ended trainings, and the oldest states where all of them take too much of the disk."""

    def __init__(self, artifacts: Artifacts, max_bytes: float | None = None):
        self._artifacts = artifacts
        free = _SHARE * shutil.disk_usage(artifacts.folder).free
        self._max_bytes = free if max_bytes is None else max_bytes
        known = sorted(artifacts.training_paths(), key=lambda path: path.stat().st_mtime)
        self._sizes = {path: path.stat().st_size for path in known}  # the oldest first

    def add(self, result: TrialResult, history: RunHistory) -> None:
        """Count the states that a result has left, or remove those of its training; `history` contains the result."""
        configuration = result.trial.configuration
        is_over = result.trial.fidelity == 1 or not history.evaluations[configuration].extendable
        for fold in result.trial.folds:
            path = self._artifacts.training_path(configuration, fold)
            self._sizes.pop(path, None)
            if is_over:
                path.unlink(missing_ok=True)
            elif path.exists():
                self._sizes[path] = path.stat().st_size
        while self._sizes and sum(self._sizes.values()) > self._max_bytes:
            self._remove(next(iter(self._sizes)))

    def end(self, is_stopped: bool) -> None:
        """Remove all states at the end of a search, unless the user has stopped it: then a later one may go on."""
        if is_stopped:
            return
        for path in self._artifacts.training_paths():
            path.unlink(missing_ok=True)
        self._sizes.clear()

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        del self._sizes[path]
