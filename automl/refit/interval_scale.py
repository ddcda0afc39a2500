"""The scale of the intervals of a fitted estimator, which is learned from the training rows that it has kept."""

from __future__ import annotations

from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.out_of_fold_scores import Records, known_records
from automl.errors import InvalidInputError
from automl.refit.rows import get_rows


def records_with_scale(estimator: FittedModel) -> Records | None:
    """Return what intervals and sets are computed from; the first call for a regressor learns the scale and keeps it.

    Without the training rows, the scale is learned from the predictions alone.

    Returns
    -------
    tuple of ConformalRecord or None
        None if the estimator has none.
    """
    records = known_records(estimator)
    if records is None or all(record.has_scale or record.predictions is None for record in records):
        return records
    try:
        X = get_rows(vars(estimator).get("_rows")).X
    except InvalidInputError:
        X = None
    estimator._conformal = scaled = tuple(record.with_scale(X) for record in records)
    return scaled
