"""The scores of single configurations and of a constant on the rows that an estimate scores."""

from __future__ import annotations

import math
from dataclasses import dataclass

from automl.ensemble.estimate import OutOfFoldRecord
from automl.task.dummy import dummy_score


@dataclass(frozen=True)
class SingleScores:
    """Scores of the same out-of-fold rows together; greater is better, and NaN stands for an undefined score.

    A mean over folds is no such score: of a root mean squared error, for example, it is lower than that of all rows.

    Attributes
    ----------
    best : float
        That of the best configuration of the search.
    simple_family : str
        The family of the best configuration of a simple family; empty where none has predicted all these rows.
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
    best, simple = (math.nan if i is None else record.score_of(i) for i in (record.best, record.simple))
    family = "" if record.simple is None else record.families[record.simple]
    return SingleScores(best, family, simple, *dummy_score(*record.scored_part()))
