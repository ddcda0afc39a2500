"""Scores of groups of rows: whether a model serves some people worse than others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from automl.ensemble.attribute_rules import Subject
from automl.ensemble.missing import NOT_READ, why_missing
from automl.ensemble.threshold import apply_decision
from automl.errors import InvalidInputError
from automl.explain.predictions import Predicted, rows_of_table, scored_rows
from automl.plurals import plural
from automl.refit.model import ModelWithRows
from automl.task.own_objects import check_fitted_scorer
from automl.task.positive_class import positive_code
from automl.task.scored_target import ScoredTarget
from automl.task.sensitive import (
    ALL_ROWS,
    LARGEST_DIFFERENCE,
    SensitiveFeatures,
    group_codes,
    group_frame,
    group_name,
    group_series,
)
from automl.task.several_targets import refuse_targets

Array = NDArray[Any]


def scores_by_group(estimator: ModelWithRows, groups: Any, X: Any, y: Any, sample_weight: Any) -> pd.DataFrame:
    """Return the scores of each group; see the method of the estimators."""
    if groups is None:
        groups = _groups_of_fit(estimator, X)
    groups = group_series(groups, X, "groups")
    refuse_targets(estimator._ensemble.targets, "scores_by_group")
    check_fitted_scorer(estimator._metric.scorer)
    if estimator._metric.reads_table:
        raise InvalidInputError(
            f"scores_by_group needs a metric of predictions, but scoring {estimator._metric.name!r} reads the table"
        )
    rows = scored_rows(estimator, X, y, sample_weight) if X is not None else _out_of_fold(estimator, y)
    codes, labels = _groups(groups, rows)
    if rows.sample_weight is not None:
        counts = rows.sample_weight > 0
        rows, codes = _take(rows, counts), codes[counts]
    scores = {labels[code]: _scores(estimator, _take(rows, codes == code)) for code in np.unique(codes).tolist()}
    table = pd.DataFrame([*scores.values(), _scores(estimator, rows)], index=[*scores, ALL_ROWS])
    measured = table.columns[1:]
    spread = table.iloc[:-1][measured]
    table.loc[LARGEST_DIFFERENCE, measured] = spread.max() - spread.min()
    table["rows"] = table["rows"].astype("Int64")  # it has no largest difference
    return table.rename_axis(group_name(groups))


def _groups_of_fit(estimator: ModelWithRows, X: Any) -> pd.Series:
    """Return the sensitive features that `fit` got.

    Raises
    ------
    InvalidInputError
        If there are none, or if other rows are to be scored.
    """
    known: SensitiveFeatures | None = vars(estimator).get("_sensitive")
    if known is None or X is not None:
        raise InvalidInputError(
            "groups is missing; pass the group of each row"
            + (" of X" if X is not None else ", or pass sensitive_features to fit")
        )
    return pd.Series(np.asarray(known.labels, dtype=object)[known.codes], name=known.name)


def _out_of_fold(estimator: ModelWithRows, y: Any) -> Predicted:
    """Return the out-of-fold predictions of the ensemble with the numbers of their rows in the table of `fit`."""
    if y is not None:
        raise InvalidInputError("y is given without X; pass both, or neither for out-of-fold predictions")
    rows = rows_of_table(estimator)
    if rows is None:
        raise InvalidInputError(
            "the model has no out-of-fold predictions of its training rows: "
            f"{why_missing(estimator, NOT_READ, Subject.MEMBERS)}, or pass X and y: rows on which the model was not "
            "trained"
        )
    return rows


def _groups(groups: Any, rows: Predicted) -> tuple[NDArray[np.int32], list[str]]:
    """Return the number of the group of each scored row, and the labels of the groups.

    Raises
    ------
    InvalidInputError
        If there is not one group for each row, or if there are too many groups.
    """
    frame = group_frame(groups)
    if rows.numbers is not None:
        _check_length(len(frame), rows)
        frame = frame.iloc[rows.numbers]
    elif len(frame) != len(rows.y):
        raise InvalidInputError(f"groups has {plural(len(frame), 'value')} but X has {plural(len(rows.y), 'row')}")
    return group_codes(frame, "groups")


def _check_length(length: int, rows: Predicted) -> None:
    """Check that there is one group for each row that `fit` got.

    Raises
    ------
    InvalidInputError
        If there are fewer or more.
    """
    assert rows.numbers is not None
    if rows.table_rows is None:  # a model of an earlier version
        is_wrong, wanted = length <= rows.numbers.max(), "row of the table that fit got"
    else:
        n_rows, n_validation = rows.table_rows
        total = n_rows + n_validation
        is_wrong, wanted = length != total, f"of the {plural(n_rows, 'row')} of the table that fit got"
        if n_validation:
            wanted = f"of the {total:,} rows that fit got: {n_rows:,} of X, then {n_validation:,} of X_val"
    if is_wrong:
        raise InvalidInputError(f"groups has {plural(length, 'value')}; without X, pass one for each {wanted}")


def _take(rows: Predicted, mask: Array) -> Predicted:
    weight = None if rows.sample_weight is None else rows.sample_weight[mask]
    return replace(rows, y=rows.y[mask], predictions=rows.predictions[mask], sample_weight=weight)


def _scores(estimator: ModelWithRows, rows: Predicted) -> dict[str, float]:
    """Return the number of rows, the score that the search has optimized, and the usual rates or errors."""
    metric, weight = estimator._metric, rows.sample_weight
    target = ScoredTarget(rows.y, metric, weight)
    p = apply_decision(rows.predictions, estimator._ensemble.decision_weights, target)
    scores = {"rows": len(rows.y), metric.name: target.score(p)}
    if not estimator._is_classifier:
        error = estimator._ensemble.values(rows.predictions) - rows.y
        return scores | {
            "mean_error": float(np.average(error, weights=weight)),
            "mean_absolute_error": float(np.average(np.abs(error), weights=weight)),
        }
    codes = estimator._ensemble.decide(rows.predictions)
    scores["accuracy"] = float(np.average(codes == rows.y, weights=weight))
    if len(estimator.classes_) != 2:
        return scores
    positive = positive_code(np.asarray(estimator.classes_), estimator.positive_label)
    true, found = rows.y == positive, codes == positive
    (tn, fp), (fn, tp) = confusion_matrix(true, found, labels=[False, True], sample_weight=weight)
    share = np.average(rows.predictions[:, positive], weights=weight)
    return scores | {
        "positive_share": _ratio(tp + fn, tn + fp + fn + tp),
        "predicted_share": _ratio(tp + fp, tn + fp + fn + tp),
        "mean_probability": float(share),
        "true_positive_rate": _ratio(tp, tp + fn),
        "false_positive_rate": _ratio(fp, fp + tn),
    }


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
