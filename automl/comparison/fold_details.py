"""Predictions, chosen configurations and estimates of the outer folds of a nested cross-validation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier

from automl.comparison.fold_store import FoldPredictions, FoldScores
from automl.comparison.plan import Plan
from automl.expected_score import known_estimate
from automl.persistence.saving import plain
from automl.trials.fingerprint import scorer_fingerprint

Array = NDArray[Any]

FOLD_COLUMNS = [
    "estimator",
    "fold",
    "metric",
    "expected",
    "low",
    "high",
    "level",
    "outer_score",
    "covered",
    "configuration",
]


def chosen_configuration(search: Any) -> dict[str, Any] | None:
    """Return the best hyperparameters of a fitted search, as values that JSON can hold; None for other estimators."""
    best = getattr(search, "best_params_", None)
    return {str(name): plain(value) for name, value in best.items()} if isinstance(best, Mapping) else None


def fold_estimate(
    plan: Plan, estimator: Any, search: Any, scores: Mapping[str, float | None], X: Any, y: Array, weight: Any
) -> dict[str, Any] | None:
    """Return the estimate of a fitted search beside its score on the rows of the outer fold.

    Parameters
    ----------
    estimator : estimator
        The fitted estimator: the search itself, or a pipeline that ends with it.
    scores : dict of float
        Scores of the outer metrics; the metric of the search may be one of them.
    weight : dict
        The keyword for the weights of the rows; empty without weights.
    """
    known = known_estimate(search)
    if known is None:
        return None
    own = scorer_fingerprint(search.scorer_)
    same = [name for name, scorer in plan.scorers.items() if scorer_fingerprint(scorer) == own]
    outer = scores[same[0]] if same else _own_score(estimator, search.scorer_, X, y, weight)
    numbers = {
        "expected": known.score,
        "low": known.low,
        "high": known.high,
        "level": known.level,
        "outer_score": outer,
    }
    values = {name: None if v is None or not math.isfinite(v) else float(v) for name, v in numbers.items()}
    return {"metric": same[0] if same else search._metric.name, **values}


def _own_score(estimator: Any, scorer: Any, X: Any, y: Array, weight: Any) -> float | None:
    try:
        return float(scorer(estimator, X, y, **weight))
    except Exception:  # noqa: BLE001  for example a class that only the outer fold has; the fold has its other scores
        return None


def fold_predictions(plan: Plan, estimator: Any, X: Any) -> FoldPredictions | None:
    """Return the predictions of a fitted estimator; None if it raises an error."""
    try:
        predicted = np.asarray(estimator.predict(X))
        if not is_classifier(estimator):
            return FoldPredictions(predicted.astype(np.float64), None)
        labels = _labels(plan)
        places = {label: place for place, label in enumerate(labels.tolist())}
        codes = np.array([places.get(label, -1) for label in predicted.tolist()], dtype=np.int32)
        if not hasattr(estimator, "predict_proba"):
            return FoldPredictions(codes, None)
        given = np.asarray(estimator.predict_proba(X), dtype=np.float32)
        probabilities = np.zeros((len(codes), len(labels)), dtype=np.float32)
        for column, label in enumerate(np.asarray(estimator.classes_).tolist()):
            probabilities[:, places[label]] = given[:, column]
        return FoldPredictions(codes, probabilities)
    except Exception:  # noqa: BLE001  the estimator may be the user's; its scores on this fold count all the same
        return None


def tabulate_folds(plan: Plan, results: Mapping[tuple[str, int], FoldScores]) -> pd.DataFrame:
    """Return one row for each estimator and outer fold: the chosen configuration and the estimate."""
    rows = []
    for name in plan.estimators:
        for fold in range(len(plan.folds)):
            result = results[name, fold]
            given = dict(result.estimate or {})
            numbers = {key: _number(given.get(key)) for key in ("expected", "low", "high", "level", "outer_score")}
            score, low, high = numbers["outer_score"], numbers["low"], numbers["high"]
            known = not any(map(math.isnan, (score, low, high)))
            rows.append(
                {
                    "estimator": name,
                    "fold": fold,
                    "metric": str(given.get("metric", "")),
                    **numbers,
                    "covered": bool(low <= score <= high) if known else pd.NA,
                    "configuration": result.configuration,
                }
            )
    return pd.DataFrame(rows, columns=FOLD_COLUMNS).astype({"covered": "boolean"})


def tabulate_predictions(plan: Plan, results: Mapping[tuple[str, int], FoldScores]) -> pd.DataFrame:
    """Return one row for each estimator and scored row: the true value, the prediction and the probabilities."""
    labels = _labels(plan) if is_classifier(next(iter(plan.estimators.values()))) else None
    parts = []
    for name in plan.estimators:
        for fold, (_, test) in enumerate(plan.folds):
            made = results[name, fold].predictions
            if made is None:
                continue
            part = pd.DataFrame({"estimator": name, "fold": fold, "row": test, "truth": plan.y[test]})
            part["prediction"] = made.prediction if labels is None else _as_labels(made.prediction, labels)
            if labels is not None and made.probabilities is not None and made.probabilities.shape[1] == len(labels):
                heads = [f"probability_{label}" for label in labels]
                part = pd.concat([part, pd.DataFrame(made.probabilities, columns=heads)], axis=1)
            parts.append(part)
    if not parts:
        return pd.DataFrame(columns=["estimator", "fold", "row", "truth", "prediction"])
    return pd.concat(parts, ignore_index=True)


def coverage(folds: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the share of outer folds whose score is inside the interval, by metric and estimator."""
    known = folds[folds["covered"].notna()]
    shares = known["covered"].astype(float).groupby([known["metric"], known["estimator"]], sort=False).mean()
    return {(str(key[0]), str(key[1])): float(share) for key, share in zip(shares.index.tolist(), shares, strict=True)}


def _labels(plan: Plan) -> Array:
    return np.unique(plan.y)


def _as_labels(codes: Array, labels: Array) -> Array:
    """Return labels; None for a label that is not in the target."""
    if len(codes) and codes.min() >= 0 and codes.max() < len(labels):
        return labels[codes]
    return np.array([labels[c] if 0 <= c < len(labels) else None for c in codes.tolist()], dtype=object)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
