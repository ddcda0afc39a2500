"""Whether an estimator of scikit-learn refuses a table, before it is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_array, get_tags

_LISTS_OF_ESTIMATORS = frozenset({"steps", "estimators", "transformers"})  # parameters of pipelines and ensembles


def refusal(estimator: Any, X: pd.DataFrame) -> str:
    """Return which column an estimator refuses, and why; empty if it may take the table, or if that is not known.

    The check is that of scikit-learn's own estimators, so it is known for them alone, and only if they hold no other
    estimators, which may prepare the table.
    """
    allows_nan = _allows_nan(estimator)
    if allows_nan is None:
        return ""
    reason = _reason(X, allows_nan)
    if not reason:
        return ""
    for i in range(X.shape[1]):
        if of_column := _reason(X.iloc[:, [i]], allows_nan):
            return f"column {X.columns[i]!r}: {of_column}"
    return f"it: {reason}"  # such as dates beside numbers


def _allows_nan(estimator: Any) -> bool | None:
    """Return whether a plain estimator for numbers allows missing cells; None for any other estimator."""
    if not type(estimator).__module__.startswith("sklearn."):
        return None
    parameters = estimator.get_params(deep=False)
    if any(hasattr(value, "fit") for value in parameters.values()) or _LISTS_OF_ESTIMATORS & parameters.keys():
        return None
    try:
        tags = get_tags(estimator)
    except AttributeError:  # an estimator that lacks the one that it needs
        return None
    given = tags.input_tags
    # An estimator with `categorical_features` takes some columns of the dtype category.
    takes_other_cells = given.string or given.categorical or "categorical_features" in parameters
    return None if tags.no_validation or takes_other_cells or not given.two_d_array else bool(given.allow_nan)


def _reason(X: pd.DataFrame, allows_nan: bool) -> str:
    try:
        check_array(X, dtype=np.float64, ensure_all_finite="allow-nan" if allows_nan else True)
    except (TypeError, ValueError) as error:
        return str(error).splitlines()[0].rstrip(".")
    return ""
