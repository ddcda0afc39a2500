"""The record of the frontier of a fitted estimator, and the limit on the time of a prediction."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any

from automl.ensemble.estimate import OF_SMALLER_ENSEMBLE, UNKNOWN, Estimate, OutOfFoldRecord
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.frontier import (
    FrontierRecord,
    find_entries,
    record_estimate,
    smaller_ensemble,
    smaller_record,
)
from automl.ensemble.missing import order_of_rows, why_missing
from automl.ensemble.selection import Ensemble
from automl.errors import InvalidInputError, warn_user
from automl.plurals import short_number
from automl.task.own_objects import check_fitted_scorer
from automl.task.table_validation import check_table
from pipelines.component import Component
from pipelines.configuration import Configuration
from pipelines.table.reader import TableReader

AnyEstimate = OutOfFoldRecord | Estimate | None

_NO_COMMON_FOLD = "its members have finished no common fold in time, or Ctrl-C came late; give fit more seconds"
_MAX_MEASUREMENTS = 5  # of ensembles, until one meets a limit


def known_record(estimator: FittedModel) -> FrontierRecord:
    """Return the record of the frontier.

    Raises
    ------
    AttributeError
        If the estimator has none.
    InvalidInputError
        If the scorer is the user's own, and `load` has not imported it.
    """
    record = estimator._frontier
    if record is None:
        order = order_of_rows(estimator)
        if order:
            rest = (
                f"its members are trained on all rows at last because of {order}, and smaller ensembles have no such "
                "models; for a faster model, set max_predict_milliseconds and a small ensemble_size before fit"
            )
        else:
            rest = why_missing(estimator, _NO_COMMON_FOLD)
        raise AttributeError(f"this model has no frontier_ and cannot be made smaller: {rest}")
    check_fitted_scorer(record.metric.scorer)
    return record


def reading_milliseconds(X: Any, reader: TableReader) -> float:
    """Return the milliseconds in which a fitted reader reads the first row of a table; 0 if it cannot be sliced."""
    row = _first_row(X)
    return 0.0 if row is None else _milliseconds(lambda table: reader.transform(check_table(table)), row)


def meet_limit(
    ensemble: Ensemble,
    record: FrontierRecord,
    estimate: AnyEstimate,
    limit: float | None,
    row: Any,
    measured: bool,
    deadline: float,
) -> tuple[Ensemble, FrontierRecord, AnyEstimate]:
    """Return the ensemble of a run, made smaller where the user has set a limit, with its record and its estimate.

    Parameters
    ----------
    record : FrontierRecord
        The record of the ensemble, with the time of reading a row.
    estimate : OutOfFoldRecord, Estimate or None
        That of the ensemble; it is returned where the ensemble already meets the limit. The estimate of a smaller
        ensemble is unknown where the scorer has no value, or was not called in time.
    limit : float or None
        Milliseconds for a single row.
    row : ndarray or CSR matrix of shape (1, n_features)
        A row as the table reader returns it.
    measured : bool
        Whether the time of the ensemble is measured; else only the usual times of the families count, so that the run
        repeats.
    deadline : float
        Time of `time.monotonic`, in seconds, after which a scorer is not called any more.
    """
    if limit is None:
        return ensemble, record, estimate

    def measure(smaller: Ensemble) -> float:
        return record.overhead + _milliseconds(smaller.predict, row)

    smaller, own = within_limit(ensemble, record, float(limit), measure if measured else None, deadline)
    if _parts(smaller) == _parts(ensemble):
        return ensemble, own, estimate
    found = record_estimate(own, deadline)
    return smaller, own, found if math.isfinite(found.score) else replace(UNKNOWN, note=OF_SMALLER_ENSEMBLE)


def _parts(ensemble: Ensemble) -> list[tuple[Configuration, int]]:
    """Return the configurations of an ensemble, and the number of the models of each."""
    return [(bag.configuration, len(bag.models)) for bag in ensemble.bags]


def _first_row(X: Any) -> Any:
    """Return the first row of a table, or None if the table is of a kind that cannot be sliced."""
    with suppress(Exception):
        return X.iloc[:1] if hasattr(X, "iloc") else X[:1]
    return None


def _milliseconds(function: Callable[[Any], Any], argument: Any) -> float:
    """Return the shortest time of some calls; the first call prepares what later ones use."""
    best = float("inf")
    for _ in range(4):
        started = time.perf_counter()
        function(argument)
        best = min(best, time.perf_counter() - started)
    return 1_000 * best


def slow_families(limit: float | None, models: Collection[Component]) -> list[str]:
    """Return the families of which a single fold model takes longer than a limit in milliseconds.

    A family without known milliseconds counts as fast enough.

    Parameters
    ----------
    models : collection of Component
        The models that the search may use.

    Raises
    ------
    InvalidInputError
        If no family is fast enough.
    """
    if limit is None:
        return []
    slow = {
        model.name: model.predict_milliseconds[0]
        for model in models
        if model.predict_milliseconds and model.predict_milliseconds[0] > limit
    }
    if slow and len(slow) == len(models):
        raise InvalidInputError(
            f"max_predict_milliseconds={limit:g} is too small for each model family; use {min(slow.values()):g} or more"
        )
    return list(slow)


def within_limit(
    ensemble: Ensemble,
    record: FrontierRecord,
    limit: float,
    measure: Callable[[Ensemble], float] | None,
    deadline: float = float("inf"),
) -> tuple[Ensemble, FrontierRecord]:
    """Return the best ensemble that predicts a single row within a limit in milliseconds, and its record.

    Parameters
    ----------
    measure : callable or None
        Returns the milliseconds of an ensemble for a single row; None if only the usual ones of the families count.
    deadline : float
        Time of `time.monotonic`, in seconds, after which the scorer is not called any more.
    """
    entries = find_entries(record, ensemble, deadline, intervals=False)
    longest = limit
    for _ in range(_MAX_MEASUREMENTS):
        fitting = [e for e in entries if e.milliseconds <= longest]
        entry = max(fitting or entries, key=lambda e: (e.score, e.n_models.sum()) if fitting else (-e.milliseconds, 0))
        chosen = smaller_ensemble(record, ensemble, entry, deadline)
        taken = entry.milliseconds if measure is None else measure(chosen)
        if taken <= limit:
            return chosen, smaller_record(record, entry)
        longest = min(longest, entry.milliseconds) * min(0.9, limit / taken)
        if not fitting:
            break
    warn_user(
        f"max_predict_milliseconds={limit:g} cannot be met; the fastest ensemble takes {short_number(taken, 2)} ms for "
        f"one row, of which the reading of the row takes {short_number(record.overhead, 2)} ms"
    )
    return chosen, smaller_record(record, entry)
