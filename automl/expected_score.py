"""The expected score of a fitted estimator on new rows: computed within the budget, as numbers, and in one line."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace

from automl.ensemble.bootstrap import estimate_score, estimate_score_before
from automl.ensemble.estimate import Estimate, OutOfFoldRecord
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.missing import order_of_rows
from automl.ensemble.score_curve import CurveRecord, score_curve
from automl.ensemble.single_scores import SingleScores
from automl.search.budget import Budget
from automl.task.metric_words import MetricWords
from automl.trials.candidates import rank
from automl.trials.endings import was_interrupted
from automl.trials.history import RunHistory

logger = logging.getLogger("automl")

_SHARE = 0.03  # of the budget
_SHARE_LEFT = 0.8  # of the seconds that are left
_LEAST_SHARE = 0.01  # of the budget, also where no seconds are left
_SECONDS_AFTER_INTERRUPT = 1.0

_NOT_COMPARABLE = "a mean over folds, which is not comparable with scores of all rows together"


def estimate_in_budget(estimator: FittedModel, budget: Budget) -> None:
    """Replace the record of a fitted estimator by its estimate, if the metric is fast; also that of its score curve.

    Otherwise `estimate_` computes it when it is read. Where the time is short, the estimate takes less effort, and the
    score curve is computed when it is read. Without a time budget, nothing depends on the clock, and both are computed
    now only if they are shown.
    """
    record = vars(estimator).get("_estimate")
    if not isinstance(record, OutOfFoldRecord) or record.metric.fast is None:
        return
    seconds = math.inf
    if budget.seconds is not None:
        left = _SHARE_LEFT * (budget.deadline - time.monotonic())
        seconds = max(budget.part(_LEAST_SHARE), min(budget.part(_SHARE), left))
    elif estimator.verbose <= 0:
        return
    if was_interrupted(estimator.stop_reason_):
        seconds = min(seconds, _SECONDS_AFTER_INTERRUPT)
    deadline = time.monotonic() + seconds
    try:
        estimator._estimate = replace(estimate_score_before(record, deadline), note=record.note)
        if isinstance(scores := vars(estimator).get("_score_curve"), CurveRecord):
            estimator._score_curve = score_curve(scores, deadline) or scores
    except KeyboardInterrupt:  # the estimator is complete
        logger.warning("interrupted: estimate_ is computed when it is read")


def keep_estimate(estimator: FittedModel, record: OutOfFoldRecord) -> Estimate:
    """Replace the record of a fitted estimator by its estimate, whatever the seconds, and return the estimate."""
    known = estimator._estimate = replace(estimate_score(record), note=record.note)
    return known


def known_estimate(estimator: FittedModel) -> Estimate | None:
    """Return the estimate of a fitted estimator; a fast metric gives it in some seconds.

    Returns
    -------
    Estimate or None
        None where the metric is slow and the estimate is not yet computed, where the rows are in the order of time,
        and where the estimator has none.
    """
    known = getattr(estimator, "_estimate", None)
    if isinstance(known, OutOfFoldRecord) and known.metric.fast is not None:
        known = keep_estimate(estimator, known)
    return known if isinstance(known, Estimate) and math.isfinite(known.score) else None


def expected_score_fields(estimator: FittedModel) -> dict[str, float | None]:
    """Return the expected score and the ends of its interval, in scikit-learn's sign; None where there is none."""
    known = known_estimate(estimator)
    values = {"expected_score": "score", "expected_low": "low", "expected_high": "high"}
    return {
        name: None if known is None or not math.isfinite(value := getattr(known, field)) else float(value)
        for name, field in values.items()
    }


def expected_score_line(estimator: FittedModel) -> str:
    """Return one line with the expected score on new rows, and beside it the best score of the search.

    The line is empty where the estimate is not known. This function computes nothing slow; see `known_estimate`.
    """
    attributes = vars(estimator)
    if "_estimate" not in attributes or "_metric" not in attributes:
        return ""
    words = estimator._metric.words
    known = attributes["_estimate"]
    best = _best_of_search(estimator, words)
    if known is None:
        since = "scores on older rows say little about the future"
        return f"no expected score on new rows, because the rows are in the order of time and {since}; {best}"
    if not isinstance(known, Estimate) or not math.isfinite(known.score):
        return ""
    interval = "no interval"
    if math.isfinite(known.low):
        interval = f"{known.level:.0%} interval {words.interval_text(known.low, known.high)}"
    note = f"; the expected score is {known.note}" if known.note else ""
    return f"expected {words.name} on new rows: {words.text(known.score)} ({interval}; {words.direction}); {best}{note}"


def _best_of_search(estimator: FittedModel, words: MetricWords) -> str:
    """Return the best score of the search on the rows of the expected score, and why it is optimistic.

    Where that score is not known, this is a mean over folds, and the text says why nothing is compared with it.
    """
    history: RunHistory | None = vars(estimator).get("history_")
    singles: SingleScores | None = vars(estimator).get("_single_scores")
    ranked = [] if history is None else rank(history, usable_only=False, most_folds_first=True)
    scored = [e for e in ranked if e.folds]
    if not scored:
        return "the best score of the search is not known"
    if singles is None or not math.isfinite(singles.best):
        by_time = order_of_rows(estimator) in ("time", "cv")
        why = "the mean over folds of older and newer rows" if by_time else _NOT_COMPARABLE
        return f"best single configuration in the search: {words.text(-scored[0].mean_loss)}, {why}"
    best = words.text(singles.best)
    if len(scored) == 1:
        return f"the only configuration of the search has {best}"
    return f"best single configuration in the search: {best} on the same rows, optimistic as the best of {len(scored)}"
