"""The out-of-fold predictions of a fitted estimator as a table with one row for each row of the training table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from automl.ensemble.attribute_rules import Subject
from automl.ensemble.missing import NOT_READ, why_missing
from automl.explain.predictions import rows_of_table
from automl.refit.model import ModelWithRows


def out_of_fold_table(estimator: ModelWithRows) -> pd.DataFrame:
    """Return the out-of-fold predictions of the ensemble; see `FittedAttributes.out_of_fold_predictions_`.

    Raises
    ------
    AttributeError
        If the estimator holds none; the message says why.
    """
    rows = rows_of_table(estimator)
    if rows is None or rows.numbers is None:
        cause = why_missing(estimator, NOT_READ, Subject.MEMBERS)
        raise AttributeError(f"there are no out_of_fold_predictions_: {cause}")
    # Models of earlier versions do not know how many rows their table had after the last row with a prediction.
    n_rows = int(rows.numbers[-1]) + 1 if rows.table_rows is None else sum(rows.table_rows)
    columns = _columns(estimator)
    values = np.full((n_rows, len(columns)), np.nan)
    values[rows.numbers] = rows.predictions.reshape(len(rows.numbers), -1)
    return pd.DataFrame(values, pd.RangeIndex(n_rows, name="row"), columns)


def _columns(estimator: ModelWithRows) -> pd.Index:
    """Return the names of the columns: classes, targets, quantiles, or ``prediction`` for one number."""
    ensemble = estimator._ensemble
    if ensemble.targets is None:
        if ensemble.n_classes:
            return pd.Index(estimator.classes_)
        return pd.Index(ensemble.quantiles or ["prediction"])
    names = ensemble.targets.names
    if not ensemble.n_classes:
        return pd.Index(names)
    pairs = [(name, label) for name, known in zip(names, estimator.classes_, strict=True) for label in known]
    return pd.MultiIndex.from_tuples(pairs, names=["target", "class"])
