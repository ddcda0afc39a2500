"""Groups of rows: the sensitive features of `fit`, and the differences between groups that fairness is measured by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_scalar
from scipy import sparse

from automl.errors import InvalidInputError
from automl.plurals import plural
from automl.task.table_validation import check_table
from pipelines.table.frames import to_series
from pipelines.table.raw import as_table, column_series

Array = NDArray[Any]

DEMOGRAPHIC_PARITY, EQUALIZED_ODDS = "demographic_parity_difference", "equalized_odds_difference"
DIFFERENCES = (DEMOGRAPHIC_PARITY, EQUALIZED_ODDS)
_MAX_GROUPS = 1_000
_GROUP_PREFIX = "score["


@dataclass(frozen=True)
class SensitiveFeatures:
    """The group of each row by the sensitive features.

    Attributes
    ----------
    codes : ndarray of int32, shape (n_samples,)
        Position of the group of each row in `labels`.
    labels : tuple of str
        The groups.
    name : str
        Name of the features.
    """

    codes: NDArray[np.int32]
    labels: tuple[str, ...]
    name: str

    def take(self, rows: Array) -> Self:
        """Return the groups of some rows."""
        return replace(self, codes=self.codes[rows])


def read_sensitive_features(given: Any, X: Any, n_rows: int) -> SensitiveFeatures:
    """Return the groups of all rows from the argument `sensitive_features` of `fit`.

    Parameters
    ----------
    given : array-like of shape (n_samples,) or (n_samples, n_features), mapping, str or int
        The features, or the name of a column of X.
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
        All rows, the validation rows included.

    Raises
    ------
    InvalidInputError
        If there is not one value for each row, if there is no such column, or if there are too few or too many groups.
    """
    features = group_series(given, X, "sensitive_features")
    frame = group_frame(features)
    if len(frame) != n_rows:
        raise InvalidInputError(
            f"sensitive_features has {plural(len(frame), 'value')}, but fit got {plural(n_rows, 'row')}, with those of "
            "X_val; pass one value for each row, or the name of a column of X"
        )
    texts = group_labels(frame, "sensitive_features")
    labels = sorted_labels(texts)
    if len(labels) < 2:
        raise InvalidInputError(
            f"sensitive_features has the single group {labels[0]!r}, so that there is nothing to compare; leave it out"
        )
    codes = pd.Categorical(texts, categories=labels).codes.astype(np.int32)
    return SensitiveFeatures(codes, tuple(labels), group_name(features))


def group_series(groups: Any, X: Any, argument: str) -> Any:
    """Return the groups as they are, or the column of X that they name."""
    if is_scalar(groups) or getattr(groups, "ndim", 1) == 0:
        groups = _column(groups, X, argument)
    return to_series(groups)


def _column(name: Any, X: Any, argument: str) -> Any:
    """Return a column of X by its name, or by its number where the columns have no names.

    Raises
    ------
    InvalidInputError
        If there is no X, or no such column.
    """
    if X is None:
        raise InvalidInputError(
            f"{argument} is {name!r}, but there is no X from which to take a column; pass the group of each row of the "
            "table that fit got, for example table['sex']"
        )
    table = as_table(check_table(X))
    if name not in table.labels:
        raise InvalidInputError(
            f"{argument}: X has no column {name!r}; pass the group of each row, or the name of a column of X"
        )
    at = table.labels.index(name)
    if sparse.issparse(table.values):
        return pd.Series(table.values[:, [at]].toarray().ravel(), name=name)
    return column_series(table.values, at)


def group_frame(groups: Any) -> pd.DataFrame:
    """Return the features of groups as columns."""
    return pd.DataFrame(groups if not isinstance(groups, Mapping) else dict(groups))


def group_labels(frame: pd.DataFrame, argument: str) -> Array:
    """Return the text of the group of each row: one for each combination of the columns.

    Raises
    ------
    InvalidInputError
        If there are too many groups.
    """
    texts = frame.astype(object).where(frame.notna(), "missing").astype(str)
    labels = texts.iloc[:, 0] if texts.shape[1] == 1 else texts.agg(", ".join, axis=1)
    n_groups = labels.nunique()
    if n_groups > _MAX_GROUPS:
        raise InvalidInputError(
            f"{argument} has {n_groups:,} different values; pass a column of few categories, or cut numbers into "
            "ranges with pandas.cut"
        )
    return np.asarray(labels.to_numpy(), dtype=object)


def sorted_labels(labels: Array) -> list[str]:
    """Return the different groups in the order of numbers where all are numbers, else in the order of texts."""
    unique = sorted(set(labels))
    try:
        return sorted(unique, key=float)
    except ValueError:
        return unique


def group_column(label: str) -> str:
    """Return the name of the column of `leaderboard_` with the score of a group.

    Examples
    --------
    >>> group_column("female")
    'score[female]'
    """
    return f"{_GROUP_PREFIX}{label}]"


def is_group_column(name: str) -> bool:
    """Return whether a name is that of a column with the score of a group."""
    return name.startswith(_GROUP_PREFIX)


def group_name(groups: Any) -> str:
    """Return the name of groups: those of their columns, or "group"."""
    names = [getattr(groups, "name", None)] if not hasattr(groups, "columns") else list(groups.columns)
    return ", ".join(str(name) for name in names if name is not None) or "group"


def fairness_differences(
    y: Array, predicted: Array, groups: Array, sample_weight: Array | None = None
) -> dict[str, float]:
    """Return the largest differences between groups of rows, by the names of `DIFFERENCES`.

    The demographic parity difference is that of the shares of rows which are predicted as positive. The equalized odds
    difference is the larger one of the differences of true positive rates and of false positive rates. Both are 0 for
    equal groups and 1 at most, and do not depend on which of the two classes is the positive one (Agarwal et al., 2018,
    "A reductions approach to fair classification", section 2; the names are those of fairlearn). A group without such
    rows does not count.

    Parameters
    ----------
    y, predicted : ndarray of int, shape (n_samples,)
        Codes of two classes.
    groups : ndarray of int, shape (n_samples,)

    Examples
    --------
    >>> y, groups = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    >>> fairness_differences(y, np.array([0, 1, 1, 1]), groups)
    {'demographic_parity_difference': 0.5, 'equalized_odds_difference': 1.0}
    """
    return differences_of_counts(group_counts(y, predicted, groups, sample_weight))


def group_counts(
    y: Array, predicted: Array, groups: Array, sample_weight: Array | None = None, n_groups: int = 0
) -> NDArray[np.float64]:
    """Return the weighted number of rows of each group by class and predicted class, shape (n_groups, 2, 2).

    Counts of several folds can be added, which differences cannot: where folds are small, the largest difference of a
    fold is mostly chance.

    Parameters
    ----------
    n_groups : int
        The least number of groups; groups without rows have counts of 0.

    Examples
    --------
    >>> group_counts(np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([0, 0, 0])).tolist()
    [[[1.0, 0.0], [1.0, 1.0]]]
    """
    cells = 4 * groups.astype(np.intp) + 2 * (y == 1) + (predicted == 1)
    n_cells = 4 * max(n_groups, int(groups.max(initial=-1)) + 1)
    return np.bincount(cells, sample_weight, n_cells).astype(np.float64).reshape(-1, 2, 2)


def differences_of_counts(counts: NDArray[np.float64]) -> dict[str, float]:
    """Return the differences of `fairness_differences` from counts of shape (n_groups, 2, 2), see `group_counts`."""

    def spread(cells: NDArray[np.float64]) -> float:
        """Return the largest difference of the shares of positive predictions; `cells` has shape (n_groups, 2)."""
        totals = cells.sum(axis=1)
        known = totals > 0
        return float(np.ptp(cells[known, 1] / totals[known])) if known.any() else 0.0

    return {
        DEMOGRAPHIC_PARITY: spread(counts.sum(axis=1)),
        EQUALIZED_ODDS: max(spread(counts[:, code]) for code in (0, 1)),
    }


def take_sensitive(features: SensitiveFeatures | None, rows: Array) -> SensitiveFeatures | None:
    """Return the groups of some rows; None without sensitive features."""
    return None if features is None else features.take(rows)
