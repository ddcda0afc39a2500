"""The leaderboard: the history of a run as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from automl.task.metrics import as_score
from automl.trials.candidates import rank
from automl.trials.history import Evaluation, RunHistory
from automl.trials.recorded import recorded_names, recorded_over_folds, recorded_value
from automl.trials.trial import ITERATIONS
from pipelines.catalog import STEPS
from pipelines.configuration import Configuration, Value

FIDELITY = "fidelity"  # a column of searches in which some trials had a part of the training rows or iterations
COLUMNS = [
    "family",
    "score",
    "std",
    "folds",
    "seconds",
    "predict_milliseconds",
    "status",
    "weight",
    "hyperparameters",
    "id",
    "origin",
    "reason",
]
# The hyperparameters that people ask for first, over all families.
_MAIN = (
    "learning_rate", "depth", "max_depth", "num_leaves", "max_leaf_nodes", "max_leaves", "width", "n_neighbors",
    "kernel", "penalty", "C", "gamma", "alpha", "l1_ratio", "noise_level", "max_features", "min_samples_leaf",
    "min_data_in_leaf", "l2_leaf_reg", "min_child_weight", "l2_regularization", "dropout", "weights", "shrinkage",
    "loss", "reg_param",
)  # fmt: skip
_MAX_SHOWN = 3  # hyperparameters of the model


def make_leaderboard(
    history: RunHistory, weights: Mapping[Configuration, float], fold_rows: Sequence[int] = ()
) -> pd.DataFrame:
    """Return a table with one row for each configuration, best first.

    Parameters
    ----------
    weights : mapping of Configuration to float
        The weight of each configuration in the ensemble; 0 for configurations that are missing here.
    fold_rows : sequence of int
        Number of scored rows of each fold; empty where it is not known, so that `predict_milliseconds` is NaN.

    Returns
    -------
    DataFrame
        ``score`` is the mean over the finished folds; greater is better. Configurations with the most folds come first.
        Scores of the others are adjusted for their missing folds before they are sorted, because some folds are harder
        than others. Configurations without a finished fold come last. ``seconds`` is the sum over all trials.
        ``predict_milliseconds`` is the measured time in which the model of one fold predicts 1,000 rows. Each metric
        that is recorded beside the one that decides has a column of its name after ``std``: the mean over the folds, or
        for a difference between groups its value over the rows of all these folds.
        Where some trials had a part of the training rows or of the iterations only, the column ``fidelity`` after
        ``folds`` has the largest share that a configuration has got. Such trials have no score; their mean score stands
        in ``reason``.
    """
    rows = []
    recorded = recorded_names(history)
    by_rungs = any(e.low_fidelity for e in history.evaluations.values())
    for e in rank(history, usable_only=False, most_folds_first=True):
        rows.append(
            {
                "family": e.configuration.family,
                "score": as_score(e.mean_loss),
                "std": float(np.std([r.loss for r in e.folds.values()])) if e.folds else np.nan,
                **{name: recorded_over_folds(e, name) for name in recorded},
                "folds": len(e.folds),
                **({FIDELITY: e.fidelity} if by_rungs else {}),
                "seconds": e.seconds,
                "predict_milliseconds": _predict_milliseconds(e, fold_rows),
                "status": e.status.value,
                "weight": weights.get(e.configuration, 0.0),
                "hyperparameters": main_hyperparameters(e.configuration),
                "id": e.configuration.id,
                "origin": e.origin,
                "reason": e.reason or _note_of_sample(e),
            }
        )
    columns = list(COLUMNS)
    if by_rungs:
        columns.insert(columns.index("folds") + 1, FIDELITY)
    place = columns.index("std") + 1
    return pd.DataFrame(rows, columns=[*columns[:place], *recorded, *columns[place:]])


def order_note(board: pd.DataFrame) -> str:
    """Say how a leaderboard sorts configurations with fewer folds than others; empty where at most one has fewer."""
    n_fewer = int(((board["folds"] > 0) & (board["folds"] < board["folds"].max())).sum())
    if n_fewer < 2:
        return ""
    return (
        f"order: {n_fewer} configurations have fewer folds than others and come after these; because some folds are "
        "harder, they are sorted by scores that are adjusted for their missing folds, and not by the column score"
    )


def main_hyperparameters(configuration: Configuration) -> str:
    """Return the main choices of a configuration in one short text.

    >>> main_hyperparameters(Configuration({"model": "ridge", "model:ridge:alpha": 0.12345, "selection": "none"}))
    'alpha=0.123'
    """
    own = configuration.of(f"model:{configuration.family}")
    ordered = sorted(own, key=lambda name: (_MAIN.index(name) if name in _MAIN else len(_MAIN), name))
    parts = [f"{name}={_short(own[name])}" for name in ordered[:_MAX_SHOWN]]
    shown = (name for name, step in STEPS.items() if step.is_shown and configuration.get(name, "none") != "none")
    parts += [str(configuration[name]) for name in shown]
    return ", ".join(parts)


def _short(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _note_of_sample(evaluation: Evaluation) -> str:
    """Say with which part of the iterations or on how many rows the models were trained, if it was a part of them."""
    if evaluation.fidelity < 1:
        results = evaluation.folds_at(evaluation.fidelity)
        score = as_score(float(np.mean([result.loss for result in results.values()])))
        by_iterations = any(ITERATIONS in result.info for result in results.values())
        how, of_what = ("with", "iterations") if by_iterations else ("on", "training rows")
        return f"tried {how} {evaluation.fidelity:.2g} of the {of_what} only: score {score:.5g}"
    numbers = [result.info["training_rows"] for result in evaluation.folds.values() if "training_rows" in result.info]
    return f"trained on {min(numbers):,} rows, because there was no time for more" if numbers else ""


def _predict_milliseconds(evaluation: Evaluation, fold_rows: Sequence[int]) -> float:
    """Return the median over the folds of the milliseconds for 1,000 rows."""
    known = [(r.predict_seconds, fold_rows[f]) for f, r in evaluation.folds.items() if 0 <= f < len(fold_rows)]
    return float(np.median([1e6 * seconds / n_rows for seconds, n_rows in known])) if known else float("nan")


def make_cv_results(history: RunHistory, n_splits: int) -> dict[str, Any]:
    """Return the scores of all configurations as ``cv_results_`` of scikit-learn's searches holds them.

    Parameters
    ----------
    n_splits : int
        Number of folds.

    Returns
    -------
    dict
        Lists and arrays in the order in which the first trial of each configuration ended.
    """
    evaluations = list(history.evaluations.values())
    scores = np.full((n_splits, len(evaluations)), np.nan)
    for i, e in enumerate(evaluations):
        for fold, result in e.folds.items():
            scores[fold, i] = as_score(result.loss)
    ranked = rank(history, usable_only=False, most_folds_first=True)
    places = {e.configuration: place for place, e in enumerate(ranked, 1)}
    losses = [[r.loss for r in e.folds.values()] for e in evaluations]
    fit_times = [[r.fit_seconds for r in e.folds.values()] for e in evaluations]
    return {
        "params": [dict(e.configuration) for e in evaluations],
        **{f"split{fold}_test_score": scores[fold] for fold in range(n_splits)},
        "mean_test_score": np.array([as_score(e.mean_loss) for e in evaluations]),
        "std_test_score": np.array([np.std(own) if own else np.nan for own in losses]),
        "rank_test_score": np.array([places[e.configuration] for e in evaluations], dtype=np.int32),
        **_recorded_results(evaluations, n_splits, recorded_names(history)),
        "mean_fit_time": np.array([np.mean(seconds) if seconds else np.nan for seconds in fit_times]),
    }


def _recorded_results(evaluations: Sequence[Evaluation], n_splits: int, names: Sequence[str]) -> dict[str, Any]:
    """Return the scores of the recorded metrics, by fold and as means, as scikit-learn names them."""
    results: dict[str, Any] = {}
    for name in names:
        scores = np.full((n_splits, len(evaluations)), np.nan)
        for i, e in enumerate(evaluations):
            for fold, result in e.folds.items():
                scores[fold, i] = recorded_value(result, name)
        results |= {f"split{fold}_test_{name}": scores[fold] for fold in range(n_splits)}
        results[f"mean_test_{name}"] = np.array([recorded_over_folds(e, name) for e in evaluations])
    return results
