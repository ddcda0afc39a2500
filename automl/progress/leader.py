"""The leader of a run: the configuration that comes first in the leaderboard at this moment."""

from __future__ import annotations

from dataclasses import dataclass

from automl.trials.candidates import rank
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import TrialResult


@dataclass(frozen=True)
class Best:
    """The leader: the configuration that comes first in the leaderboard.

    Attributes
    ----------
    score : float
        Mean score over its finished folds; greater is better.
    family : str
        Its model family.
    folds : tuple of int
        Its finished folds. Two scores are comparable only on the same folds.
    n_folds : int
        Number of all folds.
    """

    score: float
    family: str
    folds: tuple[int, ...]
    n_folds: int


class Leader:
    """Follows the leader of a run.

    Ranking all configurations after each trial would take the more time the longer a run lasts. Only a configuration
    with at least as many folds as the leader can replace it, and where both have finished all folds, their mean losses
    decide. So the ranking is needed only until a configuration has finished all folds.

    Parameters
    ----------
    n_folds : int
        Number of all folds.
    """

    def __init__(self, n_folds: int):
        self._n_folds = n_folds
        self._leader: Evaluation | None = None

    def update(self, result: TrialResult, history: RunHistory) -> Best | None:
        """Return the leader after a trial that is in the history; None while nothing succeeded."""
        leader, ended = self._leader, history.evaluations[result.trial.configuration]
        if leader is None or ended is leader or len(leader.folds) <= len(ended.folds) < self._n_folds:
            first = rank(history, usable_only=False, most_folds_first=True)[0]
            self._leader = first if first.folds else None
        elif len(ended.folds) == self._n_folds and (
            len(leader.folds) < self._n_folds or ended.mean_loss < leader.mean_loss
        ):
            self._leader = ended
        if self._leader is None:
            return None
        folds = tuple(sorted(self._leader.folds))
        return Best(-self._leader.mean_loss, self._leader.configuration.family, folds, self._n_folds)
