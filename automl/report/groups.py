"""A part of section 3 of a report: the scores of the groups by the sensitive features of `fit`."""

from __future__ import annotations

from typing import Any

import pandas as pd

from automl.errors import InvalidInputError
from automl.explain.group_scores import scores_by_group
from automl.report.model import ReportedModel
from automl.report.score_data import GroupTable
from automl.report.words import clean, rounded

_MAX_GROUPS = 20  # the largest ones are shown
_TITLES = {
    "rows": "rows",
    "positive_share": "true share of positives",
    "predicted_share": "selection rate",
    "mean_probability": "mean probability",
    "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate",
    "mean_error": "mean error",
    "mean_absolute_error": "mean absolute error",
}


def make_group_table(estimator: ReportedModel) -> GroupTable | None:
    """Return the table of the groups; None without sensitive features or out-of-fold predictions."""
    if vars(estimator).get("_sensitive") is None or vars(estimator).get("_row_predictions") is None:
        return None
    try:
        table = scores_by_group(estimator, None, None, None, None)
    except InvalidInputError:  # the scorer reads the table, or is the user's own and was not loaded
        return None
    groups, summary = table.iloc[:-2], table.iloc[-2:]
    largest = set(groups["rows"].astype(int).nlargest(_MAX_GROUPS).index)
    shown = [(str(label), row) for label, row in groups.iterrows() if label in largest]
    shown += [(str(label), row) for label, row in summary.iterrows()]
    return GroupTable(
        clean(str(table.index.name)),
        tuple(clean(_TITLES.get(str(column), str(column))) for column in table.columns),
        tuple((clean(label), tuple(_number(value) for value in row)) for label, row in shown),
        len(groups) - len(largest),
    )


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else rounded(float(value))
