"""What your own searcher gets and returns; `automl.search.base` describes the contract of a searcher."""

from __future__ import annotations

from automl.search.base import Searcher
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult

__all__ = ["FoldResult", "RunHistory", "Searcher", "Status", "Trial", "TrialResult"]
