"""The scores of single configurations and of a constant on the rows that an estimate scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.estimate import OutOfFoldRecord
from automl.ensemble.frontier import FrontierRecord
from automl.ensemble.selection import FoldBag
from automl.task.dummy import dummy_score
from automl.task.scored_target import ScoredTarget
from automl.trials.candidates import find_singles
from automl.trials.history import RunHistory

Array = NDArray[Any]


@dataclass(frozen=True)
class SingleScores:
    """Scores of the same out-of-fold rows together; greater is better, and NaN stands for an undefined score.

    A mean over folds is no such score: of a root mean squared error, for example, it is lower than that of all rows.

    Attributes
    ----------
    best : float
        That of the best configuration of the search; NaN where its predictions of these rows are not known.
    simple_family : str
        The family of the best configuration of a simple family; empty where its predictions are not known.
    simple : float
        That of this configuration.
    constant : float or None
        That of the best constant prediction; None where the metric is undefined.
    constant_rule : str
        What the constant prediction is.
    """

    best: float
    simple_family: str
    simple: float
    constant: float | None
    constant_rule: str


def score_singles(record: OutOfFoldRecord) -> SingleScores:
    """Return the scores on the rows that the estimate of a record scores."""
    return _scores(record.score_of, record.best, record.simple, record.families, record.scored_target)


def singles_of_frontier(record: FrontierRecord, bags: Sequence[FoldBag], history: RunHistory | None) -> SingleScores:
    """Return the scores on the rows of a frontier, which the estimates of its ensembles score.

    Parameters
    ----------
    bags : sequence of FoldBag
        The members of the ensemble of the record. A configuration that is neither a member nor in the record has no
        score.
    history : RunHistory or None
        None where it is not known, so that no single configuration has a score.
    """
    configurations = [bag.configuration for bag in [*bags, *record.bags]]
    numbers = {configuration: i for i, configuration in enumerate(configurations)}
    folds = () if record.folds is None else np.unique(record.folds).tolist()
    found = (None, None) if history is None else find_singles(history, folds)
    best, simple = (None if e is None else numbers.get(e.configuration) for e in found)
    return _scores(record.score_of, best, simple, [c.family for c in configurations], record.target)


def _scores(
    score_of: Callable[[int], float],
    best: int | None,
    simple: int | None,
    families: Sequence[str],
    target: ScoredTarget,
) -> SingleScores:
    """Return the scores of two numbered configurations, and of a constant on their rows."""
    of_best, of_simple = (math.nan if i is None else score_of(i) for i in (best, simple))
    constant = dummy_score(target.metric, target.y, target.sample_weight)
    return SingleScores(of_best, "" if simple is None else families[simple], of_simple, *constant)
