"""The scores of an old model and its refit on the folds of new rows, and the record for the estimate of the refit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.ensemble.estimate import OF_FOLD_MODELS, Estimate, OutOfFoldRecord
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.scored_rows import find_units, scored_part
from automl.ensemble.selection import Ensemble
from automl.ensemble.slimming import AnyEstimate
from automl.ensemble.threshold import apply_decision
from automl.refit.new_rows import seen_rows
from automl.refit.preparation import seed_of
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from pipelines.configuration import Configuration

Array = NDArray[Any]

COLUMNS = ["fold", "n_train", "n_test", "old", "new"]  # of the scores


def evaluate(
    estimator: FittedModel,
    X: Any,
    task: Task,
    weights: Mapping[Configuration, float],
    ensemble: Ensemble,
    artifacts: Artifacts,
    notes: list[str],
) -> tuple[pd.DataFrame, AnyEstimate]:
    """Return the scores of both models on the folds of the new rows, and the record for the estimate of the new one."""
    fitted = _combine(weights, artifacts, task, ensemble)
    scores = compare(estimator, X, task, fitted, notes)
    return scores, of_fold_models(_record(task, fitted, seed_of(estimator))) if task.has_estimate else None


def _combine(
    weights: Mapping[Configuration, float], artifacts: Artifacts, task: Task, ensemble: Ensemble
) -> list[Array]:
    """Return the out-of-fold predictions of the new ensemble for each fold, in the form that the metric scores."""
    parts = []
    for fold in range(len(task.folds)):
        each = (w * artifacts.predictions(c, fold).astype(np.float64) for c, w in weights.items())
        parts.append(ensemble.finish(sum(each)))
    rows = np.concatenate([test for _, test in task.folds])
    decided = apply_decision(np.concatenate(parts), ensemble.decision_weights, task.scored(rows))
    return np.split(decided, np.cumsum([len(part) for part in parts])[:-1])


def compare(estimator: FittedModel, X: Any, task: Task, fitted: Sequence[Array], notes: list[str]) -> pd.DataFrame:
    """Return the scores of the old model and of the new configurations on each fold of the new rows."""
    old = estimator._predict(X)
    old = apply_decision(old, estimator._ensemble.decision_weights, task.scored(np.arange(len(task.y))))
    fresh = ~seen_rows(getattr(estimator, "_rows", None), estimator._reader, X, task.y, notes)
    rows = []
    for number, ((train, test), new) in enumerate(zip(task.folds, fitted, strict=True)):
        scored = fresh[test]
        at = test[scored]
        target = task.scored(at)
        pair = (target.score(p) for p in (old[at], new[scored]))
        rows.append((number, len(train), len(at), *(pair if len(at) else (np.nan, np.nan))))
    return pd.DataFrame(rows, columns=COLUMNS)


def _record(task: Task, fitted: Sequence[Array], seed: int) -> OutOfFoldRecord:
    """Return the record from which the score of the new ensemble is estimated; nothing was chosen on the new rows."""
    rows = np.concatenate([test for _, test in task.folds])
    predictions = np.concatenate(fitted)
    return OutOfFoldRecord(
        predictions=predictions[None],
        sets=((len(rows), (0,)),),
        families=("ensemble",),
        y=task.y[rows],
        sample_weight=task.weights(rows),
        units=find_units(task, rows),
        metric=task.metric.take(rows),
        n_table_rows=task.traits.n_rows,
        size=1,
        tunes_decision=False,
        calibrates=False,
        random_state=seed,
        **scored_part(task, rows),
    )


def of_fold_models(estimate: AnyEstimate) -> AnyEstimate:
    """Return an estimate, or the record of one, with the note that it is that of the fold models."""
    if not isinstance(estimate, Estimate | OutOfFoldRecord):
        return estimate
    known = [note for note in estimate.note.split("; also ") if note and note != OF_FOLD_MODELS]
    return replace(estimate, note="; also ".join([*known, OF_FOLD_MODELS]))
